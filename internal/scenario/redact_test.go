package scenario_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

const secret = "card 4242-4242"

// What a handler's reply names that is no message is not kept either.
func TestRedactedReplies(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"stream": {"Lane": "stream"}, "steps": {"Lane": "steps"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := func(context.Context, message.Event) (any, error) {
					return map[string]any{"batchItemFailures": []any{map[string]any{"itemIdentifier": secret}}}, nil
				}
				f := scenario.Start(t, scenario.Options{
					Process: names, Parameters: merged(map[string]string{"RedactErrors": "true", "MaxReceiveCount": "2", "BackoffMaxSeconds": "1"}, parameters),
				})
				defer f.Close()
				f.Send("hello")
				f.UntilDone(30 * time.Minute)
				assert.Contains(t, items(t, f), "names the unknown message redacted (SHA-256 ")
				assert.NotContains(t, items(t, f), secret)
				assert.NotContains(t, logged(t, f), secret)
				assert.NotContains(t, histories(t, f), secret)
			})
		})
	}
}

// No text of a handler's error is kept where errors are redacted, though why and
// how often it failed is.
func TestRedactedErrors(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"stream":    {"Lane": "stream"},
		"steps":     {"Lane": "steps"},
		"transform": {"Lane": "steps"},
		"in full":   {"Lane": "stream", "RedactErrors": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails := func(context.Context, message.Event) (any, error) {
					time.Sleep(time.Second)
					return nil, errors.New(secret)
				}
				o := scenario.Options{Process: fails, Parameters: merged(map[string]string{"RedactErrors": "true", "MaxReceiveCount": "2", "BackoffMaxSeconds": "1"}, parameters)}
				if name == "transform" {
					o.Process, o.Transform = nil, fails
				}
				f := scenario.Start(t, o)
				defer f.Close()
				f.Send("hello")
				f.UntilDone(30 * time.Minute)
				reasons := ""
				for failure, err := range f.Registry.Failures(t.Context(), registry.FailureQuery{}) {
					require.NoError(t, err)
					reasons += failure.Reason + "\n"
				}
				if name == "in full" {
					assert.Contains(t, reasons, "errorString: "+secret)
					return
				}
				assert.Equal(t, 2, strings.Count(reasons, "errorString: "+message.Redact(secret)), reasons)
				assert.NotContains(t, reasons, secret)
				assert.NotContains(t, histories(t, f), secret)
				ticks, err := f.Registry.Ticks(t.Context(), 100)
				require.NoError(t, err)
				for _, tick := range ticks {
					assert.NotContains(t, tick.Reason, secret)
				}
			})
		})
	}
}

package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/logs"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// Bodies, and what handlers' errors say, are where docs/security.md says, and
// nowhere else.
func TestWhereBodiesAre(t *testing.T) {
	const body, text = "a body of 4242", "an error of 1717"
	type places struct{ table, log, history bool }
	for name, c := range map[string]struct {
		parameters   map[string]string
		body, errors places
	}{
		"stream":                  {map[string]string{"Lane": "stream"}, places{}, places{table: true}},
		"stream, redacted":        {map[string]string{"Lane": "stream", "RedactErrors": "true"}, places{}, places{}},
		"stream, bodies logged":   {map[string]string{"Lane": "stream", "LogBodies": "true"}, places{}, places{table: true}},
		"steps":                   {map[string]string{"Lane": "steps"}, places{history: true}, places{table: true, log: true, history: true}},
		"steps, no bodies":        {map[string]string{"Lane": "steps", "BodiesInState": "never"}, places{}, places{table: true, history: true}},
		"steps, redacted":         {map[string]string{"Lane": "steps", "RedactErrors": "true"}, places{}, places{}},
		"callback, redacted":      {map[string]string{"Mode": "callback", "RedactErrors": "true"}, places{history: true}, places{log: true, history: true}},
		"steps, duplicates known": {map[string]string{"Lane": "steps", "BodiesInState": "never", "DuplicateWindowSeconds": "600", "DuplicateKey": "$.order"}, places{}, places{table: true, history: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails := func(context.Context, message.Event) (any, error) { return nil, errors.New(text) }
				f := scenario.Start(t, scenario.Options{Process: fails, Parameters: merged(map[string]string{"MaxReceiveCount": "2", "BackoffMaxSeconds": "1"}, c.parameters)})
				defer f.Close()
				f.Send(`{"order": "` + body + `"}`)
				f.UntilDone(30 * time.Minute)
				f.Within(10*time.Minute, never)
				table, log, history := items(t, f), logged(t, f), histories(t, f)
				require.NotEmpty(t, log)
				of := func(s string) places {
					return places{strings.Contains(table, s), strings.Contains(log, s), strings.Contains(history, s)}
				}
				assert.Equal(t, c.body, of(body), "the body")
				assert.Equal(t, c.errors, of(text), "the error")
				assert.Empty(t, f.Objects())
			})
		})
	}
}

// items are all that the registry's table has.
func items(t *testing.T, f *scenario.Fleet) string {
	t.Helper()
	var all strings.Builder
	for _, item := range scan(t, f) {
		for name, value := range item {
			fmt.Fprintf(&all, "%s %#v\n", name, value)
		}
	}
	return all.String()
}

// logged is all that the log groups of the fleet's stack have: its functions'
// and state machines'.
func logged(t *testing.T, f *scenario.Fleet) string {
	t.Helper()
	resources, err := cloudformation.NewFromConfig(f.Config()).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("jobs")})
	require.NoError(t, err)
	var all strings.Builder
	for _, r := range resources.StackResources {
		if aws.ToString(r.ResourceType) != "AWS::Logs::LogGroup" {
			continue
		}
		for token := ""; ; {
			input, err := json.Marshal(logs.FilterLogEventsInput{LogGroupName: *r.PhysicalResourceId, NextToken: token})
			require.NoError(t, err)
			out, err := f.Runtime.Router.Call(t.Context(), "logs", "FilterLogEvents", api.Caller{}, input)
			require.NoError(t, err)
			page, ok := out.(*logs.FilterLogEventsOutput)
			require.True(t, ok)
			for _, e := range page.Events {
				all.WriteString(e.Message + "\n")
			}
			if token = page.NextToken; token == "" {
				break
			}
		}
	}
	return all.String()
}

package table_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scenario"
)

// The checker finds what it is there for: with a bug put in, a row breaks a rule.
func TestFaultTableFindsBugs(t *testing.T) {
	hidden := func(seconds int) func(*scenario.Options) {
		return onWire(func(target string, body map[string]any) string {
			if target == "ReceiveMessage" {
				body["VisibilityTimeout"] = seconds
			}
			return target
		})
	}
	for name, c := range map[string]struct {
		fault fault
		ways  []way
		lanes []string
		bug   func(*scenario.Options)
		says  string
	}{
		"what failed is deleted": {failsOnce, []way{synchronous}, lanes, onWire(func(target string, body map[string]any) string {
			if target != "ChangeMessageVisibilityBatch" {
				return target
			}
			for _, e := range body["Entries"].([]any) {
				delete(e.(map[string]any), "VisibilityTimeout")
			}
			return "DeleteMessageBatch"
		}), "victim is lost"},
		"messages are hidden for an hour":  {workerDies, []way{synchronous}, lanes, hidden(3600), "victim was invisible for "},
		"messages are hidden for a second": {succeeds, []way{synchronous}, steps, hidden(1), "two at once on "},
		"nobody waits for a task that may run": {exhausts, []way{callback}, steps, func(o *scenario.Options) {
			o.Definition = func(name, definition string) string {
				if name != "worker" {
					return definition
				}
				before, state, _ := strings.Cut(definition, `"Process callback": {`)
				return before + `"Process callback": {` + strings.Replace(state, `"Next": "A task may still run"`, `"Next": "Settle"`, 1)
			}
		}, "3 at once, the cap is 2"},
	} {
		for _, one := range (row{fault: c.fault, ways: c.ways, lanes: c.lanes, queues: one}).cells() {
			t.Run(name+", "+one.lane, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, one, c.bug)
					defer l.Close()
					l.run()
					assert.Contains(t, strings.Join(l.broken(), "\n"), c.says)
				})
			})
		}
	}
}

// onWire changes the requests to SQS that Muster's own functions send.
func onWire(change func(target string, body map[string]any) string) func(*scenario.Options) {
	return func(o *scenario.Options) {
		o.Wire = func(_ string, next http.RoundTripper) http.RoundTripper { return wire{change, next} }
	}
}

type wire struct {
	change func(target string, body map[string]any) string
	next   http.RoundTripper
}

// RoundTrip sends another request than it was given.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	target, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	if !ok {
		return w.next.RoundTrip(r)
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Target", "AmazonSQS."+w.change(target, body))
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return w.next.RoundTrip(r)
}

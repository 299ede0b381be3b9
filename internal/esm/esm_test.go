package esm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

func TestReplies(t *testing.T)    { each(t, replies) }
func TestFailures(t *testing.T)   { each(t, failures) }
func TestExtensions(t *testing.T) { each(t, extensions) }
func TestFifo(t *testing.T)       { each(t, fifo) }

func each(t *testing.T, cases []conformanceCase) {
	for _, c := range cases {
		for _, lane := range []string{"stream", "steps"} {
			t.Run(c.name+"/"+lane, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.run(t, lane) })
			})
		}
	}
}

// run brings a batch of three messages to its end and compares what became of
// each after the first call.
func (c conformanceCase) run(t *testing.T, lane string) {
	options := scenario.Options{Parameters: map[string]string{
		"Lane": lane, "MaxConcurrency": "1", "Parallelism": "1", "BackoffBaseSeconds": "0",
	}}
	if c.order != "" {
		// Room for another group.
		maps.Copy(options.Parameters, map[string]string{"Fifo": "true", "MaxConcurrency": "2", "Parallelism": "2", "MessagesPerWorker": "1"})
	}
	function := "process"
	if c.transform {
		function, options.Transform = "transform", scenario.Takes(0)
	}
	f := scenario.Start(t, options)
	defer f.Close()
	h := &handler{c: c, calls: map[string][]call{}}
	require.NoError(t, f.Lambda.Put(lambda.Function{Name: function, Timeout: 10, Code: lambda.Func(h.invoke)}))
	if c.fault != nil {
		fault := c.fault()
		fault.Service, fault.Operation, fault.Kind = "lambda", "Invoke", api.Fail
		if fault.Match == nil {
			fault.Match = invokesHandler
		}
		f.Router.Faults.Add(fault)
	}
	began := time.Now()
	c.send(t, f)
	f.Wake()
	f.UntilDone(24 * time.Hour)
	if c.order != "" {
		assert.Equal(t, c.order, strings.ReplaceAll(h.order, "x", ""), "the group's calls")
		require.Len(t, h.calls["x"], 1)
		assert.Less(t, h.calls["x"][0].at.Sub(began), 20*time.Second, "the other group goes on")
	}

	want := c.returned
	if lane == "steps" && c.steps != nil {
		want = *c.steps
	}
	failed := failuresOf(t, f)
	var returned string
	for _, body := range []string{"a", "b", "c"} {
		calls := h.calls[body]
		require.NotEmpty(t, calls, "message %s reached no handler", body)
		last := calls[len(calls)-1]
		reason, recorded := failed[last.id]
		if last.receives > 1 {
			returned += body
			assert.GreaterOrEqual(t, last.at.Sub(began), c.after, "message %s came back too soon", body)
			assert.Equal(t, !c.throttling, recorded, "a failed attempt of message %s", body)
			assert.Contains(t, reason, c.reason)
		} else {
			assert.False(t, recorded, "message %s was deleted, and a failed attempt is recorded: %s", body, reason)
		}
		if c.fault == nil {
			assert.Len(t, calls, last.receives, "each receive is one call")
		}
	}
	assert.Equal(t, want, returned, "the messages that were returned")
	_, dead := f.Depth()
	assert.Zero(t, dead)
}

// send puts the messages on the queue of the fleet.
func (c conformanceCase) send(t *testing.T, f *scenario.Fleet) {
	t.Helper()
	if c.order == "" {
		f.Send("a", "b", "c")
		return
	}
	for _, m := range []struct{ body, group string }{{"a", "g"}, {"b", "g"}, {"c", "g"}, {"x", "h"}} {
		_, err := f.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: aws.String(f.Output("QueueUrl")), MessageBody: &m.body, MessageGroupId: &m.group, MessageDeduplicationId: &m.body,
		})
		require.NoError(t, err)
	}
}

// call is one time that a handler had a message.
type call struct {
	id       string
	receives int
	at       time.Time
}

// handler does on its first call what the case says, and succeeds from then on.
type handler struct {
	c  conformanceCase
	mu sync.Mutex
	// calls by the message's body.
	calls map[string][]call
	// order of the bodies.
	order string
}

func (h *handler) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event message.Event
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	h.mu.Lock()
	first := len(h.calls["a"]) == 0
	var names []string
	for _, r := range event.Records {
		h.calls[r.Body] = append(h.calls[r.Body], call{r.MessageID, r.Receives(), time.Now()})
		h.order += r.Body
		names = append(names, "$"+r.Body, r.MessageID, "$"+strings.ToUpper(r.Body), strings.ToUpper(r.MessageID))
	}
	first = first && len(h.calls["a"]) == 1
	h.mu.Unlock()
	switch {
	case !first && h.c.transform:
		return event.Encode()
	case !first || h.c.fault != nil:
		return nil, nil
	case h.c.fails != nil:
		return h.c.fails(ctx)
	}
	return []byte(strings.NewReplacer(names...).Replace(h.c.reply)), nil
}

// invokesHandler says whether a call invokes the fleet's handler.
func invokesHandler(c api.Call) bool {
	return strings.Contains(fmt.Sprintf("%+v", c.Input), "function:process")
}

// failuresOf are the reasons that the registry keeps, by message ID.
func failuresOf(t *testing.T, f *scenario.Fleet) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for failure, err := range f.Registry.Failures(t.Context(), registry.FailureQuery{}) {
		require.NoError(t, err)
		reasons[failure.MessageID] = failure.Reason
	}
	return reasons
}

// Each case has a name of its own, and a page or a reason for what it expects.
func TestTheTable(t *testing.T) {
	cases := slices.Concat(replies, failures, fifo)
	assert.GreaterOrEqual(t, len(cases), 60)
	names := map[string]bool{}
	for _, c := range cases {
		assert.False(t, names[c.name], "%s is there twice", c.name)
		names[c.name] = true
		assert.True(t, c.says != "" || c.note != "", "%s: neither a page nor a reason", c.name)
		assert.Equal(t, c.says == "", pages[c.page] == "", "%s: a page and what it says", c.name)
	}
}

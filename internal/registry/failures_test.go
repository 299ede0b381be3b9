package registry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

const (
	billing = "arn:aws:lambda:us-east-1:123456789012:function:billing"
	render  = "arn:aws:states:us-east-1:123456789012:stateMachine:render"
)

// fail records failures, a minute apart, the first at minute 1.
func (r *rig) fail(failures ...registry.Failure) {
	r.Helper()
	for i, f := range failures {
		require.NoError(r, r.RecordFailures(r.Context(), minute1.Time().Add(time.Duration(i)*time.Minute), []registry.Failure{f}))
	}
}

// found are the failures of a query, as minute and message.
func (r *rig) found(q registry.FailureQuery) []string {
	r.Helper()
	found := []string{}
	for f, err := range r.Failures(r.Context(), q) {
		require.NoError(r, err)
		found = append(found, fmt.Sprintf("%d %s", f.At.Time().Minute(), f.MessageID))
	}
	return found
}

func TestFailures(t *testing.T) {
	at := func(minute int) time.Time { return midnight.Time().Add(time.Duration(minute) * time.Minute) }
	for name, c := range map[string]struct {
		query registry.FailureQuery
		want  []string
	}{
		"all, newest first":           {registry.FailureQuery{}, []string{"6 m-1", "5 m-5", "4 m-4", "3 m-3", "2 m-2", "1 m-1"}},
		"since, with that moment":     {registry.FailureQuery{Since: at(4)}, []string{"6 m-1", "5 m-5", "4 m-4"}},
		"until, without that moment":  {registry.FailureQuery{Until: at(3)}, []string{"2 m-2", "1 m-1"}},
		"between":                     {registry.FailureQuery{Since: at(2), Until: at(4)}, []string{"3 m-3", "2 m-2"}},
		"by reason, in any case":      {registry.FailureQuery{Match: "Database IS"}, []string{"6 m-1", "2 m-2", "1 m-1"}},
		"by a part of the message ID": {registry.FailureQuery{Match: "M-4"}, []string{"4 m-4"}},
		"by the handler's ARN":        {registry.FailureQuery{Handler: billing}, []string{"2 m-2"}},
		"by the handler's name":       {registry.FailureQuery{Handler: "billing"}, []string{"3 m-3", "2 m-2"}},
		"by a state machine's name":   {registry.FailureQuery{Handler: "render"}, []string{"4 m-4"}},
		"by message":                  {registry.FailureQuery{MessageID: "m-1"}, []string{"6 m-1", "1 m-1"}},
		"the newest":                  {registry.FailureQuery{Limit: 2}, []string{"6 m-1", "5 m-5"}},
		"the newest that match":       {registry.FailureQuery{Match: "database", Limit: 2}, []string{"6 m-1", "2 m-2"}},
		"none":                        {registry.FailureQuery{Match: "nobody said this"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, local.Options{}, func(r *rig) {
				assert.Empty(r, r.found(c.query), "a fleet without failures")
				r.fail(
					registry.Failure{MessageID: "m-1", Reason: "the database is down"},
					registry.Failure{MessageID: "m-2", Reason: "the DATABASE is down", Handler: billing},
					registry.Failure{MessageID: "m-3", Reason: "time-out", Handler: billing + ":live"},
					registry.Failure{MessageID: "m-4", Reason: "time-out", Handler: render},
					registry.Failure{MessageID: "m-5", Reason: "time-out"},
					registry.Failure{MessageID: "m-1", Reason: "the database is down"},
				)
				assert.Equal(r, c.want, r.found(c.query))
			})
		})
	}
}

func TestExpiredFailuresAreLeftOut(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.fail(registry.Failure{MessageID: "m-1"}, registry.Failure{MessageID: "m-2"})
		time.Sleep(registry.Keep + time.Minute)
		assert.Equal(r, []string{"2 m-2"}, r.found(registry.FailureQuery{}))
	})
}

// Many failures come a page at a time: who stops early does not pay for the rest.
func TestFailuresArePaged(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		var storm []registry.Failure
		for i := range 12_000 {
			storm = append(storm, registry.Failure{MessageID: fmt.Sprintf("m-%d", i), Reason: strings.Repeat("x", 1000)})
		}
		require.NoError(r, r.RecordFailures(r.Context(), minute1.Time(), storm))
		queries := 0
		defer r.runtime.Router.Observe(func(e api.Event) {
			if e.Operation == "Query" {
				queries++
			}
		})()
		require.Len(r, r.found(registry.FailureQuery{Limit: 100}), 100)
		assert.Equal(r, 8, queries, "one page of each shard")
		seen := map[string]bool{}
		for _, f := range r.found(registry.FailureQuery{}) {
			seen[f] = true
		}
		assert.Len(r, seen, len(storm))
		assert.GreaterOrEqual(r, queries, 8+16, "two pages of each shard")
	})
}

func TestFailuresThatCannotBeRead(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.fail(registry.Failure{MessageID: "m-1"})
		read := func(ctx context.Context) (n int, last error) {
			for _, err := range r.Failures(ctx, registry.FailureQuery{}) {
				n, last = n+1, err
			}
			return n, last
		}
		_, remove := r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no")})
		n, err := read(r.Context())
		assert.Equal(r, 1, n)
		assert.ErrorContains(r, err, "read the failures: ")
		assert.ErrorContains(r, err, "AccessDenied")
		remove()

		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		_, err = read(ctx)
		assert.ErrorIs(r, err, context.Canceled)
	})
}

func TestHandlerName(t *testing.T) {
	for arn, want := range map[string]string{
		"":                "",
		billing:           "billing",
		billing + ":live": "billing",
		render:            "render",
		"arn:aws:batch:us-east-1:123456789012:job-definition/resize": "resize",
	} {
		assert.Equal(t, want, registry.Failure{Handler: arn}.HandlerName(), arn)
	}
}

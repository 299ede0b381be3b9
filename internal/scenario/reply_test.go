package scenario_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// Both lanes take the same replies for success: what an event source mapping
// does not read is no failure.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func TestRepliesThatReportNoFailure(t *testing.T) {
	for name, reply := range map[string]any{
		"nothing":              nil,
		"an empty object":      map[string]any{},
		"a string":             "done",
		"a number":             42,
		"a list":               []any{map[string]any{"batchItemFailures": "elsewhere"}},
		"an empty list of its": map[string]any{"batchItemFailures": []any{}},
		"null for a list":      map[string]any{"batchItemFailures": nil},
		"a list further down":  map[string]any{"report": map[string]any{"batchItemFailures": []any{map[string]any{"itemIdentifier": "another system's"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			eachLane(t, func(t *testing.T, lane string) {
				receives := 0
				f := scenario.Start(t, scenario.Options{
					// One batch at a time: the handler's count is not locked.
					Parameters: map[string]string{"Lane": lane, "MaxConcurrency": "1"},
					Process: func(_ context.Context, e message.Event) (any, error) {
						for _, r := range e.Records {
							receives = max(receives, r.Receives())
						}
						return reply, nil
					},
				})
				defer f.Close()
				f.SendMany(15)
				f.Wake()
				endsWell(t, f, 10*time.Minute)
				assert.Equal(t, 15, f.Handled())
				assert.Equal(t, 1, receives, "the reply was taken for a failure")
			})
		})
	}
}

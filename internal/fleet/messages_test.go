package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
)

func TestRoutesAndDuplicatesThatCannotWork(t *testing.T) {
	const route = `[{"Handler":"arn:aws:lambda:eu-west-1:000000000000:function:orders","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"type\":[\"order\"]}}"}]}}]`
	for name, c := range map[string]struct {
		change func(*fleet.Settings)
		want   string
	}{
		"routes":                   {func(s *fleet.Settings) { s.Routes = route }, ""},
		"routes with dead letters": {func(s *fleet.Settings) { s.Routes, s.Unmatched = route, fleet.ToDeadLetters }, ""},
		"a pattern that is not one": {func(s *fleet.Settings) {
			s.Routes = `[{"Handler":"arn:aws:lambda:eu-west-1:000000000000:function:orders","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[{\"cidr\":\"::/0\"}]}"}]}}]`
		}, `route 1 of Routes: filter 1: body: event source mappings have no operator "cidr": they have anything-but, equals-ignore-case, exists, numeric, prefix, suffix`},
		"a window":                   {func(s *fleet.Settings) { s.DuplicateWindow = time.Hour }, ""},
		"a path":                     {func(s *fleet.Settings) { s.DuplicateWindow, s.DuplicateKey = time.Hour, "$.order.id" }, ""},
		"a path that is not one":     {func(s *fleet.Settings) { s.DuplicateWindow, s.DuplicateKey = time.Hour, "$..id" }, `DuplicateKey is "$..id": the path must name one value, by names and indexes alone, such as $.order.id`},
		"a path that nobody follows": {func(s *fleet.Settings) { s.DuplicateKey = "$..id" }, ""},
		"deduplication in a FIFO queue": {func(s *fleet.Settings) {
			s.DuplicateWindow, s.DuplicateKey, s.Fifo = time.Hour, "deduplicationId", true
		}, ""},
		"deduplication in another": {func(s *fleet.Settings) { s.DuplicateWindow, s.DuplicateKey = time.Hour, "deduplicationId" }, "DuplicateKey is deduplicationId and the queue is no FIFO queue: its messages have none; use messageId, attribute:NAME or a JSONPath into the body"},
		"one receive":              {func(s *fleet.Settings) { s.DuplicateWindow, s.MaxReceives = time.Hour, 1 }, "DuplicateWindowSeconds is 3600 and MaxReceiveCount is 1: a message goes back once while another worker is at one like it; use at least 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fleet.Settings{
				Lane: fleet.Stream, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync,
				Process:   handler.Target{ARN: "arn:aws:lambda:eu-west-1:000000000000:function:jobs", Timeout: time.Minute},
				BatchSize: 10, Unmatched: fleet.ToHandler, MaxReceives: 5, DuplicateKey: "messageId", BodiesInState: fleet.SmallBodies,
			}
			c.change(&s)
			err := s.Validate()
			if c.want == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, c.want)
			}
		})
	}
}

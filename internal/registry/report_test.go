package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/registry"
)

// loseReply loses the reply of the next update.
func (r *rig) loseReply() {
	hits, _ := r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.LoseReply, Times: 1})
	r.Cleanup(func() { assert.Equal(r, 1, hits(), "a reply was lost") })
}

func TestTakeShift(t *testing.T) {
	take := func(r *rig) (registry.Worker, error) {
		return r.TakeShift(r.Context(), post, "mine", minute1.Time(), minute9.Time())
	}
	mine := slot(token("mine", ""), reportedAt(minute1), busyUntil(minute9))
	cases(t, map[string]write{
		"the first":                        {before: slot(reserved), do: take, after: mine},
		"a later one":                      {before: slot(token("", "older")), do: take, after: slot(token("mine", "older"), reportedAt(minute1), busyUntil(minute9))},
		"of a worker that shall drain":     {before: slot(drained), do: take, after: slot(drained, token("mine", ""), reportedAt(minute1), busyUntil(minute9))},
		"once more":                        {before: mine, do: take, after: mine},
		"after a pump that died":           {before: slot(token("dead", ""), busyUntil(minute1)), do: take, after: mine},
		"after the steps lane":             {before: slot(busyUntil(minute2)), do: take, after: mine},
		"beside a pump that may run":       {before: slot(token("other", ""), busyUntil(minute2)), do: take, err: &registry.HeldError{Until: minute2.Time().Local()}},
		"late, after this shift's reports": {before: slot(token("mine", ""), busyUntil("2000-01-01T00:09:00.001Z")), do: take, err: &registry.HeldError{Until: minute9.Time().Add(time.Millisecond).Local()}},
		"of another execution's worker":    {before: slot(heldBy("worker-a-4")), do: take, err: registry.ErrRelieved},
		"of a worker that went home":       {do: take, err: registry.ErrRelieved},
	})
}

func TestReportShift(t *testing.T) {
	done := registry.Counts{Handled: 7, Failed: 2, Filtered: 1, Duplicates: 4, Unmatched: 5, InHand: 2, InHandMessages: 15, Rate: 0.125, Took: 16, Holding: []string{"m-1", "m-2"}}
	report := func(r *rig) (registry.Worker, error) {
		return r.ReportShift(r.Context(), post, "mine", minute1.Time(), minute2.Time(), done)
	}
	after := slot(token("mine", "older"), reportedAt(minute1), busyUntil(minute2), counts(done))
	cases(t, map[string]write{
		"home":                        {before: slot(token("mine", "older"), busyUntil(minute1), counts(registry.Counts{Handled: 3})), do: report, after: after},
		"once more":                   {before: after, do: report, after: after},
		"brings orders back":          {before: slot(token("mine", ""), drained), do: report, after: slot(token("mine", ""), drained, reportedAt(minute1), busyUntil(minute2), counts(done))},
		"late, after a newer report":  {before: slot(token("mine", ""), busyUntil(minute9)), do: report, err: registry.ErrRelieved},
		"of a pump that was replaced": {before: slot(token("other", "")), do: report, err: registry.ErrRelieved},
		"of a shift that has ended":   {before: slot(token("", "mine")), do: report, err: registry.ErrRelieved},
		"of another execution":        {before: slot(token("mine", ""), heldBy("worker-a-4")), do: report, err: registry.ErrRelieved},
		"of a slot that was freed":    {do: report, err: registry.ErrRelieved},
	})
}

func TestEndShift(t *testing.T) {
	done := registry.Counts{Handled: 7, Failed: 2, Filtered: 1, Duplicates: 4, Unmatched: 5, InHand: 2, InHandMessages: 15, Rate: 0.125, Took: 16, Holding: []string{"m-1"}}
	end := func(r *rig) (registry.Worker, error) {
		return r.EndShift(r.Context(), post, "mine", minute1.Time(), done)
	}
	after := slot(token("", "mine"), reportedAt(minute1), counts(registry.Counts{Handled: 7, Failed: 2, Filtered: 1, Duplicates: 4, Unmatched: 5, Rate: 0.125, Took: 16}))
	cases(t, map[string]write{
		"takes back what was said":         {before: slot(token("mine", "older"), busyUntil(minute9)), do: end, after: after},
		"of a pump that was replaced":      {before: slot(token("other", "older"), busyUntil(minute9)), do: end, err: registry.ErrRelieved},
		"once more, after the next's take": {before: slot(token("other", "mine"), busyUntil(minute9)), do: end, err: registry.ErrRelieved},
		"once more, after another's shift": {before: slot(token("", "other")), do: end, err: registry.ErrRelieved},
		"of another execution":             {before: slot(token("mine", ""), heldBy("worker-a-4")), do: end, err: registry.ErrRelieved},
		"of another execution, once more":  {before: slot(token("", "mine"), heldBy("worker-a-4")), do: end, err: registry.ErrRelieved},
		"of a slot that was freed":         {do: end, err: registry.ErrRelieved},
	})
	t.Run("once more", func(t *testing.T) {
		inBubble(t, local.Options{DynamoDB: dynamodb.Options{StaleReads: time.Hour}}, func(r *rig) {
			r.hold(after)
			got, err := end(r)
			require.NoError(r, err)
			assert.Equal(r, after, got)
			assert.Equal(r, []registry.Worker{after}, r.workers())
		})
	})
}

func TestBeginBatch(t *testing.T) {
	begin := func(r *rig) (registry.Worker, error) {
		return r.BeginBatch(r.Context(), post, 5, registry.Try{Request: "request-5"}, minute1.Time(), minute9.Time())
	}
	after := slot(batch(5, 4), polled, reportedAt(minute1), busyUntil(minute9))
	cases(t, map[string]write{
		"the first of an execution":  {before: slot(reserved), do: begin, after: slot(batch(5, 0), polled, reportedAt(minute1), busyUntil(minute9))},
		"the next":                   {before: slot(batch(4, 4)), do: begin, after: after},
		"once more":                  {before: after, do: begin, after: after},
		"once more, another request": {before: slot(batch(5, 4), func(w *registry.Worker) { w.Poll = "request-4" }), do: begin, after: after},
		"late, after the next try":   {before: slot(batch(5, 4), func(w *registry.Worker) { w.Poll, w.Try = "request-6", 1 }), do: begin, err: registry.ErrRelieved},
		"brings orders back":         {before: slot(drained, batch(4, 4)), do: begin, after: slot(drained, batch(5, 4), polled, reportedAt(minute1), busyUntil(minute9))},
		"late, after the next":       {before: slot(batch(6, 5)), do: begin, err: registry.ErrRelieved},
		"of another execution":       {before: slot(batch(4, 4), heldBy("worker-a-4")), do: begin, err: registry.ErrRelieved},
		"of a worker that went home": {do: begin, err: registry.ErrRelieved},
	})
}

func TestExtendBatch(t *testing.T) {
	extend := func(r *rig) (registry.Worker, error) {
		return r.ExtendBatch(r.Context(), post, 5, minute1.Time(), minute9.Time())
	}
	cases(t, map[string]write{
		"of the batch in hand":       {before: slot(batch(5, 4), busyUntil(minute2)), do: extend, after: slot(batch(5, 4), reportedAt(minute1), busyUntil(minute9))},
		"of an execution that ended": {before: slot(batch(5, 4), ended), do: extend, err: registry.ErrRelieved},
		"of an older batch":          {before: slot(batch(6, 5)), do: extend, err: registry.ErrRelieved},
		"of a batch that is settled": {before: slot(batch(5, 5)), do: extend, err: registry.ErrRelieved},
		"of a batch yet to begin":    {before: slot(batch(4, 4)), do: extend, err: registry.ErrRelieved},
		"of another execution":       {before: slot(batch(5, 4), heldBy("worker-a-4")), do: extend, err: registry.ErrRelieved},
		"of a worker that went home": {do: extend, err: registry.ErrRelieved},
	})
}

func TestEndBatch(t *testing.T) {
	end := func(r *rig) (registry.Worker, error) {
		return r.EndBatch(r.Context(), post, 5, minute1.Time(), registry.Counts{Handled: 7, Failed: 2, Filtered: 1, Duplicates: 4, Unmatched: 5})
	}
	before := registry.Counts{Handled: 10, Failed: 20, Filtered: 30, Duplicates: 40, Unmatched: 50, Rate: 0.5}
	after := slot(batch(5, 5), reportedAt(minute1), counts(registry.Counts{Handled: 17, Failed: 22, Filtered: 31, Duplicates: 44, Unmatched: 55, Rate: 0.5}))
	paced := func(r *rig) (registry.Worker, error) {
		return r.EndBatch(r.Context(), post, 5, minute1.Time(), registry.Counts{Handled: 7, Rate: 0.25, Took: 28})
	}
	cases(t, map[string]write{
		"says how fast it was":       {before: slot(batch(5, 4), counts(before)), do: paced, after: slot(batch(5, 5), reportedAt(minute1), counts(registry.Counts{Handled: 17, Failed: 20, Filtered: 30, Duplicates: 40, Unmatched: 50, Rate: 0.25, Took: 28}))},
		"adds the counts":            {before: slot(batch(5, 4), busyUntil(minute9), counts(before)), do: end, after: after},
		"of an older batch":          {before: slot(batch(6, 5), busyUntil(minute9)), do: end, err: registry.ErrRelieved},
		"of a batch yet to begin":    {before: slot(batch(4, 4)), do: end, err: registry.ErrRelieved},
		"of another execution":       {before: slot(batch(5, 4), heldBy("worker-a-4")), do: end, err: registry.ErrRelieved},
		"of another, once more":      {before: slot(batch(5, 5), heldBy("worker-a-4")), do: end, err: registry.ErrRelieved},
		"of a worker that went home": {do: end, err: registry.ErrRelieved},
	})
	t.Run("once more", func(t *testing.T) {
		inBubble(t, local.Options{DynamoDB: dynamodb.Options{StaleReads: time.Hour}}, func(r *rig) {
			r.hold(after)
			got, err := end(r)
			require.NoError(r, err)
			assert.Equal(r, after, got)
			assert.Equal(r, []registry.Worker{after}, r.workers(), "the counts are added once")
		})
	})
}

func TestReportsAreRepeatedOnConflict(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.hold(slot())
		hits, _ := r.runtime.Router.Faults.Add(api.Fault{
			Service: "dynamodb", Operation: "UpdateItem", Kind: api.Fail, Times: 3,
			Error: api.Errorf("TransactionConflictException", "Transaction is ongoing for the item"),
		})
		_, err := r.TakeShift(r.Context(), post, "mine", minute1.Time(), minute9.Time())
		require.NoError(r, err)
		assert.Equal(r, 3, hits())
	})
}

func TestReportsThatCannotBeMadeSayWhy(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.hold(slot(token("other", ""), busyUntil(minute9)))
		read, mend := r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "GetItem", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no reading")})
		_, err := r.TakeShift(r.Context(), post, "mine", minute1.Time(), minute9.Time())
		assert.ErrorContains(r, err, "read worker a: ")
		assert.ErrorContains(r, err, "no reading")
		assert.Equal(r, 1, read())
		mend()
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no writing")})
		_, err = r.BeginBatch(r.Context(), post, 5, registry.Try{Request: "request-5"}, minute1.Time(), minute9.Time())
		assert.ErrorContains(r, err, "report of worker a: ")
		assert.ErrorContains(r, err, "no writing")
	})
}

package handler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/musterq/muster/internal/message"
)

// Stage is one of the two things that are done to a message.
type Stage string

const (
	// Transform replaces or filters messages.
	Transform Stage = "transform"
	// Process does the work.
	Process Stage = "process"
)

// Patience is how long a stage waits for a handler that Lambda throttles.
const Patience = time.Minute

// arrival is how late an invocation may begin that was sent and not answered.
const arrival = 15 * time.Second

// Result is what became of the messages of a stage.
type Result struct {
	message.Transformed
	// Unstarted were not handed to a handler: no failed attempt.
	Unstarted []message.Record
	// Throttled were not either, for Lambda throttled it all the time.
	Throttled []message.Record
	// Doubt is when a handler whose answer did not come must have ended. Zero if
	// all handlers surely have.
	Doubt time.Time
}

// Run hands records to a stage's handler, split by encoded size. Before each
// invocation it asks mayStart; when that says no, the rest stays unstarted.
func (i *Invoker) Run(ctx context.Context, stage Stage, t Target, records []message.Record, mayStart func() bool) (Result, error) {
	var result Result
	result.Failed = message.Failures{}
	batches, tooLarge, err := message.Split(records, message.MaxSyncPayload)
	if err != nil {
		return result, err
	}
	for _, r := range tooLarge {
		result.Failed[r.MessageID] = message.Failure{Reason: fmt.Sprintf("%s handler: the event of this one message is over Lambda's limit of %d bytes", stage, message.MaxSyncPayload)}
	}
	for _, b := range batches {
		reply, err := i.patiently(ctx, t, b.Payload, mayStart)
		var doubt *DoubtError
		switch {
		case errors.Is(err, errMayNot):
			result.Unstarted = append(result.Unstarted, b.Records...)
			continue
		case errors.Is(err, ErrThrottled):
			result.Throttled = append(result.Throttled, b.Records...)
			continue
		case errors.As(err, &doubt):
			result.Doubt = time.Now().Add(arrival + t.Timeout)
		}
		if err != nil {
			maps.Copy(result.Failed, message.All(b.Records, fmt.Sprintf("%s handler: %s", stage, err)))
			if doubt != nil {
				mayStart = func() bool { return false }
			}
			continue
		}
		result.add(stage, b.Records, reply)
	}
	return result, nil
}

// errMayNot is what a handler gets that may not start, or no longer wait.
var errMayNot = errors.New("the handler may not start")

// patiently invokes the handler, waiting while Lambda throttles it.
func (i *Invoker) patiently(ctx context.Context, t Target, payload []byte, mayStart func() bool) ([]byte, error) {
	began := time.Now()
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		if !mayStart() {
			return nil, errMayNot
		}
		reply, err := i.Invoke(ctx, t, payload)
		if !errors.Is(err, ErrThrottled) || time.Since(began)+pause > Patience {
			return reply, err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return nil, errMayNot
		}
	}
}

func (r *Result) add(stage Stage, records []message.Record, reply []byte) {
	var t message.Transformed
	if stage == Transform {
		t = message.TransformReply(records, reply)
	} else {
		t.Failed = message.ProcessReply(records, reply)
		for _, record := range records {
			if _, failed := t.Failed[record.MessageID]; !failed {
				t.Kept = append(t.Kept, record)
			}
		}
	}
	r.Kept = append(r.Kept, t.Kept...)
	r.Filtered = append(r.Filtered, t.Filtered...)
	for id, failure := range t.Failed {
		failure.Reason = fmt.Sprintf("%s handler: %s", stage, failure.Reason)
		r.Failed[id] = failure
	}
}

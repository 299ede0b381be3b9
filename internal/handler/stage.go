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

// Gate is asked before each try to hand records to a handler. It returns those
// that may be handed over now, in their order; the others stay unstarted.
type Gate func([]message.Record) []message.Record

// When is a gate that lets all records through while may says so.
func When(may func() bool) Gate {
	return func(records []message.Record) []message.Record {
		if !may() {
			return nil
		}
		return records
	}
}

// Run hands records to a stage's handler, split by encoded size, as far as the
// gate lets them through. No event follows one whose answer did not come, unless
// nobody waits for answers.
func (i *Invoker) Run(ctx context.Context, stage Stage, t Target, records []message.Record, gate Gate) (Result, error) {
	var result Result
	result.Failed = message.Failures{}
	batches, tooLarge, err := message.Split(records, t.limit())
	if err != nil {
		return result, err
	}
	for _, r := range tooLarge {
		reason := fmt.Sprintf("%s handler: the event of this one message is over Lambda's limit of %d bytes", stage, t.limit())
		if t.Async {
			reason += " for asynchronous invocations"
		}
		result.Failed[r.MessageID] = message.Failure{Reason: reason}
	}
	for len(batches) > 0 {
		b := batches[0]
		batches = batches[1:]
		a, err := i.patiently(ctx, t, b, gate)
		if err != nil {
			return result, err
		}
		result.Unstarted = append(result.Unstarted, a.unstarted...)
		var doubt *DoubtError
		switch {
		case len(a.records) == 0:
		case errors.Is(a.err, ErrThrottled):
			result.Throttled = append(result.Throttled, a.records...)
		case stage == Transform && len(a.records) > 1 && repliedTooMuch(a.err):
			// By halves only those fail that are too large by themselves.
			again, err := halves(a.records)
			if err != nil {
				return result, err
			}
			batches = append(again, batches...)
		case a.err != nil:
			maps.Copy(result.Failed, message.All(a.records, fmt.Sprintf("%s handler: %s", stage, a.err)))
			if errors.As(a.err, &doubt) && !t.Async {
				result.Doubt = time.Now().Add(arrival + t.Timeout)
				gate = When(func() bool { return false })
			}
		case t.Async:
			result.Kept = append(result.Kept, a.records...)
		default:
			result.add(stage, a.records, a.reply, i.redact)
		}
	}
	return result, nil
}

// repliedTooMuch says whether a handler's reply was over Lambda's limit.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
func repliedTooMuch(err error) bool {
	var failed *FunctionError
	return errors.As(err, &failed) && failed.Type == "Function.ResponseSizeTooLarge"
}

// halves makes two events of one.
func halves(records []message.Record) ([]message.Batch, error) {
	var batches []message.Batch
	for _, half := range [][]message.Record{records[:len(records)/2], records[len(records)/2:]} {
		payload, err := message.Event{Records: half}.Encode()
		if err != nil {
			return nil, err
		}
		batches = append(batches, message.Batch{Records: half, Payload: payload})
	}
	return batches, nil
}

// attempt is what became of an event.
type attempt struct {
	// records that were handed over. None where the gate let none through.
	records   []message.Record
	unstarted []message.Record
	reply     []byte
	err       error
}

// patiently invokes the handler, waiting while Lambda throttles it.
func (i *Invoker) patiently(ctx context.Context, t Target, b message.Batch, gate Gate) (attempt, error) {
	var a attempt
	began := time.Now()
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		let := gate(b.Records)
		if len(let) < len(b.Records) {
			a.unstarted = append(a.unstarted, without(b.Records, let)...)
			payload, err := message.Event{Records: let}.Encode()
			if err != nil {
				return a, err
			}
			b = message.Batch{Records: let, Payload: payload}
		}
		a.records = b.Records
		if len(b.Records) == 0 {
			return a, nil
		}
		a.reply, a.err = i.Invoke(ctx, t, b.Payload)
		if !errors.Is(a.err, ErrThrottled) || time.Since(began)+pause > Patience {
			return a, nil
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return attempt{unstarted: append(a.unstarted, b.Records...)}, nil
		}
	}
}

// without is the records of a batch that are not among some of them.
func without(records, some []message.Record) []message.Record {
	among := make(map[string]bool, len(some))
	for _, r := range some {
		among[r.MessageID] = true
	}
	var rest []message.Record
	for _, r := range records {
		if !among[r.MessageID] {
			rest = append(rest, r)
		}
	}
	return rest
}

func (r *Result) add(stage Stage, records []message.Record, reply []byte, redact bool) {
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
	if redact {
		t.Failed = t.Failed.Redacted()
	}
	for id, failure := range t.Failed {
		failure.Reason = fmt.Sprintf("%s handler: %s", stage, failure.Reason)
		r.Failed[id] = failure
	}
}

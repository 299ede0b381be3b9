package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

type whereOptions struct {
	fleet, id string
	// scan looks through the dead-letter queue too.
	scan   bool
	json   bool
	target target
}

func newWhere(s *streams) *cobra.Command {
	o := new(whereOptions)
	c := &cobra.Command{
		Use:   "where [FLEET] MESSAGE_ID",
		Short: "Say where a message is, who holds it and what happened to it",
		Long: `Where looks for a message wherever Muster may know of it: failures, holds and
duplicates in the registry; what workers of the stream lane had in hand when they
last reported home; the executions of workers of the steps lane; and with --scan
the dead-letter queue, which is looked through by receiving: see 'muster dlq'.

SQS cannot look up a message by its ID. One that waits in the queue, or that was
handled at the first attempt, has left no trace.`,
		Example: `  muster where orders 4a8e0d7c-8ba8-4a94-8263-3be23671502b --scan`,
		Args:    cobra.RangeArgs(1, 2),
	}
	flags := c.Flags()
	flags.BoolVar(&o.scan, "scan", false, "look through the dead-letter queue too")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet, o.id = oneMessage(args)
		ctx, stop, done := s.finishing(ctx, givingBack)
		defer done()
		return interrupted(ctx, showWhere(ctx, stop, s, o))
	})
	return c
}

// whereabouts is what was found of a message.
type whereabouts struct {
	Fleet     string `json:"fleet"`
	MessageID string `json:"messageId"`
	// Verdict says where it is, in plain words, Next is the next command.
	Verdict string `json:"verdict"`
	Next    string `json:"next"`
	// Place is one of kept, task, worker, handed, dead letters, due, gone, handled,
	// failed, unknown.
	Place string `json:"place"`
	// Worker's execution that has it, and State that it is in. Empty for none.
	Worker string `json:"worker,omitempty"`
	State  string `json:"state,omitempty"`
	// Failures, the newest first.
	Failures []failureLine `json:"failures"`
	// Found is what each place that was looked at said.
	Found []finding `json:"found"`
	// undead is true of a message that is surely not in the dead-letter queue.
	undead bool
}

// finding is what one place knows.
type finding struct {
	Place string `json:"place"`
	Says  string `json:"says"`
}

func (w *whereabouts) found(place, says string, args ...any) {
	w.Found = append(w.Found, finding{place, fmt.Sprintf(says, args...)})
}

// conclude keeps the first verdict: places are asked in the order of how sure
// they are.
func (w *whereabouts) conclude(place, next, verdict string, args ...any) {
	if w.Verdict == "" {
		w.Place, w.Next, w.Verdict = place, next, fmt.Sprintf(verdict, args...)
	}
}

func showWhere(ctx context.Context, stop <-chan struct{}, s *streams, o *whereOptions) error {
	d, err := o.target.queues(ctx, o.fleet)
	if err != nil {
		return err
	}
	key, err := duplicate.ParseKey("messageId")
	if err != nil {
		return err
	}
	trace, err := d.registry.Find(ctx, o.id, key.Of(message.Record{MessageID: o.id}))
	if err != nil {
		return err
	}
	w := &whereabouts{Fleet: o.fleet, MessageID: o.id, Failures: []failureLine{}}
	for _, f := range trace.Failures {
		w.Failures = append(w.Failures, lineOf(f))
	}
	w.failures(trace)
	w.hold(trace)
	if err := w.workers(ctx, d, trace); err != nil {
		return err
	}
	if err := w.deadLetters(ctx, stop, d, o); err != nil {
		return err
	}
	w.seen(trace)
	if err := w.rest(ctx, d, o); err != nil {
		return err
	}
	if w.Next != "" && o.target.local {
		w.Next += " --local"
	}
	if o.json {
		return printJSON(s.out, w)
	}
	return w.print(s.out)
}

func (w *whereabouts) failures(t registry.Trace) {
	if len(t.Failures) == 0 {
		w.found("failures", "none in 14 days")
		return
	}
	last := t.Failures[0]
	w.found("failures", "%s, the last %s after %d receives: %s", thousands(len(t.Failures)), stamp(last.At.Time()), last.Receives, last.Reason)
}

func (w *whereabouts) hold(t registry.Trace) {
	h := t.Hold
	switch {
	case h == nil:
		w.found("holds", "no worker waits for a task token or a job of it")
		return
	case h.Kept:
		w.found("holds", "the registry keeps it since SQS's 12 hours were near their end; received %s", stamp(h.ReceivedAt()))
	default:
		w.found("holds", "execution %s took it for a task, received %s", h.Execution, stamp(h.ReceivedAt()))
	}
	if t.Stands {
		w.Worker = h.Execution
		w.conclude("task", "muster status "+w.Fleet, "execution %s holds it and waits for its task to end", h.Execution)
	} else if h.Kept {
		w.conclude("kept", "muster status "+w.Fleet, "its task is over and the registry still keeps it: a tick sends it to the queue again")
	}
}

func (w *whereabouts) deadLetters(ctx context.Context, stop <-chan struct{}, d *deadLetters, o *whereOptions) error {
	const place = "dead letters"
	if d.Queue == nil {
		w.found(place, "the fleet names no dead-letter queue")
		return nil
	}
	if !o.scan {
		w.found(place, "not looked through: that takes --scan")
		return nil
	}
	var found *message.Record
	result, err := d.Look(ctx, deadletter.Scan{Filter: deadletter.Filter{IDs: []string{o.id}}, Stop: stop}, func(r message.Record) { found = &r })
	switch {
	case err != nil:
		return err
	case result.Stopped:
		return &exitError{status: exitInterrupted}
	case found != nil:
		w.found(place, "there, sent %s", stamp(deadletter.Sent(*found)))
		w.conclude(place, fmt.Sprintf("muster dlq show %s %s", o.fleet, o.id), "it is in the dead-letter queue")
	case result.Unseen > 0:
		w.found(place, "not among the %s that could be seen; about %s could not", thousands(result.Seen), thousands(result.Unseen))
	default:
		w.found(place, "not there")
		w.undead = true
	}
	return nil
}

func (w *whereabouts) seen(t registry.Trace) {
	s := t.Seen
	switch {
	case s == nil:
		w.found("duplicates", "nothing is known of its ID; the fleet need not look out for duplicates, or does so by another key")
	case s.Done:
		w.found("duplicates", "handled; known until %s", stamp(s.ExpiresAt))
		w.conclude("handled", "", "it was handled")
	default:
		w.found("duplicates", "somebody began to handle it and may be at it until %s", stamp(time.UnixMilli(s.Until)))
		w.conclude("worker", "muster status "+w.Fleet, "a worker began to handle it and may be at it until %s", stamp(time.UnixMilli(s.Until)))
	}
}

// rest concludes from what is left: how often it failed, and that SQS says
// nothing.
func (w *whereabouts) rest(ctx context.Context, d *deadLetters, o *whereOptions) error {
	q, err := d.sourceState(ctx)
	if err != nil {
		return err
	}
	w.found("queue", "SQS cannot look up a message by its ID; about %s are visible, %s hidden, %s delayed", thousands(q.visible), thousands(q.hidden), thousands(q.delayed))
	scan := fmt.Sprintf("muster where %s %s --scan", o.fleet, o.id)
	if o.scan {
		scan = "muster status " + o.fleet
	}
	if len(w.Failures) == 0 {
		w.conclude("unknown", scan, "nothing is known of it: it waits in the queue, or a worker has received it since it last reported home, or it was handled at the first attempt")
		return nil
	}
	last := w.Failures[0]
	if q.maxReceives > 0 && last.Receives >= q.maxReceives && w.undead {
		w.conclude("gone", scan, "it has failed for the last time and is not in the dead-letter queue: somebody redrove it, which gave it another ID, or deleted it; or it goes there when somebody next asks for messages")
		return nil
	}
	if q.maxReceives > 0 && last.Receives >= q.maxReceives {
		w.conclude("due", scan, "it has failed for the last time: it is in the dead-letter queue, or goes there when somebody next asks for messages, unless somebody redrove or deleted it")
		return nil
	}
	w.conclude("failed", scan, "it failed %s and was not dead-lettered then: it waits for its next attempt, is in some worker's hand, or was handled since", stamp(last.At))
	return nil
}

func (w *whereabouts) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "message %s of fleet %s\n", w.MessageID, w.Fleet)
	for _, f := range w.Found {
		fmt.Fprintf(&b, "  %-13s %s\n", f.Place+":", oneLine(f.Says))
	}
	fmt.Fprintf(&b, "Verdict: %s.\n", oneLine(w.Verdict))
	if w.Next != "" {
		fmt.Fprintf(&b, "Next: %s\n", w.Next)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

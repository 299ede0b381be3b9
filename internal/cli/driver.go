package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/registry"
)

const (
	// wakeEvery is how often the autoscaler is woken while messages are left.
	wakeEvery = 5 * time.Second
	// quietRounds in a row must show nothing before something is given up:
	// messages that are in no queue, slots that no execution works for.
	quietRounds = 2
	// idleRounds without a worker, though messages are left, are told of.
	idleRounds = 6
)

// driver brings messages through a fleet: it sends them, wakes the autoscaler,
// watches, and sends the workers home.
type driver struct {
	fleet    *localFleet
	ledger   *ledger
	messages []outgoing
	ids      []string
	view     *view
	cap      int

	// sendErr is why not all was sent, once sent is true.
	sent    bool
	sendErr error
	// draining once the workers are told to go home.
	draining bool
	// rounds in a row that showed an empty queue, no worker that runs, or no
	// worker at all.
	empty, deserted, idle int

	began, ended time.Time
	// handled is when the last message had ended. Zero while some are left.
	handled  time.Time
	peak     int
	snapshot snapshot
}

func newDriver(f *localFleet, p *parameters, messages []outgoing, v *view) *driver {
	most, err := strconv.Atoi(p.get("MaxConcurrency"))
	if err != nil {
		most = 0 // the template has refused it; nothing runs
	}
	return &driver{fleet: f, ledger: newLedger(f.names), messages: messages, ids: make([]string, len(messages)), view: v, cap: most}
}

// ending is how a run came to its end.
type ending struct {
	interrupted bool
	// timeout that ended it, 0 if none did.
	timeout time.Duration
	err     error
}

// drive runs until every message has ended and the workers have gone home, or
// until the timeout or an interrupt ends it earlier.
func (d *driver) drive(ctx context.Context, interrupts <-chan os.Signal, timeout time.Duration) ending {
	defer d.fleet.runtime.Router.Observe(d.ledger.observe)()
	d.began = time.Now()
	defer func() { d.ended = time.Now() }()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	sending, stopSending := context.WithCancel(ctx)
	outcome := make(chan error, 1)
	go func() {
		s := sender{client: d.fleet.queue, url: d.fleet.names.QueueURL, sent: d.ledger.sent}
		ids, err := s.send(sending, d.messages)
		d.ids = ids
		outcome <- err
	}()
	defer func() {
		stopSending()
		if !d.sent {
			<-outcome
		}
	}()
	end := d.loop(ctx, interrupts, outcome, stopSending)
	if errors.Is(end.err, context.DeadlineExceeded) && ctx.Err() != nil {
		end = ending{timeout: timeout}
	}
	d.look()
	d.view.close(d.state())
	return end
}

func (d *driver) loop(ctx context.Context, interrupts <-chan os.Signal, outcome <-chan error, stopSending func()) ending {
	round, refresh := time.NewTicker(wakeEvery), time.NewTicker(d.view.every)
	defer round.Stop()
	defer refresh.Stop()
	var end ending
	woken := false
	for {
		d.look()
		if d.sent && d.snapshot.left() == 0 || d.sendErr != nil {
			if err := d.goHome(ctx); err != nil {
				return ending{err: errors.Join(d.sendErr, err)}
			}
		}
		if d.draining && d.sent && (d.snapshot.Workers == 0 || d.deserted >= quietRounds) {
			end.err = d.sendErr
			return end
		}
		// The first message wakes the autoscaler; the schedule may be a minute off.
		if !woken && d.snapshot.Sent > 0 && !d.draining {
			woken = true
			if err := d.fleet.wake(ctx); err != nil {
				return ending{err: err}
			}
		}
		var err error
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-interrupts:
			if end.interrupted {
				return end
			}
			end.interrupted = true
			stopSending()
			d.view.say("Draining: the workers learn of it at their next report, within a minute, finish what they hold and go home. Interrupt again to stop at once.")
			err = d.goHome(ctx)
		case err := <-outcome:
			d.sent = true
			if !end.interrupted {
				d.sendErr = err
			}
			woken = false // the last messages may ask for more workers
		case <-d.ledger.changed:
		case <-round.C:
			err = d.round(ctx)
		case <-refresh.C:
			d.view.show(d.state())
		}
		if err != nil {
			end.err = err
			return end
		}
	}
}

// look takes a new snapshot.
func (d *driver) look() {
	d.snapshot = d.ledger.snapshot()
	if d.sent && d.snapshot.left() == 0 && d.handled.IsZero() {
		d.handled = time.Now()
	}
	now, peak := d.fleet.concurrency()
	d.peak = max(d.peak, now, peak, d.snapshot.Jobs)
}

// goHome begins to end the run: no more ticks, and every worker drains.
func (d *driver) goHome(ctx context.Context) error {
	if d.draining {
		return nil
	}
	d.draining = true
	if err := d.fleet.silence(ctx); err != nil {
		return err
	}
	return d.fleet.drain(ctx)
}

// round is what is due every few seconds: to wake the autoscaler while messages
// are left, or to send home who came late.
func (d *driver) round(ctx context.Context) error {
	if d.draining {
		running, err := d.fleet.running(ctx)
		if err != nil {
			return err
		}
		d.deserted = next(d.deserted, running == 0)
		return d.fleet.drain(ctx)
	}
	depth, err := d.fleet.depth(ctx)
	if err != nil {
		return err
	}
	d.empty = next(d.empty, d.sent && depth == 0 && d.ledger.elsewhere() == 0)
	if d.empty >= quietRounds {
		d.ledger.loseRest()
		return nil
	}
	if d.idle = next(d.idle, d.snapshot.Workers == 0); d.idle == idleRounds {
		d.idle = 0
		if err := d.complain(ctx); err != nil {
			return err
		}
	}
	return d.fleet.wake(ctx)
}

// complain says why no worker comes: what a function of the fleet failed with,
// or what the last tick gave as its reason.
func (d *driver) complain(ctx context.Context) error {
	why := "no tick has left a record"
	ticks, err := d.fleet.registry.Ticks(ctx, 1)
	switch {
	case err != nil:
		return err
	case d.snapshot.Trouble != "":
		why = d.snapshot.Trouble
	case len(ticks) > 0:
		why = "the last tick: " + ticks[0].Reason
	}
	d.view.say(fmt.Sprintf("No worker for %s, %s messages are left: %s", idleRounds*wakeEvery, thousands(d.snapshot.left()), why))
	return nil
}

// next counts rounds in a row.
func next(rounds int, again bool) int {
	if !again {
		return 0
	}
	return rounds + 1
}

// state is what the view shows.
func (d *driver) state() live {
	now, _ := d.fleet.concurrency()
	return live{snapshot: d.snapshot, InHand: now + d.snapshot.Jobs, Cap: d.cap, Draining: d.draining}
}

// explain adds the reasons that the fleet recorded for messages which failed
// without a handler, such as one too large for an event.
func (d *driver) explain(ctx context.Context, all []outcome) error {
	unknown := map[string]*outcome{}
	for i := range all {
		o := &all[i]
		if o.MessageID != "" && o.Error == "" && (o.Status == deadLettered || o.Status == unfinished) {
			unknown[o.MessageID] = o
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	for failure, err := range d.fleet.registry.Failures(ctx, registry.FailureQuery{}) {
		if err != nil {
			return err
		}
		// The newest comes first.
		if o := unknown[failure.MessageID]; o != nil && o.Error == "" {
			o.Error = failure.Reason
		}
	}
	return nil
}

// outcomes of all messages in the order of the input. One that was not sent has
// no ID.
func (d *driver) outcomes() []outcome {
	ids := make([]string, 0, len(d.ids))
	for _, id := range d.ids {
		if id != "" {
			ids = append(ids, id)
		}
	}
	known := d.ledger.outcomes(ids)
	all := make([]outcome, len(d.ids))
	for i, id := range d.ids {
		if id == "" {
			all[i] = outcome{Status: unfinished, Error: "it was not sent"}
			continue
		}
		all[i], known = known[0], known[1:]
	}
	return all
}

func (d *driver) summary() summary {
	s := d.snapshot
	unsent, repeated := 0, 0
	seen := map[string]bool{}
	for _, id := range d.ids {
		switch {
		case id == "":
			unsent++
		case seen[id]:
			repeated++ // for SQS it is the same message
		}
		seen[id] = true
	}
	result := summary{
		Messages: len(d.messages), Handled: s.Handled, DeadLettered: s.DeadLettered, Filtered: s.Filtered, Duplicates: s.Duplicates + repeated, Lost: s.Lost,
		Unfinished:     unsent + s.left(),
		WorkersStarted: s.Started, PeakWorkers: s.PeakWorkers, PeakConcurrency: d.peak, Ticks: s.Ticks,
		Transitions: d.fleet.runtime.StepFunctions.Stats().Transitions,
		Invocations: d.fleet.invocations() + s.JobsStarted,
		Seconds:     milliseconds(d.ended.Sub(d.began)),
		Cost:        costOf(d.fleet.runtime, len(d.messages)),
		cap:         d.cap, reasons: s.Reasons,
	}
	if !d.handled.IsZero() {
		result.working = d.handled.Sub(d.began)
	}
	return result
}

// milliseconds is a duration in seconds, to the millisecond.
func milliseconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// exit is the run's exit status.
func (e ending) exit(s summary) error {
	switch {
	case e.interrupted:
		return &exitError{status: exitInterrupted}
	case e.timeout > 0:
		return &exitError{status: exitUnfinished, err: fmt.Errorf("stopped after %s, %d messages unfinished", e.timeout, s.Unfinished)}
	case s.Lost > 0:
		return &exitError{status: exitUnfinished, err: fmt.Errorf("%d messages are gone though no handler finished them", s.Lost)}
	case s.Unfinished > 0:
		return &exitError{status: exitUnfinished, err: fmt.Errorf("%d messages are unfinished", s.Unfinished)}
	case s.DeadLettered > 0:
		return &exitError{status: exitDeadLettered}
	}
	return nil
}

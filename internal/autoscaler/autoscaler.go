// Package autoscaler is one tick: it observes the queue and the registry,
// learns which worker executions have ended, decides, frees and reserves slots,
// and leaves orders. The autoscaler state machine starts what it reserved.
package autoscaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/route"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/steps"
)

const (
	// startDoubt is how long a reservation may go without a report before it is
	// started again under the same name and input.
	startDoubt = 30 * time.Second
	// describeLimit is how many executions one tick looks up: most of the bucket of
	// 250 or 300 that the account has for it, which is full again within a tick.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	describeLimit = 200
	// startsLimit is how many executions one answer names, new and doubtful ones:
	// each is about 350 bytes of it, up to 600 with a long fleet name, and a state
	// takes 256 KiB. An answer over that would never get through, and the
	// reservations that it names with it. A tick that has more to start looks again.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	startsLimit = 300
	// moreWithin is how long after its start a tick looks again: an Express execution
	// has five minutes, and the next tick does the rest.
	moreWithin = 90 * time.Second
	// tries of a tick that finds the registry changed under its hands.
	tries = 4
)

// Config of the autoscaler.
type Config struct {
	fleet.Settings
	// Job is what starts the jobs of a fleet whose target is one.
	Job fleet.Job
	// RouteHandlers are the ARNs that the routes may name: those that the fleet
	// may invoke.
	RouteHandlers []string
	Policy        scale.Policy
	// Schedule is a JSON array of minimum and cap by time. Empty for none.
	Schedule string
	Gate     Gate
	// HandlerMemory is the handlers' memory in MB: what the budget reckons with.
	// Defaults to 128.
	HandlerMemory int
	// Liveness is how long a worker counts as live after it reported home.
	Liveness time.Duration
	// WorkerStateMachine is the ARN of the worker state machine, WorkerRevision
	// the revision that new workers run.
	WorkerStateMachine string
	WorkerRevision     string
}

// Validate refuses settings that cannot work.
func (c Config) Validate() error {
	err := errors.Join(c.Policy.Validate(), c.Settings.Validate(), c.Job.Validate(c.Target))
	_, invalid := parseTimetable(c.Schedule)
	err = errors.Join(err, invalid, c.Gate.validate())
	if routes, invalid := route.Parse(c.Routes); invalid == nil {
		err = errors.Join(err, routes.Permit(c.RouteHandlers))
	}
	if c.Lane == fleet.Stream {
		err = errors.Join(err, pump.Validate(c.Settings))
	}
	return err
}

// Autoscaler runs ticks.
type Autoscaler struct {
	config     Config
	aws        aws.Config
	timetable  timetable
	queue      *queue.Queue
	registry   *registry.Registry
	executions *sfn.Client
	keeper     *hold.Keeper
}

// New makes an autoscaler.
func New(cfg aws.Config, c Config) (*Autoscaler, error) {
	c.Policy = PolicyFor(c.Settings, c.Policy)
	if c.HandlerMemory == 0 {
		c.HandlerMemory = 128
	}
	c.Policy.Rates = RatesFor(c.Settings, c.Policy, c.HandlerMemory)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	table, err := parseTimetable(c.Schedule)
	if err != nil {
		return nil, err
	}
	return &Autoscaler{
		config:     c,
		aws:        cfg,
		timetable:  table,
		queue:      queue.New(cfg, c.QueueURL, c.QueueARN),
		registry:   registry.New(cfg, c.Table, c.Fleet),
		executions: sfn.NewFromConfig(cfg),
		keeper:     hold.New(cfg, c.Settings, c.WorkerStateMachine),
	}, nil
}

// Input of a tick, from the autoscaler state machine.
type Input struct {
	// Tick is the ARN of the execution.
	Tick string `json:"tick"`
	// Trigger is the event that started it.
	Trigger json.RawMessage `json:"trigger"`
	// Since is when it started, and Begun how many workers it has started since: an
	// execution of an older definition, which looks once, says neither.
	Since registry.Instant `json:"since"`
	Begun int              `json:"begun"`
}

// Output of a tick. Every field is always there.
type Output struct {
	// Starts are the executions to start, new ones and doubtful ones.
	Starts []Start `json:"starts"`
	// Begun is how many new ones this tick has had with these, and More whether it
	// has more to start: it looks again then.
	Begun int  `json:"begun"`
	More  bool `json:"more"`
	// Reason says in plain words what was decided.
	Reason string `json:"reason"`
	// Active is true while there are messages or workers.
	Active bool `json:"active"`
	// Starved, AtCap and OverBudget are the decision's signals.
	Starved    bool `json:"starved"`
	AtCap      bool `json:"atCap"`
	OverBudget bool `json:"overBudget"`
}

// Start is one execution to start.
type Start struct {
	Fleet  string          `json:"fleet"`
	Worker string          `json:"worker"`
	Name   string          `json:"name"`
	Input  json.RawMessage `json:"input"`
}

// Tick observes, decides and acts. It may run twice or beside another: what it
// changes is conditional on what it read, and is read again when that moved.
func (a *Autoscaler) Tick(ctx context.Context, in Input) (Output, error) {
	out, err := a.assess(ctx, in)
	if err == nil {
		return out, nil
	}
	record := registry.Tick{Failed: true, Reason: "the tick failed: " + registry.Shorten(err.Error())}
	if also := a.registry.RecordTick(ctx, in.Tick, time.Now(), record); also != nil {
		err = errors.Join(err, also)
	}
	return out, err
}

func (a *Autoscaler) assess(ctx context.Context, in Input) (Output, error) {
	if a.coalesce(ctx, in) {
		return Output{Starts: []Start{}, Reason: "a tick that comes after this one sees to it"}, nil
	}
	depth, err := a.queue.Depth(ctx)
	if err != nil {
		return Output{}, err
	}
	gate := a.askGate(ctx)
	var died string
	for try := 1; ; try++ {
		out, err := a.try(ctx, in, depth, gate, &died)
		if !errors.Is(err, registry.ErrMoved) || try == tries {
			return out, err
		}
	}
}

// tick is the state of one try.
type tick struct {
	*Autoscaler
	now      time.Time
	controls registry.Controls
	gate     gate
	// policy is the template's, as it is steered.
	policy  scale.Policy
	control registry.Control
	workers []registry.Worker
	// holds were read before the workers: which of them stand is known.
	holds []registry.Hold
	// free are the slots that nothing can use any more.
	free []registry.Worker
	// died is the execution that was newly found to have ended badly, if any.
	died string
	// recalled is the memory that was read.
	recalled string
	// notes are appended to the reason.
	notes string
}

// try is one try of a tick. What died is still to be counted by the next one.
func (a *Autoscaler) try(ctx context.Context, in Input, depth queue.Depth, gate gate, died *string) (Output, error) {
	holds, err := a.registry.Holds(ctx)
	if err != nil {
		return Output{}, err
	}
	snapshot, err := a.registry.Snapshot(ctx)
	if err != nil {
		return Output{}, err
	}
	// After the version was read, which moves with them: a tick that does not know
	// the newest takes no slot.
	controls, err := a.registry.Controls(ctx)
	if err != nil {
		return Output{}, err
	}
	t := &tick{Autoscaler: a, now: time.Now(), controls: controls, gate: gate, control: snapshot.Control, holds: holds}
	t.steer()
	t.bury(*died)
	err = t.learn(ctx, snapshot.Workers, endOf(in.Trigger))
	*died = t.died
	if err != nil {
		return Output{}, err
	}
	t.sayDrained()
	again := t.doubtful()
	t.room(in.Begun, startsLimit-len(again))
	observed, err := t.observe(ctx, depth)
	if err != nil {
		return Output{}, err
	}
	decision := scale.Decide(observed, t.policy)
	reserved, err := t.commit(ctx, decision)
	if err != nil {
		return Output{}, err
	}
	if err := t.order(ctx, decision); err != nil {
		// What was reserved must be started all the same.
		t.notes += "; orders failed: " + registry.Shorten(err.Error())
	}
	if err := t.tend(ctx); err != nil {
		t.notes += "; held messages: " + registry.Shorten(err.Error())
	}
	if err := t.remember(ctx, observed, decision.Memory); err != nil {
		t.notes += "; " + registry.Shorten(err.Error())
	}
	out := Output{
		Starts: []Start{}, Begun: in.Begun + len(reserved), More: decision.More && t.now.Sub(in.Since.Time()) < moreWithin, Reason: decision.Reason + t.notes,
		Active: depth.Visible+depth.InFlight+len(t.workers) > 0, Starved: decision.Starved, AtCap: decision.AtCap, OverBudget: decision.OverBudget,
	}
	for _, w := range append(again, reserved...) {
		out.Starts = append(out.Starts, Start{Fleet: a.config.Fleet, Worker: w.ID(), Name: w.Holder, Input: json.RawMessage(w.Input)})
	}
	// One that a worker is started for is not: that none of them lives counts.
	out.Starved = out.Starved && (len(out.Starts) == 0 || len(t.workers) > 0)
	err = a.registry.RecordTick(ctx, in.Tick, t.now, registry.Tick{
		Visible: depth.Visible, InFlight: depth.InFlight, Workers: len(t.workers), Wanted: decision.Wanted,
		Started: len(reserved), Drained: len(decision.Drain), Freed: len(t.free), Reason: out.Reason,
		Starved: out.Starved, AtCap: out.AtCap, OverBudget: out.OverBudget, Spent: decision.Memory.Bill.Dollars, Budget: t.policy.MonthlyBudget,
	})
	if err != nil {
		out.Reason += "; not recorded: " + err.Error()
	}
	return out, nil
}

// room leaves room for the new workers that StepLimit leaves to this tick and its
// answer to this look.
func (t *tick) room(begun, answer int) {
	t.policy.StepLimit, t.policy.Answer = max(0, t.policy.StepLimit-begun), answer
	if answer <= 0 {
		t.policy.StepLimit = 0
	}
}

// observe is what scale.Decide gets to see.
func (t *tick) observe(ctx context.Context, depth queue.Depth) (scale.Observation, error) {
	o := scale.Observation{
		Now: t.now.UTC(), Visible: depth.Visible, InFlight: depth.InFlight, Delayed: depth.Delayed, BackingOff: t.backingOff(depth.InFlight),
		Deaths: t.control.Deaths,
	}
	if t.died != "" {
		o.Deaths++
	} else if o.Deaths > 0 {
		o.SinceDeath = t.now.Sub(t.control.DiedAt.Time())
	}
	for _, w := range t.workers {
		o.Workers = append(o.Workers, scale.Worker{
			ID: w.ID(), Parallelism: w.Parallelism, Live: w.Live(t.now, t.config.Liveness),
			Draining: w.Orders == registry.Drain || t.sentHome(w), Since: w.ReservedAt.Time(),
			Rate: w.Rate, Took: w.Took,
		})
	}
	if t.control.SurplusSince != "" {
		o.Surplus = t.now.Sub(t.control.SurplusSince.Time())
	}
	err := t.recall(ctx, &o)
	return o, err
}

// commit frees and reserves slots. It returns the new reservations.
func (t *tick) commit(ctx context.Context, d scale.Decision) ([]registry.Worker, error) {
	var reserved []registry.Worker
	serving := 0
	for _, w := range t.workers {
		if w.Orders != registry.Drain && !t.sentHome(w) && w.Live(t.now, t.config.Liveness) {
			serving++
		}
	}
	for i := range d.Start {
		w := registry.NewWorker(t.now)
		w.Lane, w.Parallelism, w.Revision = string(t.config.Lane), d.Parallelism, t.config.WorkerRevision
		w.Stay = serving+i < t.policy.MinWorkers
		input, err := t.input(w.ID())
		if err != nil {
			return nil, err
		}
		w.Input = input
		reserved = append(reserved, w)
	}
	control := t.control
	switch {
	case !d.Surplus:
		control.SurplusSince = ""
	case control.SurplusSince == "":
		control.SurplusSince = registry.At(t.now)
	}
	switch {
	case t.died != "":
		control.Deaths, control.DiedAt, control.Died = control.Deaths+1, registry.At(t.now), t.died
	case t.progress():
		control.Deaths = 0
	}
	if len(t.free)+len(reserved) == 0 && control == t.control {
		return nil, nil
	}
	return reserved, t.registry.Commit(ctx, t.control, registry.Change{Control: control, Free: t.free, Reserve: reserved})
}

// deathsFade is how long after the last death the count starts anew.
const deathsFade = time.Hour

// progress says whether the deaths before were no storm: a worker has handled
// something, or it is long ago.
func (t *tick) progress() bool {
	if t.now.Sub(t.control.DiedAt.Time()) > deathsFade {
		return true
	}
	for _, w := range t.workers {
		if !w.Ended && w.Handled > 0 {
			return true
		}
	}
	return false
}

// order leaves orders. A worker that moved meanwhile gets them next time; one
// that has ended drains already.
func (t *tick) order(ctx context.Context, d scale.Decision) error {
	drain, stay := map[string]bool{}, map[string]bool{}
	for _, id := range d.Drain {
		drain[id] = true
	}
	for _, id := range d.Stay {
		stay[id] = true
	}
	var errs []error
	for _, w := range t.workers {
		var err error
		switch {
		case drain[w.ID()], w.Orders != registry.Drain && (w.Lane != string(t.config.Lane) || t.sentHome(w)):
			// The slot rules differ by lane: a worker does not change its own.
			_, err = t.registry.Order(ctx, w, registry.Drain)
		case w.Orders == registry.CarryOn && w.State == registry.Working && t.outdated(w):
			if w.Input, err = t.input(w.ID()); err != nil {
				return err
			}
			w.Revision = t.config.WorkerRevision
			_, err = t.registry.Order(ctx, w, registry.HandOver)
		case w.Stay != stay[w.ID()] && w.Live(t.now, t.config.Liveness):
			_, err = t.registry.SetStay(ctx, w, stay[w.ID()])
		}
		if !errors.Is(err, registry.ErrMoved) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// outdated says whether a worker's execution runs an older definition or, in the
// steps lane, with older time-outs: its tasks would give up on handlers that may
// take longer by now.
func (t *tick) outdated(w registry.Worker) bool {
	if w.Revision != t.config.WorkerRevision {
		return true
	}
	var input workerInput
	err := json.Unmarshal([]byte(w.Input), &input)
	return w.Lane == string(fleet.Steps) && (err != nil || input.Timeouts != steps.TimeoutsOf(t.config.Settings))
}

// workerInput is the input of a worker's execution.
type workerInput struct {
	Fleet    string         `json:"fleet"`
	Worker   string         `json:"worker"`
	Lane     string         `json:"lane"`
	Timeouts steps.Timeouts `json:"timeouts"`
	// Pump and Batch are where the lanes count from.
	Pump  pumpStart  `json:"pump"`
	Batch batchStart `json:"batch"`
}

type pumpStart struct {
	Shift int `json:"shift"`
}

type batchStart struct {
	Seq   int `json:"seq"`
	Empty int `json:"empty"`
}

func (a *Autoscaler) input(worker string) (string, error) {
	input, err := json.Marshal(workerInput{
		Fleet: a.config.Fleet, Worker: worker, Lane: string(a.config.Lane),
		Timeouts: steps.TimeoutsOf(a.config.Settings),
	})
	if err != nil {
		return "", fmt.Errorf("the input of worker %s: %w", worker, err)
	}
	return string(input), nil
}

package costs_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/price"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/sim"
)

const (
	short = 100 * time.Millisecond
	long  = 30 * time.Second
	// oneShift of the stream lane with handlers' time-outs of a minute: what
	// happens once a shift counts once.
	oneShift = 13 * time.Minute
	// handlerTimeout is that of all handlers here.
	handlerTimeout = time.Minute
)

var (
	lanes = []string{"stream", "steps"}
	rates = []float64{0.1, 1, 50, 1000}
)

// cell is one load of the tables, as muster plan would serve it.
type cell struct {
	// load of one fleet; how long nothing arrives yet, how long until it is metered
	// and how long it is.
	load
	quiet, warm, over time.Duration
	// whole rate that fleets share. They are alike: one is metered.
	whole  float64
	fleets int
}

// perEvent is how many messages a handler takes together.
func perEvent(takes time.Duration) int {
	if takes == long {
		return 1
	}
	return 10
}

// planned is what muster plan finds for a rate: with 2 minutes to begin where
// workers can come and go, with its own 30 seconds where the rate keeps them busy.
// What is too much for one fleet is shared by several.
func planned(t *testing.T, lane string, rate float64, takes time.Duration) cell {
	if takes == long && rate > 50 {
		// 30,000 handlers are more than one fleet has: as many times those for 50.
		share := planned(t, lane, 50, takes)
		share.fleets, share.whole = share.fleets*int(rate/50), rate
		return share
	}
	handler, err := sim.ParseDistribution(takes.String())
	require.NoError(t, err)
	batch := perEvent(takes)
	c := sim.Config{Handler: handler, PerEvent: true, BatchSize: batch, HandlerMemory: 128}
	way := sim.Muster{
		Policy: scale.Policy{BatchSize: batch, Timeout: handlerTimeout, ScaleInHold: 5 * time.Minute},
		Steps:  lane == "steps", Idle: time.Minute, Timeout: handlerTimeout, Start: 3 * time.Second, Poll: 15 * time.Millisecond, Settle: 15 * time.Millisecond,
	}
	if way.Steps {
		way.Poll, way.Settle = 100*time.Millisecond, 100*time.Millisecond
	}
	wish, stays := sim.Wish{Begin: 2 * time.Minute, Reserve: 100}, rate >= 50
	if stays {
		wish.Begin = 30 * time.Second
	}
	out := cell{load: load{lane: lane, takes: takes, batch: batch, parameters: map[string]string{}}, whole: rate, warm: 3 * time.Minute, over: time.Hour}
	var plan sim.Plan
	for out.fleets = 1; ; out.fleets++ {
		out.rate = rate / float64(out.fleets)
		wish.Rate = out.rate
		if plan, err = sim.NewPlan(c, way, wish); err == nil {
			break
		}
		require.Less(t, out.fleets, 50, err)
	}
	for _, s := range plan.Settings {
		if s.Name != "LambdaConcurrency" && s.Name != "LambdaReserve" {
			out.parameters[s.Name] = s.Value
		}
	}
	if stays {
		out.quiet, out.warm, out.over = 2*time.Minute, time.Minute+2*takes, oneShift
	}
	// The steps lane has no shifts, and many transitions.
	if stays && lane == "steps" {
		out.over = map[float64]time.Duration{50: 10 * time.Minute, 1000: 3 * time.Minute}[rate]
	}
	return out
}

// figure is what a cell was metered at.
type figure struct {
	Lane string `json:"lane"`
	// Rate of messages a second, shared by Fleets of these Settings.
	Rate     float64           `json:"rate"`
	Fleets   int               `json:"fleets"`
	Settings map[string]string `json:"settings"`
	// Takes is how long a handler does.
	Takes time.Duration `json:"takes"`
	// Messages that one fleet handled in the time it was metered.
	Messages int           `json:"messages"`
	Over     time.Duration `json:"over"`
	// Event is how many messages there were in one, and Transitions for each message.
	Event       float64 `json:"event"`
	Transitions float64 `json:"transitions"`
	// Fleet, its SQS Requests and the Handlers in dollars per million messages.
	Fleet    float64 `json:"fleet"`
	Requests float64 `json:"requests"`
	Handlers float64 `json:"handlers"`
}

// meter a cell.
func (c cell) meter(t *testing.T) figure {
	began := time.Now()
	m := c.run(t, c.quiet, c.warm, c.over)
	require.NotZero(t, m.messages)
	fleet, handlers := m.bill.Of(meter.Fleet), m.bill.Of(meter.Handlers)
	messages := float64(m.messages)
	f := figure{
		Lane: c.lane, Rate: c.whole, Fleets: c.fleets, Settings: c.parameters, Takes: c.takes, Messages: m.messages, Over: c.over,
		Event: messages / handlers.Sum(price.LambdaRequest), Transitions: fleet.Sum(price.Transition) / messages,
		Fleet: m.perMillion(meter.Fleet), Requests: price.SQSRequest.Of(fleet.Sum(price.SQSRequest)) / messages * 1e6, Handlers: m.perMillion(meter.Handlers),
	}
	t.Logf("%s, %d workers at the end: %+v; took %s", c.load, m.workers, f, time.Since(began).Round(time.Millisecond))
	if *lines {
		show(t, m)
	}
	return f
}

// What the rivals run at a time at most.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html
const (
	mostOfMapping     = 1250
	mostOfProvisioned = 100_000
	mostOfPipes       = 1250
)

// rivals cost this for the same events in dollars per million messages. What is not
// possible is no number.
type rivals struct {
	mapping, provisioned float64
	// pipes from one request an event to one a message.
	pipes, pipesMost float64
}

// rivals of the same events. A mapping has five pollers at least, which ask every
// 20 seconds, and receives and deletes each event. A provisioned poller carries ten
// invocations at a time and ten a second.
func (f figure) rivals() rivals {
	hour := f.Rate * 3600 / 1e6 // million messages
	events := f.Rate / f.Event
	atOnce := events * (f.Takes.Seconds() + 0.03)
	requests := price.SQSRequest.Of(1e6 * 2 / f.Event)
	asking := requests + price.SQSRequest.Of(5*180)/hour
	within := func(most, dollars float64) float64 {
		if atOnce > most {
			return math.NaN()
		}
		return dollars
	}
	return rivals{
		mapping:     within(mostOfMapping, asking),
		provisioned: within(mostOfProvisioned, requests+price.PollerHour.Of(max(2, math.Ceil(atOnce/10), math.Ceil(events/10)))/hour),
		pipes:       within(mostOfPipes, asking+price.PipesRequest.Of(1e6/f.Event)),
		pipesMost:   within(mostOfPipes, asking+price.PipesRequest.Of(1e6)),
	}
}

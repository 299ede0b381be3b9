package autoscaler

import (
	"time"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/price"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scale"
)

// Sizes of Muster's own functions in GB, as cloudformation/fleet.yaml has them.
const (
	PumpMemory   = float64(pump.Memory) / (1 << 30)
	PollMemory   = 0.25
	SettleMemory = 0.25
	AssessMemory = 0.25
	// expressGB is the least that an Express execution is billed for.
	expressGB = 64.0 / 1024
)

const (
	// longPoll is SQS's longest wait: how often who finds nothing asks.
	longPoll = 20.0
	// shift of the stream lane, in seconds.
	shift = 14 * 60.0
	// A tick takes about a fifth of a second, half of it in its function; a poll that
	// finds messages and a settling take a tenth.
	tickTakes, assessTakes, callTakes = 0.2, 0.1, 0.1
)

// pumpGB is the memory of a fleet's pump in GB.
func pumpGB(s fleet.Settings) float64 {
	if s.PumpMemory == 0 {
		return PumpMemory
	}
	return float64(s.PumpMemory) / 1024
}

// RatesFor is what a fleet pays for what it does, as far as that shows in reports:
// at the prices of us-east-1 on arm64, with messages below 64 KB. handlerMemory is
// its handlers' memory in MB. What is not known is not in it: what handlers of async
// and callback mode take once they were invoked, what jobs cost, bodies in S3, KMS.
func RatesFor(s fleet.Settings, p scale.Policy, handlerMemory int) scale.Rates {
	lambda := price.LambdaArmTime.Dollars
	sqs := price.SQSRequest.Dollars
	if s.Fifo {
		sqs = price.SQSFifoRequest.Dollars
	}
	write, read := price.DynamoDBWrite.Dollars, price.DynamoDBRead.Dollars
	r := scale.Rates{
		// The record is a write, the memory another; depth is a request.
		Tick: price.ExpressRequest.Dollars + tickTakes*expressGB*price.ExpressTime.Dollars +
			price.LambdaRequest.Dollars + assessTakes*AssessMemory*lambda + sqs + 2*write + 5*read,
		// A receive and a delete.
		Event: 2 * sqs,
	}
	if batch := float64(s.Batch()); batch > oneReceive {
		r.Event, r.Message = 0, 2*sqs/oneReceive
	}
	if s.DuplicateWindow > 0 {
		r.Message += 2 * write
	}
	if s.Transform.Is() {
		r.Event += price.LambdaRequest.Dollars
	}
	if s.Target == fleet.Lambda {
		r.Event += price.LambdaRequest.Dollars
	}
	if s.Target == fleet.Lambda && s.Mode == fleet.Sync {
		r.Busy = float64(handlerMemory) / 1024 * lambda
	}
	// Reserving, reporting home, counting and going home.
	r.Worker = 4 * write
	idle := sqs / longPoll
	if s.Lane == fleet.Steps {
		// Report home, Orders?, Go home, Home; of an event Poll, Messages?, Process,
		// Settle, and of an empty poll the first two.
		r.Worker += 4 * price.Transition.Dollars
		r.Event += 4*price.Transition.Dollars + 2*price.LambdaRequest.Dollars + callTakes*(PollMemory+SettleMemory)*lambda + 2*write
		if s.Transform.Is() {
			r.Event += price.Transition.Dollars
		}
		idle += PollMemory*lambda + (2*price.Transition.Dollars+price.LambdaRequest.Dollars+write)/longPoll
	} else {
		// Report home, Orders?, Pump, Idle? of a shift; Go home, Home.
		aShift := 4*price.Transition.Dollars + price.LambdaRequest.Dollars + 3*write
		r.Worker += 2*price.Transition.Dollars + aShift
		r.Second = pumpGB(s)*lambda + write/60 + read/60 + aShift/shift
	}
	// Who is not busy looks for messages.
	r.Second += idle
	r.Busy -= idle / float64(max(1, min(p.Parallelism, p.MaxConcurrency)))
	return r
}

// inBatch is from when on a worker of the steps lane that said nothing is taken to
// have a batch: a poll ends sooner.
const inBatch = time.Minute

// usage of a worker so far.
func (t *tick) usage(w registry.Worker) scale.Usage {
	u := scale.Usage{
		Workers: 1, Seconds: t.now.Sub(w.ReservedAt.Time()).Seconds(),
		Events: float64(w.Events), Busy: w.BusySeconds, Messages: float64(w.Counts.Settled()),
	}
	if silence := t.now.Sub(w.ReportedAt.Time()); w.Lane == string(fleet.Steps) && w.Seq > w.Settled && silence > inBatch {
		u.Busy += silence.Seconds()
	}
	return u
}

// use adds to an observation what the fleet has used.
func (t *tick) use(o *scale.Observation, tally registry.Tally) {
	o.Usage = scale.Usage{
		Workers: float64(tally.Workers), Seconds: tally.Seconds,
		Events: float64(tally.Events), Busy: tally.Busy, Messages: float64(tally.Done),
	}
	for _, w := range t.workers {
		o.Usage = o.Usage.Add(t.usage(w))
	}
	for _, w := range t.free {
		o.Leaving = o.Leaving.Add(t.usage(w))
	}
	o.Usage = o.Usage.Add(o.Leaving)
}

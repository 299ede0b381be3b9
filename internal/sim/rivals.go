package sim

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Fixed is a fleet of containers that neither grows nor shrinks.
type Fixed struct {
	// Workers, each with so many Places.
	Workers, Places int
	// Poll and Settle are what an event takes beside its handler.
	Poll, Settle time.Duration
}

// Name of the way.
func (f Fixed) Name() string { return "fixed fleet" }

// Settings of the way.
func (f Fixed) Settings() string { return fmt.Sprintf("%d workers", f.Workers) }

func (f Fixed) pool(Config) pool { return pool{places: f.Places, poll: f.Poll, settle: f.Settle} }

func (f Fixed) scaler() scaler { return &fixedScaler{f.Workers} }

func (f Fixed) bill(e *engine) []Line { return e.tasks() }

type fixedScaler struct{ workers int }

func (f *fixedScaler) every() (phase, period time.Duration) { return 0, time.Hour }

func (f *fixedScaler) tick(e *engine) { e.start(f.workers - len(e.live)) }

// KEDA is the KEDA scaler for SQS queues over Kubernetes' horizontal pod
// autoscaler. KEDA brings the first pod at its next poll, every 30 seconds, and
// takes the last away after 300 seconds without messages. Between one and the most
// the autoscaler decides every 15 seconds: visible and in flight over QueueLength
// (5 unless set), nothing within a tenth, at most double or four more in 15 seconds,
// and no fewer than it wanted at any time in the last 300 seconds. A pod that is
// taken away is taken to finish what it has, which Kubernetes does not promise.
// https://keda.sh/docs/latest/scalers/aws-sqs/
// https://keda.sh/docs/latest/reference/scaledobject-spec/
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
type KEDA struct {
	QueueLength int
	// Most pods, each with so many Places.
	Most, Places int
	// Start of a pod until its first poll. Poll and Settle are what an event takes
	// beside its handler.
	Start, Poll, Settle time.Duration
}

// Name of the way.
func (k KEDA) Name() string { return "KEDA" }

// Settings of the way.
func (k KEDA) Settings() string {
	return fmt.Sprintf("queueLength %d, maxReplicaCount %d", k.QueueLength, k.Most)
}

func (k KEDA) pool(Config) pool {
	return pool{places: k.Places, start: k.Start, poll: k.Poll, settle: k.Settle}
}

func (k KEDA) scaler() scaler { return &podScaler{KEDA: k} }

func (k KEDA) bill(e *engine) []Line { return e.tasks() }

type podScaler struct {
	KEDA
	active time.Duration
	// wishes of the last 300 seconds, a tick each.
	wishes [20]int
	ticks  int
}

const (
	kedaPoll     = 30 * time.Second
	kedaCooldown = 300 * time.Second
	podSync      = 15 * time.Second
)

func (k *podScaler) every() (phase, period time.Duration) { return 7 * time.Second, podSync }

func (k *podScaler) tick(e *engine) {
	depth, pods := e.backlog(), len(e.live)
	k.ticks++
	if depth > 0 {
		k.active = e.now
	}
	if pods == 0 {
		if depth > 0 && time.Duration(k.ticks)*podSync%kedaPoll == 0 {
			k.wishes = [20]int{}
			e.start(1)
		}
		return
	}
	wish := int(math.Ceil(float64(depth) / float64(k.QueueLength)))
	if ratio := float64(depth) / float64(pods*k.QueueLength); math.Abs(ratio-1) <= 0.1 {
		wish = pods
	}
	wish = max(1, min(wish, k.Most))
	k.wishes[k.ticks%len(k.wishes)] = wish
	switch {
	case wish > pods:
		e.start(min(wish, max(2*pods, pods+4)) - pods)
	case wish < pods:
		for _, earlier := range k.wishes {
			wish = max(wish, earlier)
		}
		e.releaseNewest(pods - wish)
	}
	if depth == 0 && e.now-k.active >= kedaCooldown {
		e.releaseNewest(len(e.live))
	}
}

// releaseNewest takes away so many workers, the newest first.
func (e *engine) releaseNewest(n int) {
	for i := len(e.live) - 1; i >= 0 && n > 0; i-- {
		e.release(e.live[i])
		n--
	}
}

// TargetTracking is an ECS service that Application Auto Scaling keeps at a
// backlog per task: visible messages over running tasks, looked at once a minute.
// Three minutes above the target it grows in proportion, fifteen below nine tenths
// it shrinks so, both no more often than its cooldown. It never leaves one task, for
// the metric has no value then.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
// https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
type TargetTracking struct {
	// Target is the backlog per task.
	Target int
	// Most tasks, each with so many Places.
	Most, Places int
	// Start of a task until its first poll. Poll and Settle are what an event takes
	// beside its handler.
	Start, Poll, Settle time.Duration
}

// Name of the way.
func (t TargetTracking) Name() string { return "target tracking" }

// Settings of the way.
func (t TargetTracking) Settings() string {
	return fmt.Sprintf("backlog per task %d, 1 to %d tasks", t.Target, t.Most)
}

func (t TargetTracking) pool(Config) pool {
	return pool{places: t.Places, start: t.Start, poll: t.Poll, settle: t.Settle}
}

func (t TargetTracking) scaler() scaler { return &taskScaler{TargetTracking: t} }

func (t TargetTracking) bill(e *engine) []Line { return e.tasks() }

type taskScaler struct {
	TargetTracking
	// above and below the target, for so many minutes in a row.
	above, below int
	moved        time.Duration
}

const (
	minutesAbove = 3
	minutesBelow = 15
	// taskCooldown is short of ECS's own 300 seconds, in the rival's favour.
	taskCooldown = time.Minute
)

func (t *taskScaler) every() (phase, period time.Duration) { return 0, time.Minute }

func (t *taskScaler) tick(e *engine) {
	tasks := len(e.live)
	if tasks == 0 {
		e.start(1)
		return
	}
	perTask := float64(e.queue.messages) / float64(tasks)
	t.above++
	t.below++
	if perTask <= float64(t.Target) {
		t.above = 0
	}
	if perTask >= 0.9*float64(t.Target) {
		t.below = 0
	}
	wish := max(1, min(t.Most, int(math.Ceil(float64(tasks)*perTask/float64(t.Target)))))
	switch {
	case t.above >= minutesAbove && wish > tasks && e.now-t.moved >= taskCooldown:
		t.moved = e.now
		e.start(wish - tasks)
	case t.below >= minutesBelow && wish < tasks && e.now-t.moved >= taskCooldown:
		t.moved = e.now
		e.releaseNewest(tasks - wish)
	}
}

// EventSourceMapping is Lambda's own, in standard mode: five events at once at
// first, 300 more a minute while messages are waiting, to 1,250 or to its
// MaximumConcurrency, which is 2 to 1,000. It is taken to grow by five a second,
// and to fall each minute to what it needed in the last, though not below five.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
type EventSourceMapping struct {
	// MaximumConcurrency of the mapping. 0 for none set.
	MaximumConcurrency int
	// Poll and Settle are what an event takes beside its handler.
	Poll, Settle time.Duration
}

// mappingMost is how far an event source mapping grows by itself.
const mappingMost = 1250

// Name of the way.
func (m EventSourceMapping) Name() string { return "event source mapping" }

// Settings of the way.
func (m EventSourceMapping) Settings() string {
	if m.MaximumConcurrency == 0 {
		return "no MaximumConcurrency"
	}
	return fmt.Sprintf("MaximumConcurrency %d", m.MaximumConcurrency)
}

func (m EventSourceMapping) validate(Config) error {
	if m.MaximumConcurrency != 0 && (m.MaximumConcurrency < 2 || m.MaximumConcurrency > 1000) {
		return fmt.Errorf("MaximumConcurrency cannot be %d, only 2 to 1000", m.MaximumConcurrency)
	}
	return nil
}

func (m EventSourceMapping) pool(Config) pool {
	return pool{places: 1, poll: m.Poll, settle: m.Settle, functions: true}
}

func (m EventSourceMapping) scaler() scaler {
	most := m.MaximumConcurrency
	if most == 0 {
		most = mappingMost
	}
	return &mappingScaler{least: min(5, most), most: most, perSecond: 5}
}

func (m EventSourceMapping) bill(*engine) []Line { return nil }

// Provisioned is an event source mapping in provisioned mode: pollers that are paid
// by the hour, each with up to ten events at once, growing by 1,000 events a minute.
// It is taken to fall each minute to what it needed in the last.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
// https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html
type Provisioned struct {
	// MinimumPollers, 2 to 200, and MaximumPollers, 2 to 10,000.
	MinimumPollers, MaximumPollers int
	// Poll and Settle are what an event takes beside its handler.
	Poll, Settle time.Duration
}

// perPoller is how many events one poller has at once.
const perPoller = 10

// Name of the way.
func (p Provisioned) Name() string { return "provisioned mode" }

// Settings of the way.
func (p Provisioned) Settings() string {
	return fmt.Sprintf("%d to %d pollers", p.MinimumPollers, p.MaximumPollers)
}

func (p Provisioned) validate(Config) error {
	if p.MinimumPollers < 2 || p.MinimumPollers > 200 || p.MaximumPollers < p.MinimumPollers || p.MaximumPollers > 10_000 {
		return errors.New(p.Settings() + ": there are 2 to 200 at least and 2 to 10000 at most")
	}
	return nil
}

func (p Provisioned) pool(Config) pool {
	return pool{places: 1, poll: p.Poll, settle: p.Settle, functions: true}
}

func (p Provisioned) scaler() scaler {
	return &mappingScaler{least: p.MinimumPollers * perPoller, most: p.MaximumPollers * perPoller, perSecond: 1000.0 / 60}
}

func (p Provisioned) bill(e *engine) []Line {
	hours := e.workerTime.Hours() / perPoller
	return []Line{priced("Lambda: event pollers", hours, "poller-hours", pricePollerHour)}
}

// mappingScaler lets a mapping grow while messages are waiting, and fall.
type mappingScaler struct {
	least, most int
	perSecond   float64
	grown       float64
	// needed is the most that ran at once in this minute.
	needed int
	ticks  int
}

func (m *mappingScaler) every() (phase, period time.Duration) { return 0, time.Second }

func (m *mappingScaler) tick(e *engine) {
	live := len(e.live)
	if live < m.least {
		e.start(m.least - live)
		return
	}
	m.needed = max(m.needed, e.running)
	m.grown += m.perSecond
	more := int(m.grown)
	m.grown -= float64(more)
	if e.queue.messages > 0 {
		e.start(max(0, min(more, m.most-live)))
		m.needed = m.most
	}
	if m.ticks++; m.ticks%60 == 0 {
		e.releaseNewest(live - max(m.least, m.needed))
		m.needed = e.running
	}
}

package lambda

import (
	"encoding/json"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// How a mapping scales: it starts with five concurrent batches, grows by 300 a
// minute while all are busy, up to 1,250, and falls to two when there is little
// to do; with a maximum concurrency it does not fall. In provisioned mode each
// poller drives ten, and there are up to 1,000 more a minute.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
const (
	firstBatches      = 5
	quietBatches      = 2
	mostBatches       = 1250
	growth            = time.Minute / 300
	provisionedGrowth = time.Minute / 1000
	batchesPerPoller  = 10
	longPoll          = 20 * time.Second
	maxReceive        = 10
	firstBackoff      = time.Second
	maxBackoff        = 30 * time.Second
)

// poller takes messages of a queue and has a function handle them. The service's
// lock guards what changes.
type poller struct {
	service  *Service
	function string
	queue    string
	options  mappingOptions
	// stopped is closed when nothing more is to be received. A receive that waits is
	// not broken off: its messages would be lost to sight.
	stopped chan struct{}

	// running workers, each with one batch at a time, and those that wait for messages.
	running, waiting int
	grown            time.Time
	growing          *time.Timer
	// billed is until when provisioned pollers are billed.
	billed time.Time
}

// poll starts a mapping's polling. The lock must be held.
func (s *Service) poll(m *mapping) {
	p := &poller{service: s, function: m.function, queue: m.queue, options: m.options, stopped: make(chan struct{}), billed: time.Now()}
	m.poller = p
	for range p.start() {
		p.hire()
	}
}

// halt ends a mapping's polling; what was received is handled. The lock must be held.
func (s *Service) halt(m *mapping) {
	p := m.poller
	if p == nil {
		return
	}
	p.bill()
	m.poller = nil
	close(p.stopped)
	if p.growing != nil {
		p.growing.Stop()
	}
}

func (p *poller) start() int {
	if p.options.ProvisionedPollerConfig != nil {
		least, _ := p.options.pollers()
		return least * batchesPerPoller
	}
	return min(firstBatches, p.limit())
}

func (p *poller) limit() int {
	if p.options.ProvisionedPollerConfig != nil {
		_, most := p.options.pollers()
		return most * batchesPerPoller
	}
	if c := p.options.ScalingConfig; c != nil && c.MaximumConcurrency != nil {
		return *c.MaximumConcurrency
	}
	return mostBatches
}

// floor is how few workers are left when there is little to do.
func (p *poller) floor() int {
	if c := p.options.ScalingConfig; p.options.ProvisionedPollerConfig != nil || c != nil && c.MaximumConcurrency != nil {
		return p.start()
	}
	return quietBatches
}

func (p *poller) ended() bool {
	select {
	case <-p.stopped:
		return true
	case <-p.service.ctx.Done():
		return true
	default:
		return false
	}
}

// change counts workers. The lock must be held.
func (p *poller) change(by int) {
	if !p.ended() {
		p.bill()
	}
	p.running += by
}

// bill bills the provisioned pollers that there were since the last time. The lock
// must be held.
// https://aws.amazon.com/lambda/pricing/
func (p *poller) bill() {
	if p.options.ProvisionedPollerConfig == nil {
		return
	}
	least, _ := p.options.pollers()
	pollers := max(least, (p.running+batchesPerPoller-1)/batchesPerPoller)
	now := time.Now()
	p.service.router.Bill(api.Usage{Item: price.PollerHour, Quantity: float64(pollers) * now.Sub(p.billed).Hours(), Resource: p.function})
	p.billed = now
}

// hire starts a worker. The lock must be held.
func (p *poller) hire() {
	p.change(1)
	p.service.work.Go(p.work)
}

// grow adds a worker, now or when the rate allows, if all are busy. The lock must
// be held.
func (p *poller) grow() {
	if p.waiting > 0 || p.running >= p.limit() || p.service.closed || p.ended() {
		return
	}
	if p.running < p.start() {
		p.hire()
		return
	}
	if p.growing != nil {
		return
	}
	every := growth
	if p.options.ProvisionedPollerConfig != nil {
		every = provisionedGrowth
	}
	p.growing = time.AfterFunc(time.Until(p.grown.Add(every)), func() {
		p.service.mu.Lock()
		defer p.service.mu.Unlock()
		p.growing = nil
		if p.waiting == 0 && p.running < p.limit() && !p.service.closed && !p.ended() {
			p.grown = time.Now()
			p.hire()
		}
	})
}

// leave ends a worker if more than the fewest are left.
func (p *poller) leave() bool {
	p.service.mu.Lock()
	defer p.service.mu.Unlock()
	if p.running <= p.floor() {
		return false
	}
	p.change(-1)
	return true
}

// work takes one batch after the other.
func (p *poller) work() {
	backoff := firstBackoff
	for !p.ended() {
		batch, err := p.gather()
		if err != nil {
			p.wait(backoff)
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		backoff = firstBackoff
		well := p.handle(batch)
		// Few messages and failures both take workers away.
		if (len(batch) == 0 || !well) && p.leave() {
			return
		}
	}
	p.service.mu.Lock()
	p.change(-1)
	p.service.mu.Unlock()
}

func (p *poller) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.stopped:
	case <-p.service.ctx.Done():
	}
}

// gather receives a batch: what one receive yields, or what comes in the batching
// window.
func (p *poller) gather() ([]*sqsRecord, error) {
	batch, err := p.receive(p.options.BatchSize, longPoll)
	if err != nil || len(batch) == 0 || p.options.MaximumBatchingWindowInSeconds == 0 {
		return batch, err
	}
	until := time.Now().Add(time.Duration(p.options.MaximumBatchingWindowInSeconds) * time.Second)
	for len(batch) < p.options.BatchSize && size(batch) < maxRequest && !p.ended() {
		left := time.Until(until)
		if left < time.Second {
			break
		}
		more, err := p.receive(p.options.BatchSize-len(batch), min(left, longPoll))
		if err != nil {
			break // what was received is handled in any case
		}
		batch = append(batch, more...)
	}
	return batch, nil //nolint:nilerr // the next gathering hears of an error that lasts
}

// receive is one call of ReceiveMessage, in the name of the function's role.
func (p *poller) receive(most int, wait time.Duration) ([]*sqsRecord, error) {
	role, err := p.role()
	if err != nil {
		return nil, err
	}
	p.count(1)
	var out struct{ Messages []receivedMessage }
	err = p.service.sqs("ReceiveMessage", role, map[string]any{
		"QueueUrl": p.service.queueURL(p.queue), "MaxNumberOfMessages": min(most, maxReceive), "WaitTimeSeconds": int(wait / time.Second),
		"MessageSystemAttributeNames": []string{"All"}, "MessageAttributeNames": []string{"All"},
	}, &out)
	p.count(-1)
	if err != nil {
		return nil, err
	}
	var records []*sqsRecord
	for _, m := range out.Messages {
		records = append(records, m.record(p.queue, p.service.account.Region))
	}
	if len(records) > 0 {
		p.service.mu.Lock()
		p.grow()
		p.service.mu.Unlock()
	}
	return records, nil
}

func (p *poller) count(waiting int) {
	p.service.mu.Lock()
	defer p.service.mu.Unlock()
	p.waiting += waiting
}

func (p *poller) role() (string, error) {
	f, err := p.service.getFunctionConfiguration(p.service.ctx, api.Caller{}, &functionInput{FunctionName: p.function})
	if err != nil {
		return "", err
	}
	return f.Role, nil
}

// delete deletes messages, ten at a time. One that is not deleted comes again.
func (p *poller) delete(records []*sqsRecord) {
	role, err := p.role()
	if err != nil {
		return
	}
	for len(records) > 0 {
		n := min(len(records), maxReceive)
		entries := make([]map[string]string, n)
		for i, r := range records[:n] {
			entries[i] = map[string]string{"Id": r.MessageID, "ReceiptHandle": r.ReceiptHandle}
		}
		var out json.RawMessage
		_ = p.service.sqs("DeleteMessageBatch", role, map[string]any{"QueueUrl": p.service.queueURL(p.queue), "Entries": entries}, &out)
		records = records[n:]
	}
}

package adopt

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Plan is what a fleet has to be told to do as its predecessor does, and where it
// differs all the same.
type Plan struct {
	// Fleet is the name of its stack.
	Fleet string `json:"fleet"`
	// Account and Region of the predecessor. Empty where they are not known.
	Account string `json:"account"`
	Region  string `json:"region"`
	// From names the predecessor.
	From string `json:"from"`
	// Mapping that the fleet succeeds. Nil for a ScaledObject.
	Mapping *Mapping `json:"mapping"`
	// Parameters of the template, by name.
	Parameters map[string]string `json:"parameters"`
	// Differences that remain.
	Differences []Difference `json:"differences"`
	// Missing are the parameters that nobody but the team knows.
	Missing []Difference `json:"missing"`
}

// Difference is something that will not be as it was.
type Difference struct {
	// What differs, or the name of a parameter that is missing.
	What string `json:"what"`
	// Why it matters, and what to do where it does.
	Why string `json:"why"`
}

func (p *Plan) set(name string, value any) { p.Parameters[name] = fmt.Sprint(value) }

func (p *Plan) differs(what, why string, args ...any) {
	p.Differences = append(p.Differences, Difference{what, fmt.Sprintf(why, args...)})
}

func (p *Plan) misses(name, why string) {
	p.Missing = append(p.Missing, Difference{name, why})
}

const (
	// mostOfMapping is how far a mapping grows by itself.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
	mostOfMapping = 1250
	// mostOfFleet is the template's largest MaxConcurrency.
	mostOfFleet = 10000
	// batchesOfPoller is what one provisioned event poller drives at once.
	batchesOfPoller = 10
	// shiftSeconds is the longest handler of the stream lane.
	shiftSeconds = 710
	// receiveMost is how many messages one receive brings.
	receiveMost = 10
	// parallelMost and parallelWide bound Parallelism, the latter for events that one
	// receive does not fill.
	parallelMost = 25
	parallelWide = 5
	// longestBackoff is the template's.
	longestBackoff = 39600
	// routesMost is how long Routes may be.
	routesMost = 2000
)

// mappingFacts are what there is to know of a mapping, its function and its queue.
type mappingFacts struct {
	mapping Mapping

	batch, window int
	// maximum is the mapping's maximum concurrency, pollers its most provisioned
	// pollers. 0 for none.
	maximum, pollers int
	reports          bool
	filters          []string
	filterKey        string
	metrics          bool

	// timeout of the function in seconds, reserved concurrency and the account's quota.
	timeout  int
	reserved *int
	quota    int

	// visibility of the queue in seconds.
	visibility int
	fifo       bool
	// key is the ARN of the key that encrypts the queue, keyAlias its alias where only
	// that is known.
	key, keyAlias string
	redriveQueue  string
	redriveAfter  int
}

// plan turns a mapping into a fleet.
func (f mappingFacts) plan(fleet string) (*Plan, error) {
	m := f.mapping
	p := &Plan{Fleet: fleet, From: "event source mapping " + m.UUID, Mapping: &m, Parameters: map[string]string{}, Differences: []Difference{}, Missing: []Difference{}}
	p.set("Enabled", false)
	p.set("QueueArn", m.Queue)
	p.set("ProcessHandler", m.Function)
	p.set("ProcessTimeoutSeconds", f.timeout)
	f.batching(p)
	f.scaling(p)
	f.failing(p)
	if err := f.filtering(p); err != nil {
		return nil, err
	}
	if f.keyAlias != "" {
		p.misses("KmsKeyArn", "the ARN of the key behind "+f.keyAlias+", which encrypts the queue: a policy cannot name an alias")
	}
	if f.key != "" {
		p.set("KmsKeyArn", f.key)
		p.differs("KmsKeyArn", "the queue's key also encrypts what the fleet keeps: its table, its bucket and its logs. Its key policy must let the fleet's roles use it")
	}
	if f.metrics {
		p.differs("MetricsConfig", "the mapping's EventCount metrics end with it: 'muster status' and the autoscaler's ticks count what was handled, and metrics of your own cost extra")
	}
	p.differs("permissions", "the function's own role no longer receives and deletes: the fleet's roles do, and the queue's policy must not deny them")
	p.differs("who invokes", "the function is invoked by the fleet's roles, where a mapping needs no permission: a policy of the function or of the organisation that denies lambda:InvokeFunction stops it")
	return p, nil
}

func (f mappingFacts) batching(p *Plan) {
	batch, window := f.batch, f.window
	switch {
	case f.fifo:
		p.set("Fifo", true)
		if batch > 1 {
			p.differs("BatchSize", "a fleet gives its handler one message of a FIFO queue at a time, where the mapping gives up to %d: more invocations, each shorter; a failure holds up no message but those behind it in its group", batch)
		}
		batch, window = 1, 0
	case f.timeout > shiftSeconds:
		p.set("Lane", "steps")
		p.differs("Lane", "a handler of %d s does not fit into a shift of the stream lane: each worker is a state machine that runs one handler at a time, and its state transitions cost $25 a million", f.timeout)
		if batch > receiveMost || window > 0 {
			p.differs("BatchSize", "the steps lane gathers no messages: a handler gets the %d of one receive at most, not %d in %d s", receiveMost, batch, window)
		}
		batch, window = min(batch, receiveMost), 0
	}
	p.set("BatchSize", batch)
	p.set("BatchingWindowSeconds", window)
}

// scaling chooses the cap, which a mapping has by its maximum concurrency, its
// function's reserved concurrency, its pollers or else by Lambda's own limit.
func (f mappingFacts) scaling(p *Plan) {
	most, why := mostOfMapping, fmt.Sprintf("nothing caps the mapping below Lambda's own %d: choose a cap that what is behind the handler can bear", mostOfMapping)
	switch {
	case f.maximum > 0:
		most, why = f.maximum, "the mapping's MaximumConcurrency"
	case f.pollers > 0:
		most, why = f.pollers*batchesOfPoller, fmt.Sprintf("%d provisioned pollers with %d batches each", f.pollers, batchesOfPoller)
	}
	if f.reserved != nil && *f.reserved > 0 && *f.reserved < most {
		most, why = *f.reserved, fmt.Sprintf("the function's reserved concurrency of %d, which the mapping met by being throttled", *f.reserved)
	}
	if most > mostOfFleet {
		why += fmt.Sprintf("; a fleet has %d at most", mostOfFleet)
		most = mostOfFleet
	}
	p.set("MaxConcurrency", most)
	p.differs("MaxConcurrency", "%s. The fleet never passes it, and may be set to 1; the mapping starts with 5 and adds 300 a minute, the fleet starts what the depth asks for at once", why)
	widest := parallelMost
	if f.batch > receiveMost {
		widest = parallelWide
	}
	parallel := parallelism(most, widest)
	if p.Parameters["Lane"] == "steps" {
		parallel = 1
	}
	p.set("Parallelism", parallel)
	if whole := most / parallel * parallel; whole < most {
		p.differs("Parallelism", "workers of %d handlers each use %d of the cap of %d", parallel, whole, most)
	}
	if f.quota > 0 {
		p.set("LambdaConcurrency", f.quota)
		workers := (most + parallel - 1) / parallel
		if needs := most + workers; needs > f.quota-100 {
			p.differs("LambdaConcurrency", "the cap and the fleet's own invocations need %d of the account's quota of %d concurrent invocations, of which LambdaReserve leaves 100 to others: no more workers start than fit", needs, f.quota)
		}
	}
	if f.pollers > 0 {
		p.differs("ProvisionedPollerConfig", "the mapping's pollers are paid for by the hour, $6.75 a month each, from their minimum on: the fleet has no such price and no such head start; MinWorkers keeps workers polling")
	}
	p.differs("MinWorkers", "a mapping always polls. A fleet that went home takes up to a minute until the next tick sees messages, or a second or two when the producer sends 'muster wake': MinWorkers 1 keeps a worker polling, for the price of one function that always runs")
}

// parallelism is how many handlers a worker runs at a time, so that slots make up
// most of the cap, the whole of it if they can.
func parallelism(most, widest int) int {
	if most <= widest {
		return most
	}
	best := widest
	for d := widest; d > widest/2; d-- {
		if most/d*d > most/best*best {
			best = d
		}
	}
	return best
}

func (f mappingFacts) failing(p *Plan) {
	// A mapping leaves a message that failed to the queue's visibility timeout.
	wait := min(f.visibility, longestBackoff)
	p.set("BackoffBaseSeconds", wait)
	p.set("BackoffFactor", 1)
	p.set("BackoffMaxSeconds", wait)
	p.differs("BackoffBaseSeconds", "a message that failed comes back after the queue's visibility timeout of %d s with the mapping, and after a random time up to that with the fleet: set it and BackoffFactor for a backoff that grows", f.visibility)
	if f.redriveQueue == "" {
		p.differs("DeadLetterQueueArn", "the queue has no dead-letter queue: messages that fail for good are tried until the queue's retention ends, as with the mapping. Give it a redrive policy")
	} else {
		p.set("DeadLetterQueueArn", f.redriveQueue)
		p.set("MaxReceiveCount", f.redriveAfter)
	}
	if !f.reports {
		p.differs("ReportBatchItemFailures", "the mapping does not read replies; the fleet always reads batchItemFailures: a handler that replies so has those messages, and no others, returned")
	}
}

// filtering makes the filter criteria a route, and drops what does not match it.
func (f mappingFacts) filtering(p *Plan) error {
	if f.filterKey != "" {
		p.differs("FilterCriteria", "the mapping encrypts its filters with %s: the fleet's are a parameter of its stack, which who may describe it can read", f.filterKey)
	}
	if len(f.filters) == 0 {
		return nil
	}
	type filter struct{ Pattern string }
	type criteria struct{ Filters []filter }
	type route struct {
		Handler        string
		FilterCriteria criteria
	}
	r := route{Handler: f.mapping.Function}
	for _, pattern := range f.filters {
		r.FilterCriteria.Filters = append(r.FilterCriteria.Filters, filter{pattern})
	}
	routes, err := json.Marshal([]route{r})
	if err != nil {
		return fmt.Errorf("write the filter criteria as Routes: %w", err)
	}
	if len(routes) > routesMost {
		return fmt.Errorf("the mapping's filter criteria make Routes of %d characters, and the template takes %d: shorten the patterns first", len(routes), routesMost)
	}
	p.set("Routes", string(routes))
	p.set("RouteHandlers", f.mapping.Function)
	p.set("Unmatched", "drop")
	return nil
}

// Names are the parameters' names in order.
func (p *Plan) Names() []string {
	var names []string
	for name := range p.Parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

package stepfunctions

import (
	"context"
	"sync"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// maxIterations run at a time in an inline Map.
// See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-inline-map.html.
const maxIterations = 40

// mapState is a Map state in inline mode.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html.
type mapState struct {
	handlers
	input       selection
	items       *expression.Reference
	selector    *expression.Template
	processor   *flow
	concurrency int64
	path        *expression.Reference
	outcome     outcome
}

func compileMap(c *compiler, o *object, l *links) action {
	m := &mapState{
		input:    o.selection("InputPath"),
		items:    o.reference("ItemsPath"),
		selector: o.template("ItemSelector"),
		path:     o.reference("MaxConcurrencyPath"),
		outcome:  o.outcome(),
		handlers: c.handlers(o, l),
	}
	// Parameters is what ItemSelector was called first.
	o.exclude("ItemSelector", "Parameters")
	if legacy := o.template("Parameters"); legacy != nil {
		m.selector = legacy
	}
	o.exclude("MaxConcurrency", "MaxConcurrencyPath")
	m.concurrency, _ = o.integer("MaxConcurrency", 0, maxSeconds)
	for _, name := range []string{"ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount",
		"ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"} {
		if _, ok := o.get(name); ok {
			c.schema(o.child(name), "The embedded runtime supports Map states in INLINE mode only, not '%s'", name)
		}
	}
	// Iterator is what ItemProcessor was called first.
	name := "ItemProcessor"
	if o.has("Iterator") {
		name = "Iterator"
	}
	o.exclude("ItemProcessor", "Iterator")
	if !o.require(name) {
		return m
	}
	v, _ := o.get(name)
	if p, ok := c.object(v, o.child(name)); ok {
		m.processor = c.processor(p)
	}
	return m
}

func (c *compiler) processor(o *object) *flow {
	o.get("Comment")
	if v, ok := o.get("ProcessorConfig"); ok {
		if config, ok := c.object(v, o.child("ProcessorConfig")); ok {
			mode, given := config.text("Mode")
			switch {
			case !given || mode == "INLINE":
			case mode == "DISTRIBUTED":
				config.get("ExecutionType")
				c.schema(config.child("Mode"), "The embedded runtime supports Map states in INLINE mode only, not 'DISTRIBUTED'")
			default:
				c.schema(config.child("Mode"), "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]")
			}
			config.close()
		}
	}
	f := c.flow(o)
	o.close()
	return f
}

func (m *mapState) run(t *thread, s *state, input any) (any, *state, *failure) {
	return t.handling(s, &m.handlers, input, func() (any, *failure) {
		selected, f := m.input.apply(t, input)
		if f != nil {
			return nil, f
		}
		items, f := m.list(t, selected)
		if f != nil {
			return nil, f
		}
		limit, f := m.limit(t, selected)
		if f != nil {
			return nil, f
		}
		t.record(event{kind: mapStateStarted, number: int64(len(items))})
		results, f := m.iterate(t, selected, items, limit)
		if f != nil {
			return nil, f
		}
		t.beside(event{kind: mapStateSucceeded})
		if expression.Size(results) > maxPayload {
			return nil, tooLarge(s.name)
		}
		return m.outcome.apply(t, input, answer{value: results})
	}, func() { t.record(event{kind: mapStateFailed}) })
}

func (m *mapState) list(t *thread, input any) ([]any, *failure) {
	v, shown := input, "$"
	if m.items != nil {
		path := m.items.Path()
		selected, err := path.Select(t.scoped(input, path.UsesContext()))
		if err != nil {
			return nil, t.evaluation(err)
		}
		v, shown = selected, path.String()
	}
	items, ok := v.([]any)
	if !ok {
		return nil, t.runtime("Reference path \"%s\" must point to array.", shown)
	}
	return items, nil
}

func (m *mapState) limit(t *thread, input any) (int, *failure) {
	n := m.concurrency
	if m.path != nil {
		path := m.path.Path()
		v, err := path.Select(t.scoped(input, path.UsesContext()))
		if err != nil {
			return 0, t.evaluation(err)
		}
		var ok bool
		if n, ok = v.(int64); !ok {
			shown, isText := v.(string)
			if !isText {
				shown = encoded(v)
			}
			return 0, t.runtime("The MaxConcurrencyPath field refers to value \"%s\" which is not a valid integer: %s", shown, path)
		}
		if n < 0 {
			return 0, t.runtime("MaxConcurrency cannot be negative.")
		}
	}
	if n == 0 || n > maxIterations {
		n = maxIterations
	}
	return int(n), nil
}

// iterate runs the processor on each item, at most limit at a time. The first
// iteration that fails ends the others.
func (m *mapState) iterate(t *thread, input any, items []any, limit int) ([]any, *failure) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	r := &iterations{
		m: m, parent: t, cancel: cancel, input: input, items: items,
		results: make([]any, len(items)), threads: make([]*thread, len(items)), last: t.previous,
	}
	width := min(limit, len(items))
	// The first iterations are started together, before any of them runs.
	lanes := make([]*thread, width)
	for i := range lanes {
		lanes[i] = r.start(ctx, t.previous)
	}
	var running sync.WaitGroup
	for _, first := range lanes {
		running.Go(func() { r.lane(ctx, first) })
	}
	running.Wait()
	t.previous = r.last
	if r.f == nil && t.ctx.Err() != nil {
		return nil, halted
	}
	if r.f != nil {
		r.recordLost(t)
		return nil, r.f
	}
	return r.results, nil
}

// iterations is one run of a Map state.
type iterations struct {
	m      *mapState
	parent *thread
	cancel context.CancelFunc
	input  any
	items  []any

	mu      sync.Mutex
	next    int
	results []any
	threads []*thread // of the iterations that were started
	last    int64     // id of the event that the Map state goes on from
	f       *failure
	lost    int // index of the iteration that failed
}

// start makes the thread of the next item, nil after the last.
func (r *iterations) start(ctx context.Context, previous int64) *thread {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == len(r.items) || ctx.Err() != nil {
		return nil
	}
	i := r.next
	r.next++
	t := r.parent.child(ctx, previous)
	t.item = map[string]any{"Index": int64(i), "Value": r.items[i]}
	t.record(event{kind: mapIterationStarted, name: r.parent.state.name, number: int64(i)})
	r.threads[i] = t
	return t
}

// lane runs one iteration after the other.
func (r *iterations) lane(ctx context.Context, t *thread) {
	for t != nil {
		i := t.item["Index"].(int64)
		input, f := r.m.itemInput(t, r.input, r.items[i])
		if f == nil {
			r.results[i], f = t.run(r.m.processor, input)
		}
		r.end(t, int(i), f)
		if f != nil {
			return
		}
		t = r.start(ctx, t.previous)
	}
}

// itemInput is the item, or what ItemSelector makes of it and the state's input.
func (m *mapState) itemInput(t *thread, input, item any) (any, *failure) {
	if m.selector == nil {
		return item, nil
	}
	v, f := t.fill(m.selector, input)
	if f == nil && expression.Size(v) > maxPayload {
		f = tooLarge(t.state.name)
	}
	return v, f
}

func (r *iterations) end(t *thread, i int, f *failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f != nil || f == halted {
		return
	}
	r.threads[i] = nil
	r.last = t.previous
	name := r.parent.state.name
	if f == nil {
		t.beside(event{kind: mapIterationSucceeded, name: name, number: int64(i)})
		return
	}
	r.f, r.lost = f, i
	t.beside(event{kind: mapIterationFailed, name: name, number: int64(i)})
	t.recordAborted()
	r.cancel()
}

// recordLost writes the events of the iterations that the failed one ended.
func (r *iterations) recordLost(t *thread) {
	for i, other := range r.threads {
		if other == nil {
			continue
		}
		t.beside(event{kind: mapIterationAborted, name: t.state.name, number: int64(i)})
		other.previous = t.previous
		other.recordAborted()
	}
}

// recordAborted writes that the state the thread is in did not come to its end.
func (t *thread) recordAborted() {
	if kind, ok := abortedEvents[t.state.kind]; ok && t.inside {
		t.beside(event{kind: kind})
	}
}

package stepfunctions

import (
	"context"
	"sync"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// parallel is a Parallel state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html.
type parallel struct {
	handlers
	input      selection
	parameters *expression.Template
	branches   []*flow
	outcome    outcome
}

func compileParallel(c *compiler, o *object, l *links) action {
	p := &parallel{
		input:      o.selection("InputPath"),
		parameters: o.template("Parameters"),
		outcome:    o.outcome(),
		handlers:   c.handlers(o, l),
	}
	if !o.require("Branches") {
		return p
	}
	list, _ := o.list("Branches")
	for i, e := range list {
		if b, ok := c.object(e, at(o.child("Branches"), i)); ok {
			b.get("Comment")
			p.branches = append(p.branches, c.flow(b))
			b.close()
		}
	}
	return p
}

func (p *parallel) run(t *thread, s *state, input any) (any, *state, *failure) {
	return t.handling(s, &p.handlers, input, func() (any, *failure) {
		selected, f := p.input.apply(t, input)
		if f != nil {
			return nil, f
		}
		if selected, f = t.fill(p.parameters, selected); f != nil {
			return nil, f
		}
		t.record(event{kind: parallelStateStarted})
		results, f := p.branch(t, selected)
		if f != nil {
			return nil, f
		}
		t.beside(event{kind: parallelStateSucceeded})
		if expression.Size(results) > maxPayload {
			return nil, tooLarge(s.name)
		}
		return p.outcome.apply(t, input, answer{value: results})
	}, func() { t.record(event{kind: parallelStateFailed}) })
}

// branch runs all branches on the same input. The first that fails ends the
// others.
func (p *parallel) branch(t *thread, input any) ([]any, *failure) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		lost    *failure
		last    = t.previous
		results = make([]any, len(p.branches))
		threads = make([]*thread, len(p.branches))
	)
	for i, branch := range p.branches {
		b := t.child(ctx, t.previous)
		threads[i] = b
		running.Go(func() {
			output, f := b.run(branch, input)
			mu.Lock()
			defer mu.Unlock()
			if lost != nil || f == halted {
				return
			}
			results[i], last, threads[i] = output, b.previous, nil
			if f != nil {
				lost = f
				b.recordAborted()
				cancel()
			}
		})
	}
	running.Wait()
	t.previous = last
	if lost == nil && t.ctx.Err() != nil {
		return nil, halted
	}
	if lost == nil {
		return results, nil
	}
	for _, b := range threads {
		if b != nil {
			b.previous = t.previous
			b.recordAborted()
		}
	}
	return nil, lost
}

package explore_test

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// chooser picks one of the options at each step of a life.
type chooser interface {
	choose(options []option) int
}

// walk is a random walk. Among the calls that are ready it prefers those of
// callers with a high priority, or the first. Now and then it does something
// else, of a kind that is drawn first. In each walk calls of some sorts are late
// once or more often, and in most a worker is aborted.
type walk struct {
	random *rand.Rand
	// chance of something else at each step.
	chance float64
	// fair lets calls go as they come, instead of by priorities, prompt lets none be
	// late by its sort.
	fair, prompt bool
	priorities   map[string]int
	// tardy is how many instants later calls of a sort come. None if negative.
	tardy map[string]int
	// abort is after how many steps the first worker is aborted that there is, or
	// with amid as soon as its handler was invoked.
	abort, step int
	amid        bool
	// watch is true when a tick shall look at what was aborted.
	watch bool
	// last is the call that was let go last.
	last *parked
	// aim is how far a walk has come that goes where clocks matter. Nil of others.
	aim *aim
}

func newWalk(random *rand.Rand) *walk {
	chances := []float64{0.01, 0.03, 0.08, 0.2}
	w := &walk{
		random: random, chance: chances[random.IntN(len(chances))], fair: random.IntN(2) == 0,
		priorities: map[string]int{}, tardy: map[string]int{}, abort: random.IntN(2 * mostSteps), amid: random.IntN(2) == 0,
	}
	if random.IntN(4) == 0 {
		// A shift that begins as its lease ends is where the slot rules turn.
		w.tardy["pump dynamodb:UpdateItem"], w.amid = 3, true
	}
	if random.IntN(8) == 0 {
		// All else goes as it comes, or nearly.
		w.aim = &aim{tick: []turn{busyFast, busyFastest}[random.IntN(2)]}
		w.amid, w.abort, w.fair, w.prompt, w.chance = false, 2*mostSteps, true, true, []float64{0, 0.01, 0.03}[random.IntN(3)]
	}
	return w
}

func (w *walk) choose(options []option) int {
	w.step++
	if w.amid && w.last != nil && w.last.startsHandler() {
		w.abort, w.amid = w.step, false
	}
	w.last = nil
	if w.aim != nil {
		if i := w.aim.choose(options); i >= 0 {
			return i
		}
	}
	if w.step >= w.abort {
		if i := slices.IndexFunc(options, func(o option) bool { return o.kind == abort }); i >= 0 {
			w.abort, w.watch = 2*mostSteps, w.random.IntN(2) == 0
			return i
		}
	}
	if w.watch {
		w.watch = false
		all := byKind(options)[tickAt]
		return all[w.random.IntN(len(all))]
	}
	if w.random.Float64() < w.chance {
		all := byKind(options)
		kinds := kindsOf(all)
		some := all[kinds[w.random.IntN(len(kinds))]]
		return some[w.random.IntN(len(some))]
	}
	best := 0
	for i, o := range options {
		if !w.fair && o.kind == run && w.priority(o.p.who) > w.priority(options[best].p.who) {
			best = i
		}
	}
	if skip := w.tardiness(options[best].p); skip >= 0 {
		var lates []int
		for i, o := range options {
			if o.kind == late && o.p == options[best].p {
				lates = append(lates, i)
			}
		}
		if len(lates) > 0 {
			if w.random.IntN(2) == 0 {
				w.tardy[sortOf(options[best].p)] = -1
			}
			return lates[skip%len(lates)]
		}
	}
	w.last = options[best].p
	return best
}

// sortOf tells calls apart by the kind of their callers and what they are.
func sortOf(p *parked) string {
	who, _, _ := strings.Cut(p.who, " ")
	return who + " " + p.what
}

// tardiness is how late calls of this sort are in this walk.
func (w *walk) tardiness(p *parked) int {
	sort := sortOf(p)
	if _, ok := w.tardy[sort]; !ok {
		w.tardy[sort] = -1
		if !w.prompt && w.random.IntN(5) == 0 {
			w.tardy[sort] = w.random.IntN(instants)
		}
	}
	return w.tardy[sort]
}

func (w *walk) priority(who string) int {
	if _, ok := w.priorities[who]; !ok {
		w.priorities[who] = w.random.IntN(1000)
	}
	return w.priorities[who]
}

// deviation is to take another option than the first at a step.
type deviation struct{ step, option int }

// plan is a schedule of the systematic search: the first option at every step
// but for its deviations.
type plan struct {
	deviations []deviation
	// widths is how many options each step of the life had.
	widths []int
}

func (p *plan) choose(options []option) int {
	step := len(p.widths)
	p.widths = append(p.widths, len(options))
	for _, d := range p.deviations {
		if d.step == step && d.option < len(options) {
			return d.option
		}
	}
	return 0
}

// frontier is what the systematic search has yet to try: the plan without a
// deviation, all with one, then such with two, drawn at random.
type frontier struct {
	random *rand.Rand
	todo   []*plan
	// ones are those with one deviation, as they were lived.
	ones []*plan
}

func newFrontier(seed uint64) *frontier {
	return &frontier{random: rand.New(rand.NewPCG(seed, 3)), todo: []*plan{{}}}
}

// take takes a plan. Nil without a frontier.
func (f *frontier) take() *plan {
	switch {
	case f == nil:
		return nil
	case len(f.todo) == 0:
		one := f.ones[f.random.IntN(len(f.ones))]
		step := f.random.IntN(len(one.widths))
		return &plan{deviations: append(one.deviations[:1:1], deviation{step, f.random.IntN(one.widths[step])})}
	}
	p := f.todo[0]
	f.todo = f.todo[1:]
	return p
}

// lived notes how wide a plan's life was.
func (f *frontier) lived(p *plan) {
	switch len(p.deviations) {
	case 0:
		for step, width := range p.widths {
			for o := 1; o < width; o++ {
				f.todo = append(f.todo, &plan{deviations: []deviation{{step, o}}})
			}
		}
	case 1:
		f.ones = append(f.ones, p)
	}
}

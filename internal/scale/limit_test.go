package scale_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scale"
)

// A worker of five takes six of the account's concurrency: its handlers, and
// what polls for them.
func TestTheQuotaBinds(t *testing.T) {
	five := workers("a", "b", "c", "d", "e")
	for name, c := range map[string]struct {
		workers []scale.Worker
		policy  func(*scale.Policy)
		start   int
		says    string
	}{
		"it allows 15": {nil, nil, 15,
			"at 100 a worker 1000 wanted; Lambda's quota of 100, less a reserve of 10, allows 15; 0 working, 0 going home, 0 silent; starting 15"},
		"what works has its share": {five, nil, 10,
			"at 100 a worker 1000 wanted; Lambda's quota of 100, less a reserve of 10, allows 15; 5 working, 0 going home, 0 silent; starting 10"},
		"what had more of it goes on": {[]scale.Worker{{ID: "a", Parallelism: 50, Live: true, Since: epoch}}, nil, 6,
			"at 100 a worker 1000 wanted; Lambda's quota of 100, less a reserve of 10, allows 15; 1 working, 0 going home, 0 silent; starting 6 of 14: Lambda's quota of 100, less a reserve of 10, has no room for more"},
		"a job is no invocation": {nil, func(p *scale.Policy) { p.Jobs = true }, 90,
			"at 100 a worker 1000 wanted; Lambda's quota of 100, less a reserve of 10, allows 90; 0 working, 0 going home, 0 silent; starting 90"},
		"the cap binds first": {nil, func(p *scale.Policy) { p.MaxConcurrency = 75 }, 15,
			"at 100 a worker 1000 wanted; the cap of 75 invocations allows 15; 0 working, 0 going home, 0 silent; starting 15"},
		"none is set": {nil, func(p *scale.Policy) { p.LambdaConcurrency = 0 }, 100,
			"at 100 a worker 1000 wanted; the cap of 1000 invocations allows 200; 0 working, 0 going home, 0 silent; starting 100 of 200: the step limit binds"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy
			p.MaxConcurrency, p.LambdaConcurrency, p.LambdaReserve = 1000, 100, 10
			if c.policy != nil {
				c.policy(&p)
			}
			assert.NoError(t, p.Validate())
			d := scale.Decide(scale.Observation{Visible: 100000, Workers: c.workers}, p)
			assert.Equal(t, c.start, d.Start)
			assert.Equal(t, "depth 100000 (100000 visible, 0 in flight); "+c.says, d.Reason)
		})
	}
}

func TestPoliciesThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scale.Policy)
		says   string
	}{
		"no room for one worker": {func(p *scale.Policy) { p.LambdaConcurrency, p.LambdaReserve = 100, 95 },
			"LambdaConcurrency 100 less LambdaReserve 95 is too little for the fewest workers, 1, which take 6: raise the account's quota and the first, or lower the second, Parallelism or MinWorkers"},
		"no room for the minimum": {func(p *scale.Policy) { p.LambdaConcurrency, p.MinWorkers = 11, 2 },
			"LambdaConcurrency 11 less LambdaReserve 0 is too little for the fewest workers, 2, which take 12: raise the account's quota and the first, or lower the second, Parallelism or MinWorkers"},
		"a promise that no start can keep": {func(p *scale.Policy) { p.MaxAge = 10 * time.Second },
			"MaxAgeSeconds is 10, and a worker takes 10 seconds to start: promise more, or 0 for nothing"},
		"a promise to the past": {func(p *scale.Policy) { p.DrainWithin = -time.Second },
			"DrainWithinSeconds is -1, and a worker takes 10 seconds to start: promise more, or 0 for nothing"},
		"less than no target":  {func(p *scale.Policy) { p.MessagesPerWorker = -1 }, "MessagesPerWorker is -1, it must be at least 0"},
		"less than no reserve": {func(p *scale.Policy) { p.LambdaReserve = -1 }, "LambdaReserve is -1, it must be at least 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy
			c.change(&p)
			assert.EqualError(t, p.Validate(), c.says)
		})
	}
}

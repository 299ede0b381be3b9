package scale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSteering(t *testing.T) {
	policy := Policy{MaxConcurrency: 10, Parallelism: 2, MinWorkers: 1, MessagesPerWorker: 10, StepLimit: 100, ScaleInHold: time.Hour}
	two := []Worker{{ID: "a", Parallelism: 2, Live: true}, {ID: "b", Parallelism: 2, Live: true, Since: time.Unix(1, 0)}}
	for name, c := range map[string]struct {
		observed Observation
		steering Steering
		want     Decision
	}{
		"no starts": {
			Observation{Visible: 40, Workers: two}, Steering{Why: []string{"the gate is shut"}, NoStarts: true},
			Decision{Wanted: 4, Parallelism: 2, Stay: []string{"a"}, Reason: "the gate is shut; depth 40 (40 visible, 0 in flight); at 10 a worker 4 wanted; 2 working, 0 going home, 0 silent; starting none of 2"},
		},
		"no starts, and none wanted": {
			Observation{Visible: 20, Workers: two}, Steering{Why: []string{"the gate is shut"}, NoStarts: true},
			Decision{Wanted: 2, Parallelism: 2, Stay: []string{"a"}, Reason: "the gate is shut; depth 20 (20 visible, 0 in flight); at 10 a worker 2 wanted; 2 working, 0 going home, 0 silent"},
		},
		"all home": {
			Observation{Visible: 40, Workers: two}, Steering{Why: []string{"scaled by bob", "paused by ann"}, SendHome: true},
			Decision{Wanted: 4, Parallelism: 2, Drain: []string{"b", "a"}, Reason: "scaled by bob; paused by ann; depth 40 (40 visible, 0 in flight); at 10 a worker 4 wanted; 2 working, 0 going home, 0 silent; starting none of 2; sending 2 home"},
		},
		"nobody there": {
			Observation{}, Steering{Why: []string{"paused by ann"}, SendHome: true},
			Decision{Wanted: 1, Parallelism: 2, Reason: "paused by ann; depth 0 (0 visible, 0 in flight); at 10 a worker 0 wanted; the minimum keeps 1; 0 working, 0 going home, 0 silent; starting none of 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy.Steering = c.steering
			got := Decide(c.observed, policy)
			got.Memory = Memory{}
			assert.Equal(t, c.want, got)
		})
	}
}

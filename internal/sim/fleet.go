package sim

import (
	"slices"
	"time"
)

// start decides on new workers.
func (e *engine) start(n int) {
	for range n {
		id := int32(len(e.workers))
		e.workers = append(e.workers, worker{since: e.now, free: int32(e.pool.places)})
		e.live = append(e.live, id)
		e.places += e.pool.places
		e.agenda.push(event{at: e.now + e.pool.start, kind: ready, worker: id})
		e.begun++
	}
	e.peakWorkers = max(e.peakWorkers, len(e.live))
}

// drain orders a worker home. It learns of it when it reports the next time.
func (e *engine) drain(id int32) {
	w := &e.workers[id]
	if w.drained {
		return
	}
	w.drained = true
	switch {
	case e.orders > 0:
		periods := (e.now-w.began)/e.orders + 1
		e.agenda.push(event{at: w.began + periods*e.orders, kind: told, worker: id})
	case w.busy == 0:
		e.agenda.push(event{at: e.pollOver(w), kind: told, worker: id})
	}
}

// release sends a worker home at once, or when it has handled what it holds.
func (e *engine) release(id int32) {
	w := &e.workers[id]
	w.drained, w.told, w.polls = true, true, false
	if w.busy == 0 {
		e.gone(id)
	}
}

// tell a worker that it shall drain: its last poll ends first.
func (e *engine) tell(id int32) {
	w := &e.workers[id]
	if w.gone || w.told {
		return
	}
	w.told, w.polls = true, false
	if w.busy == 0 {
		e.agenda.push(event{at: e.pollOver(w), kind: leave, worker: id})
	}
}

// pollOver is when the poll under way of an idle worker ends.
func (e *engine) pollOver(w *worker) time.Duration {
	since := e.now - w.worked
	return w.worked + (since+longPoll-1)/longPoll*longPoll
}

// gone frees a worker's slot.
func (e *engine) gone(id int32) {
	w := &e.workers[id]
	if w.gone {
		return
	}
	w.gone, w.polls = true, false
	e.live = slices.DeleteFunc(e.live, func(other int32) bool { return other == id })
	e.places -= e.pool.places
	e.workerTime += e.now - w.since
	e.doneGone += int64(w.counts.handled)
	if w.counts.handled == 0 {
		e.vain++
	}
}

// trim ends environments of handlers that nobody has needed for a while.
func (e *engine) trim() {
	if e.now-e.trimmed < environmentsLast {
		return
	}
	e.warm -= e.leastYet
	e.leastYet, e.trimmed = e.warm, e.now
}

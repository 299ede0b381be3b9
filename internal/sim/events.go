package sim

import "time"

// What happens in a simulation.
const (
	// arrive: the messages of the next step arrive.
	arrive uint8 = iota
	// comeBack: messages that failed are visible again.
	comeBack
	// done: a place has handled what it took.
	done
	// ready: a worker begins to poll.
	ready
	// idle: a worker may have found nothing for long enough.
	idle
	// told: a worker learns that it shall drain.
	told
	// leave: the last poll of a worker that drains is over.
	leave
	// shiftOver: a worker starts no more in this shift.
	shiftOver
	// tick of the scaler.
	tick
	// sample: the state is noted.
	sample
)

// event is something that happens at a time.
type event struct {
	at     time.Duration
	worker int32
	// messages that a place has handled, in so many events and seconds.
	messages int32
	took     float32
	events   uint16
	kind     uint8
}

// before orders events: by time, at one time by kind, so that a tick sees what
// has arrived.
func (a event) before(b event) bool { return a.at < b.at || a.at == b.at && a.kind < b.kind }

// agenda is a heap of events, four children a node.
type agenda []event

func (h *agenda) push(e event) {
	*h = append(*h, e)
	list := *h
	i := len(list) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(list[parent]) {
			break
		}
		list[i] = list[parent]
		i = parent
	}
	list[i] = e
}

func (h *agenda) pop() event {
	list := *h
	first, last := list[0], list[len(list)-1]
	list = list[:len(list)-1]
	*h = list
	if len(list) == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= len(list) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(list)); c++ {
			if list[c].before(list[least]) {
				least = c
			}
		}
		if !list[least].before(last) {
			break
		}
		list[i] = list[least]
		i = least
	}
	list[i] = last
	return first
}

// cohort are messages that arrived at one time and were received as often.
type cohort struct {
	arrived  time.Duration
	count    int32
	receives int32
}

// line is a queue of cohorts, a ring that grows.
type line struct {
	ring  []cohort
	first int
	size  int
	// messages in all of them.
	messages int
}

func (l *line) push(c cohort) {
	l.messages += int(c.count)
	if l.size > 0 {
		last := &l.ring[(l.first+l.size-1)&(len(l.ring)-1)]
		if last.arrived == c.arrived && last.receives == c.receives {
			last.count += c.count
			return
		}
	}
	if l.size == len(l.ring) {
		grown := make([]cohort, max(16, 2*len(l.ring)))
		for i := range l.size {
			grown[i] = l.ring[(l.first+i)&(len(l.ring)-1)]
		}
		l.ring, l.first = grown, 0
	}
	l.ring[(l.first+l.size)&(len(l.ring)-1)] = c
	l.size++
}

// take takes up to n messages of the first cohort.
func (l *line) take(n int) cohort {
	c := &l.ring[l.first]
	taken := *c
	if int(c.count) > n {
		taken.count = int32(n)
		c.count -= int32(n)
	} else {
		l.first = (l.first + 1) & (len(l.ring) - 1)
		l.size--
	}
	l.messages -= int(taken.count)
	return taken
}

// oldest is when the first message arrived.
func (l *line) oldest() time.Duration { return l.ring[l.first].arrived }

// turns is a queue of workers that wait for messages.
type turns struct {
	ring  []int32
	first int
	size  int
}

func (q *turns) push(worker int32) {
	if q.size == len(q.ring) {
		grown := make([]int32, max(16, 2*len(q.ring)))
		for i := range q.size {
			grown[i] = q.ring[(q.first+i)&(len(q.ring)-1)]
		}
		q.ring, q.first = grown, 0
	}
	q.ring[(q.first+q.size)&(len(q.ring)-1)] = worker
	q.size++
}

func (q *turns) pop() int32 {
	worker := q.ring[q.first]
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.size--
	return worker
}

// retry are messages that wait for their backoff to end.
type retry struct {
	at time.Duration
	cohort
}

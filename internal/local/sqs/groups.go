package sqs

import "container/list"

// groupLine keeps the messages of each group of a FIFO queue in order. Of a
// group those can be received that stand before its first message in flight (or
// delayed): a message in flight locks what comes after it. That is how AWS has
// been seen to do it: a head that was given back is received again while its
// followers are still in flight. The guide's wording, that a group is locked as
// a whole, is Options.WholeGroups.
//
// Groups are served in the order in which they became ready, and of each as many
// messages as the receive has room for.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
type groupLine struct {
	groups map[string]*group
	ready  *list.List // of *group
	whole  func() bool
}

// group is the messages of one message group, linked in order.
type group struct {
	id          string
	first, last *message
	inFlight    int
	ready       *list.Element // nil unless its first message is visible
}

func newGroupLine(whole func() bool) *groupLine {
	return &groupLine{groups: map[string]*group{}, ready: list.New(), whole: whole}
}

func (l *groupLine) enter(m *message) {
	g := l.groups[m.groupID]
	if g == nil {
		g = &group{id: m.groupID}
		l.groups[g.id] = g
	}
	m.group, m.before = g, g.last
	if g.last == nil {
		g.first = m
	} else {
		g.last.after = m
	}
	g.last = m
	l.settle(g)
}

func (l *groupLine) leave(m *message) {
	g := m.group
	if m.before == nil {
		g.first = m.after
	} else {
		m.before.after = m.after
	}
	if m.after == nil {
		g.last = m.before
	} else {
		m.after.before = m.before
	}
	if m.state == inFlight {
		g.inFlight--
	}
	if g.first == nil {
		delete(l.groups, g.id)
	}
	l.settle(g)
}

func (l *groupLine) show(m *message) {
	if m.receive > 0 { // was in flight, not delayed
		m.group.inFlight--
	}
	l.settle(m.group)
}

func (l *groupLine) hide(m *message) {
	m.group.inFlight++
	l.settle(m.group)
}

func (l *groupLine) next(last *message) *message {
	if last != nil && last.after != nil && last.after.state == visible {
		return last.after
	}
	for e := l.ready.Front(); e != nil; e = e.Next() {
		if g := e.Value.(*group); g.inFlight == 0 || !l.whole() {
			return g.first
		}
	}
	return nil
}

// settle puts a group in line when its first message is visible, and takes it
// out when it is not.
func (l *groupLine) settle(g *group) {
	switch ready := g.first != nil && g.first.state == visible; {
	case ready && g.ready == nil:
		g.ready = l.ready.PushBack(g)
	case !ready && g.ready != nil:
		l.ready.Remove(g.ready)
		g.ready = nil
	}
}

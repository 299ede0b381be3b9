package sqs

// line decides which visible message of a queue is received next. The queue
// tells it of every change; there is one kind for each type of queue.
type line interface {
	// enter takes in a message that is new in the queue.
	enter(m *message)
	// leave forgets a message that is no longer in the queue.
	leave(m *message)
	// show takes in a message of the queue that became visible again.
	show(m *message)
	// hide forgets a visible message that was received.
	hide(m *message)
	// next is the message to receive after last, the one that this receive
	// took before, or nil at its start. It is nil when there is none.
	next(last *message) *message
}

// poisoned is the number of receives after which a message of a standard queue
// that comes back goes to the end of the queue and no longer counts as the
// oldest. In a FIFO queue nothing overtakes it.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
const poisoned = 3

// standardLine is first come, first served, as far as a standard queue promises
// any order.
type standardLine struct {
	visible heap
	last    uint64 // rank
}

func newStandardLine() *standardLine { return &standardLine{visible: byRank()} }

func (l *standardLine) enter(m *message) {
	if m.state == visible {
		l.append(m)
	}
}

func (l *standardLine) leave(m *message) {
	if m.state == visible {
		l.visible.remove(m)
	}
}

func (l *standardLine) show(m *message) {
	if m.rank == 0 || m.receive >= poisoned {
		l.append(m)
		return
	}
	l.visible.push(m)
}

func (l *standardLine) hide(m *message) { l.visible.remove(m) }

func (l *standardLine) next(*message) *message { return l.visible.top() }

// append puts a message at the end.
func (l *standardLine) append(m *message) {
	l.last++
	m.rank = l.last
	l.visible.push(m)
}

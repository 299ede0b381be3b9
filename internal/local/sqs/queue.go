package sqs

import (
	"container/list"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
)

// maxInFlight is how many messages of a queue may be received and not yet
// deleted ("approximately 120,000" in a standard queue).
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const maxInFlight = 120_000

type state uint8

const (
	visible state = iota
	delayed
	inFlight
)

// message is one message in one queue. What it carries never changes; where it
// stands is guarded by the queue's lock.
type message struct {
	content
	id       uint64 // within the queue, in order of arrival
	arrived  time.Time
	state    state
	rank     uint64    // place among the visible of a standard queue
	due      time.Time // when it becomes visible
	first    time.Time // first receive, in any queue
	received time.Time // latest receive
	receives int       // in any queue
	receive  uint32    // latest receive in this queue; older handles are stale
	changed  bool      // whether its visibility was changed since

	place  int           // in the heap of its state
	age    int           // in the heap by sent
	oldest *list.Element // among the arrivals, until it is poisoned

	group         *group // of a FIFO queue
	before, after *message
}

// content is what a message carries from queue to queue.
type content struct {
	messageID        string
	body             string
	bodyMD5          string
	attributes       map[string]MessageAttributeValue
	attributesMD5    string
	senderID         string
	groupID          string
	deduplicationID  string // of a FIFO queue, and the next
	sequence         string
	traceHeader      string
	deadLetterSource string
	sent             time.Time
}

// queue is a standard or a FIFO queue. Time passes in it lazily: whoever holds
// the lock calls advance first. A timer runs only while receives wait.
type queue struct {
	service *Service
	name    string
	arn     string
	nonce   uint64 // tells its handles from those of other queues
	created time.Time
	gone    chan struct{}

	settings atomic.Pointer[settings]

	mu        sync.Mutex
	random    *rand.ChaCha8
	tags      map[string]string
	messages  map[uint64]*message
	line      line
	fifo      *fifo // nil for a standard queue
	waiting   heap  // delayed and in flight
	ageing    heap
	arrivals  *list.List
	inFlight  int
	nextID    uint64
	receivers *list.List // of *receiver, in order
	timer     *time.Timer
	moved     []move // to hand over once the lock is released
	purged    time.Time
	past      history
	err       error // why it is gone
}

// move is a message on its way to a dead-letter queue.
type move struct {
	message *message
	target  *queue
}

func newQueue(s *Service, name string, set *settings, tags map[string]string, now time.Time) *queue {
	q := &queue{
		service: s, name: name, arn: s.account.ARN(serviceName, name),
		created: now, gone: make(chan struct{}),
		random: randomOf(s.seed, name, now), tags: tags,
		receivers: list.New(),
	}
	q.nonce = q.random.Uint64()
	q.settings.Store(set)
	if set.fifo {
		q.fifo = &fifo{}
	}
	q.clear()
	return q
}

// randomOf seeds a queue's randomness by name, so that queues made in another
// order yield the same, and by time, so that a queue made anew does not accept
// the handles of the one it replaced.
func randomOf(seed uint64, name string, now time.Time) *rand.ChaCha8 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], h.Sum64())
	binary.LittleEndian.PutUint64(key[16:], uint64(now.UnixNano()))
	return rand.NewChaCha8(key)
}

// clear forgets all messages, and in a FIFO queue that they were ever sent.
func (q *queue) clear() {
	q.messages = map[uint64]*message{}
	q.waiting, q.ageing = byDue(), bySent()
	if q.fifo == nil {
		q.line = newStandardLine()
	} else {
		q.line = newGroupLine(func() bool { return q.service.options.Load().WholeGroups })
		q.fifo = &fifo{sequence: q.fifo.sequence}
	}
	q.arrivals = list.New()
	q.inFlight = 0
}

// lock takes the lock and lets time pass.
func (q *queue) lock() time.Time {
	q.mu.Lock()
	now := time.Now()
	q.advance(now)
	return now
}

// unlock serves whoever waits, releases the lock and hands over what has to
// move to a dead-letter queue.
func (q *queue) unlock(now time.Time) {
	q.serve(now)
	q.note(now)
	moved := q.moved
	q.moved = nil
	q.mu.Unlock()
	for _, m := range moved {
		m.target.accept(m.message, q)
	}
}

// advance lets everything happen that was due by now, in order: messages become
// visible, and messages kept longer than the retention period are deleted.
func (q *queue) advance(now time.Time) {
	retention := q.settings.Load().retention
	for {
		due, old := q.waiting.top(), q.ageing.top()
		if old != nil {
			end := old.sent.Add(retention)
			if !end.After(now) && (due == nil || !due.due.Before(end)) {
				q.remove(old)
				q.note(end)
				continue
			}
		}
		if due == nil || due.due.After(now) {
			return
		}
		q.show(due)
		q.note(due.due)
	}
}

// add takes in a new message that becomes visible after delay.
func (q *queue) add(c content, now time.Time, delay time.Duration) *message {
	q.nextID++
	m := &message{content: c, id: q.nextID, arrived: now}
	q.insert(m, now.Add(delay), delay > 0)
	return m
}

func (q *queue) insert(m *message, due time.Time, wait bool) {
	q.messages[m.id] = m
	m.oldest = q.arrivals.PushBack(m)
	q.ageing.push(m)
	if wait {
		m.state, m.due = delayed, due
		q.waiting.push(m)
	}
	q.line.enter(m)
}

// show makes a delayed or received message visible.
func (q *queue) show(m *message) {
	q.waiting.remove(m)
	if m.state == inFlight {
		q.inFlight--
	}
	m.state = visible
	q.line.show(m)
}

// hide makes a message that is visible or in flight invisible until due.
func (q *queue) hide(m *message, due time.Time) {
	if m.state == visible {
		m.state = inFlight
		q.line.hide(m)
		q.inFlight++
	} else {
		q.waiting.remove(m)
	}
	m.due = due
	q.waiting.push(m)
}

// remove deletes a message.
func (q *queue) remove(m *message) {
	delete(q.messages, m.id)
	q.ageing.remove(m)
	q.unmarkOldest(m)
	q.line.leave(m)
	if m.state == visible {
		return
	}
	q.waiting.remove(m)
	if m.state == inFlight {
		q.inFlight--
	}
}

func (q *queue) unmarkOldest(m *message) {
	if m.oldest != nil {
		q.arrivals.Remove(m.oldest)
		m.oldest = nil
	}
}

// delivery is one receive of one message.
type delivery struct {
	*message
	handle   string
	receives int
	first    time.Time
}

// take receives up to want visible messages. A message that has been received
// as often as the redrive policy allows moves to the dead-letter queue instead;
// where that queue does not exist, the message stays.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
func (q *queue) take(now time.Time, want int, timeout time.Duration) []delivery {
	var taken []delivery
	var last *message
	redrive := q.settings.Load().redrive
	for len(taken) < want && q.inFlight < maxInFlight {
		m := q.line.next(last)
		if m == nil {
			break
		}
		if redrive != nil && int(m.receive) >= redrive.MaxReceiveCount {
			if target := q.service.byARN(redrive.DeadLetterTargetARN); target != nil {
				q.remove(m)
				q.moved = append(q.moved, move{m, target})
				continue
			}
		}
		q.hide(m, now.Add(timeout))
		last = m
		m.received, m.changed = now, false
		m.receives++
		m.receive++
		if m.receives == 1 {
			m.first = now
		}
		if m.receive >= poisoned && q.fifo == nil {
			q.unmarkOldest(m)
		}
		r := receipt{q.nonce, m.id, m.receive}
		taken = append(taken, delivery{m, r.encode(q.random), m.receives, m.first})
	}
	return taken
}

// accept takes in a message from the queue whose dead-letter queue this is. Its
// ID and its receives stay, and in a standard queue the time it was sent. In a
// FIFO queue that begins anew; the message keeps its group and deduplication ID,
// but is no duplicate of anything: it must not be lost.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
func (q *queue) accept(from *message, source *queue) {
	now := q.lock()
	c := from.content
	c.deadLetterSource = source.arn
	if q.fifo != nil {
		c.sent, c.sequence = now, q.fifo.next()
	}
	m := q.add(c, now, 0)
	m.receives, m.first = from.receives, from.first
	q.unlock(now)
	q.service.router.Emit(api.Call{Service: serviceName, Operation: "redrive", Input: &Redriven{
		MessageID: from.messageID, From: source.arn, To: q.arn, Receives: from.receives,
	}}, nil)
}

// Redriven tells observers that a message has moved to a dead-letter queue.
type Redriven struct {
	MessageID string
	// From and To are the ARNs of the queues.
	From, To string
	// Receives is how often the message had been received.
	Receives int
}

// byHandle finds the message that a receipt handle stands for. The message is
// nil when it is gone or has been received again since. In a FIFO queue a handle
// is good only while its receive hides the message.
func (q *queue) byHandle(handle string) (*message, error) {
	if handle == "" {
		return nil, missingParameter("ReceiptHandle")
	}
	r, ok := decodeReceipt(handle)
	if !ok || r.queue != q.nonce {
		return nil, invalidHandle(handle)
	}
	m := q.messages[r.message]
	switch {
	case m == nil:
		return nil, nil
	case q.fifo != nil && (m.receive != r.receive || m.state != inFlight):
		return nil, errExpiredHandle
	case m.receive != r.receive:
		return nil, nil
	}
	return m, nil
}

// newID makes a message ID, a version 4 UUID of the queue's randomness.
func (q *queue) newID() string {
	var id uuid.UUID
	binary.LittleEndian.PutUint64(id[0:], q.random.Uint64())
	binary.LittleEndian.PutUint64(id[8:], q.random.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

package sqs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// fifo is what a FIFO queue remembers beside its messages. The order of its
// messages is the groupLine's.
//
// The quotas on FIFO queues' calls a second (300, or 3,000 messages in batches;
// more in high throughput mode) are not enforced, nor that a receive looks for
// groups among the first 120,000 messages only.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html
type fifo struct {
	sent     window[receiptOfSend]
	attempts window[[]delivery]
	sequence uint64
}

// receiptOfSend is what the sender of a message was told, and is told again when
// it sends the message again.
type receiptOfSend struct{ messageID, sequence string }

// duplicate completes a message that was sent within the last five minutes, from
// what its sender was told then, and reports whether it was. It counts from the
// first send, and goes on when the message has been received and deleted.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
func (f *fifo) duplicate(c *content, perGroup bool, now time.Time) bool {
	told, ok := f.sent.get(c.scopedID(perGroup), now)
	if ok {
		c.messageID, c.sequence = told.messageID, told.sequence
	}
	return ok
}

// enqueued numbers a message and remembers it as sent.
func (f *fifo) enqueued(c *content, perGroup bool, now time.Time) {
	c.sequence = f.next()
	f.sent.put(c.scopedID(perGroup), receiptOfSend{c.messageID, c.sequence}, now)
}

// next is a sequence number, 20 digits long as AWS's are. They grow, with gaps.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
func (f *fifo) next() string {
	f.sequence++
	return fmt.Sprintf("188%017d", f.sequence*256)
}

// scopedID tells a message from others in its queue, or in its group. IDs have
// no spaces.
func (c *content) scopedID(perGroup bool) string {
	if perGroup {
		return c.groupID + " " + c.deduplicationID
	}
	return c.deduplicationID
}

// contentID is the deduplication ID of a message that was sent without one.
func contentID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// fetch takes messages for one receive. With an attempt ID that was used within
// the last five minutes it yields the same messages again, with the same
// handles.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html#API_ReceiveMessage_RequestParameters
func (q *queue) fetch(now time.Time, r request) ([]delivery, error) {
	if r.attempt == "" {
		return q.take(now, r.want, r.timeout), nil
	}
	if before, ok := q.fifo.attempts.get(r.attempt, now); ok {
		return q.repeat(now, r, before)
	}
	got := q.take(now, r.want, r.timeout)
	if len(got) > 0 {
		q.fifo.attempts.put(r.attempt, got, now)
	}
	return got, nil
}

// repeat hides the messages of an earlier attempt anew. It is refused once one of
// them was deleted, was hidden for another time or came back. A repeated receive
// does not count as one: AWS does not say so, but a retry of the SDK's should not
// bring a message nearer to the dead-letter queue.
func (q *queue) repeat(now time.Time, r request, before []delivery) ([]delivery, error) {
	for _, d := range before {
		m := d.message
		if q.messages[m.id] != m || m.state != inFlight || m.receives != d.receives || m.changed {
			return nil, invalidValue(r.attempt, "ReceiveRequestAttemptId", "The receiveRequestAttemptId is not valid anymore since the receive call is not retryable.")
		}
	}
	for _, d := range before {
		q.hide(d.message, now.Add(r.timeout))
		d.message.received = now
	}
	return before, nil
}

// supersede gives up a receive that still waits with the same attempt ID: its
// caller calls again because it lost the connection.
func (q *queue) supersede(attempt string) {
	if attempt == "" {
		return
	}
	for e := q.receivers.Front(); e != nil; e = e.Next() {
		if e.Value.(*receiver).attempt == attempt {
			q.receivers.Remove(e)
			return
		}
	}
}

// redelay applies the queue's delay to the messages that wait for it: in a FIFO
// queue a change of the delay is retroactive.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
func (q *queue) redelay() {
	now := q.lock()
	defer q.unlock(now)
	delay := q.settings.Load().delay
	var waiting []*message
	for _, m := range q.waiting.items {
		if m.state == delayed {
			waiting = append(waiting, m)
		}
	}
	for _, m := range waiting {
		q.waiting.remove(m)
		m.due = m.arrived.Add(delay)
		q.waiting.push(m)
	}
	q.advance(now)
}

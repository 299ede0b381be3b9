package sqs

import "time"

// Standing is where a message stands in a queue.
type Standing struct {
	// Receives so far, in any queue.
	Receives int
	// Due is when it becomes visible. Zero while it is.
	Due time.Time
}

// Message says where a message stands in a queue. It reports false when the
// queue does not hold it.
func (s *Service) Message(queueName, messageID string) (Standing, bool) {
	q := s.named(queueName)
	if q == nil {
		return Standing{}, false
	}
	now := q.lock()
	defer q.unlock(now)
	for _, m := range q.messages {
		if m.messageID == messageID {
			st := Standing{Receives: m.receives}
			if m.state != visible {
				st.Due = m.due
			}
			return st, true
		}
	}
	return Standing{}, false
}

package table_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// broken names the rules that did not hold: those of every row.
func (l *lab) broken() []string {
	given := l.givenUp()
	dead := l.DeadLettered()
	l.mu.Lock()
	wrong := slices.Clone(l.wrong)
	for word, m := range l.lives {
		if m.effects == 0 && !slices.Contains(dead, m.id) && !strings.Contains(given, m.id) {
			wrong = append(wrong, fmt.Sprintf("%s is lost", word))
		}
		if most := l.cell.longest(); m.longest > most+time.Second {
			wrong = append(wrong, fmt.Sprintf("%s was invisible for %s after the fault, %s is the most", word, m.longest, most))
		}
		if word != victim && (m.receives != 1 || m.attempts != 1 || m.effects != 1) {
			wrong = append(wrong, fmt.Sprintf("%s suffers: receives %d, starts %d, effects %d", word, m.receives, m.attempts, m.effects))
		}
	}
	l.mu.Unlock()
	for _, w := range l.Workers() {
		wrong = append(wrong, "a slot is not free: "+w.Holder)
	}
	for _, e := range l.WorkerExecutions() {
		if e.Status == sfntypes.ExecutionStatusRunning {
			wrong = append(wrong, "still running: "+*e.Name)
		}
	}
	return wrong
}

// longest is the longest that a message may be invisible after a fault: its
// time-out and a minute. The backoff that a failed message gets by the fleet's
// settings comes on top; one whose start is throttled for long waits for up to
// two minutes.
func (c cell) longest() time.Duration {
	d := c.way.hidden() + time.Minute
	if c.fault == throttledLong {
		return max(d, 2*time.Minute)
	}
	return d + longestBackoff
}

// endOf says how a message ended.
func (l *lab) endOf(m *life) ending {
	_, dead := l.Runtime.SQS.Message(l.queueName("DeadLetterQueueUrl"), m.id)
	switch {
	case dead:
		return deadLettered
	case m.effects > 0:
		return handled
	case strings.Contains(l.givenUp(), m.id):
		return givenUp
	}
	return "lost"
}

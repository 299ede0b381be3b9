package deadletter

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/message"
)

// Filter says which messages are meant: those that pass all of it. The zero
// value lets all through.
type Filter struct {
	// Match is a text in the body, or in the name or value of a message
	// attribute, in upper or lower case.
	Match string
	// IDs of the only messages that are meant.
	IDs []string
	// Since and Until are the times between which they were sent, Until left out.
	// SQS keeps that time when it moves a message of a standard queue to its
	// dead-letter queue; in a FIFO queue it is when the message was moved.
	Since, Until time.Time
	// Attributes are values that message attributes or the system's attributes,
	// such as MessageGroupId, must have.
	Attributes map[string]string
	// Reason decides by message ID whether its last failure is meant. Nil lets
	// all through.
	Reason func(messageID string) bool
}

// Matches says whether a message is meant.
func (f Filter) Matches(r message.Record) bool {
	sent := Sent(r)
	switch {
	case len(f.IDs) > 0 && !slices.Contains(f.IDs, r.MessageID),
		!f.Since.IsZero() && sent.Before(f.Since),
		!f.Until.IsZero() && !sent.Before(f.Until),
		f.Match != "" && !mentions(r, strings.ToLower(f.Match)),
		f.Reason != nil && !f.Reason(r.MessageID):
		return false
	}
	for name, want := range f.Attributes {
		a, ok := r.MessageAttributes[name]
		system, isSystem := r.Attributes[name]
		if !(ok && aws.ToString(a.StringValue) == want || isSystem && system == want) {
			return false
		}
	}
	return true
}

func mentions(r message.Record, lower string) bool {
	if strings.Contains(strings.ToLower(r.Body), lower) {
		return true
	}
	for name, a := range r.MessageAttributes {
		if strings.Contains(strings.ToLower(name), lower) || strings.Contains(strings.ToLower(aws.ToString(a.StringValue)), lower) {
			return true
		}
	}
	return false
}

// Sent is when a message was sent. Zero if SQS does not say.
func Sent(r message.Record) time.Time {
	ms, err := strconv.ParseInt(r.Attributes["SentTimestamp"], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

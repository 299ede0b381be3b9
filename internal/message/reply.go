package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"
)

// Failure is why a message of a batch failed.
type Failure struct {
	Reason string
	// RetryAfter is how long the handler wants the message to stay invisible.
	// Defaults to nil: the fleet's backoff.
	RetryAfter *time.Duration
	// quoted is what of the handler's reply stands in the reason, word for word.
	quoted string
}

// Delay is how long the message stays invisible: as the handler said, or else
// the fleet's backoff after that many receives.
func (f Failure) Delay(b Backoff, receives int) time.Duration {
	if f.RetryAfter != nil {
		return *f.RetryAfter
	}
	return b.Delay(receives)
}

// Failures are the messages of a batch that failed, by message ID.
type Failures map[string]Failure

// All fails every record for the same reason.
func All(records []Record, reason string) Failures {
	f := make(Failures, len(records))
	for _, r := range records {
		f[r.MessageID] = Failure{Reason: reason}
	}
	return f
}

// Members of a reply, by their exact names: encoding/json would take any
// spelling in other case for them, where an event source mapping does not.
const (
	failuresMember   = "batchItemFailures"
	identifierMember = "itemIdentifier"
	retryMember      = "retryAfterSeconds"
	// misspeltMember is what Go and .NET write unless they are told otherwise.
	misspeltMember = "BatchItemFailures"
)

const reported = "the handler reported it in batchItemFailures"

// quote fails every record for a reason that quotes a handler's reply.
func quote(records []Record, reason, quoted string) Failures {
	f := make(Failures, len(records))
	for _, r := range records {
		f[r.MessageID] = Failure{Reason: reason + quoted, quoted: quoted}
	}
	return f
}

// ProcessReply reads what a process handler answered, as an event source
// mapping reads it: nothing, null and {} are success, batchItemFailures fail
// alone, and an identifier that is empty or unknown fails the whole batch.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func ProcessReply(records []Record, reply []byte) Failures {
	if len(bytes.TrimSpace(reply)) == 0 {
		return nil
	}
	if !json.Valid(reply) {
		return All(records, "the handler's reply is not JSON")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(reply, &members); err != nil {
		// A string, a number or an array: JSON that reports no failures.
		return nil
	}
	return failures(records, members)
}

// failures reads the members of a reply that report failures.
func failures(records []Record, members map[string]json.RawMessage) Failures {
	if f := MisspeltItems(records, members[misspeltMember]); f != nil {
		return f
	}
	return FailedItems(records, members[failuresMember])
}

// MisspeltItems reads the value of a BatchItemFailures member. An event source
// mapping does not know it and would delete what it means to return: here it
// fails the batch, unless it reports nothing.
func MisspeltItems(records []Record, list json.RawMessage) Failures {
	var items []json.RawMessage
	if len(list) == 0 || json.Unmarshal(list, &items) == nil && len(items) == 0 {
		return nil
	}
	return All(records, "the handler's reply has BatchItemFailures: its name is batchItemFailures")
}

// FailedItems reads the value of a batchItemFailures member: a list of
// {"itemIdentifier": "<messageId>"}, where "retryAfterSeconds" may set the
// message's backoff: whole seconds, 0 to 43200. Of two entries for a message the
// last one counts.
func FailedItems(records []Record, list json.RawMessage) Failures {
	if len(list) == 0 || bytes.Equal(list, []byte("null")) {
		return nil
	}
	var items []map[string]json.RawMessage
	if err := json.Unmarshal(list, &items); err != nil {
		return All(records, `batchItemFailures of the handler's reply is not a list of {"itemIdentifier": ...}`)
	}
	known := make(map[string]bool, len(records))
	for _, r := range records {
		known[r.MessageID] = true
	}
	failures := make(Failures, len(items))
	for _, item := range items {
		var id string
		if raw, ok := item[identifierMember]; ok {
			if err := json.Unmarshal(raw, &id); err != nil {
				return All(records, "batchItemFailures of the handler's reply has an itemIdentifier that is not a string")
			}
		}
		switch {
		case id == "":
			return All(records, "batchItemFailures of the handler's reply has an entry without itemIdentifier")
		case !known[id]:
			return quote(records, "batchItemFailures of the handler's reply names the unknown message ", strconv.Quote(id))
		}
		failures[id] = itemFailure(item[retryMember])
	}
	return failures
}

// itemFailure is the failure of one entry with its retryAfterSeconds.
func itemFailure(retryAfter json.RawMessage) Failure {
	f := Failure{Reason: reported}
	f.Retry(retryAfter)
	return f
}

// Retry sets the failure's backoff to a retryAfterSeconds: whole seconds, 0 to
// 43200. Another value is noted in the reason; none at all changes nothing.
func (f *Failure) Retry(retryAfter json.RawMessage) {
	if len(retryAfter) == 0 || bytes.Equal(retryAfter, []byte("null")) {
		return
	}
	seconds, err := strconv.ParseFloat(string(retryAfter), 64)
	if err != nil || seconds != math.Trunc(seconds) || seconds < 0 || seconds > MaxVisibility.Seconds() {
		f.quoted = fmt.Sprintf("%.40s", retryAfter)
		f.Reason += fmt.Sprintf(", with retryAfterSeconds %s, which is not whole seconds from 0 to %d: the fleet's backoff applies", f.quoted, int(MaxVisibility.Seconds()))
		return
	}
	delay := time.Duration(seconds) * time.Second
	f.RetryAfter = &delay
}

// Transformed is what a transform handler made of a batch.
type Transformed struct {
	// Kept go on to the process stage, in the order of the batch.
	Kept []Record
	// Filtered did not come back: they are acknowledged.
	Filtered []string
	// Failed go back to the queue.
	Failed Failures
}

// replacement is a record of a transform handler's reply.
type replacement struct {
	MessageID         string               `json:"messageId"`
	Body              *string              `json:"body"`
	MessageAttributes map[string]Attribute `json:"messageAttributes"`
}

// TransformReply reads what a transform handler answered: an SQS event whose
// records replace their originals by messageId (body and message attributes),
// and batchItemFailures, which fail alone.
func TransformReply(records []Record, reply []byte) Transformed {
	fail := func(reason string) Transformed { return Transformed{Failed: All(records, reason)} }
	var members map[string]json.RawMessage
	if err := json.Unmarshal(reply, &members); err != nil {
		return Transformed{Failed: quote(records, "the transform handler's reply is not an SQS event: ", err.Error())}
	}
	var list *[]replacement
	if raw, ok := members["Records"]; ok {
		if err := json.Unmarshal(raw, &list); err != nil {
			return Transformed{Failed: quote(records, "the transform handler's reply is not an SQS event: Records: ", err.Error())}
		}
	}
	t := Transformed{Failed: failures(records, members)}
	if list == nil {
		// That a message did not come back filters it only where others could.
		none := All(records, `the transform handler's reply has no "Records": answer {"Records": []} to filter every message`)
		maps.Copy(none, t.Failed)
		return Transformed{Failed: none}
	}
	back := make(map[string]Record, len(records))
	byID := make(map[string]Record, len(records))
	for _, r := range records {
		byID[r.MessageID] = r
	}
	for _, r := range *list {
		original, ok := byID[r.MessageID]
		if !ok {
			return Transformed{Failed: quote(records, "the transform handler's reply names the unknown message ", strconv.Quote(r.MessageID))}
		}
		if _, twice := back[r.MessageID]; twice {
			return fail(fmt.Sprintf("the transform handler's reply names message %s twice", r.MessageID))
		}
		if r.Body != nil {
			original.Body = *r.Body
			original.MD5OfBody = md5Hex(*r.Body)
		}
		if r.MessageAttributes != nil {
			original.MessageAttributes = r.MessageAttributes
			original.MD5OfMessageAttributes = ""
		}
		back[r.MessageID] = original
	}
	for _, r := range records {
		_, failed := t.Failed[r.MessageID]
		kept, came := back[r.MessageID]
		switch {
		case failed:
		case came:
			t.Kept = append(t.Kept, kept)
		default:
			t.Filtered = append(t.Filtered, r.MessageID)
		}
	}
	return t
}

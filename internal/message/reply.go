package message

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Failures are the messages of a batch that failed: message ID to reason.
type Failures map[string]string

// All fails every record for the same reason.
func All(records []Record, reason string) Failures {
	f := make(Failures, len(records))
	for _, r := range records {
		f[r.MessageID] = reason
	}
	return f
}

// ItemFailure is one entry of batchItemFailures.
type ItemFailure struct {
	ItemIdentifier *string `json:"itemIdentifier"`
}

const reported = "the handler reported it in batchItemFailures"

// ProcessReply reads what a process handler answered, as an event source
// mapping reads it: nothing, null and {} are success, batchItemFailures fail
// alone, and an identifier that is empty or unknown fails the whole batch.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func ProcessReply(records []Record, reply []byte) Failures {
	if len(bytes.TrimSpace(reply)) == 0 {
		return nil
	}
	var list struct {
		BatchItemFailures json.RawMessage `json:"batchItemFailures"`
	}
	if !json.Valid(reply) {
		return All(records, "the handler's reply is not JSON")
	}
	if err := json.Unmarshal(reply, &list); err != nil {
		// A string, a number or an array: JSON that reports no failures.
		return nil
	}
	return FailedItems(records, list.BatchItemFailures)
}

// FailedItems reads the value of a batchItemFailures member.
func FailedItems(records []Record, list json.RawMessage) Failures {
	if len(list) == 0 || bytes.Equal(list, []byte("null")) {
		return nil
	}
	var items []ItemFailure
	if err := json.Unmarshal(list, &items); err != nil {
		return All(records, "batchItemFailures of the handler's reply is not a list of {\"itemIdentifier\": ...}")
	}
	known := make(map[string]bool, len(records))
	for _, r := range records {
		known[r.MessageID] = true
	}
	failures := make(Failures, len(items))
	for _, item := range items {
		switch {
		case item.ItemIdentifier == nil || *item.ItemIdentifier == "":
			return All(records, "batchItemFailures of the handler's reply has an entry without itemIdentifier")
		case !known[*item.ItemIdentifier]:
			return All(records, fmt.Sprintf("batchItemFailures of the handler's reply names the unknown message %q", *item.ItemIdentifier))
		}
		failures[*item.ItemIdentifier] = reported
	}
	return failures
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

// TransformReply reads what a transform handler answered: an SQS event whose
// records replace their originals by messageId (body and message attributes).
func TransformReply(records []Record, reply []byte) Transformed {
	fail := func(reason string) Transformed { return Transformed{Failed: All(records, reason)} }
	var event struct {
		Records *[]struct {
			MessageID         string               `json:"messageId"`
			Body              *string              `json:"body"`
			MessageAttributes map[string]Attribute `json:"messageAttributes"`
		} `json:"Records"`
		BatchItemFailures json.RawMessage `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(reply, &event); err != nil {
		return fail("the transform handler's reply is not an SQS event: " + err.Error())
	}
	if event.Records == nil && event.BatchItemFailures == nil {
		return fail(`the transform handler's reply has no "Records": answer {"Records": []} to filter every message`)
	}
	t := Transformed{Failed: FailedItems(records, event.BatchItemFailures)}
	back := make(map[string]Record, len(records))
	byID := make(map[string]Record, len(records))
	for _, r := range records {
		byID[r.MessageID] = r
	}
	if event.Records != nil {
		for _, r := range *event.Records {
			original, ok := byID[r.MessageID]
			if !ok {
				return fail(fmt.Sprintf("the transform handler's reply names the unknown message %q", r.MessageID))
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

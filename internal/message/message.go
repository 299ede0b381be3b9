// Package message is the domain: messages as handlers see them, batches, what
// became of each message, and backoff. It uses the standard library only.
package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Event is what a handler gets: the event that Lambda's own SQS event source
// mapping sends.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type Event struct {
	Records []Record `json:"Records"`
}

// Record is one message in an event.
type Record struct {
	MessageID              string               `json:"messageId"`
	ReceiptHandle          string               `json:"receiptHandle"`
	Body                   string               `json:"body"`
	Attributes             map[string]string    `json:"attributes"`
	MessageAttributes      map[string]Attribute `json:"messageAttributes"`
	MD5OfMessageAttributes string               `json:"md5OfMessageAttributes,omitempty"`
	MD5OfBody              string               `json:"md5OfBody"`
	EventSource            string               `json:"eventSource"`
	EventSourceARN         string               `json:"eventSourceARN"`
	AWSRegion              string               `json:"awsRegion"`
	// Received is when SQS handed the message over, by the receiver's clock: its
	// 12 hours count from then. Not part of the event.
	Received time.Time `json:"-"`
	// Carried is how often it had been received before it was sent again, which
	// SQS's own count leaves out. Not part of the event.
	Carried int `json:"-"`
}

// Attribute is a message attribute as Lambda spells it.
type Attribute struct {
	StringValue      *string  `json:"stringValue,omitempty"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues [][]byte `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

// Receives is how often the message has been received, this time included.
func (r Record) Receives() int {
	n := 0
	for _, c := range r.Attributes["ApproximateReceiveCount"] {
		if c < '0' || c > '9' {
			return n
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Encode writes the event as JSON, without escaping what JSON need not escape.
func (e Event) Encode() ([]byte, error) {
	if e.Records == nil {
		e.Records = []Record{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode an event of %d records: %w", len(e.Records), err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Payload limits of Lambda, in bytes of the encoded event.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	// MaxSyncPayload of a synchronous invocation: 6 MB.
	MaxSyncPayload = 6 * 1024 * 1024
	// MaxAsyncPayload of an asynchronous invocation: 1 MB.
	MaxAsyncPayload = 1024 * 1024
)

// Batch is some messages and their encoded event.
type Batch struct {
	Records []Record
	Payload []byte
}

// Split encodes records as events of at most limit bytes each, in order. A
// record that is over the limit by itself comes back in tooLarge.
func Split(records []Record, limit int) (batches []Batch, tooLarge []Record, err error) {
	whole, err := Event{records}.Encode()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case len(records) == 0:
		return nil, nil, nil
	case len(whole) <= limit:
		return []Batch{{records, whole}}, nil, nil
	case len(records) == 1:
		return nil, records, nil
	}
	for _, half := range [][]Record{records[:len(records)/2], records[len(records)/2:]} {
		b, t, err := Split(half, limit)
		if err != nil {
			return nil, nil, err
		}
		batches, tooLarge = append(batches, b...), append(tooLarge, t...)
	}
	return batches, tooLarge, nil
}

package filter

import (
	"encoding/base64"
	"maps"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pattern"
)

// Message is a message as filters see it. It is read once, however many filters
// look at it, and the body only when one asks for it. Not for use by several
// goroutines at a time.
type Message struct {
	record message.Record
	// without the body, and with it: nil until asked for.
	without, with map[string]any
	format        format
}

// On shows a message to filters.
func On(r message.Record) *Message { return &Message{record: r} }

// metadata is the record but for its body.
func (m *Message) metadata() map[string]any {
	if m.without == nil {
		m.without = fieldsOf(m.record)
	}
	return m.without
}

// whole is the record with its body: what it says if it is JSON, its text
// otherwise. JSON is any JSON text, a number or a string in quotes included.
func (m *Message) whole() (map[string]any, format) {
	if m.with == nil {
		m.with = maps.Clone(m.metadata())
		m.with["body"], m.format = any(m.record.Body), plain
		if v, err := pattern.Decode([]byte(m.record.Body)); err == nil {
			m.with["body"], m.format = v, structured
		}
	}
	return m.with, m.format
}

// fieldsOf is a record as its JSON reads, without the body.
func fieldsOf(r message.Record) map[string]any {
	fields := map[string]any{
		"messageId":         r.MessageID,
		"receiptHandle":     r.ReceiptHandle,
		"attributes":        texts(r.Attributes),
		"messageAttributes": attributes(r.MessageAttributes),
		"md5OfBody":         r.MD5OfBody,
		"eventSource":       r.EventSource,
		"eventSourceARN":    r.EventSourceARN,
		"awsRegion":         r.AWSRegion,
	}
	if r.MD5OfMessageAttributes != "" {
		fields["md5OfMessageAttributes"] = r.MD5OfMessageAttributes
	}
	return fields
}

func texts(m map[string]string) map[string]any {
	of := make(map[string]any, len(m))
	for k, v := range m {
		of[k] = v
	}
	return of
}

func attributes(m map[string]message.Attribute) map[string]any {
	of := make(map[string]any, len(m))
	for name, a := range m {
		fields := map[string]any{"stringListValues": []any{}, "binaryListValues": []any{}, "dataType": a.DataType}
		if a.StringValue != nil {
			fields["stringValue"] = *a.StringValue
		}
		if len(a.BinaryValue) > 0 {
			fields["binaryValue"] = base64.StdEncoding.EncodeToString(a.BinaryValue)
		}
		of[name] = fields
	}
	return of
}

// Package duplicate keeps a fleet from handling a message twice within a window:
// the same message received twice, or two that a producer sent for one thing.
//
// A message is begun by a conditional write before its handler is invoked, and
// marked as done after it succeeded and before it is acknowledged. Who dies
// between the handler and that mark leaves a message that is handled again: at
// least once, as ever.
package duplicate

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ohler55/ojg/jp"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pattern"
)

const (
	byMessage       = "messageId"
	byDeduplication = "deduplicationId"
	byAttribute     = "attribute:"
)

// Key tells what makes two messages the same.
type Key struct {
	spec string
	// path into the body, where the key is one.
	path jp.Expr
}

// ParseKey reads what makes two messages the same: messageId, deduplicationId of
// a FIFO queue, attribute:NAME, or a JSONPath into the body that names one value,
// such as $.order.id.
func ParseKey(spec string) (Key, error) {
	switch {
	case spec == byMessage, spec == byDeduplication, strings.HasPrefix(spec, byAttribute) && spec != byAttribute:
		return Key{spec: spec}, nil
	case !strings.HasPrefix(spec, "$"):
		return Key{}, fmt.Errorf("DuplicateKey is %q, it must be messageId, deduplicationId, attribute:NAME or a JSONPath into the body such as $.order.id", spec)
	}
	path, err := jp.ParseString(spec)
	if err != nil {
		return Key{}, fmt.Errorf("DuplicateKey is %q, which is not a JSONPath: %w", spec, err)
	}
	if len(path) < 2 || !path.Normal() {
		return Key{}, fmt.Errorf("DuplicateKey is %q: the path must name one value, by names and indexes alone, such as $.order.id", spec)
	}
	return Key{spec, path}, nil
}

// Fifo says whether only messages of FIFO queues have the key.
func (k Key) Fifo() bool { return k.spec == byDeduplication }

// Of is a message's key. One that lacks what the key is made of has its ID for
// key, so that it is taken for no other.
func (k Key) Of(r message.Record) string {
	if value, ok := k.value(r); ok {
		return k.spec + "=" + value
	}
	return byMessage + "=" + r.MessageID
}

func (k Key) value(r message.Record) (string, bool) {
	switch {
	case k.path != nil:
		return k.inBody(r.Body)
	case k.spec == byDeduplication:
		id, ok := r.Attributes["MessageDeduplicationId"]
		return id, ok
	case k.spec == byMessage:
		return r.MessageID, true
	}
	a, ok := r.MessageAttributes[strings.TrimPrefix(k.spec, byAttribute)]
	if !ok {
		return "", false
	}
	if a.StringValue != nil {
		return a.DataType + ":" + *a.StringValue, true
	}
	return a.DataType + ":" + base64.StdEncoding.EncodeToString(a.BinaryValue), true
}

// inBody is the value at the path, as JSON with sorted names. Null is no value.
func (k Key) inBody(body string) (string, bool) {
	document, err := pattern.Decode([]byte(body))
	if err != nil {
		return "", false
	}
	value := k.path.First(document)
	if value == nil {
		return "", false
	}
	text, err := json.Marshal(value)
	return string(text), err == nil
}

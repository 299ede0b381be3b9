package message

import (
	"encoding/json"
	"fmt"
)

// eventFrame is what an encoded event has around its records, and recordFrame
// what stands between two of them, in bytes.
const (
	eventFrame  = len(`{"Records":[]}`)
	recordFrame = len(`,`)
)

// Load adds up the size of an encoded event, JSON's escapes included, without
// keeping its text. The zero value is an event without records.
type Load struct {
	records int
	bytes   int
}

// Size is that of the encoded event, in bytes.
func (l Load) Size() int { return eventFrame + l.bytes + max(l.records-1, 0)*recordFrame }

// With is the load with one record more.
func (l Load) With(r Record) (Load, error) {
	n, err := r.size()
	return Load{l.records + 1, l.bytes + n}, err
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// size is the record's in an encoded event.
func (r Record) size() (int, error) {
	var c counter
	enc := json.NewEncoder(&c)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return 0, fmt.Errorf("encode message %s: %w", r.MessageID, err)
	}
	return int(c) - len("\n"), nil
}

package eventbridge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

const (
	maxEntries = 10
	// maxEventSize of all entries of a request together, in bytes.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
	maxEventSize = 1 << 20
	// timeSize is what EventBridge counts for an entry's Time.
	timeSize = 14
)

// Event is an event in the form in which rules see it.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
type Event struct {
	Version    string `json:"version"`
	ID         string `json:"id"`
	DetailType string `json:"detail-type"`
	Source     string `json:"source"`
	Account    string `json:"account"`
	// Time in UTC, to the second: "2026-09-01T10:00:00Z".
	Time      string          `json:"time"`
	Region    string          `json:"region"`
	Resources []string        `json:"resources"`
	Detail    json.RawMessage `json:"detail"`
}

// received is an event on the bus.
type received struct {
	Event
	encoded  []byte
	tree     any
	ingested time.Time
}

// PutEventsInput is up to ten events.
type PutEventsInput struct{ Entries []PutEventsEntry }

// PutEventsEntry is one event to put on the bus.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
type PutEventsEntry struct {
	Source       string
	DetailType   string
	Detail       string
	Resources    []string
	Time         *Timestamp
	EventBusName string
}

// Timestamp is seconds since 1970 in JSON, or RFC 3339 in a string.
type Timestamp struct{ time.Time }

// UnmarshalJSON reads either form.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return t.Time.UnmarshalJSON(data)
	}
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("timestamp %s: %w", data, err)
	}
	t.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

// PutEventsOutput tells of each entry, in order, its event ID or its error.
type PutEventsOutput struct {
	FailedEntryCount int
	Entries          []PutEventsResult
}

// PutEventsResult is an event ID or an error.
type PutEventsResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// putEvents puts events on the default bus. Entries fail one by one.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
func (s *Service) putEvents(_ context.Context, caller api.Caller, in *PutEventsInput) (*PutEventsOutput, error) {
	if n := len(in.Entries); n == 0 || n > maxEntries {
		bound := "less than or equal to 10"
		if n == 0 {
			bound = "greater than or equal to 1"
		}
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length %s", bound)
	}
	size := 0
	for _, e := range in.Entries {
		size += e.size()
		if err := s.onlyDefaultBus(e.EventBusName); err != nil {
			return nil, err
		}
	}
	if size > maxEventSize {
		return nil, api.Errorf("ValidationException", "Total size of the entries in the request is over the limit.")
	}
	out := &PutEventsOutput{Entries: make([]PutEventsResult, len(in.Entries))}
	for i, e := range in.Entries {
		if code, message := e.check(); code != "" {
			out.FailedEntryCount++
			out.Entries[i] = PutEventsResult{ErrorCode: code, ErrorMessage: message}
			continue
		}
		event := Event{Source: e.Source, DetailType: e.DetailType, Detail: json.RawMessage(e.Detail), Resources: e.Resources}
		if e.Time != nil {
			event.Time = e.Time.UTC().Format(time.RFC3339)
		}
		r, err := s.receive(event)
		if err != nil {
			return nil, err
		}
		out.Entries[i].EventID = r.ID
		s.router.Bill(api.Usage{Item: price.Event, Quantity: price.Chunks(e.size()), Resource: s.account.ARN("events", "event-bus/"+defaultBus), Caller: caller})
		s.match(r)
	}
	return out, nil
}

func (e PutEventsEntry) size() int {
	size := len(e.Source) + len(e.DetailType) + len(e.Detail)
	for _, r := range e.Resources {
		size += len(r)
	}
	if e.Time != nil {
		size += timeSize
	}
	return size
}

// check returns the error of a bad entry.
func (e PutEventsEntry) check() (code, message string) {
	for _, required := range []struct{ name, value string }{
		{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail},
	} {
		if required.value == "" {
			return "InvalidArgument", "Parameter " + required.name + " is not valid. Reason: " + required.name + " is a required argument."
		}
	}
	if strings.HasPrefix(e.Source, "aws.") {
		return "NotAuthorizedForSource", "Not authorized for the source."
	}
	if !isObject(e.Detail) {
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

func isObject(text string) bool {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	return strings.HasPrefix(trimmed, "{") && json.Valid([]byte(text))
}

// Publish puts an event of an AWS service on the bus, such as "aws.states". It
// fills in what is empty of version, ID, account, time, region and resources.
// An event whose detail is no JSON object is an error.
func (s *Service) Publish(_ context.Context, e Event) error {
	if !isObject(string(e.Detail)) {
		return api.Errorf("MalformedDetail", "Detail is malformed.")
	}
	r, err := s.receive(e)
	if err != nil {
		return err
	}
	s.match(r)
	return nil
}

// receive completes an event and decodes it once for all rules.
func (s *Service) receive(e Event) (*received, error) {
	now := time.Now().UTC()
	if e.ID == "" {
		e.ID = s.newID()
	}
	if e.Time == "" {
		e.Time = now.Format(time.RFC3339)
	}
	if e.Resources == nil {
		e.Resources = []string{}
	}
	e.Version, e.Account, e.Region = "0", s.account.ID, s.account.Region
	encoded, err := encode(e)
	if err != nil {
		return nil, err
	}
	r := &received{Event: e, encoded: []byte(encoded), ingested: now}
	d := json.NewDecoder(bytes.NewReader(r.encoded))
	d.UseNumber()
	if err := d.Decode(&r.tree); err != nil {
		return nil, fmt.Errorf("decode the event: %w", err)
	}
	return r, nil
}

// match sends an event to the targets of every rule whose pattern it matches.
func (s *Service) match(e *received) {
	s.mu.Lock()
	var deliveries []delivery
	for _, name := range slices.Sorted(maps.Keys(s.rules)) {
		if r := s.rules[name]; r.State == enabled && r.pattern != nil && r.pattern.Match(e.tree) {
			deliveries = append(deliveries, r.deliveries(e)...)
		}
	}
	s.mu.Unlock()
	for _, d := range deliveries {
		s.start(d.run(s))
	}
}

// deliveries are one for each of the rule's targets. The caller holds s.mu.
func (r *rule) deliveries(e *received) []delivery {
	ds := make([]delivery, 0, len(r.targets))
	for _, id := range slices.Sorted(maps.Keys(r.targets)) {
		ds = append(ds, delivery{target: r.targets[id], occurrence: occurrence{event: e, rule: r.Rule}})
	}
	return ds
}

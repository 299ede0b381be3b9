package cli

import (
	"path"
	"strings"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/route"
)

// rules are why a fleet may delete a message that no handler has had: it matches
// no route, or one like it was handled.
type rules struct {
	routes    *route.Routes
	unmatched fleet.Unmatched
	// key of duplicates. Nil where the fleet does not look out for them.
	key *duplicate.Key
}

// newRules reads the rules of a fleet's parameters, which have been checked.
func newRules(p *parameters) (rules, error) {
	r := rules{unmatched: fleet.Unmatched(p.get("Unmatched"))}
	var err error
	if r.routes, err = route.Parse(p.get("Routes")); err != nil {
		return r, usage(err)
	}
	if p.get("DuplicateWindowSeconds") != "0" {
		key, err := duplicate.ParseKey(p.get("DuplicateKey"))
		if err != nil {
			return r, usage(err)
		}
		r.key = &key
	}
	return r, nil
}

// any says whether there are rules, for which bodies must be read.
func (r rules) any() bool { return r.key != nil || r.routes != nil && r.routes.Is() }

// judge notes what the rules say of a message that was received.
func (r rules) judge(e *entry, m sqs.Message) {
	if !r.any() {
		return
	}
	record := message.Record{
		MessageID: m.MessageID, Body: m.Body, Attributes: m.Attributes, EventSource: "aws:sqs",
		MessageAttributes: map[string]message.Attribute{},
	}
	for name, a := range m.MessageAttributes {
		record.MessageAttributes[name] = message.Attribute{
			StringValue: a.StringValue, BinaryValue: a.BinaryValue, StringListValues: []string{}, BinaryListValues: [][]byte{}, DataType: a.DataType,
		}
	}
	e.body = m.Body
	if r.routes.Is() {
		_, matched := r.routes.Handler(record)
		e.unmatched = !matched && r.unmatched == fleet.Drop
	}
	if r.key != nil {
		e.key = r.key.Of(record)
	}
}

// unprocessed is what became of a message that was deleted and that no handler
// has processed. The lock must be held.
func (l *ledger) unprocessed(e *entry) status {
	switch {
	case e.unmatched:
		return filtered
	case l.buried[e.body] > 0 && e.body != "":
		l.buried[e.body]--
		return deadLettered
	case e.key != "" && l.done[e.key]:
		return duplicated
	}
	return lost
}

// bury notes messages that one of Muster's functions sent to the dead-letter
// queue itself, by their bodies: their IDs are new.
func (l *ledger) bury(queueURL string, bodies ...string) {
	if !strings.HasSuffix(l.fleet.DeadLetterARN, ":"+path.Base(queueURL)) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, body := range bodies {
		l.buried[body]++
	}
}

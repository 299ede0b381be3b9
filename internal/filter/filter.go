// Package filter tells which messages a route takes: the filter patterns of
// Lambda's event source mappings, on SQS messages.
//
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/pattern"
)

const (
	// maxFilters of one criteria: five by default, ten after a quota increase.
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
	maxFilters = 10
	// maxPattern is the longest pattern, in characters.
	// https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html
	maxPattern = 4096
)

// Criteria are filters, of which a message has to match one. It is immutable.
// Without filters every message matches.
type Criteria struct{ filters []filter }

// filter is one pattern and what it expects the body to be.
type filter struct {
	pattern *pattern.Pattern
	body    format
}

// format of a message's body, or what a pattern takes it for.
type format int

const (
	// anything is what a pattern without a rule for the body takes.
	anything format = iota
	// plain is a body that is not JSON; its rules are a list.
	plain
	// structured is a body that is JSON; its rules are an object.
	structured
)

// Parse compiles filters, each a pattern as JSON text. An error names the
// filter, counted from 1, and what is wrong with it.
func Parse(patterns []string) (*Criteria, error) {
	if len(patterns) > maxFilters {
		return nil, fmt.Errorf("there are %d filters, Lambda takes %d at most: use several routes with the same handler", len(patterns), maxFilters)
	}
	c := &Criteria{}
	for i, text := range patterns {
		f, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("filter %d: %w", i+1, err)
		}
		c.filters = append(c.filters, f)
	}
	return c, nil
}

func parse(text string) (filter, error) {
	if n := len([]rune(text)); n > maxPattern {
		return filter{}, fmt.Errorf("the pattern has %d characters, Lambda takes %d at most", n, maxPattern)
	}
	document, err := pattern.Decode([]byte(text))
	if err != nil {
		return filter{}, fmt.Errorf("the pattern is not JSON: %w", err)
	}
	members, ok := document.(map[string]any)
	if !ok {
		return filter{}, errors.New(`the pattern is not an object such as {"body": {"type": ["order"]}}`)
	}
	body, err := checkRecord(members)
	if err != nil {
		return filter{}, err
	}
	p, err := pattern.Parse([]byte(text))
	if err != nil {
		return filter{}, fmt.Errorf("the pattern is not valid: %w", err)
	}
	return filter{p, body}, nil
}

// fields of the record that Lambda makes of an SQS message.
var fields = []string{
	"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody",
	"md5OfMessageAttributes", "eventSource", "eventSourceARN", "awsRegion",
}

// checkRecord refuses rules for what no record has, which would match nothing,
// and tells what the pattern takes the body for.
func checkRecord(members map[string]any) (body format, err error) {
	merge := func(of format) error {
		if body != anything && of != anything && of != body {
			return errors.New("the pattern takes the body for JSON in one place and for plain text in another, and no message is both: use two filters")
		}
		body = max(body, of)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		rules := members[name]
		switch {
		case name == or:
			for _, alternative := range objects(rules) {
				of, err := checkRecord(alternative)
				if err != nil {
					return 0, err
				}
				if err := merge(of); err != nil {
					return 0, err
				}
			}
			continue
		case !slices.Contains(fields, name):
			return 0, fmt.Errorf("the pattern has a rule for %q, which no SQS record has: a record has %s", name, strings.Join(fields, ", "))
		case name == "body":
			of := plain
			if _, ok := rules.(map[string]any); ok {
				of = structured
			}
			if err := merge(of); err != nil {
				return 0, err
			}
		}
		if err := checkRules(name, rules); err != nil {
			return 0, err
		}
	}
	return body, nil
}

const or = "$or"

// objects are the objects of a list.
func objects(v any) []map[string]any {
	var found []map[string]any
	list, _ := v.([]any)
	for _, element := range list {
		if o, ok := element.(map[string]any); ok {
			found = append(found, o)
		}
	}
	return found
}

// checkRules refuses the operators of EventBridge's rules that event source
// mappings do not have.
func checkRules(at string, rules any) error {
	switch rules := rules.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			if name != or {
				if err := checkRules(at+"."+name, rules[name]); err != nil {
					return err
				}
				continue
			}
			for _, alternative := range objects(rules[name]) {
				if err := checkRules(at, alternative); err != nil {
					return err
				}
			}
		}
	case []any:
		for _, matcher := range objects(rules) {
			for operator, argument := range matcher {
				if err := checkOperator(operator, argument); err != nil {
					return fmt.Errorf("%s: %w", at, err)
				}
			}
		}
	}
	return nil
}

// operators of event source mappings that stand in an object.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
var operators = []string{"anything-but", "equals-ignore-case", "exists", "numeric", "prefix", "suffix"}

func checkOperator(operator string, argument any) error {
	if !slices.Contains(operators, operator) {
		return fmt.Errorf("event source mappings have no operator %q: they have %s", operator, strings.Join(operators, ", "))
	}
	if inner, ok := argument.(map[string]any); ok {
		for name := range inner {
			return fmt.Errorf("event source mappings do not combine %q with %q: give %q a value or a list", operator, name, operator)
		}
	}
	return nil
}

// Is says whether there are filters at all.
func (c *Criteria) Is() bool { return len(c.filters) > 0 }

// Match tells whether a message matches one of the filters. A filter whose rules
// for the body are of the other format than the body itself never matches.
func (c *Criteria) Match(m *Message) bool {
	for _, f := range c.filters {
		if f.match(m) {
			return true
		}
	}
	return !c.Is()
}

func (f filter) match(m *Message) bool {
	if f.body == anything {
		return f.pattern.Match(m.metadata())
	}
	record, format := m.whole()
	return format == f.body && f.pattern.Match(record)
}

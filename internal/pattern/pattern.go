// Package pattern matches JSON events against event patterns, as EventBridge
// rules and the filters of event source mappings do. It is a language of AWS's,
// not of Muster's: the product and the embedded AWS both read it.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Pattern is a compiled event pattern. It is immutable.
type Pattern struct{ root *object }

// object matches a JSON object: every field has to match, and of every $or at
// least one alternative.
type object struct {
	fields       []field
	alternatives [][]*object
}

type field struct {
	name string
	// One of nested and leaf is set.
	nested *object
	leaf   *leaf
}

// leaf matches the values of one field: one of them has to pass one test.
type leaf struct {
	tests []test
	// absent says that a field without a value matches: {"exists": false}.
	absent bool
}

// test tells whether one value matches: a string, json.Number, bool or nil.
type test func(value any) bool

// Parse compiles an event pattern. An error's text is the reason that
// EventBridge gives after "Event pattern is not valid. Reason: ".
func Parse(data []byte) (*Pattern, error) {
	v, err := Decode(data)
	if err != nil {
		return nil, err
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("Filter is not an object")
	}
	root, err := parseObject(members)
	if err != nil {
		return nil, err
	}
	return &Pattern{root}, nil
}

// Match tells whether an event matches: a tree of map[string]any, []any,
// string, json.Number, bool and nil.
func (p *Pattern) Match(event any) bool { return p.root.match(event) }

// MatchJSON decodes an event and matches it.
func (p *Pattern) MatchJSON(event []byte) (bool, error) {
	v, err := Decode(event)
	if err != nil {
		return false, err
	}
	return p.Match(v), nil
}

// Decode reads one JSON document as [Pattern.Match] takes it. Numbers stay as
// they are written: they are compared as text. Of members of one name the last
// counts.
func Decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("unexpected data after the JSON document")
	}
	return v, nil
}

func parseObject(members map[string]any) (*object, error) {
	if len(members) == 0 {
		return nil, errors.New("Empty objects are not allowed")
	}
	o := &object{}
	for _, name := range sortedKeys(members) {
		if name == "$or" {
			alternatives, err := parseOr(members[name])
			if err != nil {
				return nil, err
			}
			o.alternatives = append(o.alternatives, alternatives)
			continue
		}
		f, err := parseField(name, members[name])
		if err != nil {
			return nil, err
		}
		o.fields = append(o.fields, f)
	}
	return o, nil
}

func parseField(name string, v any) (field, error) {
	if strings.Contains(name, ".") {
		return field{}, fmt.Errorf("Field names are not joined by dots here: nest the parts of %q", name)
	}
	switch v := v.(type) {
	case map[string]any:
		nested, err := parseObject(v)
		return field{name: name, nested: nested}, err
	case []any:
		l, err := parseLeaf(v)
		return field{name: name, leaf: l}, err
	}
	return field{}, fmt.Errorf("%q must be an object or an array", name)
}

func parseOr(v any) ([]*object, error) {
	list, ok := v.([]any)
	if !ok || len(list) < 2 {
		return nil, errors.New("There must have at least 2 Objects in $or relationship")
	}
	alternatives := make([]*object, len(list))
	for i, element := range list {
		members, ok := element.(map[string]any)
		if !ok {
			return nil, errors.New("Only JSON objects are allowed in $or relationship")
		}
		o, err := parseObject(members)
		if err != nil {
			return nil, err
		}
		alternatives[i] = o
	}
	return alternatives, nil
}

func parseLeaf(values []any) (*leaf, error) {
	if len(values) == 0 {
		return nil, errors.New("Empty arrays are not allowed")
	}
	l := &leaf{}
	for _, v := range values {
		matcher, ok := v.(map[string]any)
		if !ok {
			if _, isArray := v.([]any); isArray {
				return nil, errors.New("Match value must be String, number, true, false, or null")
			}
			l.tests = append(l.tests, equals(v))
			continue
		}
		if exists, ok := matcher["exists"]; ok && len(matcher) == 1 {
			present, ok := exists.(bool)
			if !ok {
				return nil, errors.New("exists match pattern must be either true or false.")
			}
			if present {
				l.tests = append(l.tests, func(any) bool { return true })
			}
			l.absent = l.absent || !present
			continue
		}
		t, err := parseMatcher(matcher)
		if err != nil {
			return nil, err
		}
		l.tests = append(l.tests, t)
	}
	return l, nil
}

// match treats what is no object as an object without members. Of an array, one
// element has to match as a whole.
func (o *object) match(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return o.matchMembers(v)
	case []any:
		if len(v) > 0 {
			return slices.ContainsFunc(v, o.match)
		}
	}
	return o.matchMembers(nil)
}

func (o *object) matchMembers(members map[string]any) bool {
	for _, f := range o.fields {
		v, present := members[f.name]
		switch {
		case f.nested != nil:
			if !f.nested.match(v) {
				return false
			}
		case !f.leaf.match(v, present):
			return false
		}
	}
	for _, alternatives := range o.alternatives {
		if !slices.ContainsFunc(alternatives, func(a *object) bool { return a.matchMembers(members) }) {
			return false
		}
	}
	return true
}

func (l *leaf) match(v any, present bool) bool {
	found, matched := false, false
	if present {
		found, matched = l.any(v)
	}
	return matched || l.absent && !found
}

// any looks at the values at v: those of an array one by one, however deeply it
// is nested. Objects are no values.
func (l *leaf) any(v any) (found, matched bool) {
	switch v := v.(type) {
	case map[string]any:
		return false, false
	case []any:
		for _, element := range v {
			f, m := l.any(element)
			if m {
				return true, true
			}
			found = found || f
		}
		return found, false
	}
	return true, slices.ContainsFunc(l.tests, func(t test) bool { return t(v) })
}

func sortedKeys(members map[string]any) []string {
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

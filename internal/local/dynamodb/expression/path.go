package expression

import (
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Step is one step of a document path: into a map by Name, or, where Name is
// empty, into a list by Index.
type Step struct {
	Name  string
	Index int
}

// Path is a document path such as a.b[0], its names resolved.
type Path []Step

// String is the path as AWS prints it in errors: [a, b, [0]].
func (p Path) String() string {
	steps := make([]string, len(p))
	for i, s := range p {
		if s.Name == "" {
			steps[i] = "[" + strconv.Itoa(s.Index) + "]"
		} else {
			steps[i] = s.Name
		}
	}
	return "[" + strings.Join(steps, ", ") + "]"
}

// Get finds the value at the path, nil when there is none.
func (p Path) Get(item attribute.Map) attribute.Value {
	var value attribute.Value = item
	for _, s := range p {
		value = s.into(value)
		if value == nil {
			return nil
		}
	}
	return value
}

func (s Step) into(value attribute.Value) attribute.Value {
	switch v := value.(type) {
	case attribute.Map:
		if s.Name != "" {
			return v[s.Name]
		}
	case attribute.List:
		if s.Name == "" && s.Index < len(v) {
			return v[s.Index]
		}
	}
	return nil
}

// resolve replaces the aliases of a parsed path by the names for which they stand.
func (p Path) resolve(names map[string]string) Path {
	if !slices.ContainsFunc(p, Step.isAlias) {
		return p
	}
	resolved := slices.Clone(p)
	for i, s := range resolved {
		if s.isAlias() {
			resolved[i].Name = names[s.Name]
		}
	}
	return resolved
}

func (s Step) isAlias() bool { return strings.HasPrefix(s.Name, "#") }

// relation of two paths that one expression names.
type relation int

const (
	apart    relation = iota
	overlap           // one leads to or through the other
	conflict          // a step is a map key in one and a list index in the other
)

func (p Path) relate(q Path) relation {
	for i := range min(len(p), len(q)) {
		if (p[i].Name == "") != (q[i].Name == "") {
			return conflict
		}
		if p[i] != q[i] {
			return apart
		}
	}
	return overlap
}

// Project copies out of an item what the paths lead to. Elements of lists move
// together, in their order.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
func Project(item attribute.Map, paths []Path) attribute.Map {
	projected, ok := project(item, paths).(attribute.Map)
	if !ok {
		return attribute.Map{}
	}
	return projected
}

func project(value attribute.Value, paths []Path) attribute.Value {
	if slices.ContainsFunc(paths, func(p Path) bool { return len(p) == 0 }) {
		return value
	}
	switch value := value.(type) {
	case attribute.Map:
		picked := attribute.Map{}
		for _, p := range paths {
			name := p[0].Name
			if _, done := picked[name]; done || name == "" || value[name] == nil {
				continue
			}
			if v := project(value[name], below(paths, p[0])); v != nil {
				picked[name] = v
			}
		}
		if len(picked) > 0 {
			return picked
		}
	case attribute.List:
		var picked attribute.List
		for i, element := range value {
			if rest := below(paths, Step{Index: i}); len(rest) > 0 {
				if v := project(element, rest); v != nil {
					picked = append(picked, v)
				}
			}
		}
		if len(picked) > 0 {
			return picked
		}
	}
	return nil
}

// below returns what remains of the paths that begin with a step.
func below(paths []Path, first Step) []Path {
	var rest []Path
	for _, p := range paths {
		if len(p) > 0 && p[0] == first {
			rest = append(rest, p[1:])
		}
	}
	return rest
}

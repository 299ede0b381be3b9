package expression

import (
	"maps"
	"slices"

	"github.com/ohler55/ojg/jp"
)

// selector is a step that may match many nodes. It appends what it matches.
type selector interface {
	pick(to []any, v any) []any
}

// gather follows the steps after the definite beginning. What they match in an
// object comes in the order of its keys.
func (p *Path) gather(v any) []any {
	nodes := []any{v}
	for i := p.definite; i < len(p.steps); i++ {
		next := make([]any, 0, len(nodes))
		s := &p.steps[i]
		for _, node := range nodes {
			if s.selector != nil {
				next = s.selector.pick(next, node)
			} else if child, ok := s.follow(node); ok {
				next = append(next, child)
			}
		}
		nodes = next
	}
	return nodes
}

// wildcard is "*": all children.
type wildcard struct{}

func (wildcard) pick(to []any, v any) []any {
	switch v := v.(type) {
	case []any:
		return append(to, v...)
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			to = append(to, v[k])
		}
	}
	return to
}

// descent is "..": the node and all that is below it.
type descent struct{}

func (d descent) pick(to []any, v any) []any {
	switch v := v.(type) {
	case []any:
		to = append(to, v)
		for _, e := range v {
			to = d.pick(to, e)
		}
	case map[string]any:
		to = append(to, v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			to = d.pick(to, v[k])
		}
	}
	return to
}

// indexes is "[0,2]".
type indexes []int

func (x indexes) pick(to []any, v any) []any {
	for _, i := range x {
		s := step{index: i, indexed: true}
		if child, ok := s.follow(v); ok {
			to = append(to, child)
		}
	}
	return to
}

// span is "[from:to]", each end optional and counted from the end if negative.
type span struct{ from, to *int }

func (s span) pick(to []any, v any) []any {
	array, ok := v.([]any)
	if !ok {
		return to
	}
	end := func(at *int, otherwise int) int {
		if at == nil {
			return otherwise
		}
		if *at < 0 {
			return max(0, *at+len(array))
		}
		return min(*at, len(array))
	}
	from, until := end(s.from, 0), end(s.to, len(array))
	if from >= until {
		return to
	}
	return append(to, array[from:until]...)
}

// filter is "[?(@.x == 1)]". Step Functions lets it match objects only.
type filter struct{ *jp.Filter }

func (f filter) pick(to []any, v any) []any {
	array, ok := v.([]any)
	if !ok {
		array = []any{v}
	}
	for _, e := range array {
		if _, ok := e.(map[string]any); ok && f.Match(e) {
			to = append(to, e)
		}
	}
	return to
}

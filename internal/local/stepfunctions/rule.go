package stepfunctions

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// rule is a compiled choice rule.
type rule interface {
	matches(t *thread, input any) (bool, *failure)
}

// rule compiles a data-test expression, or And, Or or Not of rules. Only one at
// the top has Next.
func (c *compiler) rule(o *object) rule {
	o.get("Comment")
	defer o.close()
	for _, name := range []string{"And", "Or"} {
		if list, ok := o.list(name); ok {
			return c.combination(o, name, list)
		}
	}
	if v, ok := o.get("Not"); ok {
		inner, ok := c.object(v, o.child("Not"))
		if !ok {
			return nil
		}
		return negation{c.rule(inner)}
	}
	return c.comparison(o)
}

func (c *compiler) combination(o *object, name string, list []any) rule {
	rules := make([]rule, 0, len(list))
	for i, e := range list {
		if inner, ok := c.object(e, at(o.child(name), i)); ok {
			rules = append(rules, c.rule(inner))
		}
	}
	return combination{rules, name == "And"}
}

// combination is And or Or.
type combination struct {
	rules []rule
	all   bool
}

func (a combination) matches(t *thread, input any) (bool, *failure) {
	for _, r := range a.rules {
		matched, f := r.matches(t, input)
		if f != nil {
			return false, f
		}
		if matched != a.all {
			return matched, nil
		}
	}
	return a.all, nil
}

type negation struct{ rule rule }

func (n negation) matches(t *thread, input any) (bool, *failure) {
	matched, f := n.rule.matches(t, input)
	return !matched, f
}

// comparison tests one variable against a literal or another path.
type comparison struct {
	variable *expression.Path
	// compare gets the variable and the operand.
	compare func(v, operand any) bool
	operand any
	path    *expression.Path
}

func (c *compiler) comparison(o *object) rule {
	if !o.require("Variable") {
		return nil
	}
	variable := o.path("Variable")
	operator := ""
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if !isOperator(name) {
			continue
		}
		if operator != "" {
			c.schema(o.at, "Exactly one comparison operator is allowed, found '%s' and '%s'", operator, name)
			return nil
		}
		operator = name
	}
	if operator == "" {
		c.schema(o.at, "A choice rule requires a comparison operator")
		return nil
	}
	if variable == nil {
		return nil
	}
	return c.operator(o, operator, variable)
}

// isTests are the operators whose literal says whether the test shall hold.
var isTests = map[string]func(v any) bool{
	"IsNull":    func(v any) bool { return v == nil },
	"IsString":  func(v any) bool { _, ok := v.(string); return ok },
	"IsBoolean": func(v any) bool { _, ok := v.(bool); return ok },
	"IsNumeric": func(v any) bool { _, ok := numeric(v); return ok },
	"IsTimestamp": func(v any) bool {
		text, ok := v.(string)
		if !ok {
			return false
		}
		_, ok = timestampOf(text)
		return ok
	},
}

// relations are the endings of ordered operators: which results of a comparison
// they accept.
var relations = map[string]func(order int) bool{
	"Equals":            func(order int) bool { return order == 0 },
	"LessThan":          func(order int) bool { return order < 0 },
	"GreaterThan":       func(order int) bool { return order > 0 },
	"LessThanEquals":    func(order int) bool { return order <= 0 },
	"GreaterThanEquals": func(order int) bool { return order >= 0 },
}

// orders compare two values of one type. They report false for another type.
var orders = map[string]func(a, b any) (int, bool){
	"String": func(a, b any) (int, bool) {
		x, ok := a.(string)
		y, fits := b.(string)
		return strings.Compare(x, y), ok && fits
	},
	"Numeric": func(a, b any) (int, bool) {
		if x, ok := a.(int64); ok {
			if y, ok := b.(int64); ok {
				return cmp.Compare(x, y), true
			}
		}
		x, ok := numeric(a)
		y, fits := numeric(b)
		return cmp.Compare(x, y), ok && fits
	},
	"Timestamp": func(a, b any) (int, bool) {
		x, ok := asTimestamp(a)
		y, fits := asTimestamp(b)
		return x.Compare(y), ok && fits
	},
	"Boolean": func(a, b any) (int, bool) {
		x, ok := a.(bool)
		y, fits := b.(bool)
		if x == y {
			return 0, ok && fits
		}
		return 1, ok && fits
	},
}

func asTimestamp(v any) (time.Time, bool) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	return timestampOf(text)
}

// split takes an ordered operator apart: "NumericLessThanEqualsPath" is Numeric,
// LessThanEquals and a path.
func split(operator string) (order, relation string, path, ok bool) {
	for order := range orders {
		rest, ok := strings.CutPrefix(operator, order)
		if !ok {
			continue
		}
		relation, path := strings.CutSuffix(rest, "Path")
		_, ok = relations[relation]
		return order, relation, path, ok && (order != "Boolean" || relation == "Equals")
	}
	return "", "", false, false
}

func isOperator(name string) bool {
	if _, ok := isTests[name]; ok || name == "IsPresent" || name == "StringMatches" {
		return true
	}
	_, _, _, ok := split(name)
	return ok
}

func (c *compiler) operator(o *object, name string, variable *expression.Path) rule {
	if name == "IsPresent" {
		want, ok := typed[bool](o, name, "Boolean")
		if !ok {
			return nil
		}
		return presence{variable, want}
	}
	if test, ok := isTests[name]; ok {
		want, ok := typed[bool](o, name, "Boolean")
		if !ok {
			return nil
		}
		return comparison{variable: variable, compare: func(v, _ any) bool { return test(v) == want }}
	}
	if name == "StringMatches" {
		pattern, ok := o.text(name)
		if !ok {
			return nil
		}
		parts := wildcards(pattern)
		return comparison{variable: variable, compare: func(v, _ any) bool {
			text, ok := v.(string)
			return ok && like(text, parts)
		}}
	}
	return c.ordered(o, name, variable)
}

func (c *compiler) ordered(o *object, name string, variable *expression.Path) rule {
	kind, relation, isPath, _ := split(name)
	order, accept := orders[kind], relations[relation]
	r := comparison{variable: variable, compare: func(v, operand any) bool {
		n, ok := order(v, operand)
		return ok && accept(n)
	}}
	if isPath {
		if r.path = o.path(name); r.path == nil {
			return nil
		}
		return r
	}
	r.operand, _ = o.get(name)
	if _, ok := order(r.operand, r.operand); !ok {
		c.schema(o.child(name), "Expected value of type %s", kind)
		return nil
	}
	return r
}

func (r comparison) matches(t *thread, input any) (bool, *failure) {
	v, f := t.conditionValue(r.variable, input)
	if f != nil {
		return false, f
	}
	operand := r.operand
	if r.path != nil {
		if operand, f = t.conditionValue(r.path, input); f != nil {
			return false, f
		}
	}
	return r.compare(v, operand), nil
}

func (t *thread) conditionValue(path *expression.Path, input any) (any, *failure) {
	v, ok := path.Get(t.scoped(input, path.UsesContext()))
	if !ok {
		return nil, t.runtime("Invalid path '%s': The choice state's condition path references an invalid value.", path)
	}
	return v, nil
}

// presence is IsPresent, the only test for which the path may miss.
type presence struct {
	variable *expression.Path
	want     bool
}

func (p presence) matches(t *thread, input any) (bool, *failure) {
	v, ok := p.variable.Get(t.scoped(input, p.variable.UsesContext()))
	if list, isList := v.([]any); ok && isList && !p.variable.Definite() {
		ok = len(list) > 0
	}
	return ok == p.want, nil
}

// wildcards splits a pattern at its asterisks. A backslash escapes one.
func wildcards(pattern string) []string {
	parts := []string{""}
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			parts[len(parts)-1] += pattern[i : i+1]
		case pattern[i] == '*':
			parts = append(parts, "")
		default:
			parts[len(parts)-1] += pattern[i : i+1]
		}
	}
	return parts
}

// like says whether the parts appear in the text in order, the first at its
// start and the last at its end.
func like(text string, parts []string) bool {
	if len(parts) == 1 {
		return text == parts[0]
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

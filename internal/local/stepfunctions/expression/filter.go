package expression

import (
	"strings"

	"github.com/ohler55/ojg/jp"
)

// filter reads "?( ... )" of "[?( ... )]": comparisons and existence of paths
// below "@", joined by && and ||, negated by !. Step Functions knows neither
// functions nor word operators such as "in" there, nor regular expressions, nor
// references to another part of the document, and "@" alone matches nothing.
func (p *pathParser) filter() (step, error) {
	if !p.take("?") {
		return step{}, p.errorf("expected a filter")
	}
	p.spaces()
	if !p.take("(") {
		return step{}, p.errorf("expected ( after ?")
	}
	condition, err := p.either(0)
	if err != nil {
		return step{}, err
	}
	if !p.take(")") {
		return step{}, p.errorf("expected )")
	}
	return step{selector: filter{condition.Filter()}}, nil
}

// maxFilterDepth bounds parentheses in parentheses.
const maxFilterDepth = 32

func (p *pathParser) either(depth int) (*jp.Equation, error) {
	return p.joined("||", jp.Or, func() (*jp.Equation, error) {
		return p.joined("&&", jp.And, func() (*jp.Equation, error) { return p.term(depth) })
	})
}

// joined reads terms with the operator between them.
func (p *pathParser) joined(operator string, join func(a, b *jp.Equation) *jp.Equation, term func() (*jp.Equation, error)) (*jp.Equation, error) {
	left, err := term()
	for err == nil {
		p.spaces()
		if !p.take(operator) {
			return left, nil
		}
		var right *jp.Equation
		if right, err = term(); err == nil {
			left = join(left, right)
		}
	}
	return nil, err
}

// term reads "!term", "(...)", "@.path" or a comparison.
func (p *pathParser) term(depth int) (*jp.Equation, error) {
	if depth > maxFilterDepth {
		return nil, p.errorf("the filter is nested too deeply")
	}
	p.spaces()
	switch {
	case p.take("!"):
		negated, err := p.term(depth + 1)
		if err != nil {
			return nil, err
		}
		return jp.Not(negated), nil
	case p.take("("):
		inner, err := p.either(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, p.errorf("expected )")
		}
		return inner, nil
	}
	return p.comparison()
}

// comparisons by how they are written, the longer ones first.
var comparisons = []struct {
	operator string
	build    func(left, right *jp.Equation) *jp.Equation
}{
	{"==", jp.Eq}, {"!=", jp.Neq}, {"<=", jp.Lte}, {">=", jp.Gte}, {"<", jp.Lt}, {">", jp.Gt},
}

func (p *pathParser) comparison() (*jp.Equation, error) {
	left, isPath, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.spaces()
	for _, c := range comparisons {
		if p.take(c.operator) {
			right, _, err := p.operand()
			if err != nil {
				return nil, err
			}
			return c.build(left, right), nil
		}
	}
	if !isPath {
		return nil, p.errorf("expected a comparison")
	}
	return jp.Exists(left, jp.ConstBool(true)), nil
}

// operand reads a path below "@", a string, a number, true, false or null.
func (p *pathParser) operand() (value *jp.Equation, isPath bool, err error) {
	p.spaces()
	switch {
	case p.at == len(p.s):
		return nil, false, p.errorf("the filter ends too early")
	case p.s[p.at] == '@':
		value, err = p.current()
		return value, true, err
	case p.s[p.at] == '\'', p.s[p.at] == '"':
		s, err := p.quoted()
		return jp.ConstString(s), false, err
	case p.take("true"):
		return jp.ConstBool(true), false, nil
	case p.take("false"):
		return jp.ConstBool(false), false, nil
	case p.take("null"):
		return jp.ConstNil(), false, nil
	}
	literal := p.s[p.at:]
	if end := strings.IndexFunc(literal, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) }); end >= 0 {
		literal = literal[:end]
	}
	n, err := Parse([]byte(literal))
	if err != nil {
		return nil, false, p.errorf("a filter compares paths that start with @, strings, numbers, true, false and null")
	}
	p.at += len(literal)
	switch n := n.(type) {
	case int64:
		return jp.ConstInt(n), false, nil
	case float64:
		return jp.ConstFloat(n), false, nil
	}
	return nil, false, p.errorf("%s is not a number", literal)
}

// current reads "@.a['b'][0]".
func (p *pathParser) current() (*jp.Equation, error) {
	p.at++
	path := jp.A()
	for p.at < len(p.s) {
		var s step
		var err error
		switch {
		case p.take("."):
			s, err = p.name(".[ =!<>&|)")
		case p.take("["):
			s, err = p.bracket()
		default:
			if len(path) == 1 {
				return nil, p.errorf("@ alone is not supported in a filter")
			}
			return jp.Get(path), nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case s.selector != nil:
			return nil, p.errorf("a path in a filter is made of names and indexes")
		case s.indexed:
			path = path.N(s.index)
		default:
			path = path.C(s.name)
		}
	}
	return nil, p.errorf("the filter is not closed")
}

package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// ParsePath compiles a path: "$.a.b", "$['a'][0]", "$.items[*].id",
// "$.items[?(@.state == 'done')]", or "$$.Execution.Id" for the context object.
func ParsePath(s string) (*Path, error) {
	p := &pathParser{s: s}
	path := &Path{source: s}
	if !p.take("$") {
		return nil, p.errorf("a path starts with $")
	}
	path.context = p.take("$")
	for p.at < len(s) {
		steps, err := p.step()
		if err != nil {
			return nil, err
		}
		path.steps = append(path.steps, steps...)
	}
	for path.definite < len(path.steps) && path.steps[path.definite].selector == nil {
		path.definite++
	}
	return path, nil
}

type pathParser struct {
	s  string
	at int
}

func (p *pathParser) errorf(format string, args ...any) error {
	return fmt.Errorf("invalid path '%s' at character %d: %s", p.s, p.at+1, fmt.Sprintf(format, args...))
}

func (p *pathParser) take(token string) bool {
	if strings.HasPrefix(p.s[p.at:], token) {
		p.at += len(token)
		return true
	}
	return false
}

func (p *pathParser) spaces() {
	for p.at < len(p.s) && p.s[p.at] == ' ' {
		p.at++
	}
}

// step reads what follows "$" or another step: a descent and its target are two.
func (p *pathParser) step() ([]step, error) {
	if p.take("..") {
		var target step
		var err error
		switch {
		case p.take("["):
			target, err = p.bracket()
		default:
			target, err = p.dotted()
		}
		return []step{{selector: descent{}}, target}, err
	}
	var s step
	var err error
	switch {
	case p.take("."):
		s, err = p.dotted()
	case p.take("["):
		s, err = p.bracket()
	default:
		return nil, p.errorf("expected . or [")
	}
	return []step{s}, err
}

// dotted reads a name, or "*", after a dot.
func (p *pathParser) dotted() (step, error) {
	if p.take("*") {
		return step{selector: wildcard{}}, nil
	}
	return p.name(".[")
}

// name reads a bare name up to one of the ends. Names with characters that mean
// something in a path are written in brackets and quotes.
func (p *pathParser) name(ends string) (step, error) {
	length := strings.IndexAny(p.s[p.at:], ends)
	if length < 0 {
		length = len(p.s) - p.at
	}
	name := p.s[p.at : p.at+length]
	if name == "" {
		return step{}, p.errorf("expected a name")
	}
	if i := strings.IndexAny(name, " \t\r\n\\'\"()]*@?,:;$"); i >= 0 {
		p.at += i
		return step{}, p.errorf("unexpected %q", name[i])
	}
	p.at += length
	return step{name: name}, nil
}

// bracket reads what is between brackets, and the closing one.
func (p *pathParser) bracket() (step, error) {
	p.spaces()
	var s step
	var err error
	switch {
	case p.at == len(p.s):
		return s, p.errorf("expected ]")
	case p.take("*"):
		s.selector = wildcard{}
	case p.s[p.at] == '\'', p.s[p.at] == '"':
		s.name, err = p.quoted()
	case p.s[p.at] == '?':
		s, err = p.filter()
	default:
		s, err = p.numbers()
	}
	if err != nil {
		return s, err
	}
	p.spaces()
	if !p.take("]") {
		return s, p.errorf("expected ]")
	}
	return s, nil
}

// quoted reads a name in quotes, in which a backslash escapes.
func (p *pathParser) quoted() (string, error) {
	quote := p.s[p.at]
	var name strings.Builder
	for i := p.at + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == quote:
			p.at = i + 1
			return name.String(), nil
		case c == '\\' && i+1 < len(p.s):
			i++
			name.WriteByte(p.s[i])
		default:
			name.WriteByte(c)
		}
	}
	return "", p.errorf("the quote is not closed")
}

// numbers reads an index, a list of indexes or a slice.
func (p *pathParser) numbers() (step, error) {
	var list indexes
	first, err := p.optionalInt()
	if err != nil {
		return step{}, err
	}
	p.spaces()
	if p.take(":") {
		p.spaces()
		last, err := p.optionalInt()
		if err == nil && first == nil && last == nil {
			err = p.errorf("a slice needs a number")
		}
		return step{selector: span{first, last}}, err
	}
	if first == nil {
		return step{}, p.errorf("expected an index, a quoted name, *, or a filter")
	}
	list = append(list, *first)
	for p.spaces(); p.take(","); p.spaces() {
		p.spaces()
		next, err := p.optionalInt()
		if err != nil {
			return step{}, err
		}
		if next == nil {
			return step{}, p.errorf("expected an index")
		}
		list = append(list, *next)
	}
	if len(list) == 1 {
		return step{index: *first, indexed: true}, nil
	}
	return step{selector: list}, nil
}

func (p *pathParser) optionalInt() (*int, error) {
	end := p.at
	for end < len(p.s) && (p.s[end] >= '0' && p.s[end] <= '9' || end == p.at && p.s[end] == '-') {
		end++
	}
	if end == p.at {
		return nil, nil
	}
	i, err := strconv.Atoi(p.s[p.at:end])
	if err != nil {
		return nil, p.errorf("not an index: %s", p.s[p.at:end])
	}
	p.at = end
	return &i, nil
}

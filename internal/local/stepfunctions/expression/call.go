package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxNesting is how deep calls of intrinsic functions can be nested.
// See https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html.
const maxNesting = 10

// call is the call of an intrinsic function.
type call struct {
	source    string
	function  function
	arguments []node
}

func (c *call) eval(scope *Scope) (any, error) {
	arguments := make([]any, len(c.arguments))
	for i, a := range c.arguments {
		v, err := a.eval(scope)
		if err != nil {
			var failed *Error
			if _, isPath := a.(*Path); isPath && errors.As(err, &failed) {
				return nil, &Error{Name: failed.Name, Cause: c.prefix() + failed.Cause}
			}
			return nil, err
		}
		arguments[i] = v
	}
	v, err := c.function.apply(scope, arguments)
	if err != nil {
		return nil, &Error{Name: ErrorIntrinsicFailure, Cause: fmt.Sprintf(
			"%sInvalid arguments in %s: %s", c.prefix(), c.function.name, err)}
	}
	return v, nil
}

func (c *call) prefix() string {
	return fmt.Sprintf("The function '%s' had the following error: ", c.source)
}

func (c *call) usesContext() bool {
	for _, a := range c.arguments {
		if a.usesContext() {
			return true
		}
	}
	return false
}

func (c *call) reads(member string) bool {
	return slices.ContainsFunc(c.arguments, func(a node) bool { return a.reads(member) })
}

// literal is a string, number, true, false or null among the arguments.
type literal struct{ value any }

func (l literal) eval(*Scope) (any, error) { return l.value, nil }
func (l literal) usesContext() bool        { return false }
func (l literal) reads(string) bool        { return false }

// parseCall compiles "States.Name(argument, ...)".
func parseCall(s string) (*call, error) {
	p := &callParser{s: s}
	c, err := p.call(1)
	if err != nil {
		return nil, err
	}
	if p.spaces(); p.at < len(s) {
		return nil, p.errorf("unexpected %q after the call", s[p.at:])
	}
	return c, nil
}

type callParser struct {
	s  string
	at int
}

func (p *callParser) errorf(format string, args ...any) error {
	return fmt.Errorf("invalid intrinsic function call '%s' at character %d: %s", p.s, p.at+1, fmt.Sprintf(format, args...))
}

func (p *callParser) spaces() {
	for p.at < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.at]) >= 0 {
		p.at++
	}
}

func (p *callParser) take(c byte) bool {
	p.spaces()
	if p.at < len(p.s) && p.s[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *callParser) call(depth int) (*call, error) {
	if depth > maxNesting {
		return nil, p.errorf("more than %d nested calls", maxNesting)
	}
	p.spaces()
	start := p.at
	name := p.until("( \t\r\n,)'")
	f, ok := functions[name]
	if !ok {
		return nil, p.errorf("%q is not an intrinsic function", name)
	}
	p.at += len(name)
	if !p.take('(') {
		return nil, p.errorf("expected (")
	}
	c := &call{function: f}
	if !p.take(')') {
		for {
			a, err := p.argument(depth)
			if err != nil {
				return nil, err
			}
			c.arguments = append(c.arguments, a)
			if p.take(')') {
				break
			}
			if !p.take(',') {
				return nil, p.errorf("expected , or )")
			}
		}
	}
	if n := len(c.arguments); n < f.least || n > f.most {
		return nil, p.errorf("%s does not take %d arguments", name, n)
	}
	c.source = p.s[start:p.at]
	if f.prepare != nil {
		if err := f.prepare(c); err != nil {
			return nil, p.errorf("%s", err)
		}
	}
	return c, nil
}

func (p *callParser) until(ends string) string {
	rest := p.s[p.at:]
	if i := strings.IndexAny(rest, ends); i >= 0 {
		return rest[:i]
	}
	return rest
}

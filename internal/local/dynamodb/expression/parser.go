package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// maxLength of an expression in bytes.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters
const maxLength = 4096

// parser is a recursive descent over tokens. Its first error that is not of
// syntax is kept aside, since AWS reports syntax errors first.
type parser struct {
	text   string
	tokens []token
	at     int
	refs   refs
	faults faults
}

// refs are the placeholders that an expression uses.
type refs struct {
	names, values []string
}

// faults are errors that do not depend on the request's names and values, in
// the order in which AWS reports them.
type faults struct {
	parentheses, function, misuse, reserved, section error
}

func (f faults) first() error {
	for _, err := range []error{f.parentheses, f.function, f.misuse, f.reserved, f.section} {
		if err != nil {
			return err
		}
	}
	return nil
}

// note keeps the first of several errors of a kind.
func note(slot *error, format string, args ...any) {
	if *slot == nil {
		*slot = fmt.Errorf(format, args...)
	}
}

func newParser(text string) (*parser, error) {
	switch {
	case text == "":
		return nil, fmt.Errorf("The expression can not be empty;")
	case len(text) > maxLength:
		return nil, fmt.Errorf("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	return &parser{text: text, tokens: lex(text)}, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endOfText {
		p.at++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if p.peek().is(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) atKeyword(text string) bool {
	t := p.peek()
	return t.kind == word && strings.EqualFold(t.text, text)
}

func (p *parser) keyword(text string) bool {
	if p.atKeyword(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) unexpected() error { return syntaxError(p.text, p.tokens, p.at) }

// end checks that nothing is left, then reports errors that were kept aside.
func (p *parser) end() error {
	if p.peek().kind != endOfText {
		return p.unexpected()
	}
	return p.faults.first()
}

// path parses a.b[0].#c. Keywords of the expression cannot begin it.
func (p *parser) path(keywords ...string) (Path, error) {
	step, err := p.name(keywords)
	if err != nil {
		return nil, err
	}
	path := Path{step}
	for {
		switch {
		case p.accept("."):
			if step, err = p.name(keywords); err != nil {
				return nil, err
			}
		case p.accept("["):
			t := p.peek()
			index, err := strconv.Atoi(t.text)
			if t.kind != integer || err != nil {
				return nil, p.unexpected()
			}
			p.at++
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			step = Step{Index: index}
		default:
			return path, nil
		}
		path = append(path, step)
	}
}

func (p *parser) name(keywords []string) (Step, error) {
	t := p.peek()
	switch t.kind {
	case alias:
		p.refs.names = append(p.refs.names, t.text)
	case word:
		for _, keyword := range keywords {
			if strings.EqualFold(t.text, keyword) {
				return Step{}, p.unexpected()
			}
		}
		if isReserved(t.text) {
			note(&p.faults.reserved, "Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
	default:
		return Step{}, p.unexpected()
	}
	p.at++
	return Step{Name: t.text}, nil
}

// call parses NAME(operand, ...), of which the name is next.
func (p *parser) call(operand func() (operand, error)) (call, error) {
	c := call{name: p.next().text}
	p.at++ // the parenthesis that made it a call
	for {
		arg, err := operand()
		if err != nil {
			return call{}, err
		}
		c.args = append(c.args, arg)
		if p.accept(")") {
			return c, nil
		}
		if err := p.expect(","); err != nil {
			return call{}, err
		}
	}
}

func (p *parser) startsCall() bool {
	return p.peek().kind == word && p.tokens[p.at+1].is("(")
}

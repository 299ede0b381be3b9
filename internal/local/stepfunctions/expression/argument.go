package expression

import (
	"fmt"
	"strings"
)

// argument reads one argument: 'text', a path, a number, true, false, null or
// another call.
func (p *callParser) argument(depth int) (node, error) {
	p.spaces()
	if p.at == len(p.s) {
		return nil, p.errorf("expected an argument")
	}
	switch c := p.s[p.at]; {
	case c == '\'':
		return p.text()
	case c == '$':
		return p.path()
	case c == '-' || c >= '0' && c <= '9':
		word := p.until(" \t\r\n,)")
		v, err := Parse([]byte(word))
		if err != nil {
			return nil, p.errorf("%q is not a number", word)
		}
		p.at += len(word)
		return literal{v}, nil
	}
	switch word := p.until(" \t\r\n,)"); word {
	case "true", "false":
		p.at += len(word)
		return literal{word == "true"}, nil
	case "null":
		p.at += len(word)
		return literal{nil}, nil
	}
	return p.call(depth + 1)
}

// text reads a string in single quotes. It is unescaped, but for the first
// argument of States.Format, whose braces mean something.
func (p *callParser) text() (node, error) {
	start := p.at + 1
	for i := start; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '\'':
			raw := p.s[start:i]
			if _, err := unescape(raw); err != nil {
				return nil, p.errorf("%s", err)
			}
			p.at = i + 1
			return quoted(raw), nil
		}
	}
	return nil, p.errorf("the quote is not closed")
}

// path reads a path up to a comma or parenthesis outside of its brackets.
func (p *callParser) path() (node, error) {
	start, brackets, quote := p.at, 0, byte(0)
	end := start
scan:
	for ; end < len(p.s); end++ {
		switch c := p.s[end]; {
		case quote != 0:
			switch c {
			case '\\':
				end++
			case quote:
				quote = 0
			}
		case c == '[':
			brackets++
		case c == ']':
			brackets--
		case brackets > 0 && (c == '\'' || c == '"'):
			quote = c
		case brackets <= 0 && strings.IndexByte(" \t\r\n,)", c) >= 0:
			break scan
		}
	}
	path, err := ParsePath(p.s[start:min(end, len(p.s))])
	if err != nil {
		return nil, p.errorf("%s", err)
	}
	p.at = min(end, len(p.s))
	return path, nil
}

// quoted is a string argument as it was written, with its escapes.
type quoted string

func (q quoted) eval(*Scope) (any, error) { return unescape(string(q)) }
func (q quoted) usesContext() bool        { return false }
func (q quoted) reads(string) bool        { return false }

// unescape resolves \' \{ \} and \\.
// See https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html#amazon-states-language-intrinsic-functions-escapes.
func unescape(raw string) (string, error) {
	if !strings.Contains(raw, `\`) {
		return raw, nil
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			i++
			if i == len(raw) || strings.IndexByte(`'{}\`, raw[i]) < 0 {
				return "", fmt.Errorf(`an open escape \ in '%s'`, raw)
			}
		}
		b.WriteByte(raw[i])
	}
	return b.String(), nil
}

// format is the compiled first argument of States.Format: the texts before,
// between and after its occurrences of {}.
type format []string

func (f format) eval(*Scope) (any, error) { return f, nil }
func (f format) usesContext() bool        { return false }
func (f format) reads(string) bool        { return false }

// parseFormat splits a text at its {} and resolves its escapes.
func parseFormat(raw string) (format, error) {
	var f format
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\':
			i++
			if i == len(raw) || strings.IndexByte(`'{}\`, raw[i]) < 0 {
				return nil, fmt.Errorf(`an open escape \ in '%s'`, raw)
			}
			b.WriteByte(raw[i])
		case c == '{' && i+1 < len(raw) && raw[i+1] == '}':
			i++
			f = append(f, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(f, b.String()), nil
}

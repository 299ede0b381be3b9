package expression

import (
	"fmt"
	"unicode/utf8"
)

type tokenKind int

const (
	endOfText   tokenKind = iota
	word                  // attribute name, keyword or function
	alias                 // #name
	placeholder           // :value
	integer
	symbol
	unknown
)

type token struct {
	kind       tokenKind
	text       string
	start, end int
}

func (t token) is(text string) bool { return t.kind == symbol && t.text == text }

// lex splits an expression into tokens, the last of which is the end of text.
func lex(text string) []token {
	var tokens []token
	for at := 0; ; {
		for at < len(text) && isSpace(text[at]) {
			at++
		}
		t := scan(text, at)
		tokens = append(tokens, t)
		if t.kind == endOfText {
			return tokens
		}
		at = t.end
	}
}

func scan(text string, start int) token {
	if start == len(text) {
		return token{kind: endOfText, text: "<EOF>", start: start, end: start}
	}
	kind, end := unknown, start+1
	switch c := text[start]; {
	case isLetter(c):
		kind, end = word, run(text, end, isWordPart)
	case isDigit(c):
		kind, end = integer, run(text, end, isDigit)
	case c == '#' || c == ':':
		end = run(text, end, isWordPart)
		if end > start+1 {
			kind = placeholder
			if c == '#' {
				kind = alias
			}
		}
	case c == '<' && end < len(text) && (text[end] == '=' || text[end] == '>'),
		c == '>' && end < len(text) && text[end] == '=':
		kind, end = symbol, end+1
	case c == '(' || c == ')' || c == '[' || c == ']' || c == '.' || c == ',' ||
		c == '=' || c == '<' || c == '>' || c == '+' || c == '-':
		kind = symbol
	case c >= utf8.RuneSelf:
		_, size := utf8.DecodeRuneInString(text[start:])
		end = start + size
	}
	return token{kind: kind, text: text[start:end], start: start, end: end}
}

func run(text string, at int, part func(byte) bool) int {
	for at < len(text) && part(text[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
func isWordPart(c byte) bool {
	return isLetter(c) || isDigit(c)
}

// syntaxError names the token that does not fit and its neighbours, as AWS does.
func syntaxError(text string, tokens []token, at int) error {
	near := text[tokens[max(at-1, 0)].start:tokens[min(at+1, len(tokens)-1)].end]
	if tokens[at].kind == endOfText {
		near = text[tokens[max(at-1, 0)].start:tokens[max(at-1, 0)].end]
	}
	return fmt.Errorf(`Syntax error; token: "%s", near: "%s"`, tokens[at].text, near)
}

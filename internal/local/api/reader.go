package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth of documents that a reader takes, so that it does not exhaust the stack.
const maxDepth = 500

// reader decodes a document in one go, as long as it is what clients send:
// valid JSON that fits its type, with every member spelled as the struct spells
// it, and once. Wherever it is not, the reader gives up by reporting false, and
// encoding/json has the word.
type reader struct {
	data  []byte
	at    int
	depth int
}

// next is the next byte that is not white space, which it does not pass, and 0
// at the end.
func (r *reader) next() byte {
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take passes white space and the byte c, if that is what comes.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// word passes true, false or null.
func (r *reader) word(w string) bool {
	if !bytes.HasPrefix(r.data[r.at:], []byte(w)) {
		return false
	}
	r.at += len(w)
	return true
}

// sequence passes an object or array and calls each for what is between commas.
func (r *reader) sequence(opening, closing byte, each func() bool) bool {
	if !r.take(opening) || r.depth == maxDepth {
		return false
	}
	if r.take(closing) {
		return true
	}
	r.depth++
	for each() {
		if r.take(closing) {
			r.depth--
			return true
		}
		if !r.take(',') {
			return false
		}
	}
	return false
}

// object passes an object and calls member before each value.
func (r *reader) object(member func(name []byte) bool) bool {
	return r.sequence('{', '}', func() bool {
		quoted, plain, ok := r.quoted()
		if !ok || !r.take(':') {
			return false
		}
		if plain {
			return member(quoted[1 : len(quoted)-1])
		}
		name, ok := unquote(quoted)
		return ok && member([]byte(name))
	})
}

func (r *reader) array(element func() bool) bool {
	return r.sequence('[', ']', element)
}

// quoted passes a string and returns it with its quotes. It is plain if the
// bytes between them are its text.
func (r *reader) quoted() (s []byte, plain, ok bool) {
	if r.next() != '"' {
		return nil, false, false
	}
	plain = true
	for i := r.at + 1; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			s, r.at = r.data[r.at:i+1], i+1
			return s, plain, true
		case c < ' ':
			return nil, false, false
		case c >= 0x80: // encoding/json mends what is not UTF-8
			plain = false
		case c == '\\':
			plain = false
			if i++; i == len(r.data) {
				return nil, false, false
			}
			switch r.data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i += 4; i >= len(r.data) || !isHex(r.data[i-3:i+1]) {
					return nil, false, false
				}
			default:
				return nil, false, false
			}
		}
	}
	return nil, false, false
}

func isHex(digits []byte) bool {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func (r *reader) text() (string, bool) {
	quoted, plain, ok := r.quoted()
	if !ok {
		return "", false
	}
	if plain {
		return string(quoted[1 : len(quoted)-1]), true
	}
	return unquote(quoted)
}

// unquote is the text of a string that is not plain. What is rare in there,
// such as \u0000 and bytes that are no UTF-8, is for encoding/json.
func unquote(quoted []byte) (string, bool) {
	if !utf8.Valid(quoted) || bytes.Contains(quoted, []byte(`\u`)) {
		var s string
		err := json.Unmarshal(quoted, &s)
		return s, err == nil
	}
	var text strings.Builder
	text.Grow(len(quoted))
	rest := quoted[1 : len(quoted)-1]
	for {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 {
			text.Write(rest)
			return text.String(), true
		}
		c := rest[i+1]
		if at := strings.IndexByte("bfnrt", c); at >= 0 {
			c = "\b\f\n\r\t"[at]
		}
		text.Write(rest[:i])
		text.WriteByte(c)
		rest = rest[i+2:]
	}
}

// number passes a number as JSON has them, from where it begins.
func (r *reader) number() (text []byte, ok bool) {
	start := r.at
	digits := func() bool {
		from := r.at
		for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
			r.at++
		}
		return r.at > from
	}
	r.word("-")
	if !r.word("0") && !digits() || r.word(".") && !digits() {
		return nil, false
	}
	if r.word("e") || r.word("E") {
		if !r.word("+") {
			r.word("-")
		}
		if !digits() {
			return nil, false
		}
	}
	return r.data[start:r.at], true
}

// whole passes any value and returns it as it is written.
func (r *reader) whole() (value []byte, ok bool) {
	c := r.next()
	start := r.at
	switch c {
	case '"':
		_, _, ok = r.quoted()
	case '{':
		ok = r.object(func([]byte) bool { return r.skip() })
	case '[':
		ok = r.array(r.skip)
	case 't':
		ok = r.word("true")
	case 'f':
		ok = r.word("false")
	case 'n':
		ok = r.word("null")
	default:
		_, ok = r.number()
	}
	return r.data[start:r.at], ok
}

func (r *reader) skip() bool {
	_, ok := r.whole()
	return ok
}

// quick decodes input into a target that is zero. Where it gives up, the target
// is zero again.
func quick(input []byte, target reflect.Value) bool {
	r := &reader{data: input}
	if decoderOf(target.Type())(r, target) && r.next() == 0 && r.at == len(input) {
		return true
	}
	target.SetZero()
	return false
}

func decodeString(r *reader, v reflect.Value) bool {
	s, ok := r.text()
	v.SetString(s)
	return ok
}

func decodeBool(r *reader, v reflect.Value) bool {
	yes := r.next() == 't'
	v.SetBool(yes)
	return yes && r.word("true") || r.word("false")
}

func decodeInt(r *reader, v reflect.Value) bool {
	r.next()
	text, ok := r.number()
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

// decodeItself is for types with a method that decodes them.
func decodeItself(r *reader, v reflect.Value) bool {
	value, ok := r.whole()
	if !ok {
		return false
	}
	u, ok := v.Addr().Interface().(json.Unmarshaler)
	return ok && u.UnmarshalJSON(value) == nil
}

// decodeOther is for types that are rare, where any names of members will do.
func decodeOther(r *reader, v reflect.Value) bool {
	value, ok := r.whole()
	return ok && json.Unmarshal(value, v.Addr().Interface()) == nil
}

func giveUp(*reader, reflect.Value) bool { return false }

package api

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// Decode reads JSON strictly into v, a pointer to a zero struct. A member that the
// struct does not have, spelled exactly so, is refused: AWS's protocols tell
// upper from lower case, encoding/json does not. An empty input counts as {}.
//
// It fails with ValidationException for an unknown member and with
// SerializationException for what is no such JSON.
func Decode(input []byte, v any) error {
	if len(bytes.TrimSpace(input)) == 0 || quick(input, reflect.ValueOf(v).Elem()) {
		return nil
	}
	return decode(input, v)
}

// decode is Decode by way of encoding/json, which tells what is wrong.
func decode(input []byte, v any) error {
	if err := json.Unmarshal(input, v); err != nil {
		return Errorf("SerializationException", "%s", err)
	}
	t := reflect.TypeOf(v).Elem()
	w := walker{data: input}
	if w.value(shapeOf(t)); w.unknown != nil {
		return Errorf("ValidationException", "The embedded runtime does not know the member \"%s\" of %s.", w.unknown, t.Name())
	}
	return nil
}

// walker goes over a document that has been decoded, so is valid JSON and fits
// its shape, and looks at the names of members only.
type walker struct {
	data []byte
	at   int
	// unknown is the first name that its shape does not have, as it is written.
	unknown []byte
}

// value passes the value that starts here, after white space.
func (w *walker) value(s *shape) {
	switch c := w.next(); {
	case c == '"':
		w.text()
	case s == nil && (c == '{' || c == '['):
		w.skip()
	case c == '{':
		w.object(s)
	case c == '[':
		w.array(s)
	default:
		w.literal()
	}
}

// next is the next byte that is not white space, which it does not pass.
func (w *walker) next() byte {
	for {
		switch c := w.data[w.at]; c {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return c
		}
	}
}

func (w *walker) object(s *shape) {
	w.at++
	for w.unknown == nil {
		switch w.next() {
		case '}':
			w.at++
			return
		case ',':
			w.at++
			continue
		}
		name := w.text()
		member := s.element
		if s.members != nil {
			var known bool
			if member, known = s.member(name); !known {
				w.unknown = name
				return
			}
		}
		w.next()
		w.at++ // the colon
		w.value(member)
	}
}

func (w *walker) array(s *shape) {
	w.at++
	for w.unknown == nil {
		switch w.next() {
		case ']':
			w.at++
			return
		case ',':
			w.at++
		default:
			w.value(s.element)
		}
	}
}

// text passes a string and returns what is between its quotes.
func (w *walker) text() []byte {
	w.at++
	start := w.at
	for {
		w.at += bytes.IndexByte(w.data[w.at:], '"')
		escapes := 0
		for w.data[w.at-1-escapes] == '\\' {
			escapes++
		}
		w.at++
		if escapes%2 == 0 {
			return w.data[start : w.at-1]
		}
	}
}

// skip passes an object or array whose names do not matter.
func (w *walker) skip() {
	for depth := 0; ; {
		switch w.data[w.at] {
		case '"':
			w.text()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		w.at++
		if depth == 0 {
			return
		}
	}
}

// literal passes a number, true, false or null.
func (w *walker) literal() {
	for w.at < len(w.data) {
		switch w.data[w.at] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return
		}
		w.at++
	}
}

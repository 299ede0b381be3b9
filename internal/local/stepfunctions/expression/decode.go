package expression

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Parse reads one JSON document. A number whose literal is an integer that fits
// becomes an int64, any other a float64. It fails for what encoding/json
// refuses, in its words, and for a number that does not fit.
func Parse(data []byte) (any, error) {
	if !json.Valid(data) {
		var v any
		return nil, json.Unmarshal(data, &v)
	}
	d := decoder{data: data}
	return d.value()
}

// decoder makes values of a document that is known to be valid. It exists for
// its speed, and for numbers: encoding/json makes them all float64, or texts
// that need a second walk.
type decoder struct {
	data []byte
	at   int
}

// next is the next byte that is not white space, which it does not pass.
func (d *decoder) next() byte {
	for {
		switch c := d.data[d.at]; c {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return c
		}
	}
}

func (d *decoder) value() (any, error) {
	switch d.next() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return d.text()
	case 't':
		d.at += len("true")
		return true, nil
	case 'f':
		d.at += len("false")
		return false, nil
	case 'n':
		d.at += len("null")
		return nil, nil
	}
	return d.number()
}

func (d *decoder) object() (any, error) {
	object := map[string]any{}
	d.at++
	for {
		switch d.next() {
		case '}':
			d.at++
			return object, nil
		case ',':
			d.at++
			d.next()
		}
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		d.next()
		d.at++ // the colon
		if object[name], err = d.value(); err != nil {
			return nil, err
		}
	}
}

func (d *decoder) array() (any, error) {
	array := []any{}
	d.at++
	for {
		switch d.next() {
		case ']':
			d.at++
			return array, nil
		case ',':
			d.at++
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
}

func (d *decoder) text() (string, error) {
	start := d.at + 1
	end := start + bytes.IndexByte(d.data[start:], '"')
	raw := d.data[start:end]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		d.at = end + 1
		return string(raw), nil
	}
	// With escapes, or with bytes that are no UTF-8.
	for d.data[end] != '"' || escaped(d.data[start:end]) {
		end++
	}
	d.at = end + 1
	var text string
	err := json.Unmarshal(d.data[start-1:d.at], &text)
	return text, err
}

// escaped says whether what follows is escaped: the text ends in a backslash
// that is not itself escaped.
func escaped(text []byte) bool {
	return (len(text)-len(bytes.TrimRight(text, `\`)))%2 == 1
}

func (d *decoder) number() (any, error) {
	start := d.at
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return number(string(d.data[start:d.at]))
		}
		d.at++
	}
	return number(string(d.data[start:d.at]))
}

// number reads a JSON number's literal.
func number(literal string) (any, error) {
	if i, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return nil, fmt.Errorf("number %s does not fit: %w", literal, err)
	}
	return f, nil
}

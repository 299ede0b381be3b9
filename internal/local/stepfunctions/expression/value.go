package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Parse reads one JSON document. A number whose literal is an integer that fits
// becomes an int64, any other a float64.
func Parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("unexpected data after the JSON document")
	}
	return exact(v)
}

// exact replaces every json.Number of a freshly decoded tree.
func exact(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		for k, e := range v {
			if v[k], err = exact(e); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, e := range v {
			if v[i], err = exact(e); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
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

// Marshal encodes a value as compact JSON: keys sorted, no HTML escaping.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// text is a value's JSON for messages.
func text(v any) string {
	b, err := Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Equal says whether two values are the same JSON value: numbers by their
// value, so that 1 equals 1.0, objects without regard to order.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return a == b
		case float64:
			return float64(a) == b
		}
		return false
	case float64:
		switch b := b.(type) {
		case int64:
			return a == float64(b)
		case float64:
			return a == b
		}
		return false
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for i := range a {
			if !Equal(a[i], other[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for k, v := range a {
			w, ok := other[k]
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case string, bool, nil:
		// Comparing interfaces whose dynamic types differ is safe and false.
		switch b.(type) {
		case string, bool, nil:
			return a == b
		}
	}
	return false
}

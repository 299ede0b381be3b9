package expression

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Marshal encodes a value as compact JSON: keys sorted, no HTML escaping, and
// else as encoding/json writes it. It fails for what has no JSON.
func Marshal(v any) ([]byte, error) {
	return appendValue(make([]byte, 0, min(Size(v), mostAtOnce)), v)
}

// mostAtOnce is how much room is made for a value by its size alone, which is
// out of all measure for what has no JSON.
const mostAtOnce = 1 << 20

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendText(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case []any:
		return appendArray(b, v)
	case map[string]any:
		return appendObject(b, v)
	}
	return appendOther(b, v)
}

func appendArray(b []byte, array []any) ([]byte, error) {
	b = append(b, '[')
	for i, e := range array {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, e); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, object map[string]any) ([]byte, error) {
	var few [16]string
	names := slices.AppendSeq(few[:0], maps.Keys(object))
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		var err error
		if b, err = appendValue(b, object[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendOther encodes a number that is no integer, and what is not a value of
// this package.
func appendOther(b []byte, v any) ([]byte, error) {
	var other bytes.Buffer
	e := json.NewEncoder(&other)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(other.Bytes(), []byte("\n"))...), nil
}

// appendText escapes as encoding/json does.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		width := 1
		escape := ""
		switch c {
		case '"':
			escape = `\"`
		case '\\':
			escape = `\\`
		case '\b':
			escape = `\b`
		case '\f':
			escape = `\f`
		case '\n':
			escape = `\n`
		case '\r':
			escape = `\r`
		case '\t':
			escape = `\t`
		default:
			if c < ' ' {
				escape = `\u00` + hex[c>>4:c>>4+1] + hex[c&15:c&15+1]
				break
			}
			var r rune
			r, width = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && width == 1:
				escape = `\ufffd`
			case r == '\u2028':
				escape = `\u2028`
			case r == '\u2029':
				escape = `\u2029`
			}
		}
		if escape != "" {
			b = append(append(b, s[done:i]...), escape...)
			done = i + width
		}
		i += width
	}
	return append(append(b, s[done:]...), '"')
}

// text is a value's JSON for messages.
func text(v any) string {
	b, err := Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

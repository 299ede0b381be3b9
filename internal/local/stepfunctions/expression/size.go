package expression

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// Size is the length in bytes of a value's JSON as Marshal writes it: what Step
// Functions measures against its limit of 262,144 bytes, without encoding it.
// See https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
func Size(v any) int {
	switch v := v.(type) {
	case nil:
		return len("null")
	case bool:
		if v {
			return len("true")
		}
		return len("false")
	case string:
		return stringSize(v)
	case int64:
		return integerSize(v)
	case float64:
		return floatSize(v)
	case []any:
		n := len("[]") + max(0, len(v)-1)
		for _, e := range v {
			n += Size(e)
		}
		return n
	case map[string]any:
		n := len("{}") + len(v) + max(0, len(v)-1)
		for k, e := range v {
			n += stringSize(k) + Size(e)
		}
		return n
	}
	// Not a value of this package; measured, so that it cannot pass as empty.
	b, err := json.Marshal(v)
	if err != nil {
		return math.MaxInt32
	}
	return len(b)
}

// stringSize counts as encoding/json escapes.
func stringSize(s string) int {
	n := len(s) + 2
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
				n++
			case c < 0x20:
				n += 5
			}
			i++
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && width == 1, r == '\u2028', r == '\u2029':
			n += len(`\ufffd`) - width
		}
		i += width
	}
	return n
}

func integerSize(i int64) int {
	var buf [20]byte
	return len(strconv.AppendInt(buf[:0], i, 10))
}

// floatSize counts as encoding/json formats: in the manner of ECMAScript.
func floatSize(f float64) int {
	var buf [32]byte
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b := strconv.AppendFloat(buf[:0], f, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		return n - 1 // e-09 is written e-9
	}
	return len(b)
}

package attribute

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Document is a map of attributes as a request carries it. Decoding fails only
// where AWS answers SerializationException; values that are well-formed JSON
// and still no attribute values are reported in Invalid.
type Document struct {
	// Map is nil when the request has no such member.
	Map Map
	// Invalid is the first attribute that DynamoDB refuses. Nil when all are good.
	Invalid *Invalid
}

// Invalid is an attribute that DynamoDB refuses.
type Invalid struct {
	// Name of the top-level attribute.
	Name string
	// Reason as AWS words it.
	Reason string
}

// Err is the ValidationException that names the first refused attribute, or nil.
func (d Document) Err() error {
	if d.Invalid == nil {
		return nil
	}
	return api.Errorf("ValidationException", "%s", d.Invalid.Reason)
}

// MarshalJSON encodes the attributes.
func (d Document) MarshalJSON() ([]byte, error) { return d.Map.MarshalJSON() }

// UnmarshalJSON decodes the attributes. See [Document] for what it reports.
func (d *Document) UnmarshalJSON(data []byte) error {
	r := &reader{data: data}
	if r.null() {
		return nil
	}
	d.Map = Map{}
	return r.object(func(name string) error {
		value, err := r.value(1)
		if err != nil {
			return err
		}
		if r.refused != "" && d.Invalid == nil {
			d.Invalid = &Invalid{Name: name, Reason: r.refused}
		}
		d.Map[name] = value
		return nil
	})
}

// reader reads attribute values from JSON that encoding/json has found valid.
type reader struct {
	data []byte
	at   int
	// refused is the first reason why DynamoDB would refuse a value.
	refused string
}

func (r *reader) refuse(format string, args ...any) {
	if r.refused == "" {
		r.refused = fmt.Sprintf(format, args...)
	}
}

// peek is the first byte of the next token, 0 at the end.
func (r *reader) peek() byte {
	for r.at < len(r.data) {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
	return 0
}

func (r *reader) null() bool {
	if r.peek() != 'n' {
		return false
	}
	r.at += len("null")
	return true
}

func (r *reader) mismatch(wanted string) error {
	switch r.peek() {
	case '"':
		return fmt.Errorf("STRING_VALUE cannot be converted to %s", wanted)
	case 't':
		return fmt.Errorf("TRUE_VALUE cannot be converted to %s", wanted)
	case 'f':
		return fmt.Errorf("FALSE_VALUE cannot be converted to %s", wanted)
	case '{', '[':
		return fmt.Errorf("Start of structure or map found where not expected")
	case 0, 'n':
		return fmt.Errorf("Unexpected field type")
	}
	return fmt.Errorf("NUMBER_VALUE cannot be converted to %s", wanted)
}

// object calls member for each name, with the reader before the value.
func (r *reader) object(member func(name string) error) error {
	if r.peek() != '{' {
		return r.mismatch("Map")
	}
	r.at++
	for r.peek() == '"' {
		name, err := r.text()
		if err != nil {
			return err
		}
		r.peek()
		r.at++ // the colon
		if err := member(name); err != nil {
			return err
		}
		if r.peek() == ',' {
			r.at++
		}
	}
	r.at++
	return nil
}

// array calls element with the reader before each element.
func (r *reader) array(element func() error) error {
	if r.peek() != '[' {
		return fmt.Errorf("Unexpected field type")
	}
	r.at++
	for c := r.peek(); c != ']' && c != 0; c = r.peek() {
		if err := element(); err != nil {
			return err
		}
		if r.peek() == ',' {
			r.at++
		}
	}
	r.at++
	return nil
}

func (r *reader) text() (string, error) {
	if r.peek() != '"' {
		return "", r.mismatch("String")
	}
	start := r.at
	plain := true
	for r.at++; r.at < len(r.data) && r.data[r.at] != '"'; r.at++ {
		switch c := r.data[r.at]; {
		case c == '\\':
			plain = false
			r.at++
		case c >= 0x80:
			plain = false // encoding/json mends what is not UTF-8
		}
	}
	r.at++
	if plain {
		return string(r.data[start+1 : r.at-1]), nil
	}
	var s string
	err := json.Unmarshal(r.data[start:r.at], &s)
	return s, err
}

func (r *reader) binary() (Binary, error) {
	if r.peek() != '"' {
		return "", fmt.Errorf("only base-64-encoded strings are convertible to bytes")
	}
	text, err := r.text()
	if err != nil {
		return "", err
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("Invalid Base64: %w", err)
	}
	return Binary(raw), nil
}

func (r *reader) number() (Number, error) {
	text, err := r.text()
	if err != nil {
		return "", err
	}
	n, err := ParseNumber(text)
	if err != nil {
		r.refuse("%s", api.AsError(err).Message)
	}
	return n, nil
}

func (r *reader) boolean() (Bool, error) {
	switch r.peek() {
	case 't':
		r.at += len("true")
		return true, nil
	case 'f':
		r.at += len("false")
		return false, nil
	}
	return false, r.mismatch("Boolean")
}

// value reads one {"TYPE": ...}. Depth counts the lists and maps around it, and itself.
func (r *reader) value(depth int) (Value, error) {
	if r.peek() != '{' {
		return nil, fmt.Errorf("Unexpected value type in payload")
	}
	var value Value
	types := 0
	err := r.object(func(kind string) error {
		if r.null() {
			return nil
		}
		v, err := r.typed(kind, depth)
		value = v
		types++
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case types == 0:
		r.refuse("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
		return Null{}, nil
	case types > 1:
		r.refuse("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	return value, nil
}

func (r *reader) typed(kind string, depth int) (Value, error) {
	if depth > MaxDepth && (kind == "L" || kind == "M") {
		r.refuse("Nesting Levels have exceeded supported limits")
	}
	switch kind {
	case "S":
		text, err := r.text()
		return String(text), err
	case "N":
		return r.number()
	case "B":
		return r.binary()
	case "BOOL":
		return r.boolean()
	case "NULL":
		null, err := r.boolean()
		if !null {
			r.refuse("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		return Null{}, err
	case "SS":
		return r.stringSet()
	case "NS":
		return r.numberSet()
	case "BS":
		return r.binarySet()
	case "L":
		list := List{}
		err := r.array(func() error {
			v, err := r.value(depth + 1)
			list = append(list, v)
			return err
		})
		return list, err
	case "M":
		m := Map{}
		err := r.object(func(name string) error {
			v, err := r.value(depth + 1)
			m[name] = v
			return err
		})
		return m, err
	}
	return nil, fmt.Errorf("Unknown attribute value type %q", kind)
}

func (r *reader) stringSet() (Value, error) {
	var set StringSet
	err := r.array(func() error {
		text, err := r.text()
		set = append(set, String(text))
		return err
	})
	switch {
	case len(set) == 0:
		r.refuse("One or more parameter values were invalid: An string set  may not be empty")
	case hasDuplicates(set):
		r.refuse("One or more parameter values were invalid: Input collection %s contains duplicates.", collection(set))
	}
	return set, err
}

func (r *reader) numberSet() (Value, error) {
	var set NumberSet
	err := r.array(func() error {
		n, err := r.number()
		set = append(set, n)
		return err
	})
	switch {
	case len(set) == 0:
		r.refuse("One or more parameter values were invalid: An number set  may not be empty")
	case hasDuplicates(set):
		r.refuse("Input collection contains duplicates")
	}
	return set, err
}

func (r *reader) binarySet() (Value, error) {
	var set BinarySet
	var encoded []String
	err := r.array(func() error {
		b, err := r.binary()
		set = append(set, b)
		encoded = append(encoded, String(base64.StdEncoding.EncodeToString([]byte(b))))
		return err
	})
	switch {
	case len(set) == 0:
		r.refuse("One or more parameter values were invalid: Binary sets should not be empty")
	case hasDuplicates(set):
		r.refuse("One or more parameter values were invalid: Input collection %sof type BS contains duplicates.", collection(encoded))
	}
	return set, err
}

func collection(set []String) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range set {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	b.WriteByte(']')
	return b.String()
}

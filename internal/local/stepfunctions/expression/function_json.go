package expression

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func stringToJSON(_ *Scope, arguments []any) (any, error) {
	s, err := textArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	v, err := Parse([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("the first argument is not valid JSON: %w", err)
	}
	return v, nil
}

func jsonToString(_ *Scope, arguments []any) (any, error) {
	b, err := Marshal(arguments[0])
	return string(b), err
}

func jsonMerge(_ *Scope, arguments []any) (any, error) {
	first, err := argument[map[string]any](arguments, 0, "an object")
	if err != nil {
		return nil, err
	}
	second, err := argument[map[string]any](arguments, 1, "an object")
	if err != nil {
		return nil, err
	}
	deep, err := argument[bool](arguments, 2, "a boolean")
	if err != nil {
		return nil, err
	}
	if deep {
		return nil, errors.New("only shallow merging is supported, so the third argument must be false")
	}
	merged := make(map[string]any, len(first)+len(second))
	maps.Copy(merged, first)
	maps.Copy(merged, second)
	return merged, nil
}

// stringSplit splits at each character of the second argument and leaves out
// what is empty.
func stringSplit(_ *Scope, arguments []any) (any, error) {
	s, err := textArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	delimiters, err := textArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	parts := []any{}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) }) {
		parts = append(parts, part)
	}
	return parts, nil
}

// writeInterpolated writes a value as States.Format does: text as it is,
// objects and arrays in Java's notation, {a=1, b=[x, y]}.
func writeInterpolated(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(v)
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeInterpolated(b, e)
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(k)
			b.WriteByte('=')
			writeInterpolated(b, v[k])
		}
		b.WriteByte('}')
	default:
		b.WriteString(text(v))
	}
}

package pattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ignoreCase is the matcher that prefix and suffix take instead of a string.
const ignoreCase = "equals-ignore-case"

// equals compares text for text: 300, 300.0 and 3.0e2 are not equal.
func equals(want any) test { return func(v any) bool { return v == want } }

// parseMatcher compiles a matcher such as {"prefix": "a"}.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
func parseMatcher(matcher map[string]any) (test, error) {
	if len(matcher) != 1 {
		return nil, errors.New("Only one key allowed in match expression")
	}
	for name, argument := range matcher {
		switch name {
		case "anything-but":
			return parseAnythingBut(argument)
		case "numeric":
			return parseNumeric(argument)
		case "cidr":
			return parseCIDR(argument)
		case "prefix", "suffix":
			return parseAffix(name, argument)
		case ignoreCase, "wildcard":
			return parseText(name, argument)
		default:
			return nil, fmt.Errorf("Unrecognized match type %s", name)
		}
	}
	return nil, errors.New("Empty objects are not allowed")
}

// parseAffix compiles prefix and suffix, with or without regard to case.
func parseAffix(name string, argument any) (test, error) {
	if inner, ok := argument.(map[string]any); ok {
		text, ok := inner[ignoreCase].(string)
		if !ok || len(inner) != 1 {
			return nil, fmt.Errorf("%s match pattern must be a string or {%q: string}", name, ignoreCase)
		}
		return foldedAffix(name, text), nil
	}
	return parseText(name, argument)
}

// foldedAffix compares letter by letter: folding can change a text's length.
func foldedAffix(name, affix string) test {
	n := len([]rune(affix))
	return onText(func(s string) bool {
		runes := []rune(s)
		if len(runes) < n {
			return false
		}
		if name == "prefix" {
			runes = runes[:n]
		} else {
			runes = runes[len(runes)-n:]
		}
		return strings.EqualFold(string(runes), affix)
	})
}

func parseText(name string, argument any) (test, error) {
	text, ok := argument.(string)
	if !ok {
		return nil, fmt.Errorf("%s match pattern must be a string", name)
	}
	switch name {
	case "prefix":
		return onText(func(s string) bool { return strings.HasPrefix(s, text) }), nil
	case "suffix":
		return onText(func(s string) bool { return strings.HasSuffix(s, text) }), nil
	case ignoreCase:
		return onText(func(s string) bool { return strings.EqualFold(s, text) }), nil
	case "wildcard":
		return parseWildcard(text)
	}
	return nil, fmt.Errorf("Unrecognized match type %s", name)
}

func onText(f func(string) bool) test {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && f(s)
	}
}

// parseAnythingBut compiles the opposite of a value, of a list of values all
// strings or all numbers, or of one text matcher with one text or a list.
func parseAnythingBut(argument any) (test, error) {
	if inner, ok := argument.(map[string]any); ok {
		return parseAnythingButMatcher(inner)
	}
	values, ok := argument.([]any)
	if !ok {
		values = []any{argument}
	}
	if len(values) == 0 {
		return nil, errors.New("Empty arrays are not allowed")
	}
	texts, numbers := 0, 0
	for _, v := range values {
		switch v.(type) {
		case string:
			texts++
		case json.Number:
			numbers++
		}
	}
	if texts != len(values) && numbers != len(values) {
		return nil, errors.New("Inside anything but list, either all values are number or string, mixed type is not supported")
	}
	return func(v any) bool { return !slices.Contains(values, v) }, nil
}

func parseAnythingButMatcher(inner map[string]any) (test, error) {
	if len(inner) != 1 {
		return nil, errors.New("Only one key allowed in match expression")
	}
	var but []test
	for name, argument := range inner {
		if !slices.Contains([]string{"prefix", "suffix", ignoreCase, "wildcard"}, name) {
			return nil, fmt.Errorf("Unsupported anything-but pattern: %s", name)
		}
		arguments, ok := argument.([]any)
		if !ok {
			arguments = []any{argument}
		}
		if len(arguments) == 0 {
			return nil, errors.New("Empty arrays are not allowed")
		}
		for _, a := range arguments {
			t, err := parseText(name, a)
			if err != nil {
				return nil, err
			}
			but = append(but, t)
		}
	}
	return func(v any) bool {
		return !slices.ContainsFunc(but, func(t test) bool { return t(v) })
	}, nil
}

// maxNumber bounds the numbers in numeric matchers.
const maxNumber = 5e9

// parseNumeric compiles one comparison, or a lower and an upper bound.
func parseNumeric(argument any) (test, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, errors.New("Invalid numeric match: it takes one comparison, or a lower and an upper bound")
	}
	first, low, err := parseComparison(list[0], list[1])
	if err != nil {
		return nil, err
	}
	if len(list) == 2 {
		return onNumber(first), nil
	}
	second, high, err := parseComparison(list[2], list[3])
	if err != nil {
		return nil, err
	}
	if op := list[0]; op != ">" && op != ">=" {
		return nil, errors.New("Too many elements in numeric expression")
	}
	if op := list[2]; op != "<" && op != "<=" {
		return nil, fmt.Errorf("Bad numeric range operator: %s", op)
	}
	if low >= high {
		return nil, errors.New("Bottom must be less than top")
	}
	return onNumber(func(f float64) bool { return first(f) && second(f) }), nil
}

func parseComparison(operator, operand any) (compare func(float64) bool, bound float64, err error) {
	n, ok := operand.(json.Number)
	if !ok {
		return nil, 0, errors.New("Value of numeric match must be a number")
	}
	bound, err = n.Float64()
	if err != nil || bound < -maxNumber || bound > maxNumber {
		return nil, 0, errors.New("Value must be between -5.0E9 and 5.0E9, inclusive")
	}
	switch operator {
	case "<":
		return func(f float64) bool { return f < bound }, bound, nil
	case "<=":
		return func(f float64) bool { return f <= bound }, bound, nil
	case "=":
		return func(f float64) bool { return f == bound }, bound, nil
	case ">=":
		return func(f float64) bool { return f >= bound }, bound, nil
	case ">":
		return func(f float64) bool { return f > bound }, bound, nil
	}
	return nil, 0, fmt.Errorf("Unrecognized numeric range operator: %v", operator)
}

func onNumber(f func(float64) bool) test {
	return func(v any) bool {
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		x, err := n.Float64()
		return err == nil && f(x)
	}
}

func parseCIDR(argument any) (test, error) {
	text, ok := argument.(string)
	if !ok {
		return nil, errors.New("prefix match pattern must be a string")
	}
	if !strings.Contains(text, "/") {
		return nil, errors.New("Malformed CIDR, one '/' required")
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, errors.New("Malformed CIDR, mask bits must be an integer: " + err.Error())
	}
	prefix = prefix.Masked()
	return onText(func(s string) bool {
		addr, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(addr)
	}), nil
}

// parseWildcard compiles a pattern in which * stands for any characters, and
// \* and \\ for themselves.
func parseWildcard(text string) (test, error) {
	var parts []string
	var part strings.Builder
	star := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '*' {
			if star {
				return nil, fmt.Errorf("Consecutive wildcard characters at pos %d", i-1)
			}
			star = true
			parts = append(parts, part.String())
			part.Reset()
			continue
		}
		star = false
		if c == '\\' {
			i++
			if i == len(text) || text[i] != '*' && text[i] != '\\' {
				return nil, fmt.Errorf("Invalid escape character at pos %d", i-1)
			}
			c = text[i]
		}
		part.WriteByte(c)
	}
	parts = append(parts, part.String())
	return onText(func(s string) bool { return matchParts(s, parts) }), nil
}

// matchParts tells whether s is the parts with anything between them.
func matchParts(s string, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

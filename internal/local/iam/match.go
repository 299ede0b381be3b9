package iam

import "strings"

// What a policy variable stands for is taken literally, so its wildcards are
// kept apart from those of the pattern while a pattern is matched.
const (
	literalStar     = '\x00'
	literalQuestion = '\x01'
)

var (
	protect = strings.NewReplacer("*", string(literalStar), "?", string(literalQuestion))
	expose  = strings.NewReplacer(string(literalStar), "*", string(literalQuestion), "?")
)

// glob tells whether a text matches a pattern, in which * stands for any
// characters and ? for one.
func glob(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || same(pattern[p], text[t])):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func same(pattern, text byte) bool {
	switch pattern {
	case literalStar:
		return text == '*'
	case literalQuestion:
		return text == '?'
	}
	return pattern == text
}

// arnParts are partition, service, region, account and resource, after "arn".
const arnParts = 6

// matchARN matches an ARN part by part: a wildcard does not reach beyond the
// colons around it, except in the last part, the resource, which may have colons.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func matchARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	for range arnParts - 1 {
		p, restOfPattern, more := strings.Cut(pattern, ":")
		a, restOfARN, parts := strings.Cut(arn, ":")
		if !more || !parts || !glob(p, a) {
			return false
		}
		pattern, arn = restOfPattern, restOfARN
	}
	return glob(pattern, arn)
}

// expand replaces the policy variables of a text by their values. It is false
// where one has no value, or several: such an element matches nothing.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func expand(text string, of Context) (string, bool) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		variable, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false
		}
		value, known := variableValue(variable, of)
		if !known {
			return "", false
		}
		out.WriteString(protect.Replace(value))
		text = after
	}
}

func variableValue(variable string, of Context) (string, bool) {
	switch variable {
	case "*", "?", "$":
		return variable, true
	}
	key, fallback, hasFallback := strings.Cut(variable, ",")
	if values, ok := of(strings.ToLower(strings.TrimSpace(key))); ok && len(values) == 1 {
		return values[0], true
	}
	fallback = strings.TrimSpace(fallback)
	if !hasFallback || len(fallback) < 2 {
		return "", false
	}
	return fallback[1 : len(fallback)-1], true
}

// variables are the condition keys that the policy variables of a text name.
func variables(text string) []string {
	var keys []string
	for {
		_, rest, found := strings.Cut(text, "${")
		if !found {
			return keys
		}
		var variable string
		variable, text, _ = strings.Cut(rest, "}")
		key, _, _ := strings.Cut(variable, ",")
		if key = strings.TrimSpace(key); key != "*" && key != "?" && key != "$" {
			keys = append(keys, key)
		}
	}
}

package logs

import "strings"

// parsePattern reads a filter pattern for unstructured text: words and "quoted
// phrases" that must all be in an event, ?words of which one must be if there are
// any and no others, and -words that must not be. Case counts. Patterns for JSON,
// for fields in order and regular expressions are refused.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func parsePattern(pattern string) (matches func(message string) bool, err error) {
	var all, any, none []string
	for rest := strings.TrimSpace(pattern); rest != ""; rest = strings.TrimSpace(rest) {
		into := &all
		switch rest[0] {
		case '{', '[', '%':
			return nil, invalid("Invalid filter pattern: the embedded runtime knows words, not %s", pattern)
		case '?':
			into, rest = &any, rest[1:]
		case '-':
			into, rest = &none, rest[1:]
		}
		word, after, _ := strings.Cut(rest, " ")
		if strings.HasPrefix(rest, `"`) {
			var closed bool
			if word, after, closed = strings.Cut(rest[1:], `"`); !closed {
				return nil, invalid("Invalid filter pattern: %s lacks a quotation mark", pattern)
			}
		}
		if word == "" {
			return nil, invalid("Invalid filter pattern: %s has an empty word", pattern)
		}
		*into, rest = append(*into, word), after
	}
	return func(message string) bool {
		for _, word := range none {
			if strings.Contains(message, word) {
				return false
			}
		}
		for _, word := range all {
			if !strings.Contains(message, word) {
				return false
			}
		}
		// Beside words that must be there, CloudWatch does not look at ?words.
		found := len(any) == 0 || len(all) > 0
		for _, word := range any {
			found = found || strings.Contains(message, word)
		}
		return found
	}, nil
}

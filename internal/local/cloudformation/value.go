package cloudformation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check finds everything that is wrong with parameter values, worded as
// CloudFormation words it. It does not look at rules, see [Validate].
func (t *Template) Check(given map[string]string) []*Violation {
	_, violations := t.parameterValues(given)
	return violations
}

// parameterValues are what Ref yields for each parameter: a string, or a list of
// strings.
func (t *Template) parameterValues(given map[string]string) (map[string]any, []*Violation) {
	values := map[string]any{}
	var violations []*Violation
	var missing []string
	unknown := maps.Clone(given)
	for i := range t.Parameters {
		q := &t.Parameters[i]
		delete(unknown, q.Name)
		value, ok := given[q.Name]
		switch {
		case !ok && !q.HasDefault:
			missing = append(missing, q.Name)
			continue
		case !ok:
			value = q.Default
		}
		if message := q.refuse(value); message != "" {
			violations = append(violations, &Violation{Parameter: q.Name, Message: message})
		}
		values[q.Name] = q.value(value)
	}
	if len(missing) > 0 {
		violations = append(violations, &Violation{
			Parameter: single(missing),
			Message:   fmt.Sprintf("Parameters: [%s] must have values", strings.Join(missing, ", ")),
		})
	}
	if len(unknown) > 0 {
		names := slices.Sorted(maps.Keys(unknown))
		violations = append(violations, &Violation{
			Parameter: single(names),
			Message:   fmt.Sprintf("Parameters: [%s] do not exist in the template", strings.Join(names, ", ")),
		})
	}
	return values, violations
}

func single(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return ""
}

func (q *Parameter) isList() bool { return q.Type == "CommaDelimitedList" || q.Type == "List<Number>" }

// value is what Ref yields: numbers become strings.
func (q *Parameter) value(text string) any {
	if !q.isList() {
		return text
	}
	items := []any{}
	for _, item := range q.items(text) {
		items = append(items, item)
	}
	return items
}

// items are the values to be checked: those of a list each.
func (q *Parameter) items(text string) []string {
	if !q.isList() {
		return []string{text}
	}
	if text == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
	}
	return items
}

// refuse says why the parameter cannot have the value. Empty when it can.
func (q *Parameter) refuse(text string) string {
	if len(text) > maxParameterValue {
		return fmt.Sprintf("Parameter '%s' must contain at most %d characters", q.Name, maxParameterValue)
	}
	for _, item := range q.items(text) {
		broken := q.broken(item)
		if broken == "" {
			continue
		}
		if q.ConstraintDescription != "" {
			return fmt.Sprintf("Parameter '%s' failed to satisfy constraint: %s", q.Name, q.ConstraintDescription)
		}
		return fmt.Sprintf("Parameter '%s' %s", q.Name, broken)
	}
	return ""
}

var decimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// broken names the constraint that the value breaks. Empty when it keeps all.
func (q *Parameter) broken(item string) string {
	if q.Type == "Number" || q.Type == "List<Number>" {
		number, err := strconv.ParseFloat(item, 64)
		switch {
		case err != nil || !decimal.MatchString(item):
			return "must be a number"
		case q.MinValue != nil && number < *q.MinValue:
			return "must be a number not less than " + strconv.FormatFloat(*q.MinValue, 'f', -1, 64)
		case q.MaxValue != nil && number > *q.MaxValue:
			return "must be a number not greater than " + strconv.FormatFloat(*q.MaxValue, 'f', -1, 64)
		}
	}
	length := utf8.RuneCountInString(item)
	switch {
	case q.AllowedValues != nil && !slices.Contains(q.AllowedValues, item):
		return "must be one of AllowedValues"
	case q.pattern != nil && !q.pattern.MatchString(item):
		return "must match pattern " + q.AllowedPattern
	case q.MinLength != nil && length < *q.MinLength:
		return fmt.Sprintf("must contain at least %d characters", *q.MinLength)
	case q.MaxLength != nil && length > *q.MaxLength:
		return fmt.Sprintf("must contain at most %d characters", *q.MaxLength)
	}
	return ""
}

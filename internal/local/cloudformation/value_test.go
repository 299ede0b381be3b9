package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParameterValues(t *testing.T) {
	tests := []struct{ name, parameter, value, want string }{
		{"any text", `{Type: String}`, "", ""},
		{"allowed", `{Type: String, AllowedValues: [a, b]}`, "b", ""},
		{"not allowed", `{Type: String, AllowedValues: [a, b]}`, "c", "Parameter 'P' must be one of AllowedValues"},
		{"allowed number", `{Type: Number, AllowedValues: [1, 2]}`, "2", ""},
		{"pattern", `{Type: String, AllowedPattern: 'a|b'}`, "b", ""},
		{"pattern matches the whole", `{Type: String, AllowedPattern: 'a|b'}`, "ab", "Parameter 'P' must match pattern a|b"},
		{"described", `{Type: String, AllowedPattern: a, ConstraintDescription: must be an a.}`, "b", "Parameter 'P' failed to satisfy constraint: must be an a."},
		{"short", `{Type: String, MinLength: 2}`, "é", "Parameter 'P' must contain at least 2 characters"},
		{"long", `{Type: String, MaxLength: 2}`, "abc", "Parameter 'P' must contain at most 2 characters"},
		{"characters, not bytes", `{Type: String, MaxLength: 2}`, "éé", ""},
		{"longer than any may be", `{Type: String}`, strings.Repeat("x", 4097), "Parameter 'P' must contain at most 4096 characters"},
		{"number", `{Type: Number}`, "-1.5e3", ""},
		{"no number", `{Type: Number}`, "many", "Parameter 'P' must be a number"},
		{"hexadecimal", `{Type: Number}`, "0x10", "Parameter 'P' must be a number"},
		{"infinite", `{Type: Number}`, "Inf", "Parameter 'P' must be a number"},
		{"empty number", `{Type: Number}`, "", "Parameter 'P' must be a number"},
		{"too small", `{Type: Number, MinValue: 1.5}`, "1", "Parameter 'P' must be a number not less than 1.5"},
		{"too great", `{Type: Number, MaxValue: 1000000}`, "1000001", "Parameter 'P' must be a number not greater than 1000000"},
		{"at the bounds", `{Type: Number, MinValue: 1, MaxValue: 1}`, "1", ""},
		{"list", `{Type: CommaDelimitedList, AllowedPattern: '[a-z]'}`, "a, b", ""},
		{"list item", `{Type: CommaDelimitedList, AllowedPattern: '[a-z]'}`, "a,B", "Parameter 'P' must match pattern [a-z]"},
		{"empty list", `{Type: CommaDelimitedList, AllowedValues: [a]}`, "", ""},
		{"numbers", `{Type: List<Number>, MaxValue: 3}`, "1,2,3", ""},
		{"numbers item", `{Type: List<Number>, MaxValue: 3}`, "1,4", "Parameter 'P' must be a number not greater than 3"},
		{"numbers of text", `{Type: List<Number>}`, "1,x", "Parameter 'P' must be a number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			violations := parse(t, "Parameters: {P: "+tt.parameter+"}\nResources: {Q: {Type: T}}").Check(map[string]string{"P": tt.value})
			if tt.want == "" {
				assert.Empty(t, violations)
				return
			}
			if assert.Len(t, violations, 1) {
				assert.Equal(t, "P", violations[0].Parameter)
				assert.Equal(t, tt.want, violations[0].Message)
			}
		})
	}
}

func TestParametersMissingAndUnknown(t *testing.T) {
	template := parse(t, "Parameters: {A: {Type: String}, B: {Type: String}, C: {Type: Number, Default: x}}\nResources: {Q: {Type: T}}")
	violations := template.Check(map[string]string{"Z": "", "Y": ""})
	if assert.Len(t, violations, 3) {
		assert.Equal(t, "Parameter 'C' must be a number", violations[0].Message)
		assert.Equal(t, "Parameters: [A, B] must have values", violations[1].Message)
		assert.Empty(t, violations[1].Parameter)
		assert.Equal(t, "Parameters: [Y, Z] do not exist in the template", violations[2].Message)
	}
}

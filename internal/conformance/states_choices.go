package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// statesChoiceInput is what the rules below look at.
const statesChoiceInput = `{"s":"banana","t":"apple","n":10,"m":10.0,"yes":true,"no":false,"null":null,` +
	`"early":"2020-01-01T00:00:00Z","late":"2020-01-01T02:00:00+01:00","list":[1],"star":"log-*.txt","out":{}}`

// rule is a choice rule without its Next, and whether it holds.
type rule struct {
	text string
	want bool
}

func statesChoiceCases() []Case {
	families := []struct {
		name  string
		rules []rule
	}{
		{"strings", []rule{
			{`"Variable":"$.s","StringEquals":"banana"`, true}, {`"Variable":"$.s","StringEquals":"Banana"`, false},
			{`"Variable":"$.s","StringLessThan":"cherry"`, true}, {`"Variable":"$.s","StringGreaterThan":"banana"`, false},
			{`"Variable":"$.s","StringGreaterThanEquals":"banana"`, true}, {`"Variable":"$.s","StringLessThanEquals":"b"`, false},
			{`"Variable":"$.s","StringEqualsPath":"$.t"`, false}, {`"Variable":"$.s","StringGreaterThanPath":"$.t"`, true},
			{`"Variable":"$.n","StringEquals":"10"`, false},
		}},
		{"wildcards", []rule{
			{`"Variable":"$.s","StringMatches":"ban*"`, true}, {`"Variable":"$.s","StringMatches":"*nan*"`, true},
			{`"Variable":"$.s","StringMatches":"an*"`, false}, {`"Variable":"$.s","StringMatches":"*"`, true},
			{`"Variable":"$.star","StringMatches":"log-\\*.txt"`, true}, {`"Variable":"$.s","StringMatches":"banan?"`, false},
		}},
		{"numbers", []rule{
			{`"Variable":"$.n","NumericEquals":10`, true}, {`"Variable":"$.n","NumericEqualsPath":"$.m"`, true},
			{`"Variable":"$.n","NumericLessThan":9`, false}, {`"Variable":"$.n","NumericGreaterThan":9.5`, true},
			{`"Variable":"$.n","NumericLessThanEquals":10`, true}, {`"Variable":"$.n","NumericGreaterThanEquals":10.1`, false},
			{`"Variable":"$.s","NumericEquals":10`, false},
		}},
		{"booleans", []rule{
			{`"Variable":"$.yes","BooleanEquals":true`, true}, {`"Variable":"$.no","BooleanEquals":true`, false},
			{`"Variable":"$.yes","BooleanEqualsPath":"$.no"`, false}, {`"Variable":"$.s","BooleanEquals":true`, false},
		}},
		{"timestamps", []rule{
			{`"Variable":"$.early","TimestampEquals":"2020-01-01T01:00:00+01:00"`, true},
			{`"Variable":"$.early","TimestampLessThanPath":"$.late"`, true}, {`"Variable":"$.late","TimestampLessThan":"2020-01-01T01:00:00Z"`, false},
			{`"Variable":"$.late","TimestampGreaterThanEquals":"2020-01-01T01:00:00Z"`, true},
			{`"Variable":"$.s","TimestampEquals":"2020-01-01T00:00:00Z"`, false},
		}},
		{"types", []rule{
			{`"Variable":"$.absent","IsPresent":true`, false}, {`"Variable":"$.absent","IsPresent":false`, true},
			{`"Variable":"$.null","IsPresent":true`, true}, {`"Variable":"$.null","IsNull":true`, true}, {`"Variable":"$.s","IsNull":true`, false},
			{`"Variable":"$.s","IsString":true`, true}, {`"Variable":"$.n","IsNumeric":true`, true}, {`"Variable":"$.s","IsNumeric":false`, true},
			{`"Variable":"$.yes","IsBoolean":true`, true}, {`"Variable":"$.early","IsTimestamp":true`, true}, {`"Variable":"$.s","IsTimestamp":true`, false},
		}},
		{"And, Or and Not", []rule{
			{`"And":[{"Variable":"$.yes","BooleanEquals":true},{"Variable":"$.n","NumericGreaterThan":9}]`, true},
			{`"And":[{"Variable":"$.yes","BooleanEquals":true},{"Variable":"$.n","NumericGreaterThan":10}]`, false},
			{`"Or":[{"Variable":"$.no","BooleanEquals":true},{"Not":{"Variable":"$.n","NumericGreaterThan":10}}]`, true},
			{`"Not":{"Variable":"$.yes","BooleanEquals":true}`, false},
			{`"And":[{"Variable":"$.absent","IsPresent":true},{"Variable":"$.absent","NumericEquals":1}]`, false},
		}},
	}
	var cases []Case
	for _, family := range families {
		cases = append(cases, Case{Name: "choice rules: " + family.name, Page: statesGuide("state-choice"), Run: func(t *testing.T, c *Clients) {
			out := c.execute(t, choices(family.rules), statesChoiceInput)
			var got struct{ Out map[string]bool }
			require.NoError(t, json.Unmarshal([]byte(aws.ToString(out.Output)), &got), aws.ToString(out.Cause))
			for i, r := range family.rules {
				assert.Equal(t, r.want, got.Out[fmt.Sprint("r", i)], r.text)
			}
		}})
	}
	return cases
}

// choices is a machine that tries the rules one after another and writes what
// each said to $.out.
func choices(rules []rule) string {
	var states []string
	for i, r := range rules {
		states = append(states,
			fmt.Sprintf(`"Rule %d":{"Type":"Choice","Choices":[{%s,"Next":"Yes %d"}],"Default":"No %d"}`, i, r.text, i, i),
			fmt.Sprintf(`"Yes %d":{"Type":"Pass","Result":true,"ResultPath":"$.out.r%d","Next":"Rule %d"}`, i, i, i+1),
			fmt.Sprintf(`"No %d":{"Type":"Pass","Result":false,"ResultPath":"$.out.r%d","Next":"Rule %d"}`, i, i, i+1))
	}
	states = append(states, fmt.Sprintf(`"Rule %d":{"Type":"Succeed"}`, len(rules)))
	return `{"StartAt":"Rule 0","States":{` + strings.Join(states, ",") + `}}`
}

package stepfunctions_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

// https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
func TestChoiceRules(t *testing.T) {
	const input = `{"s":"foo","t":"foo","star":"a*b","n":5,"m":5.0,"f":2.5,"b":true,"no":false,"z":null,
		"at":"2024-01-01T00:00:00Z","same":"2024-01-01T01:00:00+01:00","o":{"x":1},"l":[]}`
	tests := []struct {
		rule string
		want bool
	}{
		{`"Variable":"$.s","StringEquals":"foo"`, true},
		{`"Variable":"$.s","StringEquals":"Foo"`, false},
		{`"Variable":"$.n","StringEquals":"5"`, false},
		{`"Variable":"$.s","StringEqualsPath":"$.t"`, true},
		{`"Variable":"$.s","StringLessThan":"goo"`, true},
		{`"Variable":"$.s","StringLessThanPath":"$.t"`, false},
		{`"Variable":"$.s","StringLessThanEquals":"foo"`, true},
		{`"Variable":"$.s","StringLessThanEqualsPath":"$.t"`, true},
		{`"Variable":"$.s","StringGreaterThan":"eoo"`, true},
		{`"Variable":"$.s","StringGreaterThanPath":"$.t"`, false},
		{`"Variable":"$.s","StringGreaterThanEquals":"foo"`, true},
		{`"Variable":"$.s","StringGreaterThanEqualsPath":"$.t"`, true},
		{`"Variable":"$.s","StringMatches":"f*o"`, true},
		{`"Variable":"$.s","StringMatches":"*"`, true},
		{`"Variable":"$.s","StringMatches":"*oo*"`, true},
		{`"Variable":"$.s","StringMatches":"f*f"`, false},
		{`"Variable":"$.s","StringMatches":"foo"`, true},
		{`"Variable":"$.star","StringMatches":"a\\*b"`, true},
		{`"Variable":"$.s","StringMatches":"f\\*"`, false},
		{`"Variable":"$.n","NumericEquals":5`, true},
		{`"Variable":"$.n","NumericEquals":5.0`, true},
		{`"Variable":"$.n","NumericEqualsPath":"$.m"`, true},
		{`"Variable":"$.s","NumericEquals":5`, false},
		{`"Variable":"$.f","NumericLessThan":3`, true},
		{`"Variable":"$.f","NumericLessThanPath":"$.n"`, true},
		{`"Variable":"$.n","NumericLessThanEquals":5`, true},
		{`"Variable":"$.n","NumericLessThanEqualsPath":"$.f"`, false},
		{`"Variable":"$.n","NumericGreaterThan":4.9`, true},
		{`"Variable":"$.n","NumericGreaterThanPath":"$.f"`, true},
		{`"Variable":"$.n","NumericGreaterThanEquals":6`, false},
		{`"Variable":"$.n","NumericGreaterThanEqualsPath":"$.m"`, true},
		{`"Variable":"$.b","BooleanEquals":true`, true},
		{`"Variable":"$.no","BooleanEquals":true`, false},
		{`"Variable":"$.b","BooleanEqualsPath":"$.no"`, false},
		{`"Variable":"$.z","BooleanEquals":false`, false},
		{`"Variable":"$.at","TimestampEquals":"2024-01-01T00:00:00Z"`, true},
		{`"Variable":"$.at","TimestampEqualsPath":"$.same"`, true},
		{`"Variable":"$.s","TimestampEquals":"2024-01-01T00:00:00Z"`, false},
		{`"Variable":"$.at","TimestampLessThan":"2024-01-01T00:00:01Z"`, true},
		{`"Variable":"$.at","TimestampLessThanPath":"$.same"`, false},
		{`"Variable":"$.at","TimestampLessThanEquals":"2024-01-01T00:00:00Z"`, true},
		{`"Variable":"$.at","TimestampLessThanEqualsPath":"$.same"`, true},
		{`"Variable":"$.at","TimestampGreaterThan":"2023-12-31T23:59:59Z"`, true},
		{`"Variable":"$.at","TimestampGreaterThanPath":"$.same"`, false},
		{`"Variable":"$.at","TimestampGreaterThanEquals":"2025-01-01T00:00:00Z"`, false},
		{`"Variable":"$.at","TimestampGreaterThanEqualsPath":"$.same"`, true},
		{`"Variable":"$.z","IsNull":true`, true},
		{`"Variable":"$.s","IsNull":false`, true},
		{`"Variable":"$.z","IsPresent":true`, true},
		{`"Variable":"$.missing.deeper","IsPresent":false`, true},
		{`"Variable":"$.l[0]","IsPresent":true`, false},
		{`"Variable":"$.n","IsNumeric":true`, true},
		{`"Variable":"$.s","IsNumeric":true`, false},
		{`"Variable":"$.s","IsString":true`, true},
		{`"Variable":"$.o","IsString":true`, false},
		{`"Variable":"$.no","IsBoolean":true`, true},
		{`"Variable":"$.at","IsTimestamp":true`, true},
		{`"Variable":"$.s","IsTimestamp":true`, false},
		{`"Variable":"$$.Execution.Name","StringEquals":"run"`, true},
		{`"And":[{"Variable":"$.b","BooleanEquals":true},{"Variable":"$.n","NumericGreaterThan":1}]`, true},
		{`"And":[{"Variable":"$.b","BooleanEquals":true},{"Variable":"$.n","NumericGreaterThan":9}]`, false},
		{`"And":[{"Variable":"$.missing","IsPresent":true},{"Variable":"$.missing","NumericEquals":1}]`, false},
		{`"Or":[{"Variable":"$.no","BooleanEquals":true},{"Variable":"$.n","NumericEquals":5}]`, true},
		{`"Or":[{"Variable":"$.no","BooleanEquals":true},{"Variable":"$.n","NumericEquals":6}]`, false},
		{`"Not":{"Variable":"$.no","BooleanEquals":true}`, true},
		{`"Not":{"Or":[{"Variable":"$.b","BooleanEquals":true}]}`, false},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				out := f.run(`{"StartAt":"C","States":{
					"C":{"Type":"Choice","Choices":[{`+test.rule+`,"Next":"Yes"}],"Default":"No"},
					"Yes":{"Type":"Pass","Result":true,"End":true},"No":{"Type":"Pass","Result":false,"End":true}}}`, input)
				require.Equal(t, "SUCCEEDED", out["status"], out)
				assert.Equal(t, test.want, out["output"] == "true")
			})
		})
	}
}

func TestChoiceTakesTheFirstRuleThatMatches(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		out := f.run(`{"StartAt":"C","States":{
			"C":{"Type":"Choice","InputPath":"$.in","OutputPath":"$.n","Choices":[
				{"Variable":"$.n","NumericEquals":2,"Next":"A"},
				{"Variable":"$.n","NumericEquals":1,"Next":"B"},
				{"Variable":"$.n","NumericLessThan":9,"Next":"A"}]},
			"A":{"Type":"Pass","Result":"A","End":true},
			"B":{"Type":"Pass","Parameters":{"B.$":"$"},"End":true}}}`, `{"in":{"n":1}}`)
		assert.Equal(t, `{"B":1}`, out["output"])
	})
}

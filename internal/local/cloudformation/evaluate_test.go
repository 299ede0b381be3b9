package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/cloudformation"
)

// frame surrounds the value of one property with all that functions can refer
// to. The value stands on line 20.
const frame = `Parameters:
  Name: {Type: String, Default: jobs}
  Count: {Type: Number, Default: 5}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
  Numbers: {Type: List<Number>, Default: '1,2'}
Mappings:
  Sizes:
    us-east-1: {small: 128, list: [x, y]}
Conditions:
  Yes: !Equals [!Ref Name, jobs]
  No: !Not [!Condition Yes]
Resources:
  Queue: {Type: Test::Thing}
  Off: {Type: Test::Thing, Condition: No}
  Target:
    Type: Test::Thing
    Properties:
      # The value follows.
      Value:
        `

func evaluate(t *testing.T, value string) (any, error) {
	t.Helper()
	template, err := cloudformation.Parse("t.yaml", []byte(frame+strings.ReplaceAll(value, "\n", "\n        ")))
	if err != nil {
		return nil, err
	}
	r := &recorder{}
	_, err = cloudformation.Deploy(t.Context(), template, cloudformation.Options{
		StackName: "stack", Account: account(), Providers: r.providers("Test::Thing"),
	})
	return r.properties["Target"]["Value"], err
}

func TestFunctions(t *testing.T) {
	tests := []struct {
		name, value string
		want        any
	}{
		{"string", `text`, "text"},
		{"number", `1.50`, 1.5},
		{"boolean", `True`, true},
		{"date is text", `2012-10-17`, "2012-10-17"},
		{"quoted number", `'5'`, "5"},
		{"tagged string", `!!str 5`, "5"},
		{"object with a single key Condition", `{Condition: {StringEquals: {a: b}}}`, map[string]any{"Condition": map[string]any{"StringEquals": map[string]any{"a": "b"}}}},

		{"Ref to a parameter", `!Ref Name`, "jobs"},
		{"Ref to a number is text", `!Ref Count`, "5"},
		{"Ref to a list", `!Ref List`, []any{"a", "b", "c"}},
		{"Ref to a list of numbers", `!Ref Numbers`, []any{"1", "2"}},
		{"Ref to a resource", `!Ref Queue`, "ref-Queue"},
		{"Ref in full", `{Ref: Queue}`, "ref-Queue"},
		{"account", `!Ref AWS::AccountId`, "000000000000"},
		{"region", `!Ref AWS::Region`, "us-east-1"},
		{"partition", `!Ref AWS::Partition`, "aws"},
		{"stack name", `!Ref AWS::StackName`, "stack"},
		{"stack ID", `!Select [1, !Split ['/', !Ref AWS::StackId]]`, "stack"},
		{"URL suffix", `!Ref AWS::URLSuffix`, "amazonaws.com"},
		{"no value in an object", `{A: !Ref AWS::NoValue, B: b}`, map[string]any{"B": "b"}},
		{"no value in a list", `[a, !Ref AWS::NoValue, b]`, []any{"a", "b"}},
		{"no value at all", `!Ref AWS::NoValue`, nil},

		{"GetAtt", `!GetAtt Queue.Arn`, "arn-Queue"},
		{"GetAtt as a list", `!GetAtt [Queue, Arn]`, "arn-Queue"},
		{"GetAtt in full", `{'Fn::GetAtt': [Queue, Arn]}`, "arn-Queue"},
		{"GetAtt in full as text", `{'Fn::GetAtt': Queue.Arn}`, "arn-Queue"},

		{"Sub", `!Sub '${AWS::Region}/${Name}/${Queue}/${Queue.Arn}/${Count}'`, "us-east-1/jobs/ref-Queue/arn-Queue/5"},
		{"Sub with variables", `!Sub ['${x}-${Name}-${y}', {x: !GetAtt Queue.Arn, y: 7}]`, "arn-Queue-jobs-7"},
		{"Sub variable hides a parameter", `!Sub ['${Name}', {Name: other}]`, "other"},
		{"Sub literal", `!Sub 'a ${!Name} $ $$ {x} ${Name'`, "a ${Name} $ $$ {x} ${Name"},
		{"Sub in full", "Fn::Sub: 'x${Name}'", "xjobs"},
		{"Sub without placeholders", `!Sub plain`, "plain"},

		{"Join", `!Join [',', [a, !Ref Name, 1, true]]`, "a,jobs,1,true"},
		{"Join a list parameter", `!Join ['', !Ref List]`, "abc"},
		{"Join leaves out no value", `!Join [',', [a, !Ref AWS::NoValue]]`, "a"},
		{"Split", `!Split ['-', a-b-]`, []any{"a", "b", ""}},
		{"Select", `!Select [1, [a, !Ref Name]]`, "jobs"},
		{"Select by text", `!Select ['2', !Ref List]`, "c"},
		{"Select of Split", `!Select [1, !Split ['-', !GetAtt Queue.Arn]]`, "Queue"},
		{"Base64", `!Base64 hello`, "aGVsbG8="},
		{"Base64 of a function", "Fn::Base64: !Sub '${Name}'", "am9icw=="},
		{"FindInMap", `!FindInMap [Sizes, !Ref AWS::Region, small]`, 128.0},
		{"FindInMap list", `!FindInMap [Sizes, us-east-1, list]`, []any{"x", "y"}},

		{"If taken", `!If [Yes, !Ref Queue, !Ref Off]`, "ref-Queue"},
		{"If not taken", `!If [No, !Ref Off, [a]]`, []any{"a"}},
		{"If nested", `{'Fn::If': [No, x, !If [Yes, y, z]]}`, "y"},
		{"If no value", `{A: !If [No, x, !Ref AWS::NoValue]}`, map[string]any{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := evaluate(t, tt.value)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFunctionFaults(t *testing.T) {
	const (
		resource  = "t.yaml:20: Target (Test::Thing): "
		malformed = "t.yaml:20: "
	)
	tests := []struct{ name, value, want string }{
		{"unknown Ref", `!Ref Nobody`, malformed + "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template"},
		{"unknown Ref in a branch not taken", `!If [Yes, a, !Ref Nobody]`, malformed + "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template"},
		{"unknown pseudo parameter", `!Ref AWS::Nonsense`, malformed + "Template format error: Unresolved resource dependencies [AWS::Nonsense] in the Resources block of the template"},
		{"Ref of a list", `{Ref: [a]}`, malformed + "Template error: every Ref object must have a single String value."},
		{"Ref switched off", `!Ref Off`, malformed + "Template format error: Unresolved resource dependencies [Off] in the Resources block of the template"},
		{"GetAtt switched off", `!Sub '${Off.Arn}'`, malformed + "Template format error: Unresolved resource dependencies [Off] in the Resources block of the template"},
		{"GetAtt unknown resource", `!GetAtt Nobody.Arn`, malformed + "Template error: instance of Fn::GetAtt references undefined resource Nobody"},
		{"GetAtt unknown attribute", `!GetAtt Queue.Size`, resource + "Template error: resource Queue does not support attribute type Size in Fn::GetAtt"},
		{"GetAtt without attribute", `!GetAtt Queue`, malformed + "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"},
		{"GetAtt computed attribute", `!GetAtt [Queue, !Sub Arn]`, malformed + "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"},
		{"Sub unknown", `!Sub '${Nobody}'`, malformed + "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template"},
		{"Sub unknown attribute", `!Sub '${Queue.Size}'`, resource + "Template error: resource Queue does not support attribute type Size in Fn::GetAtt"},
		{"Sub name", `!Sub '${a b}'`, malformed + "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"},
		{"Sub of a list", `!Sub [a, b, c]`, malformed + "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"},
		{"Sub of a list value", `!Sub '${List}'`, resource + "Template error: every value of Fn::Sub must be a string"},
		{"Join", `!Join [a]`, malformed + "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."},
		{"Join of objects", `!Join ['', [{a: b}]]`, resource + "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."},
		{"Split", `!Split ['', a]`, resource + "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."},
		{"Select beyond", `!Select [3, !Ref List]`, resource + "Template error: Fn::Select cannot select nonexistent value at index 3"},
		{"Select by name", `!Select [x, !Ref List]`, resource + "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"},
		{"Base64 of a list", `!Base64 [a]`, resource + "Template error: every Fn::Base64 object must have a String-typed value."},
		{"no such map", `!FindInMap [Nothing, a, b]`, malformed + "Template error: Mapping named 'Nothing' is not present in the 'Mappings' section of template."},
		{"no such map by parameter", `!FindInMap [!Ref Name, a, b]`, resource + "Template error: Mapping named 'jobs' is not present in the 'Mappings' section of template."},
		{"no such key", `!FindInMap [Sizes, us-east-1, big]`, resource + "Template error: Unable to get mapping for Sizes::us-east-1::big"},
		{"FindInMap", `!FindInMap [Sizes, us-east-1]`, malformed + "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"},
		{"If unknown", `!If [Maybe, a, b]`, malformed + "Template error: unresolved condition dependency Maybe in Fn::If"},
		{"If", `!If [Yes, a]`, malformed + "Template error: Fn::If requires a list argument with three elements"},
		{"If computed", `!If [!Ref Name, a, b]`, malformed + "Template error: Fn::If requires a list argument with three elements"},
		{"Equals", `!Equals [a, b]`, malformed + "Template error: Cannot use Fn::Equals in Resources"},
		{"Contains", `!Contains [[a], b]`, malformed + "Template error: Cannot use Fn::Contains in Resources"},
		{"function among keys", `{'Fn::Sub': a, B: b}`, malformed + "Template format error: the function Fn::Sub must be the only key of its object."},
		{"circular", `!Ref Target`, "t.yaml:15: Circular dependency between resources: [Target]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := evaluate(t, tt.value)
			assert.EqualError(t, err, tt.want)
		})
	}
	for _, name := range []string{"ImportValue", "GetAZs", "Cidr", "Transform", "Length", "ToJsonString", "RefAll", "ValueOf", "ValueOfAll"} {
		t.Run(name, func(t *testing.T) {
			_, err := evaluate(t, "!"+name+" a")
			assert.ErrorContains(t, err, "t.yaml:20: Template format error: Encountered unsupported function: Fn::"+name+" Supported functions are: [Condition, ")
		})
	}
}

func TestConditions(t *testing.T) {
	tests := []struct {
		name, condition string
		want            bool
	}{
		{"Equals", `!Equals [!Ref Mode, fast]`, true},
		{"Equals is exact", `!Equals [!Ref Mode, Fast]`, false},
		{"Equals of number and text", `!Equals [5, '5']`, true},
		{"Equals of functions", `!Equals [!Join ['', [f, ast]], !Select [0, !Split [',', 'fast,slow']]]`, true},
		{"Equals of Sub", `!Equals [!Sub '${AWS::Region}', us-east-1]`, true},
		{"Not", `!Not [!Equals [a, b]]`, true},
		{"And", `!And [!Equals [a, a], !Equals [a, b]]`, false},
		{"And of all", `!And [!Equals [a, a], !Condition Other]`, true},
		{"Or", `!Or [!Equals [a, b], !Equals [a, a]]`, true},
		{"Or of none", `!Or [!Equals [a, b], !Not [!Condition Other]]`, false},
		{"in full", `{'Fn::And': [{'Fn::Equals': [a, a]}, {Condition: Other}]}`, true},
		{"refers to one", `!Condition Other`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			template, err := cloudformation.Parse("t.yaml", []byte("Parameters: {Mode: {Type: String, Default: fast}}\nConditions:\n  C: "+tt.condition+
				"\n  Other: !Equals [x, x]\nResources:\n  Always: {Type: Test::Thing}\n  Sometimes: {Type: Test::Thing, Condition: C}\n"))
			require.NoError(t, err)
			r := &recorder{}
			_, err = cloudformation.Deploy(t.Context(), template, cloudformation.Options{
				StackName: "stack", Account: account(), Providers: r.providers("Test::Thing")})
			require.NoError(t, err)
			if tt.want {
				assert.Equal(t, []string{"Always", "Sometimes"}, r.order())
			} else {
				assert.Equal(t, []string{"Always"}, r.order())
			}
		})
	}
}

func TestConditionFaults(t *testing.T) {
	const boolean = "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters."
	tests := []struct{ name, condition, want string }{
		{"Equals of one", `!Equals [a]`, "Template error: every Fn::Equals object requires a list of 2 string parameters."},
		{"Equals of lists", `!Equals [[a], [a]]`, "Template error: every Fn::Equals object requires a list of 2 string parameters."},
		{"And of one", `!And [!Equals [a, a]]`, boolean},
		{"And of text", `!And [a, b]`, boolean},
		{"Not of two", `!Not [!Equals [a, a], !Equals [a, a]]`, "Template error: every Fn::Not object requires one boolean parameter."},
		{"unknown condition", `!Condition Nobody`, "Template format error: Unresolved condition dependency Nobody in the Conditions block of the template"},
		{"GetAtt", `!Equals [!GetAtt Q.Arn, a]`, "Template error: Cannot use Fn::GetAtt in Conditions"},
		{"If", `!If [C, a, b]`, "Template error: Cannot use Fn::If in Conditions"},
		{"no boolean", `!Join ['', [a]]`, "Template format error: a is not a boolean."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			template, err := cloudformation.Parse("t.yaml", []byte("Conditions:\n  C: "+tt.condition+"\nResources: {Q: {Type: Test::Thing}}\n"))
			if err == nil {
				err = cloudformation.Validate(template, cloudformation.Options{StackName: "stack", Account: account(), Providers: (&recorder{}).providers("Test::Thing")})
			}
			assert.EqualError(t, err, "t.yaml:2: "+tt.want)
		})
	}
}

func TestRules(t *testing.T) {
	const frame = `Parameters:
  Mode: {Type: String, Default: fast}
  Modes: {Type: CommaDelimitedList, Default: 'fast,slow'}
Resources: {Q: {Type: Test::Thing}}
Rules:
  R:
    `
	tests := []struct{ name, rule, want string }{
		{"holds", `Assertions: [{Assert: !Contains [[fast, slow], !Ref Mode]}]`, ""},
		{"fails with its description", `Assertions: [{Assert: !Contains [[slow], !Ref Mode], AssertDescription: not slow}]`, "not slow"},
		{"fails without", `Assertions: [{Assert: !Equals [!Ref Mode, slow]}]`, "Template error: an assertion of rule R is not met"},
		{"each fails", `Assertions: [{Assert: !Equals [a, b], AssertDescription: one}, {Assert: !Equals [a, a]}, {Assert: !Equals [a, c], AssertDescription: two}]`, "one\ntwo"},
		{"does not apply", `{RuleCondition: !Equals [!Ref Mode, slow], Assertions: [{Assert: !Equals [a, b]}]}`, ""},
		{"applies", `{RuleCondition: !Equals [!Ref Mode, fast], Assertions: [{Assert: !Equals [a, b], AssertDescription: no}]}`, "no"},
		{"each member in", `Assertions: [{Assert: !EachMemberIn [!Ref Modes, [fast, slow, idle]]}]`, ""},
		{"not each member in", `Assertions: [{Assert: !EachMemberIn [!Ref Modes, [fast]], AssertDescription: no}]`, "no"},
		{"each member equals", `Assertions: [{Assert: !EachMemberEquals [[fast, fast], !Ref Mode]}]`, ""},
		{"not each member equals", `Assertions: [{Assert: !EachMemberEquals [!Ref Modes, fast], AssertDescription: no}]`, "no"},
		{"in full", `Assertions: [{Assert: {'Fn::Or': [{'Fn::Equals': [a, b]}, {'Fn::Not': [{'Fn::Equals': [a, b]}]}]}}]`, ""},
		{"contains in no list", `Assertions: [{Assert: !Contains [a, b]}]`, "t.yaml:7: Template error: every Fn::Contains object requires two parameters, (1) a list of strings and (2) a string."},
		{"each member in no list", `Assertions: [{Assert: !EachMemberIn [a, b]}]`, "t.yaml:7: Template error: every Fn::EachMemberIn object requires two parameters, (1) a list of strings to check and (2) a list of strings to match."},
		{"each member of no list", `Assertions: [{Assert: !EachMemberEquals [a, b]}]`, "t.yaml:7: Template error: every Fn::EachMemberEquals object requires two parameters, (1) a list of strings and (2) a string."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			template, err := cloudformation.Parse("t.yaml", []byte(frame+tt.rule+"\n"))
			require.NoError(t, err)
			err = cloudformation.Validate(template, cloudformation.Options{StackName: "stack", Account: account(), Providers: (&recorder{}).providers("Test::Thing")})
			if tt.want == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, tt.want)
			}
		})
	}
}

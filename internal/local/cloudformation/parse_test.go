package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/cloudformation"
)

// one is a template that says nothing wrong, to put something wrong before.
const one = "Resources: {Q: {Type: AWS::SQS::Queue}}\n"

func TestParseKeepsWhatTheCommandLineShows(t *testing.T) {
	template, err := cloudformation.Parse("t.yaml", []byte(`AWSTemplateFormatVersion: 2010-09-09
Description: A queue.
Metadata:
  cfn-lint: {config: {ignore_checks: [W3002]}}
  AWS::CloudFormation::Interface:
    ParameterGroups:
      - Label: {default: Scaling}
        Parameters: [Max, Names]
    ParameterLabels:
      Max: {default: The most}
Parameters:
  Max:
    Type: Number
    Default: 50
    MinValue: 1
    MaxValue: 1e4
    Description: The cap.
  Names:
    Type: CommaDelimitedList
    AllowedPattern: '[a-z]+'
    NoEcho: true
  Mode:
    Type: String
    Default: ''
    AllowedValues: ['', on, true, 1]
    ConstraintDescription: must be a mode.
    MinLength: 0
    MaxLength: 4
Resources:
  Queue:
    Type: AWS::SQS::Queue
    DependsOn: [Dead]
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Metadata: {a: b}
  Dead:
    Type: AWS::SQS::Queue
    DependsOn: Other
  Other: {Type: AWS::SQS::Queue}
Outputs:
  Url: {Value: !Ref Queue, Description: The URL.}
`))
	require.NoError(t, err)
	assert.Equal(t, "A queue.", template.Description)
	assert.Equal(t, []cloudformation.ParameterGroup{{Label: "Scaling", Parameters: []string{"Max", "Names"}}}, template.Groups)

	require.Len(t, template.Parameters, 3)
	most := template.Parameters[0]
	assert.Equal(t, "Max", most.Name)
	assert.Equal(t, "Number", most.Type)
	assert.Equal(t, "The most", most.Label)
	assert.Equal(t, "The cap.", most.Description)
	assert.Equal(t, "50", most.Default)
	assert.True(t, most.HasDefault)
	assert.Equal(t, 1.0, *most.MinValue)
	assert.Equal(t, 10000.0, *most.MaxValue)
	assert.Equal(t, 12, most.Line)
	names := template.Parameters[1]
	assert.False(t, names.HasDefault)
	assert.True(t, names.NoEcho)
	assert.Equal(t, "[a-z]+", names.AllowedPattern)
	mode := template.Parameters[2]
	assert.Equal(t, []string{"", "on", "true", "1"}, mode.AllowedValues)
	assert.Equal(t, "must be a mode.", mode.ConstraintDescription)
	assert.Equal(t, 0, *mode.MinLength)
	assert.Equal(t, 4, *mode.MaxLength)
	assert.True(t, mode.HasDefault)

	require.Len(t, template.Resources, 3)
	queue := template.Resources[0]
	assert.Equal(t, "Queue", queue.LogicalID)
	assert.Equal(t, "AWS::SQS::Queue", queue.Type)
	assert.Equal(t, []string{"Dead"}, queue.DependsOn)
	assert.Equal(t, "Retain", queue.DeletionPolicy)
	assert.Equal(t, "Retain", queue.UpdateReplacePolicy)
	assert.Equal(t, 30, queue.Line)
	assert.Equal(t, []string{"Other"}, template.Resources[1].DependsOn)

	require.Len(t, template.Outputs, 1)
	assert.Equal(t, "Url", template.Outputs[0].Name)
	assert.Equal(t, "The URL.", template.Outputs[0].Description)
	assert.Equal(t, 41, template.Outputs[0].Line)
}

func TestParseTellsEveryFaultWithItsLine(t *testing.T) {
	tests := []struct {
		name, template string
		want           []string
	}{
		{"empty", "", []string{"1: Template format error: the template is empty."}},
		{"not YAML", "a: b\nc: [", []string{"2: Template format error: YAML not well-formed: did not find expected node content"}},
		{"two documents", one + "---\n" + one, []string{"2: Template format error: YAML not well-formed: more than one document."}},
		{"list", "- a", []string{
			"1: Template format error: unsupported structure.",
			"1: Template format error: At least one Resources member must be defined."}},
		{"null", one + "Outputs:\n  O:\n    Value:\n", []string{"4: Template format error: [/Outputs/O/Value] 'null' values are not allowed in templates"}},
		{"alias", one + "Metadata: {a: &x 1, b: *x}", []string{"2: Template format error: [/Metadata/b] YAML aliases are not allowed in CloudFormation templates"}},
		{"duplicate key", one + one, []string{`2: Template format error: [] duplicate key "Resources"`}},
		{"structured key", one + "? [a]\n: b\n", []string{"2: Template format error: [] every key must be a string"}},
		{"octal number", one + "Description: 0755\n", []string{"2: Template format error: 0755 is not a decimal number; quote it if it is a string."}},
		{"YAML tag", one + "Description: !!binary aGk=\n", []string{"2: Template format error: the YAML tag !!binary is not allowed in templates."}},

		{"version", one + "AWSTemplateFormatVersion: 2020-01-01", []string{"2: Template format error: unsupported value for AWSTemplateFormatVersion."}},
		{"long description", one + "Description: " + strings.Repeat("x", 1025), []string{"2: Template format error: 'Description' length is greater than 1024."}},
		{"section", one + "Resource: {}", []string{"2: Invalid template property or properties [Resource]"}},
		{"transform", one + "Transform: AWS::Serverless-2016-10-31", []string{"2: Transform is not supported by the embedded runtime: deploy the processed template."}},
		{"no resources", "Description: x", []string{"1: Template format error: At least one Resources member must be defined."}},

		{"resource name", "Resources:\n  My-Q: {Type: AWS::SQS::Queue}", []string{"2: Template format error: Resource name My-Q is non alphanumeric."}},
		{"resource without type", "Resources:\n  Q: {Properties: {}}", []string{"2: Template format error: [/Resources/Q] Every Resources object must contain a Type member."}},
		{"resource attribute", "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Propertys: {}", []string{"4: Invalid template resource property 'Propertys'"}},
		{"resource no object", "Resources:\n  Q: x", []string{
			"2: Template format error: [/Resources/Q] resource definition is malformed",
			"2: Template format error: [/Resources/Q] Every Resources object must contain a Type member."}},
		{"properties no object", "Resources:\n  Q: {Type: T, Properties: []}", []string{"2: Template format error: [/Resources/Q/Properties] must be an object"}},
		{"creation policy", "Resources:\n  Q: {Type: T, CreationPolicy: {}}", []string{"2: CreationPolicy is not supported by the embedded runtime."}},
		{"deletion policy", "Resources:\n  Q: {Type: T, DeletionPolicy: Keep}", []string{"2: Template format error: Unrecognized DeletionPolicy Keep for resource Q"}},
		{"deletion policy function", "Resources:\n  Q: {Type: T, DeletionPolicy: !Ref P}", []string{"2: Template format error: Every DeletionPolicy member must be a string."}},
		{"depends on nothing", "Resources:\n  Q:\n    Type: T\n    DependsOn: [R]", []string{"4: Template format error: Unresolved resource dependencies [R] in the Resources block of the template"}},
		{"resource condition", "Resources:\n  Q: {Type: T, Condition: C}", []string{"2: Template format error: Unresolved condition dependency C in the Resources block of the template"}},
		{"same name", "Parameters:\n  Q: {Type: String}\nResources:\n  Q: {Type: T}", []string{"4: Template format error: Q is the name of a parameter and of a resource."}},

		{"parameter without type", one + "Parameters:\n  P: {}", []string{"3: Template format error: Every Parameters object must contain a Type member."}},
		{"parameter type", one + "Parameters:\n  P: {Type: 'AWS::SSM::Parameter::Value<String>'}", []string{"3: Template format error: Unrecognized parameter type: AWS::SSM::Parameter::Value<String>"}},
		{"parameter attribute", one + "Parameters:\n  P: {Type: String, Defualt: x}", []string{"3: Invalid template parameter property 'Defualt'"}},
		{"parameter pattern", one + "Parameters:\n  P: {Type: String, AllowedPattern: '(?=a)'}", []string{"3: Parameter 'P' AllowedPattern must be a valid regular expression: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"}},
		{"parameter constraints", one + "Parameters:\n  P: {Type: Number, MinLength: 1, AllowedPattern: a}", []string{
			"3: Template error: Parameter 'P' MinLength must be on a parameter of type String",
			"3: Template error: Parameter 'P' AllowedPattern must be on a parameter of type String"}},
		{"parameter bounds", one + "Parameters:\n  P: {Type: Number, MinValue: 2, MaxValue: 1}\n  S: {Type: String, MinLength: 2, MaxLength: 1, MaxValue: 3}", []string{
			"3: Template error: Parameter 'P' MinValue must be less than MaxValue.",
			"4: Template error: Parameter 'S' MaxValue must be on a parameter of type Number",
			"4: Template error: Parameter 'S' MinLength must be less than MaxLength."}},
		{"parameter flag", one + "Parameters:\n  P: {Type: String, NoEcho: 1, MinLength: x}\n  N: {Type: Number, MinValue: x}", []string{
			`3: Template format error: "1" is not a boolean.`,
			`3: Template format error: "x" is not a length.`,
			`4: Template format error: "x" is not a number.`}},
		{"group", one + "Metadata:\n  AWS::CloudFormation::Interface:\n    ParameterGroups: [{Parameters: [P], Name: x}]\n    Groups: []", []string{
			"4: Invalid property 'Name' of ParameterGroups",
			"4: Template format error: Metadata names the parameter P, which is not in the Parameters block of the template",
			"5: Invalid property 'Groups' of AWS::CloudFormation::Interface"}},
		{"label", one + "Parameters: {P: {Type: String}}\nMetadata:\n  AWS::CloudFormation::Interface:\n    ParameterLabels: {P: {defualt: x}}", []string{"5: Invalid property 'defualt' of a label"}},

		{"mapping", one + "Mappings:\n  M: {a: b}", []string{"3: Template format error: Every Mappings member M must be an object of objects"}},
		{"output without value", one + "Outputs:\n  O: {}", []string{"3: Template format error: Output O is malformed. Every Outputs member must contain a Value object"}},
		{"output attribute", one + "Outputs:\n  O: {Value: x, Values: y}", []string{"3: Invalid template output property 'Values'"}},
		{"export", one + "Outputs:\n  O: {Value: x, Export: {Name: y}}", []string{"3: Export is not supported by the embedded runtime: it has no imports across stacks."}},
		{"output condition", one + "Outputs:\n  O: {Value: x, Condition: C}", []string{"3: Template format error: Unresolved condition dependency C in the Outputs block of the template"}},

		{"condition no function", one + "Conditions:\n  C: true", []string{"3: Template format error: Every Conditions member must be a condition function."}},
		{"condition on a resource", one + "Conditions:\n  C: !Equals [!Ref Q, x]", []string{"3: Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Conditions block of the template"}},
		{"condition cycle", one + "Conditions:\n  C: !Not [!Condition D]\n  D: !Not [!Condition C]\n  E: !Not [!Condition D]", []string{"3: Template error: Found circular condition dependency: [C, D]"}},
		{"rule", one + "Rules:\n  R: {Assertions: [], Assertion: []}", []string{
			"3: Invalid template rule property 'Assertion'",
			"3: Template format error: rule R must contain Assertions."}},
		{"assertion", one + "Rules:\n  R: {Assertions: [{Description: x}]}", []string{
			"3: Invalid template assertion property 'Description'",
			"3: Template format error: Every assertion of rule R must contain Assert."}},
		{"assertion no function", one + "Rules:\n  R: {Assertions: [{Assert: true}]}", []string{"3: Template format error: a rule-specific intrinsic function is expected here."}},
		{"rule on a resource", one + "Rules:\n  R: {Assertions: [{Assert: !Equals [!Ref Q, x]}]}", []string{"3: Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Rules block of the template"}},

		{"several at once", "Resources:\n  Q: {Typ: x}\n  R: {Type: T, Properties: {A: !Nope x}}\nOutput: {}", []string{
			"2: Invalid template resource property 'Typ'",
			"2: Template format error: [/Resources/Q] Every Resources object must contain a Type member.",
			"3: Template format error: Encountered unsupported function: Fn::Nope Supported functions are: [Condition, Fn::And, Fn::Base64, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, Fn::Equals, Fn::FindInMap, Fn::GetAtt, Fn::If, Fn::Join, Fn::Not, Fn::Or, Fn::Select, Fn::Split, Fn::Sub, Ref]",
			"4: Invalid template property or properties [Output]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cloudformation.Parse("t.yaml", []byte(tt.template))
			assert.EqualError(t, err, "t.yaml:"+strings.Join(tt.want, "\nt.yaml:"))
		})
	}
}

func TestParseQuotas(t *testing.T) {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 501 {
		b.WriteString("  Q" + strings.Repeat("x", i%200) + string(rune('a'+i/200)) + ": {Type: T}\n")
	}
	_, err := cloudformation.Parse("t.yaml", []byte(b.String()))
	assert.EqualError(t, err, "t.yaml:2: Template format error: Number of resources, 501, is greater than maximum allowed, 500")

	_, err = cloudformation.Parse("t.yaml", []byte("Resources: {"+strings.Repeat("x", 256)+": {Type: T}}"))
	assert.EqualError(t, err, "t.yaml:1: Template format error: Resource name "+strings.Repeat("x", 256)+" is longer than 255 characters.")
}

func TestParseJSON(t *testing.T) {
	template, err := cloudformation.Parse("t.json", []byte("{\n\t\"Resources\": {\n\t\t\"Q\": {\"Type\": \"AWS::SQS::Queue\",\n\t\t\t\"Properties\": {\"QueueName\": {\"Fn::Sub\": \"${AWS::StackName}-q\"}}}\n\t}\n}"))
	require.NoError(t, err)
	assert.Equal(t, 3, template.Resources[0].Line)
}

func FuzzParse(f *testing.F) {
	f.Add(one)
	f.Add(`{"Resources": {"Q": {"Type": "T", "Properties": {"A": {"Fn::If": ["C", {"Ref": "AWS::NoValue"}, [1, true]]}}}}, "Conditions": {"C": {"Fn::Not": [{"Condition": "D"}]}, "D": {"Fn::Equals": [1, "1"]}}}`)
	f.Add("Resources: {Q: {Type: T, Properties: {A: !Sub ['${x}${!y}${Q.Arn}', {x: !GetAtt [Q, !Ref P]}]}}}\nParameters: {P: {Type: String}}")
	f.Add("Mappings: {M: {a: {b: [1]}}}\nResources: {Q: {Type: T, Properties: {A: !FindInMap [M, a, b], B: !Select [0, !Split [',', 'a,b']]}}}")
	f.Add("Rules: {R: {RuleCondition: !Contains [[a], a], Assertions: [{Assert: !EachMemberIn [[a], [b]], AssertDescription: x}]}}\n" + one)
	f.Fuzz(func(t *testing.T, text string) {
		template, err := cloudformation.Parse("t.yaml", []byte(text))
		if err == nil {
			require.NotEmpty(t, template.Resources)
			r := &recorder{}
			types := make([]string, 0, len(template.Resources))
			for _, resource := range template.Resources {
				types = append(types, resource.Type)
			}
			_, err := cloudformation.Deploy(t.Context(), template, cloudformation.Options{
				StackName: "s", Account: account(), Providers: r.providers(types...)})
			if err != nil {
				require.NotEmpty(t, err.Error())
			}
		}
	})
}

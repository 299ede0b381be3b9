package cloudformation_test

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
)

func parse(t *testing.T, text string) *cloudformation.Template {
	t.Helper()
	template, err := cloudformation.Parse("t.yaml", []byte(text))
	require.NoError(t, err)
	return template
}

func options(r *recorder, types ...string) cloudformation.Options {
	return cloudformation.Options{StackName: "stack", Account: account(), Providers: r.providers(types...)}
}

func TestOrder(t *testing.T) {
	tests := []struct {
		name, resources string
		want            []string
	}{
		{"of the file", `{C: {Type: T}, A: {Type: T}, B: {Type: T}}`, []string{"C", "A", "B"}},
		{"Ref", `{A: {Type: T, Properties: {P: !Ref B}}, B: {Type: T}}`, []string{"B", "A"}},
		{"GetAtt", `{A: {Type: T, Properties: {P: [{Q: !GetAtt B.Arn}]}}, B: {Type: T}}`, []string{"B", "A"}},
		{"Sub", `{A: {Type: T, Properties: {P: !Sub '${B.Arn} ${C}'}}, B: {Type: T, Properties: {P: !Ref C}}, C: {Type: T}}`, []string{"C", "B", "A"}},
		{"Sub variable", `{A: {Type: T, Properties: {P: !Sub ['${x}', {x: !Ref B}]}}, B: {Type: T}}`, []string{"B", "A"}},
		{"DependsOn", `{A: {Type: T, DependsOn: C}, B: {Type: T}, C: {Type: T}}`, []string{"B", "C", "A"}},
		{"branch taken only", `{A: {Type: T, Properties: {P: !If [Yes, x, !Ref B]}}, B: {Type: T, Properties: {P: !Ref A}}}`, []string{"A", "B"}},
		{"DependsOn what is switched off", `{A: {Type: T, DependsOn: [B, C]}, B: {Type: T, Condition: No}, C: {Type: T}}`, []string{"C", "A"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{}
			_, err := cloudformation.Deploy(t.Context(), parse(t, "Conditions: {Yes: !Equals [a, a], No: !Equals [a, b]}\nResources: "+tt.resources), options(r, "T"))
			require.NoError(t, err)
			assert.Equal(t, tt.want, r.order())
		})
	}
}

func TestCyclesAreNamed(t *testing.T) {
	err := cloudformation.Validate(parse(t, `Resources:
  First: {Type: T}
  Before: {Type: T, Properties: {P: !Ref First}}
  Role: {Type: T, Properties: {P: !GetAtt Machine.Arn, Q: !Ref Before}}
  Machine: {Type: T, Properties: {P: !Sub '${Policy}'}}
  Policy: {Type: T, DependsOn: [Role]}
  After: {Type: T, Properties: {P: !Ref Role}}
`), options(&recorder{}, "T"))
	assert.EqualError(t, err, "t.yaml:4: Circular dependency between resources: [Role, Machine, Policy]")
}

func TestValidateTellsBeforeAnythingIsMade(t *testing.T) {
	template := parse(t, `Conditions: {No: !Equals [a, b]}
Resources:
  A: {Type: T}
  B: {Type: AWS::Nonsense::Thing}
  C: {Type: AWS::Other::Thing, Condition: No}
Outputs:
  O: {Value: !GetAtt C.Arn}
  P: {Value: !Ref C, Condition: No}
`)
	r := &recorder{}
	_, err := cloudformation.Deploy(t.Context(), template, options(r, "T"))
	assert.EqualError(t, err, "t.yaml:4: Template format error: Unrecognized resource types: [AWS::Nonsense::Thing]\n"+
		"t.yaml:7: Template format error: Unresolved resource dependencies [C] in the Outputs block of the template")
	assert.Empty(t, r.requests)

	o := options(r, "T")
	o.StackName = "my_stack"
	assert.EqualError(t, cloudformation.Validate(template, o), "ValidationError: 1 validation error detected: Value 'my_stack' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
}

func TestFailureKeepsWhatWasMade(t *testing.T) {
	r := &recorder{}
	o := options(r, "T")
	o.Providers["AWS::SQS::Queue"] = api.Provider{Create: func(context.Context, api.ResourceRequest) (api.Resource, error) {
		return api.Resource{}, api.Errorf("ValidationException", `The embedded runtime does not know the member "Nonsense" of queueProperties.`)
	}}
	stack, err := cloudformation.Deploy(t.Context(), parse(t, `Resources:
  A: {Type: T}
  B:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: q
      Nonsense: 1
  C: {Type: T}
`), o)
	assert.EqualError(t, err, `t.yaml:7: B (AWS::SQS::Queue): ValidationException: The embedded runtime does not know the member "Nonsense" of queueProperties.`)
	var failed *cloudformation.ResourceError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "B", failed.LogicalID)
	var cause *api.Error
	require.ErrorAs(t, err, &cause)
	assert.Equal(t, "ValidationException", cause.Code)

	assert.Equal(t, []string{"A"}, r.order())
	status, reason := stack.Status()
	assert.Equal(t, "CREATE_FAILED", status)
	assert.Equal(t, "The following resource(s) failed to create: [B].", reason)
	require.Len(t, stack.Resources(), 2)
	a, _ := stack.Resource("A")
	assert.Equal(t, "CREATE_COMPLETE", a.Status)
	assert.Equal(t, "ref-A", a.Ref)
	b, _ := stack.Resource("B")
	assert.Equal(t, "CREATE_FAILED", b.Status)
	assert.Equal(t, 3, b.Line)
}

func TestOutputsMustBeText(t *testing.T) {
	stack, err := cloudformation.Deploy(t.Context(), parse(t, "Resources: {A: {Type: T}}\nOutputs:\n  N: {Value: 5}\n  O: {Value: [a]}\n"), options(&recorder{}, "T"))
	assert.EqualError(t, err, "t.yaml:4: Template format error: The Value field of every Outputs member must evaluate to a String.")
	status, _ := stack.Status()
	assert.Equal(t, "CREATE_FAILED", status)
}

func TestContextEndsADeployment(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &recorder{}
	_, err := cloudformation.Deploy(ctx, parse(t, "Resources: {A: {Type: T}}"), options(r, "T"))
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, r.requests)
}

func TestPropertiesHaveTheirSchemasTypes(t *testing.T) {
	r := &recorder{}
	_, err := cloudformation.Deploy(t.Context(), parse(t, `Parameters:
  Days: {Type: Number, Default: 14}
  On: {Type: String, Default: 'true'}
  Names: {Type: CommaDelimitedList, Default: 'x,y'}
Resources:
  Group: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !Ref Days, LogGroupName: 5}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TimeToLiveSpecification: {Enabled: !Ref On, AttributeName: true}, AttributeDefinitions: [{AttributeName: 1}]}}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {Threshold: '0.5', Period: '60'}}
  Role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: 1, PolicyDocument: {Condition: {N: {k: [!Ref Days, 3, true]}}}}]}}
  Function: {Type: AWS::Lambda::Function, Properties: {Timeout: !Ref Days, Environment: {Variables: {DAYS: !Ref Days, N: 5, T: true}}, Architectures: !Ref Names}}
  Free: {Type: T, Properties: {P: !Ref Days, Q: 5}}
`), options(r, "AWS::Logs::LogGroup", "AWS::DynamoDB::Table", "AWS::CloudWatch::Alarm", "AWS::IAM::Role", "AWS::Lambda::Function", "T"))
	require.NoError(t, err)
	assert.Equal(t, map[string]map[string]any{
		"Group": {"RetentionInDays": 14.0, "LogGroupName": "5"},
		"Table": {
			"TimeToLiveSpecification": map[string]any{"Enabled": true, "AttributeName": "true"},
			"AttributeDefinitions":    []any{map[string]any{"AttributeName": "1"}},
		},
		"Alarm": {"Threshold": 0.5, "Period": 60.0},
		"Role": {"Policies": []any{map[string]any{
			"PolicyName":     "1",
			"PolicyDocument": map[string]any{"Condition": map[string]any{"N": map[string]any{"k": []any{"14", 3.0, true}}}},
		}}},
		"Function": {
			"Timeout": 14.0, "Architectures": []any{"x", "y"},
			"Environment": map[string]any{"Variables": map[string]any{"DAYS": "14", "N": "5", "T": "true"}},
		},
		"Free": {"P": "14", "Q": 5.0},
	}, r.properties)
}

func TestPropertiesOfTheWrongType(t *testing.T) {
	tests := []struct{ name, resource, want string }{
		{"integer", `{Type: AWS::Lambda::Function, Properties: {Timeout: soon}}`, "[#/Timeout: expected type: Integer, found: String]"},
		{"fraction", `{Type: AWS::Lambda::Function, Properties: {Timeout: 1.5}}`, "[#/Timeout: expected type: Integer, found: Number]"},
		{"boolean", `{Type: AWS::SQS::Queue, Properties: {SqsManagedSseEnabled: 1}}`, "[#/SqsManagedSseEnabled: expected type: Boolean, found: Number]"},
		{"number", `{Type: AWS::CloudWatch::Alarm, Properties: {Threshold: true}}`, "[#/Threshold: expected type: Number, found: Boolean]"},
		{"nested", `{Type: AWS::Events::Rule, Properties: {Targets: [{RetryPolicy: {MaximumRetryAttempts: x}}]}}`, "[#/Targets/RetryPolicy/MaximumRetryAttempts: expected type: Integer, found: String]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cloudformation.Deploy(t.Context(), parse(t, "Resources:\n  R: "+tt.resource),
				options(&recorder{}, "AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::CloudWatch::Alarm", "AWS::Events::Rule"))
			assert.ErrorContains(t, err, "InvalidRequest: Properties validation failed for resource R with message: "+tt.want)
		})
	}
}

func TestDefinitionFiles(t *testing.T) {
	const machine = "AWS::StepFunctions::StateMachine"
	template := parse(t, "Resources:\n  M:\n    Type: "+machine+"\n    Properties: {DefinitionS3Location: ../asl/m.json}")
	r := &recorder{}
	o := options(r, machine)
	assert.EqualError(t, deploy(t, template, o), "t.yaml:2: M ("+machine+"): DefinitionS3Location: there is no way to read ../asl/m.json")

	o.Resolve = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	assert.EqualError(t, deploy(t, template, o), "t.yaml:2: M ("+machine+"): DefinitionS3Location: file does not exist")

	o.Resolve = func(path string) ([]byte, error) { return []byte(`{"Comment": "<` + path + `>"}` + "\n"), nil }
	require.NoError(t, deploy(t, template, o))
	assert.Equal(t, map[string]any{"DefinitionString": `{"Comment": "<../asl/m.json>"}` + "\n"}, r.properties["M"])
	assert.NotContains(t, string(r.requests[0].Properties), `\u003c`)

	inS3 := parse(t, "Resources:\n  M:\n    Type: "+machine+"\n    Properties: {DefinitionS3Location: {Bucket: b, Key: k, Version: 7}}")
	assert.EqualError(t, deploy(t, inS3, o), "t.yaml:2: M ("+machine+"): DefinitionS3Location: there is no S3 to read it from")
	o.Object = func(_ context.Context, bucket, key, version string) ([]byte, error) {
		return []byte(bucket + "/" + key + "?" + version), nil
	}
	require.NoError(t, deploy(t, inS3, o))
	assert.Equal(t, map[string]any{"DefinitionString": "b/k?7"}, r.properties["M"])
}

func deploy(t *testing.T, template *cloudformation.Template, o cloudformation.Options) error {
	t.Helper()
	_, err := cloudformation.Deploy(t.Context(), template, o)
	return err
}

func TestPhysicalNames(t *testing.T) {
	name := func(stack, logicalID, kind string) string {
		r := &recorder{}
		o := options(r, kind)
		o.StackName = stack
		require.NoError(t, deploy(t, parse(t, "Resources: {"+logicalID+": {Type: "+kind+"}}"), o))
		return r.requests[0].Name
	}
	assert.Regexp(t, "^jobs-Queue-[A-Z2-7]{12}$", name("jobs", "Queue", "AWS::SQS::Queue"))
	once := name("jobs", "Queue", "AWS::SQS::Queue")
	assert.Equal(t, once, name("jobs", "Queue", "AWS::SQS::Queue"), "the same each time")
	assert.NotEqual(t, name("jobs", "Queue", "AWS::SQS::Queue")[11:], name("work", "Queue", "AWS::SQS::Queue")[11:])
	assert.Regexp(t, "^jobs-bucket-[a-z2-7]{12}$", name("jobs", "Bucket", "AWS::S3::Bucket"))

	long := strings.Repeat("s", 100)
	assert.Regexp(t, "^s{45}-Queue-[A-Z2-7]{12}$", name(long, "Queue", "AWS::SQS::Queue"))
	assert.Regexp(t, "^s{25}-L{25}-[A-Z2-7]{12}$", name(long, strings.Repeat("L", 100), "AWS::SQS::Queue"))
	assert.Regexp(t, "^s{4}-L{46}-[A-Z2-7]{12}$", name("ssss", strings.Repeat("L", 100), "AWS::SQS::Queue"))
	assert.Len(t, name(long, strings.Repeat("L", 100), "AWS::S3::Bucket"), 63)
}

func TestOneTemplateMakesManyStacks(t *testing.T) {
	template := fleet(t)
	var stacks sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		stacks.Go(func() {
			o := fleetOptions(&recorder{}, map[string]string{"ProcessHandler": handler})
			o.StackName = name
			stack, err := cloudformation.Deploy(context.Background(), template, o)
			if assert.NoError(t, err) {
				assert.Equal(t, name, stack.Name)
			}
		})
	}
	stacks.Wait()
}

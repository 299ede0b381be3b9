package conformance

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const passThrough = `{"StartAt":"State","States":{"State":{"Type":"Pass","End":true}}}`

// waitFor waits so many seconds as its input says.
const waitFor = `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","SecondsPath":"$.seconds","End":true}}}`

func statesMachineCases() []Case {
	return []Case{
		{Name: "a state machine is described as it was created", Page: statesAPI("DescribeStateMachine"), Run: statesDescribe},
		{Name: "creating a state machine again is idempotent", Page: statesAPI("CreateStateMachine"), Run: statesCreateAgain},
		{Name: "creating a state machine again with another definition is refused", Page: statesAPI("CreateStateMachine"), Run: statesCreateDifferent},
		{Name: "a definition is checked when it is created", Page: statesAPI("CreateStateMachine"), Run: statesInvalidDefinitions},
		{Name: "a name holds no spaces, brackets or wildcards", Page: statesAPI("CreateStateMachine"), Run: statesInvalidNames},
		{Name: "a state machine that does not exist", Page: statesAPI("DescribeStateMachine"), Run: statesNoMachine},
		{Name: "an ARN that is none", Page: statesAPI("DescribeStateMachine"), Run: statesInvalidARN},
		{Name: "running executions keep the definition they started with", Page: statesAPI("UpdateStateMachine"), Run: statesUpdate},
		{Name: "an update changes something", Page: statesAPI("UpdateStateMachine"), Run: statesUpdateNothing},
		{Name: "a deleted state machine is gone", Page: statesAPI("DeleteStateMachine"), Run: statesDelete},
	}
}

func statesDescribe(t *testing.T, c *Clients) {
	arn := c.machine(t, passThrough)
	out, err := c.States.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	require.NoError(t, err)
	assert.Equal(t, arn, *out.StateMachineArn)
	assert.Equal(t, passThrough, *out.Definition)
	assert.Equal(t, c.RoleARN, *out.RoleArn)
	assert.Equal(t, sfntypes.StateMachineTypeStandard, out.Type)
	assert.Equal(t, sfntypes.StateMachineStatusActive, out.Status)
	assert.Regexp(t, `^arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:`+*out.Name+`$`, arn)
	require.NotNil(t, out.LoggingConfiguration)
	assert.Equal(t, sfntypes.LogLevelOff, out.LoggingConfiguration.Level)
	require.NotNil(t, out.TracingConfiguration)
	assert.False(t, out.TracingConfiguration.Enabled)
}

func statesCreateAgain(t *testing.T, c *Clients) {
	name := fresh()
	first, err := c.createMachine(t, name, sfntypes.StateMachineTypeStandard, passThrough)
	require.NoError(t, err)
	c.cleanUpMachine(t, first.StateMachineArn)
	second, err := c.createMachine(t, name, sfntypes.StateMachineTypeStandard, passThrough)
	require.NoError(t, err)
	assert.Equal(t, *first.StateMachineArn, *second.StateMachineArn)
	assert.Equal(t, *first.CreationDate, *second.CreationDate)
}

func statesCreateDifferent(t *testing.T, c *Clients) {
	name := fresh()
	first, err := c.createMachine(t, name, sfntypes.StateMachineTypeStandard, passThrough)
	require.NoError(t, err)
	c.cleanUpMachine(t, first.StateMachineArn)
	_, err = c.createMachine(t, name, sfntypes.StateMachineTypeStandard, waitFor)
	fails[*sfntypes.StateMachineAlreadyExists](t, err, "State Machine Already Exists: '"+*first.StateMachineArn+"'")
}

func statesInvalidDefinitions(t *testing.T, c *Clients) {
	for _, test := range []struct{ definition, message string }{
		{`not json`, ""},
		{`{"StartAt":"A"}`, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"},
		{`{"StartAt":"A","States":{}}`, ""},
		{`{"StartAt":"B","States":{"A":{"Type":"Succeed"}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Pass"}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Jump","End":true}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Wait","End":true}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[]}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Task","End":true}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Pass","InputPath":"no path","End":true}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:explode","End":true}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},` +
			`"TimeoutSeconds":"60","End":true}}}`, ""},
		{`{"StartAt":"A","States":{"A":{"Type":"Parallel","Branches":[],"End":true}}}`,
			"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Branches'"},
		{`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},` +
			`"Catch":[{"ErrorEquals":["States.ALL","Other"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"}}}`, ""},
	} {
		_, err := c.createMachine(t, fresh(), sfntypes.StateMachineTypeStandard, test.definition)
		if assert.Error(t, err, test.definition) {
			fails[*sfntypes.InvalidDefinition](t, err, test.message)
		}
	}
}

func statesInvalidNames(t *testing.T, c *Clients) {
	for _, name := range []string{"a b", "a<b", "a*b", "a#b", "a/b", "a:b"} {
		_, err := c.createMachine(t, name, sfntypes.StateMachineTypeStandard, passThrough)
		fails[*sfntypes.InvalidName](t, err, "Invalid Name: '"+name+"'")
	}
}

func statesNoMachine(t *testing.T, c *Clients) {
	missing := c.machine(t, passThrough) + "-absent"
	_, err := c.States.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &missing})
	fails[*sfntypes.StateMachineDoesNotExist](t, err, "State Machine Does Not Exist: '"+missing+"'")
	_, err = c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &missing})
	fails[*sfntypes.StateMachineDoesNotExist](t, err, "State Machine Does Not Exist: '"+missing+"'")
	_, err = c.States.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &missing})
	fails[*sfntypes.StateMachineDoesNotExist](t, err, "State Machine Does Not Exist: '"+missing+"'")
}

func statesInvalidARN(t *testing.T, c *Clients) {
	_, err := c.States.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String("not_a_valid_arn")})
	fails[*sfntypes.InvalidArn](t, err, "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'")
	_, err = c.States.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: aws.String("not_a_valid_arn")})
	fails[*sfntypes.InvalidArn](t, err, "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'")
}

func statesUpdate(t *testing.T, c *Clients) {
	before := `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":2,"Next":"Say"},"Say":{"Type":"Pass","Result":"before","End":true}}}`
	after := `{"StartAt":"Say","States":{"Say":{"Type":"Pass","Result":"after","End":true}}}`
	arn := c.machine(t, before)
	execution := c.start(t, arn, `{}`)
	out, err := c.States.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: &after})
	require.NoError(t, err)
	assert.NotEmpty(t, *out.RevisionId)
	assert.Equal(t, `"before"`, aws.ToString(c.ended(t, execution, time.Minute).Output))
	// An update is eventually consistent.
	eventually(t, time.Minute, func() bool {
		return aws.ToString(c.ended(t, c.start(t, arn, `{}`), time.Minute).Output) == `"after"`
	})
}

func statesUpdateNothing(t *testing.T, c *Clients) {
	arn := c.machine(t, passThrough)
	_, err := c.States.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &arn})
	fails[*sfntypes.MissingRequiredParameter](t, err,
		"Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
}

func statesDelete(t *testing.T, c *Clients) {
	out, err := c.createMachine(t, fresh(), sfntypes.StateMachineTypeStandard, passThrough)
	require.NoError(t, err)
	_, err = c.States.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: out.StateMachineArn})
	require.NoError(t, err)
	eventually(t, time.Minute, func() bool {
		_, err = c.States.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: out.StateMachineArn})
		return err != nil
	})
	fails[*sfntypes.StateMachineDoesNotExist](t, err, "State Machine Does Not Exist: '"+*out.StateMachineArn+"'")
}

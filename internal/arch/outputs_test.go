package arch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/lambda"
)

// outputs deploys a template into the embedded AWS, without running anything,
// and returns the stack's outputs.
func outputs(t *testing.T, text string, parameters map[string]string) ([]cloudformation.StackOutput, error) {
	t.Helper()
	runtime, err := local.Start(local.Options{
		File: func(path string) ([]byte, error) {
			definition, ok := definitions[path]
			if !ok {
				return nil, fmt.Errorf("no file %s", path)
			}
			return []byte(definition), nil
		},
		Lambda: lambda.Options{Resolve: func(string) (lambda.Code, error) { return nothing, nil }},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
	for _, name := range []string{"process", "transform"} {
		require.NoError(t, runtime.Lambda.Put(lambda.Function{Name: name, Timeout: 10, MemorySize: 128, Code: nothing}))
	}
	parsed, err := cloudformation.Parse("fleet.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	stack, err := runtime.Deploy(t.Context(), parsed, "jobs", parameters)
	if err != nil {
		return nil, err
	}
	return stack.Outputs(), nil
}

// nothing is the code of a function that is never invoked.
var nothing = lambda.Func(nil)

const process, transform = "arn:aws:lambda:us-east-1:123456789012:function:process", "arn:aws:lambda:us-east-1:123456789012:function:transform"

func TestOutputsResolve(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"as small as may be": {"ProcessHandler": process},
		"with all there is": {
			"ProcessHandler": process, "TransformHandler": transform, "WakeAlarm": "true", "Lane": "steps", "Enabled": "false",
			"CodeVersion": "one", "Tracing": "true", "LogBodies": "true", "Architecture": "x86_64", "PumpMemory": "1024",
		},
		"with a key": {
			"ProcessHandler": process, "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0b1c2d3e-0000-4000-8000-000000000000",
		},
		"with a queue of another account": {
			"ProcessHandler": process, "Mode": "callback", "WakeAlarm": "true",
			"QueueArn": "arn:aws:sqs:eu-west-1:210987654321:jobs", "DeadLetterQueueArn": "arn:aws:sqs:eu-west-1:210987654321:dead",
		},
		"with a queue of this account that has no dead-letter queue": {"ProcessHandler": process, "WakeAlarm": "true", "QueueArn": "arn:aws:sqs:us-east-1:123456789012:jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := outputs(t, string(fleet.Fleet), parameters)
			require.NoError(t, err)
			require.NotEmpty(t, all)
			for _, o := range all {
				assert.NotEmpty(t, o.Value, o.Key)
				assert.NotContains(t, o.Value, "${", o.Key)
				assert.NotEmpty(t, o.Description, o.Key)
			}
		})
	}
}

func TestOutputThatDoesNotResolve(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"no such resource": {
			"    Value: !Ref Table\n", "    Value: !Ref Cue\n",
			"Cue",
		},
		"no such attribute": {
			"    Description: The queue's ARN.\n    Value: !If [MakesQueue, !GetAtt Queue.Arn", "    Description: The queue's ARN.\n    Value: !If [MakesQueue, !GetAtt Queue.Are",
			"Are",
		},
		"a resource that is made under a condition only": {
			"    Description: The worker state machine.\n    Value: !Ref WorkerStateMachine", "    Description: The worker state machine.\n    Value: !Ref DepthAlarm",
			"DepthAlarm",
		},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(fleet.Fleet), c.old, c.new, 1)
			require.NotEqual(t, string(fleet.Fleet), broken, "nothing was broken")
			_, err := outputs(t, broken, map[string]string{"ProcessHandler": process})
			assert.ErrorContains(t, err, c.want)
		})
	}
}

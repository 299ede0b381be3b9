package arch

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
	fleet "github.com/musterq/muster/cloudformation"
)

// Each case breaks the fleet's template in one place.
func TestTemplateIsViolated(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"a parameter without a description": {
			"    Description: The longest backoff in seconds, at most 11 of the 12 hours that SQS keeps a message invisible.\n", "",
			[]string{"BackoffMaxSeconds has no Description"},
		},
		"a parameter without a default": {
			"    Type: Number\n    Default: 50\n", "    Type: Number\n",
			[]string{"MaxConcurrency has no Default"},
		},
		"a parameter in no group": {
			"[MessageRetentionSeconds, LogRetentionDays]", "[LogRetentionDays]",
			[]string{"MessageRetentionSeconds is in 0 groups"},
		},
		"a parameter in two groups": {
			"[MessageRetentionSeconds, LogRetentionDays]", "[MessageRetentionSeconds, LogRetentionDays, Lane]",
			[]string{"Lane is in 2 groups"},
		},
		"a group of nothing": {
			"[MessageRetentionSeconds, LogRetentionDays]", "[MessageRetentionSeconds, LogRetentionDays, Colour]",
			[]string{"a group names Colour, which is no parameter"},
		},
		"a policy on everything": {
			"            Action: states:StartExecution\n            Resource: !Ref WorkerStateMachine", "            Action: states:StartExecution\n            Resource: '*'",
			[]string{"WorkerSuccession has Resource: *"},
		},
		"a policy on everything, in a list": {
			"                  - !GetAtt AutoscalerFunction.Arn", "                  - '*'",
			[]string{"AutoscalerMachineRole has Resource: *"},
		},
		"a policy on everything, of an action that knows resources among others": {
			"- states:SendTaskFailure", "- states:StopExecution",
			[]string{"BeatRole has Resource: *"},
		},
		"a policy on everything, of an action that knows resources": {
			"Action: batch:DescribeJobs", "Action: batch:SubmitJob",
			[]string{"WorkerRole has Resource: *"},
		},
		"a policy of every action": {
			"            Action: states:StartExecution\n", "            Action: states:*\n",
			[]string{"WorkerSuccession has Action: states:*"},
		},
		"a policy by exception": {
			"            Action: states:StartExecution\n            Resource: !Ref WorkerStateMachine", "            Action: states:StartExecution\n            NotResource: !Ref WorkerStateMachine",
			[]string{"WorkerSuccession has NotResource: WorkerStateMachine"},
		},
		"a substitution too few": {
			"        CourierFunction: !If [IsPinned, !Ref CourierVersion, !GetAtt CourierFunction.Arn]\n", "",
			[]string{"WorkerStateMachine: DefinitionSubstitutions lacks CourierFunction"},
		},
		"a substitution too many": {
			"        WorkerStateMachine: !Ref WorkerStateMachine\n", "        WorkerStateMachine: !Ref WorkerStateMachine\n        Queue: !Ref Queue\n",
			[]string{"AutoscalerStateMachine: DefinitionSubstitutions has Queue, which nothing reads"},
		},
		"a definition that is not there": {
			"../asl/worker.asl.json", "../asl/workers.asl.json",
			[]string{"WorkerStateMachine names the definition ../asl/workers.asl.json, which is not there"},
		},
		"a variable too few": {
			"          STEP_LIMIT: !Ref StepLimit\n", "",
			[]string{"AutoscalerFunction: Environment lacks STEP_LIMIT"},
		},
		"a variable too many": {
			"          STEP_LIMIT: !Ref StepLimit\n", "          STEP_LIMIT: !Ref StepLimit\n          COLOUR: red\n",
			[]string{"AutoscalerFunction: Environment has COLOUR, which nothing reads"},
		},
		"a misspelt variable": {
			"          STEP_LIMIT: !Ref StepLimit\n", "          STEPLIMIT: !Ref StepLimit\n",
			[]string{"AutoscalerFunction: Environment lacks STEP_LIMIT", "AutoscalerFunction: Environment has STEPLIMIT, which nothing reads"},
		},
		"a function that is not built": {
			"../build/settle", "../build/settles",
			[]string{"SettleFunction names the code ../build/settles, which is none of Muster's functions", "no resource runs the function settle"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(fleet.Fleet), c.old, c.new, 1)
			require.NotEqual(t, string(fleet.Fleet), broken, "nothing was broken")
			assert.Equal(t, c.want, templateViolations(t, []byte(broken)))
		})
	}
}

// A number that is substituted would stand outside of a string, and then the
// definition is no JSON until it is deployed.
func TestSubstitutionOutsideOfAString(t *testing.T) {
	broken := strings.Replace(asl.Worker, `"TimeoutSeconds": 960`, `"TimeoutSeconds": ${Table}`, 1)
	require.NotEqual(t, asl.Worker, broken)
	found, err := parseTemplate(t, fleet.Fleet).substitutionViolations(map[string]string{
		"../asl/autoscaler.asl.json": asl.Autoscaler, "../asl/worker.asl.json": broken,
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"WorkerStateMachine: its definition is not JSON as it is stored: a placeholder outside of a string?"}, found)
}

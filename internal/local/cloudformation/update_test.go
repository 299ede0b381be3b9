package cloudformation_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
func TestUpdateStack(t *testing.T) {
	replace := strings.NewReplacer
	tests := []struct {
		name       string
		template   string
		parameters []types.Parameter
		want       []string
	}{
		{"in place", chain, []types.Parameter{parameter("Size", "2")}, []string{"update First"}},
		{"by another, with what refers to it", chain, []types.Parameter{parameter("Key", "b")},
			[]string{"create First'", "update Second", "update Third", "delete First"}},
		{"made and removed", replace("Free: {", "Fresh: {").Replace(chain), nil, []string{"create Fresh", "delete Free"}},
		{"a condition", chain, []types.Parameter{parameter("Size", "9")}, []string{"update First", "create Extra"}},
		{"a reference", replace("Name: free", "Name: !Ref Third").Replace(chain), nil, []string{"update Free"}},
		{"replaced and kept", replace("First: {Type", "First: {UpdateReplacePolicy: Retain, Type").Replace(chain), []types.Parameter{parameter("Key", "b")},
			[]string{"create First'", "update Second", "update Third"}},
		{"an output", replace("First: {Value: !Ref First}", "First: {Value: !Ref Second}").Replace(chain), nil, nil},
		{"metadata", replace("Free: {", "Free: {Metadata: {Why: not}, ").Replace(chain), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			with(t, func(t *testing.T, w *things) {
				w.stand(chain)
				require.NoError(t, w.updateStack(tt.template, tt.parameters...))
				assert.Equal(t, "UPDATE_COMPLETE", w.status())
				assert.Equal(t, tt.want, w.did())
				assert.Equal(t, []string{"UPDATE_IN_PROGRESS User Initiated", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"}, w.events("jobs")[2:])
				assertError(t, w.updateStack(tt.template, tt.parameters...), "ValidationError", "No updates are to be performed.")
			})
		})
	}
}

func TestWhatIsNoUpdate(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		for name, template := range map[string]string{
			"a description":      "Description: other\n" + chain,
			"a parameter":        strings.Replace(chain, "Parameters:", "Parameters:\n  Unused: {Type: String, Default: x}", 1),
			"what is not made":   strings.Replace(chain, "Extra: {Type: Test::Thing,", "Extra: {Type: Test::Thing, Properties: {P: 1},", 1),
			"an order":           strings.Replace(chain, "Free: {", "Free: {DependsOn: First, ", 1),
			"another way to say": strings.Replace(chain, "!Ref Size}", "!Sub '${Size}'}", 1),
		} {
			assertError(t, w.updateStack(template), "ValidationError", "No updates are to be performed.")
			assert.Empty(t, w.did(), name)
		}
		err := w.updateStack(strings.Replace(chain, "Free: {Type: Test::Thing", "Free: {Type: AWS::SQS::Queue", 1))
		assertError(t, err, "ValidationError", "Update of resource type is not permitted. The new template modifies resource type of the following resources: [Free]")
		other := "nobody"
		_, err = w.client.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: &other, TemplateBody: aws.String(chain)})
		assertError(t, err, "ValidationError", "Stack [nobody] does not exist")
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
func TestUpdatesThatFailAreTakenBack(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		before := w.names["First"]
		w.failing["create Fresh"] = "no room"
		changed := strings.Replace(chain, "Free: {Type: Test::Thing, Properties: {Name: free}}",
			"Free: {Type: Test::Thing, Properties: {Name: other}}\n  New: {Type: Test::Thing}\n  Fresh: {Type: Test::Thing, DependsOn: [New, Free]}", 1)
		require.NoError(t, w.updateStack(changed, parameter("Key", "b")))
		assert.Equal(t, "UPDATE_ROLLBACK_COMPLETE", w.status())
		assert.Equal(t, []string{
			"create First'", "update Second", "update Third", "update Free", "create New", "create Fresh",
			"update Free", "update Third", "update Second", "delete New", "delete First'",
		}, w.did())
		assert.Equal(t, []string{
			"UPDATE_IN_PROGRESS User Initiated",
			"UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Fresh].",
			"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE",
		}, w.events("jobs")[2:])
		assert.Equal(t, []string{"CREATE_IN_PROGRESS", "CREATE_FAILED no room"}, w.events("Fresh"))
		assert.Equal(t, map[string]any{"Name": "free"}, w.wanted["Free"])
		assert.Equal(t, map[string]any{"Of": "arn:" + before}, w.wanted["Second"])
		resources, err := w.client.ListStackResources(t.Context(), &sdk.ListStackResourcesInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		require.Len(t, resources.StackResourceSummaries, 4)
		assert.Equal(t, before, *resources.StackResourceSummaries[0].PhysicalResourceId)

		assertError(t, w.updateStack(chain), "ValidationError", "No updates are to be performed.")
		delete(w.failing, "create Fresh")
		require.NoError(t, w.updateStack(chain, parameter("Size", "3")))
		assert.Equal(t, "UPDATE_COMPLETE", w.status())
		assert.Equal(t, []string{"update First"}, w.did())
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
func TestARollbackThatFailsIsContinued(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		w.failing["update Free"] = "it is stuck"
		require.NoError(t, w.updateStack(strings.Replace(chain, "Name: free", "Name: other", 1), parameter("Size", "2")))
		assert.Equal(t, "UPDATE_ROLLBACK_FAILED", w.status())
		assert.Equal(t, []string{"update First", "update Free", "update Free"}, w.did())
		assert.ErrorContains(t, w.updateStack(chain), "is in UPDATE_ROLLBACK_FAILED state and can not be updated.")

		_, err := w.client.ContinueUpdateRollback(t.Context(), &sdk.ContinueUpdateRollbackInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		assert.Equal(t, "UPDATE_ROLLBACK_FAILED", w.status())
		assert.Equal(t, []string{"update Free"}, w.did())
		_, err = w.client.ContinueUpdateRollback(t.Context(), &sdk.ContinueUpdateRollbackInput{StackName: aws.String("jobs"), ResourcesToSkip: []string{"First"}})
		assertError(t, err, "ValidationError", "Only resources in UPDATE_FAILED state can be skipped: [First]")
		_, err = w.client.ContinueUpdateRollback(t.Context(), &sdk.ContinueUpdateRollbackInput{StackName: aws.String("jobs"), ResourcesToSkip: []string{"Free"}})
		require.NoError(t, err)
		assert.Equal(t, "UPDATE_ROLLBACK_COMPLETE", w.status())
		assert.Equal(t, []string{"update First"}, w.did())
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
func TestAResourceWithANameOfItsOwnCannotBeReplaced(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		const queue = `Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: orders, Key: a}}}`
		w.stand(queue)
		require.NoError(t, w.updateStack(strings.Replace(queue, "Key: a", "Key: b", 1)))
		assert.Equal(t, "UPDATE_ROLLBACK_COMPLETE", w.status())
		assert.Empty(t, w.did())
		assert.Equal(t, "UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename orders and update the stack again.", w.events("Q")[3])
	})
}

// What cannot be deleted after an update is left: the update is complete.
func TestCleaningUpNeverFailsAnUpdate(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		w.failing["delete Free"] = "it is in use"
		require.NoError(t, w.updateStack(strings.Replace(chain, "Free: {", "Fresh: {", 1)))
		assert.Equal(t, "UPDATE_COMPLETE", w.status())
		assert.Contains(t, w.events("Free"), "DELETE_FAILED it is in use")
		_, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"create Fresh", "delete Free", "delete Fresh", "delete Third", "delete Second", "delete First"}, w.did())
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func TestTagsOfAStackAreItsResourcesToo(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		const queue = `Resources: {Q: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: team, Value: own}]}}, T: {Type: Test::Thing}}`
		team := types.Tag{Key: aws.String("team"), Value: aws.String("stack")}
		cost := types.Tag{Key: aws.String("cost"), Value: aws.String("1")}
		require.NoError(t, w.makeStack(queue, team, cost))
		assert.Equal(t, "CREATE_COMPLETE", w.status())
		assert.Equal(t, map[string]any{"Tags": []any{
			map[string]any{"Key": "team", "Value": "own"}, map[string]any{"Key": "cost", "Value": "1"},
		}}, w.wanted["Q"])
		w.did()
		assertError(t, w.updateStack(queue), "ValidationError", "No updates are to be performed.")
		_, err := w.client.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: aws.String("jobs"), UsePreviousTemplate: aws.Bool(true), Tags: []types.Tag{}})
		require.NoError(t, err)
		assert.Equal(t, "UPDATE_COMPLETE", w.status())
		assert.Equal(t, []string{"update Q"}, w.did())
		assert.Equal(t, map[string]any{"Tags": []any{map[string]any{"Key": "team", "Value": "own"}}}, w.wanted["Q"])
	})
}

package cloudformation_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (w *things) changeSet(kind types.ChangeSetType, template string, parameters ...types.Parameter) (*sdk.DescribeChangeSetOutput, error) {
	_, err := w.client.CreateChangeSet(w.t.Context(), &sdk.CreateChangeSetInput{
		StackName: aws.String("jobs"), ChangeSetName: aws.String("set"), ChangeSetType: kind, TemplateBody: &template, Parameters: parameters})
	if err != nil {
		return nil, err
	}
	synctest.Wait()
	return w.client.DescribeChangeSet(w.t.Context(), &sdk.DescribeChangeSetInput{StackName: aws.String("jobs"), ChangeSetName: aws.String("set")})
}

func (w *things) execute() error {
	_, err := w.client.ExecuteChangeSet(w.t.Context(), &sdk.ExecuteChangeSetInput{StackName: aws.String("jobs"), ChangeSetName: aws.String("set")})
	return err
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
func TestAChangeSetMakesAStack(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		_, err := w.changeSet(types.ChangeSetTypeUpdate, chain)
		assertError(t, err, "ValidationError", "Stack [jobs] does not exist")
		set, err := w.changeSet(types.ChangeSetTypeCreate, chain)
		require.NoError(t, err)
		assert.Equal(t, "REVIEW_IN_PROGRESS", w.status())
		assert.Equal(t, types.ChangeSetStatusCreateComplete, set.Status)
		assert.Equal(t, types.ExecutionStatusAvailable, set.ExecutionStatus)
		require.Len(t, set.Changes, 4)
		first := set.Changes[0].ResourceChange
		assert.Equal(t, types.ChangeActionAdd, first.Action)
		assert.Equal(t, "First", *first.LogicalResourceId)
		assert.Equal(t, "Test::Thing", *first.ResourceType)
		assert.Empty(t, first.Replacement)
		assert.Empty(t, w.did())

		_, err = w.changeSet(types.ChangeSetTypeCreate, chain)
		assertError(t, err, "AlreadyExistsException", "ChangeSet set already exists")
		list, err := w.client.ListChangeSets(t.Context(), &sdk.ListChangeSetsInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		require.Len(t, list.Summaries, 1)
		assert.Equal(t, *set.ChangeSetId, *list.Summaries[0].ChangeSetId)

		require.NoError(t, w.execute())
		assert.Equal(t, "CREATE_COMPLETE", w.status())
		assert.Equal(t, []string{"create First", "create Second", "create Third", "create Free"}, w.did())
		assert.Equal(t, []string{"REVIEW_IN_PROGRESS User Initiated", "CREATE_IN_PROGRESS User Initiated", "CREATE_COMPLETE"}, w.events("jobs"))
		done, err := w.client.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{ChangeSetName: set.ChangeSetId})
		require.NoError(t, err)
		assert.Equal(t, types.ExecutionStatusExecuteComplete, done.ExecutionStatus)
		err = w.execute()
		assertError(t, err, "InvalidChangeSetStatus", "ChangeSet ["+*set.ChangeSetId+"] cannot be executed in its current status of [EXECUTE_COMPLETE]")
		_, err = w.client.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{
			StackName: aws.String("jobs"), ChangeSetName: aws.String("again"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(chain)})
		assertError(t, err, "ValidationError", "Stack [jobs] already exists and cannot be created again with the changeSet [again].")
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
func TestAChangeSetTellsWhatWouldChange(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		set, err := w.changeSet("", strings.NewReplacer("Free: {", "Fresh: {").Replace(chain), parameter("Key", "b"))
		require.NoError(t, err)
		type row struct{ action, id, replacement, policy, name, evaluation, source, cause string }
		var rows []row
		for _, c := range set.Changes {
			r := row{action: string(c.ResourceChange.Action), id: *c.ResourceChange.LogicalResourceId,
				replacement: string(c.ResourceChange.Replacement), policy: string(c.ResourceChange.PolicyAction)}
			for _, d := range c.ResourceChange.Details {
				r.name, r.evaluation = aws.ToString(d.Target.Name), string(d.Evaluation)
				r.source, r.cause = string(d.ChangeSource), aws.ToString(d.CausingEntity)
			}
			rows = append(rows, r)
		}
		assert.Equal(t, []row{
			{"Modify", "First", "True", "ReplaceAndDelete", "Key", "Static", "ParameterReference", "Key"},
			{"Modify", "Second", "False", "", "Of", "Dynamic", "ResourceAttribute", "First.Arn"},
			{"Modify", "Third", "False", "", "Of", "Dynamic", "ResourceReference", "First"},
			{action: "Add", id: "Fresh"},
			{action: "Remove", id: "Free", policy: "Delete"},
		}, rows)
		assert.Equal(t, []types.ResourceAttribute{types.ResourceAttributeProperties}, set.Changes[0].ResourceChange.Scope)
		assert.NotNil(t, set.Changes[0].ResourceChange.PhysicalResourceId)
		assert.Empty(t, w.did())

		_, err = w.client.DeleteChangeSet(t.Context(), &sdk.DeleteChangeSetInput{StackName: aws.String("jobs"), ChangeSetName: aws.String("set")})
		require.NoError(t, err)
		_, err = w.client.DescribeChangeSet(t.Context(), &sdk.DescribeChangeSetInput{StackName: aws.String("jobs"), ChangeSetName: aws.String("set")})
		assertError(t, err, "ChangeSetNotFound", "ChangeSet [set] does not exist")

		// A key that refers to what may be another resource may replace this one.
		set, err = w.changeSet("", strings.Replace(chain, "Name: free", "Key: !Ref First", 1), parameter("Key", "b"))
		require.NoError(t, err)
		assert.Equal(t, types.ReplacementConditional, set.Changes[3].ResourceChange.Replacement)
		require.NoError(t, w.updateStack(chain, parameter("Size", "4")))
		assert.Equal(t, "UPDATE_COMPLETE", w.status())
		assert.ErrorContains(t, w.execute(), "cannot be executed in its current status of [OBSOLETE]")
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-create.html
func TestAChangeSetWithoutChangesFails(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		set, err := w.changeSet("", chain)
		require.NoError(t, err)
		assert.Equal(t, types.ChangeSetStatusFailed, set.Status)
		assert.Equal(t, types.ExecutionStatusUnavailable, set.ExecutionStatus)
		assert.Equal(t, "The submitted information didn't contain changes. Submit different information to create a change set.", *set.StatusReason)
		assert.ErrorContains(t, w.execute(), "cannot be executed in its current status of [FAILED]")
		waiter := sdk.NewChangeSetCreateCompleteWaiter(w.client)
		err = waiter.Wait(t.Context(), &sdk.DescribeChangeSetInput{StackName: aws.String("jobs"), ChangeSetName: aws.String("set")}, time.Minute)
		assert.ErrorContains(t, err, "waiter state transitioned to Failure")
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
func TestParametersOfAnUpdate(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(strings.Replace(chain, "Default: a}", "Default: z}", 1))
		previous := func(key string) types.Parameter {
			return types.Parameter{ParameterKey: &key, UsePreviousValue: aws.Bool(true)}
		}
		require.NoError(t, w.updateStack(chain, previous("Key"), parameter("Size", "5")))
		assert.Equal(t, "UPDATE_COMPLETE", w.status())
		assert.Equal(t, []string{"update First"}, w.did(), "the key is the one before")
		assert.Equal(t, map[string]any{"Key": "z", "Size": "5"}, w.wanted["First"])
		for message, p := range map[string]types.Parameter{
			"Parameters: [Nope] do not exist in the template": parameter("Nope", "1"),
			"Parameter 'Size' must be a number (line 2)":      parameter("Size", "x"),
			"Invalid input for parameter key Nope. Cannot specify usePreviousValue as true for a parameter key not in the previous template": previous("Nope"),
		} {
			err := w.updateStack(chain, p)
			assert.ErrorContains(t, err, strings.TrimSuffix(message, " (line 2)"))
		}
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html#using-iam-capabilities
func TestCapabilities(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		const role, named = `Resources: {R: {Type: AWS::IAM::Role}}`, `Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: r}}}`
		create := func(template string, given ...types.Capability) error {
			_, err := w.client.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{
				StackName: aws.String("jobs"), ChangeSetName: aws.String("set"), ChangeSetType: types.ChangeSetTypeCreate,
				TemplateBody: &template, Capabilities: given,
			})
			return err
		}
		var insufficient *types.InsufficientCapabilitiesException
		err := create(role)
		require.ErrorAs(t, err, &insufficient)
		assert.Equal(t, "Requires capabilities : [CAPABILITY_IAM]", insufficient.ErrorMessage())
		err = create(named, types.CapabilityCapabilityIam)
		require.ErrorAs(t, err, &insufficient)
		assert.Equal(t, "Requires capabilities : [CAPABILITY_NAMED_IAM]", insufficient.ErrorMessage())
		require.NoError(t, create(role, types.CapabilityCapabilityNamedIam))
		valid, err := w.client.ValidateTemplate(t.Context(), &sdk.ValidateTemplateInput{TemplateBody: aws.String(named)})
		require.NoError(t, err)
		assert.Equal(t, []types.Capability{types.CapabilityCapabilityNamedIam}, valid.Capabilities)
		assert.Equal(t, "The following resource(s) require capabilities: [AWS::IAM::Role]", *valid.CapabilitiesReason)
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func TestTemplatesComeFromS3(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.objects["code/a/t.yaml"] = chain
		w.objects["code/large.yaml"] = chain + "#" + strings.Repeat("x", 999_999)
		for url, message := range map[string]string{
			"https://code.s3.us-east-1.amazonaws.com/a/t.yaml":   "",
			"https://code.s3.amazonaws.com/a/t.yaml":             "",
			"https://s3.us-east-1.amazonaws.com/code/a/t.yaml":   "",
			"http://127.0.0.1:4100/code/a/t.yaml":                "",
			"https://code.s3.eu-west-1.amazonaws.com/a/t.yaml":   "TemplateURL must be a supported URL.",
			"https://example.com/code/a/t.yaml":                  "TemplateURL must be a supported URL.",
			"https://code.s3.us-east-1.amazonaws.com/b.yaml":     "S3 error: The specified key does not exist.",
			"https://code.s3.us-east-1.amazonaws.com/large.yaml": "Template may not exceed 1000000 bytes in size.",
		} {
			_, err := w.client.ValidateTemplate(t.Context(), &sdk.ValidateTemplateInput{TemplateURL: &url})
			if message == "" {
				assert.NoError(t, err, url)
				continue
			}
			assert.ErrorContains(t, err, message, url)
		}
		long := chain + "#" + strings.Repeat("x", 51_200)
		assert.ErrorContains(t, w.makeStack(long), "Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
		assertError(t, w.makeStack(""), "ValidationError", "Either Template URL or Template Body must be specified.")
		assert.ErrorContains(t, w.makeStack("Resources: {A: {Type: Test::Thing, Colour: red}}"), "Invalid template resource property 'Colour'")
		assert.ErrorContains(t, w.makeStack("Resources: {A: {Type: Test::Other}}"), "Template format error: Unrecognized resource types: [Test::Other]")
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html
func TestTemplatesAreGivenBack(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.stand(chain)
		body, err := w.client.GetTemplate(t.Context(), &sdk.GetTemplateInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		assert.Equal(t, chain, *body.TemplateBody)
		summary, err := w.client.GetTemplateSummary(t.Context(), &sdk.GetTemplateSummaryInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		assert.Equal(t, []string{"Test::Thing"}, summary.ResourceTypes)
		require.Len(t, summary.Parameters, 2)
		assert.Equal(t, "Number", *summary.Parameters[0].ParameterType)
		assert.Equal(t, "1", *summary.Parameters[0].DefaultValue)
	})
}

// Answers hold 100 events.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
func TestEventsComeInPages(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		template := "Resources:\n"
		for i := range 40 {
			template += "  A" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + ": {Type: Test::Thing}\n"
		}
		w.stand(template)
		page, err := w.client.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		require.Len(t, page.StackEvents, 100)
		assert.Equal(t, types.ResourceStatusCreateComplete, page.StackEvents[0].ResourceStatus)
		assert.Equal(t, "AWS::CloudFormation::Stack", *page.StackEvents[0].ResourceType)
		rest, err := w.client.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: aws.String("jobs"), NextToken: page.NextToken})
		require.NoError(t, err)
		assert.Len(t, rest.StackEvents, 22)
		assert.Nil(t, rest.NextToken)
		_, err = w.client.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: aws.String("nobody")})
		assertError(t, err, "ValidationError", "Stack [nobody] does not exist")
	})
}

package cloudformation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// things are resources of the type Test::Thing. A change of their Key makes
// another one. Their log has what was done to them, by their names without the
// suffix: those that replace others have a prime.
type things struct {
	*world
	t       *testing.T
	log     []string
	names   map[string]string
	wanted  map[string]map[string]any
	failing map[string]string
	objects map[string]string
	// wait, when not nil, holds up every creation until it is closed.
	wait chan struct{}
}

func newThings(t *testing.T) *things {
	w := &things{t: t, names: map[string]string{}, wanted: map[string]map[string]any{}, failing: map[string]string{}, objects: map[string]string{}}
	provider := api.Provider{Create: w.create, Update: w.update, Delete: w.remove, Replaced: []string{"Key"}}
	w.world = newWorldOf(cloudformation.Backend{
		Providers: map[string]api.Provider{"Test::Thing": provider, "AWS::IAM::Role": provider, "AWS::SQS::Queue": provider},
		Object: func(_ context.Context, bucket, key, _ string) ([]byte, error) {
			if body, ok := w.objects[bucket+"/"+key]; ok {
				return []byte(body), nil
			}
			return nil, &api.Error{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: 404}
		},
	})
	t.Cleanup(w.service.Close)
	return w
}

func (w *things) create(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	if w.wait != nil {
		select {
		case <-w.wait:
		case <-ctx.Done():
			return api.Resource{}, ctx.Err()
		}
	}
	short := r.LogicalID
	for _, taken := w.names[short]; taken; _, taken = w.names[short] {
		short += "'"
	}
	w.names[short] = r.Name
	return api.Resource{Ref: r.Name, Attributes: map[string]string{"Arn": "arn:" + r.Name}}, w.do("create "+short, r)
}

// short is the name in the log.
func (w *things) short(ref string) string {
	for short, name := range w.names {
		if name == ref {
			return short
		}
	}
	return "?"
}

func (w *things) update(_ context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	return old.Resource, w.do("update "+w.short(old.Ref), r)
}

func (w *things) remove(_ context.Context, old api.Existing) error {
	return w.do("delete "+w.short(old.Ref), old.ResourceRequest)
}

func (w *things) do(what string, r api.ResourceRequest) error {
	w.log = append(w.log, what)
	var properties map[string]any
	require.NoError(w.t, json.Unmarshal(r.Properties, &properties))
	if message, ok := w.failing[what]; ok {
		return errors.New(message)
	}
	w.wanted[r.LogicalID] = properties
	return nil
}

// did is what was done since it was last asked.
func (w *things) did() []string {
	log := w.log
	w.log = nil
	return log
}

// status waits for what goes on and says how the stack is.
func (w *things) status() string {
	synctest.Wait()
	out, err := w.client.DescribeStacks(w.t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("jobs")})
	require.NoError(w.t, err)
	return string(out.Stacks[0].StackStatus)
}

// statuses are the events of the stack itself since the last time, the oldest
// first, with their reasons.
func (w *things) events(of string) []string {
	var list []string
	pages := sdk.NewDescribeStackEventsPaginator(w.client, &sdk.DescribeStackEventsInput{StackName: aws.String("jobs")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		require.NoError(w.t, err)
		for _, e := range page.StackEvents {
			if *e.LogicalResourceId == of {
				list = append([]string{strings.TrimSpace(string(e.ResourceStatus) + " " + aws.ToString(e.ResourceStatusReason))}, list...)
			}
		}
	}
	return list
}

func (w *things) makeStack(template string, tags ...types.Tag) error {
	_, err := w.client.CreateStack(w.t.Context(), &sdk.CreateStackInput{StackName: aws.String("jobs"), TemplateBody: &template, Tags: tags})
	return err
}

func (w *things) updateStack(template string, parameters ...types.Parameter) error {
	_, err := w.client.UpdateStack(w.t.Context(), &sdk.UpdateStackInput{StackName: aws.String("jobs"), TemplateBody: &template, Parameters: parameters})
	return err
}

// stand makes a stack of a template and forgets how.
func (w *things) stand(template string) {
	w.t.Helper()
	require.NoError(w.t, w.makeStack(template))
	require.Equal(w.t, "CREATE_COMPLETE", w.status())
	w.did()
}

// with runs a test on virtual time.
func with(t *testing.T, test func(t *testing.T, w *things)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newThings(t)) })
}

const chain = `Parameters:
  Size: {Type: Number, Default: 1}
  Key: {Type: String, Default: a}
Conditions:
  Big: !Equals [!Ref Size, '9']
Resources:
  First: {Type: Test::Thing, Properties: {Key: !Ref Key, Size: !Ref Size}}
  Second: {Type: Test::Thing, Properties: {Of: !GetAtt First.Arn}}
  Third: {Type: Test::Thing, Properties: {Of: !Ref First}}
  Extra: {Type: Test::Thing, Condition: Big}
  Free: {Type: Test::Thing, Properties: {Name: free}}
Outputs:
  First: {Value: !Ref First}
`

func parameter(key, value string) types.Parameter {
	return types.Parameter{ParameterKey: &key, ParameterValue: &value}
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
func TestStacksAreMadeInTheBackground(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.wait = make(chan struct{})
		require.NoError(t, w.makeStack(chain))
		assert.Equal(t, "CREATE_IN_PROGRESS", w.status())
		assertError(t, w.makeStack(chain), "AlreadyExistsException", "Stack [jobs] already exists")
		err := w.updateStack(chain)
		assert.ErrorContains(t, err, "is in CREATE_IN_PROGRESS state and can not be updated.")
		close(w.wait)
		assert.Equal(t, "CREATE_COMPLETE", w.status())
		assert.Equal(t, []string{"create First", "create Second", "create Third", "create Free"}, w.did())
		assert.Equal(t, []string{"CREATE_IN_PROGRESS User Initiated", "CREATE_COMPLETE"}, w.events("jobs"))
		assert.Equal(t, []string{"CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS Resource creation Initiated", "CREATE_COMPLETE"}, w.events("First"))
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
func TestStacksThatCannotBeMade(t *testing.T) {
	for onFailure, want := range map[types.OnFailure]struct {
		status string
		did    []string
	}{
		"":                       {"ROLLBACK_COMPLETE", []string{"create First", "create Second", "create Third", "delete Second", "delete First"}},
		types.OnFailureRollback:  {"ROLLBACK_COMPLETE", []string{"create First", "create Second", "create Third", "delete Second", "delete First"}},
		types.OnFailureDoNothing: {"CREATE_FAILED", []string{"create First", "create Second", "create Third"}},
		types.OnFailureDelete:    {"DELETE_COMPLETE", []string{"create First", "create Second", "create Third", "delete Second", "delete First"}},
	} {
		t.Run(string(onFailure), func(t *testing.T) {
			with(t, func(t *testing.T, w *things) {
				w.failing["create Third"] = "no room"
				made, err := w.client.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: aws.String("jobs"), TemplateBody: aws.String(chain), OnFailure: onFailure})
				require.NoError(t, err)
				synctest.Wait()
				out, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: made.StackId})
				require.NoError(t, err)
				assert.Equal(t, want.status, string(out.Stacks[0].StackStatus))
				assert.Equal(t, want.did, w.did())
				if want.status == "ROLLBACK_COMPLETE" {
					assert.Equal(t, []string{
						"CREATE_IN_PROGRESS User Initiated",
						"ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Third]. Rollback requested by user.",
						"ROLLBACK_COMPLETE",
					}, w.events("jobs"))
					assert.Equal(t, []string{"CREATE_IN_PROGRESS", "CREATE_FAILED no room"}, w.events("Third"))
					assert.ErrorContains(t, w.updateStack(chain), "is in ROLLBACK_COMPLETE state and can not be updated.")
				}
			})
		})
	}
}

func TestACreationIsEndedByDeletingTheStack(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		w.wait = make(chan struct{})
		require.NoError(t, w.makeStack(chain))
		_, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		synctest.Wait()
		_, err = w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("jobs")})
		assertError(t, err, "ValidationError", "Stack with id jobs does not exist")
		assert.Empty(t, w.did())
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
func TestDeleteStack(t *testing.T) {
	with(t, func(t *testing.T, w *things) {
		jobs := aws.String("jobs")
		_, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: jobs})
		require.NoError(t, err, "what does not exist is deleted")
		w.stand(chain)
		_, err = w.client.UpdateTerminationProtection(t.Context(), &sdk.UpdateTerminationProtectionInput{StackName: jobs, EnableTerminationProtection: aws.Bool(true)})
		require.NoError(t, err)
		_, err = w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: jobs})
		assertError(t, err, "ValidationError", "Stack [jobs] cannot be deleted while TerminationProtection is enabled")
		_, err = w.client.UpdateTerminationProtection(t.Context(), &sdk.UpdateTerminationProtectionInput{StackName: jobs, EnableTerminationProtection: aws.Bool(false)})
		require.NoError(t, err)

		w.failing["delete Second"] = "it is in use"
		_, err = w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: jobs})
		require.NoError(t, err)
		assert.Equal(t, "DELETE_FAILED", w.status())
		assert.Equal(t, []string{"delete Free", "delete Third", "delete Second"}, w.did())
		assert.Contains(t, w.events("Second"), "DELETE_FAILED it is in use")
		_, err = w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: jobs, RetainResources: []string{"Second"}})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"delete First"}, w.did())
		list, err := w.client.ListStacks(t.Context(), &sdk.ListStacksInput{})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusDeleteComplete, list.StackSummaries[0].StackStatus)
	})
}

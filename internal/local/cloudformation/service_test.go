package cloudformation_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/endpoint"
)

const small = `Description: One queue & no more.
Parameters:
  Secret: {Type: String, NoEcho: true}
  Mode: {Type: String, Default: fast}
Resources:
  Dead: {Type: Test::Thing, DeletionPolicy: Retain}
  Queue: {Type: Test::Thing, Properties: {P: !Ref Dead}}
Outputs:
  Url: {Value: !Ref Queue, Description: Send here.}
`

// world is a runtime with CloudFormation only, and a client of it.
type world struct {
	service *cloudformation.Service
	client  *sdk.Client
	http    http.RoundTripper
	made    *recorder
}

func newWorld() *world { return newWorldOf(cloudformation.Backend{}) }

func newWorldOf(b cloudformation.Backend) *world {
	account := account()
	account.Endpoint = "http://127.0.0.1:4100"
	service := cloudformation.New(account, b)
	router := api.NewRouter(1)
	router.Add(service.API())
	transport := endpoint.Transport(endpoint.New(account, router))
	client := sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &account.Endpoint, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), RetryMaxAttempts: 1,
	})
	return &world{service, client, transport, &recorder{}}
}

func (w *world) deploy(t *testing.T, name string) *cloudformation.Stack {
	t.Helper()
	o := options(w.made, "Test::Thing")
	o.StackName, o.Parameters = name, map[string]string{"Secret": "hush"}
	stack, err := w.service.Deploy(t.Context(), parse(t, small), o)
	require.NoError(t, err)
	return stack
}

func TestDescribeStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		stack := w.deploy(t, "jobs")
		out, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("jobs")})
		require.NoError(t, err)
		require.Len(t, out.Stacks, 1)
		got := out.Stacks[0]
		assert.Regexp(t, "^arn:aws:cloudformation:us-east-1:000000000000:stack/jobs/[0-9a-f-]{36}$", *got.StackId)
		assert.Equal(t, "jobs", *got.StackName)
		assert.Equal(t, "One queue & no more.", *got.Description)
		assert.Equal(t, types.StackStatusCreateComplete, got.StackStatus)
		assert.Nil(t, got.StackStatusReason)
		assert.Nil(t, got.DeletionTime)
		assert.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), *got.CreationTime)
		assert.Equal(t, types.StackDriftStatusNotChecked, got.DriftInformation.StackDriftStatus)
		assert.Equal(t, []types.Parameter{
			{ParameterKey: aws.String("Secret"), ParameterValue: aws.String("****")},
			{ParameterKey: aws.String("Mode"), ParameterValue: aws.String("fast")},
		}, got.Parameters)
		assert.Equal(t, []types.Output{
			{OutputKey: aws.String("Url"), OutputValue: aws.String("ref-Queue"), Description: aws.String("Send here.")},
		}, got.Outputs)

		byID, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: &stack.ID})
		require.NoError(t, err)
		assert.Len(t, byID.Stacks, 1)

		w.deploy(t, "other")
		all, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{})
		require.NoError(t, err)
		require.Len(t, all.Stacks, 2)
		assert.Equal(t, "other", *all.Stacks[0].StackName)
	})
}

func TestDescribeAndListResources(t *testing.T) {
	w := newWorld()
	w.deploy(t, "jobs")
	out, err := w.client.DescribeStackResources(t.Context(), &sdk.DescribeStackResourcesInput{StackName: aws.String("jobs")})
	require.NoError(t, err)
	require.Len(t, out.StackResources, 2)
	assert.Equal(t, "Dead", *out.StackResources[0].LogicalResourceId)
	queue := out.StackResources[1]
	assert.Equal(t, "Queue", *queue.LogicalResourceId)
	assert.Equal(t, "ref-Queue", *queue.PhysicalResourceId)
	assert.Equal(t, "Test::Thing", *queue.ResourceType)
	assert.Equal(t, types.ResourceStatusCreateComplete, queue.ResourceStatus)
	assert.Equal(t, "jobs", *queue.StackName)

	byPhysical, err := w.client.DescribeStackResources(t.Context(), &sdk.DescribeStackResourcesInput{
		PhysicalResourceId: aws.String("ref-Dead"), LogicalResourceId: aws.String("Queue")})
	require.NoError(t, err)
	require.Len(t, byPhysical.StackResources, 1)
	assert.Equal(t, "Queue", *byPhysical.StackResources[0].LogicalResourceId)

	list, err := w.client.ListStackResources(t.Context(), &sdk.ListStackResourcesInput{StackName: aws.String("jobs")})
	require.NoError(t, err)
	require.Len(t, list.StackResourceSummaries, 2)
	assert.Equal(t, "ref-Dead", *list.StackResourceSummaries[0].PhysicalResourceId)
}

func TestDeletedStacksAreFoundByID(t *testing.T) {
	w := newWorld()
	stack := w.deploy(t, "jobs")
	require.NoError(t, w.service.Delete(t.Context(), "jobs"))
	assert.Equal(t, []string{"ref-Queue"}, w.made.deleted, "what is to be retained stays")
	dead, _ := stack.Resource("Dead")
	assert.Equal(t, "DELETE_SKIPPED", dead.Status)

	_, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("jobs")})
	assertError(t, err, "ValidationError", "Stack with id jobs does not exist")
	byID, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: &stack.ID})
	require.NoError(t, err)
	assert.Equal(t, types.StackStatusDeleteComplete, byID.Stacks[0].StackStatus)
	assert.NotNil(t, byID.Stacks[0].DeletionTime)

	w.deploy(t, "jobs")
	list, err := w.client.ListStacks(t.Context(), &sdk.ListStacksInput{})
	require.NoError(t, err)
	assert.Len(t, list.StackSummaries, 2)
	complete, err := w.client.ListStacks(t.Context(), &sdk.ListStacksInput{
		StackStatusFilter: []types.StackStatus{types.StackStatusCreateComplete, types.StackStatusCreateFailed}})
	require.NoError(t, err)
	require.Len(t, complete.StackSummaries, 1)
	assert.Equal(t, types.StackStatusCreateComplete, complete.StackSummaries[0].StackStatus)
	assert.NotEqual(t, stack.ID, *complete.StackSummaries[0].StackId, "a stack made anew is another stack")
}

func TestDeleteCarriesOnWhereItFailed(t *testing.T) {
	w := newWorld()
	stack := w.deploy(t, "jobs")
	w.made.fail("delete", "Queue", errors.New("the queue is in use"))
	err := w.service.Delete(t.Context(), "jobs")
	assert.EqualError(t, err, "delete the stack jobs: The following resource(s) failed to delete: [Queue].")
	status, reason := stack.Status()
	assert.Equal(t, "DELETE_FAILED", status)
	assert.Equal(t, "The following resource(s) failed to delete: [Queue].", reason)
	queue, _ := stack.Resource("Queue")
	assert.Equal(t, "the queue is in use", queue.Reason)

	w.made.fail("delete", "Queue", nil)
	require.NoError(t, w.service.Delete(t.Context(), "jobs"))
	status, _ = stack.Status()
	assert.Equal(t, "DELETE_COMPLETE", status)
}

func TestRefusedCalls(t *testing.T) {
	w := newWorld()
	w.deploy(t, "jobs")
	o := options(&recorder{}, "Test::Thing")
	o.StackName, o.Parameters = "jobs", map[string]string{"Secret": "hush"}
	_, err := w.service.Deploy(t.Context(), parse(t, small), o)
	assert.EqualError(t, err, "AlreadyExistsException: Stack [jobs] already exists")

	_, err = w.client.DescribeStackResources(t.Context(), &sdk.DescribeStackResourcesInput{})
	assertError(t, err, "ValidationError", "Either StackName or PhysicalResourceId must be specified")
	_, err = w.client.DescribeStackResources(t.Context(), &sdk.DescribeStackResourcesInput{StackName: aws.String("jobs"), LogicalResourceId: aws.String("Nobody")})
	assertError(t, err, "ValidationError", "Resource Nobody does not exist for stack jobs")
	_, err = w.client.DescribeStackResources(t.Context(), &sdk.DescribeStackResourcesInput{PhysicalResourceId: aws.String("nothing")})
	assertError(t, err, "ValidationError", "Stack for nothing does not exist")
	_, err = w.client.ListStackResources(t.Context(), &sdk.ListStackResourcesInput{StackName: aws.String("nobody")})
	assertError(t, err, "ValidationError", "Stack with id nobody does not exist")
	_, err = w.client.ListStacks(t.Context(), &sdk.ListStacksInput{NextToken: aws.String("x")})
	assertError(t, err, "ValidationError", "Invalid NextToken: x")
	_, err = w.client.SetStackPolicy(t.Context(), &sdk.SetStackPolicyInput{StackName: aws.String("jobs")})
	assertError(t, err, "InvalidAction", "Could not find operation SetStackPolicy for version 2010-05-15")
}

func assertError(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if assert.ErrorAs(t, err, &e) {
		assert.Equal(t, code, e.ErrorCode())
		assert.Equal(t, message, e.ErrorMessage())
	}
}

func TestQueryForms(t *testing.T) {
	query := cloudformation.New(account(), cloudformation.Backend{}).API().Query
	tests := []struct{ name, form, input, want string }{
		{"list", "Action=ListStacks&Version=2010-05-15&StackStatusFilter.member.2=B&StackStatusFilter.member.1=A", `{"StackStatusFilter":["A","B"]}`, ""},
		{"list with a gap", "Action=ListStacks&StackStatusFilter.member.2=B", "", "MalformedQueryString: the members of StackStatusFilter are not numbered from 1"},
		{"list index", "Action=ListStacks&StackStatusFilter.member.x=B", "", "MalformedQueryString: StackStatusFilter.member.x is not a list member"},
		{"twice", "Action=ListStacks&NextToken=a&NextToken=b", "", "MalformedQueryString: NextToken must be given once"},
		{"version", "Action=ListStacks&Version=2020-01-01", "", "InvalidAction: The embedded runtime does not know version 2020-01-01 of CloudFormation."},
		{"action", "Action=Nonsense", "", "InvalidAction: Could not find operation Nonsense for version 2010-05-15"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form, err := url.ParseQuery(tt.form)
			require.NoError(t, err)
			operation, input, err := query.Decode(form)
			if tt.want != "" {
				assert.EqualError(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "ListStacks", operation)
			assert.JSONEq(t, tt.input, string(input))
		})
	}
	unknown, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:4100/", strings.NewReader("Action=DescribeStacks&Version=2010-05-15&Nonsense=1"))
	require.NoError(t, err)
	unknown.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	unknown.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/cloudformation/aws4_request, SignedHeaders=host, Signature=x")
	response, err := newWorld().http.RoundTrip(unknown)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
}

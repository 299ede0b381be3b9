package cloudformation_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
)

const (
	fleetDir = "../../../cloudformation"
	handler  = "arn:aws:lambda:us-east-1:000000000000:function:process"
)

func account() *api.Account {
	return &api.Account{ID: "000000000000", Region: "us-east-1", Partition: "aws"}
}

// recorder is a provider that notes what it is asked for.
type recorder struct {
	requests   []api.ResourceRequest
	properties map[string]map[string]any
	// deleted are Refs.
	deleted []string
	// failing operations by their names: "delete Queue".
	failing map[string]error
}

func (r *recorder) fail(operation, logicalID string, err error) {
	if r.failing == nil {
		r.failing = map[string]error{}
	}
	r.failing[operation+" "+logicalID] = err
}

func (r *recorder) remove(_ context.Context, old api.Existing) error {
	if err := r.failing["delete "+old.LogicalID]; err != nil {
		return err
	}
	r.deleted = append(r.deleted, old.Ref)
	return nil
}

// provide answers with the physical name and an ARN.
func (r *recorder) provide(_ context.Context, q api.ResourceRequest) (api.Resource, error) {
	var properties map[string]any
	if err := json.Unmarshal(q.Properties, &properties); err != nil {
		return api.Resource{}, err
	}
	if r.properties == nil {
		r.properties = map[string]map[string]any{}
	}
	r.requests = append(r.requests, q)
	r.properties[q.LogicalID] = properties
	return api.Resource{Ref: "ref-" + q.LogicalID, Attributes: map[string]string{
		"Arn": "arn-" + q.LogicalID, "Name": q.LogicalID, "QueueName": q.LogicalID, "StateMachineRevisionId": "INITIAL",
	}}, nil
}

func (r *recorder) order() []string {
	var ids []string
	for _, q := range r.requests {
		ids = append(ids, q.LogicalID)
	}
	return ids
}

func (r *recorder) providers(types ...string) map[string]api.Provider {
	providers := map[string]api.Provider{}
	for _, t := range types {
		providers[t] = api.Provider{Create: r.provide, Delete: r.remove}
	}
	return providers
}

func fleet(t *testing.T) *cloudformation.Template {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fleetDir, "fleet.yaml"))
	require.NoError(t, err)
	template, err := cloudformation.Parse("fleet.yaml", data)
	require.NoError(t, err)
	return template
}

func fleetOptions(r *recorder, parameters map[string]string) cloudformation.Options {
	return cloudformation.Options{
		StackName: "jobs", Parameters: parameters, Account: account(),
		Providers: r.providers("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup",
			"AWS::Lambda::Function", "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::StepFunctions::StateMachine",
			"AWS::Events::Rule", "AWS::CloudWatch::Alarm"),
		Resolve: func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(fleetDir, path)) },
	}
}

func TestFleetIsDeployedAsItStands(t *testing.T) {
	r := &recorder{}
	stack, err := cloudformation.Deploy(t.Context(), fleet(t), fleetOptions(r, map[string]string{"ProcessHandler": handler}))
	require.NoError(t, err)

	status, reason := stack.Status()
	assert.Equal(t, "CREATE_COMPLETE", status)
	assert.Empty(t, reason)
	assert.NotContains(t, r.order(), "DepthAlarm")

	queue := r.properties["Queue"]
	assert.Equal(t, 1209600.0, queue["MessageRetentionPeriod"])
	assert.Equal(t, map[string]any{"deadLetterTargetArn": "arn-DeadLetterQueue", "maxReceiveCount": "5"}, queue["RedrivePolicy"])
	assert.Equal(t, "../build/pump", r.properties["PumpFunction"]["Code"])
	assert.Equal(t, 900.0, r.properties["PumpFunction"]["Timeout"])

	worker := r.properties["WorkerStateMachine"]
	definition, err := os.ReadFile(filepath.Join(fleetDir, "../asl/worker.asl.json"))
	require.NoError(t, err)
	assert.Equal(t, string(definition), worker["DefinitionString"])
	assert.NotContains(t, worker, "DefinitionS3Location")

	url, ok := stack.Output("QueueUrl")
	assert.True(t, ok)
	assert.Equal(t, "ref-Queue", url)
}

func TestFleetWithWakeAlarm(t *testing.T) {
	r := &recorder{}
	_, err := cloudformation.Deploy(t.Context(), fleet(t), fleetOptions(r, map[string]string{"ProcessHandler": handler, "WakeAlarm": "true"}))
	require.NoError(t, err)
	assert.Contains(t, r.order(), "DepthAlarm")
	assert.Equal(t, 0.0, r.properties["DepthAlarm"]["Threshold"])
	assert.Equal(t, []any{"arn-DepthAlarm"}, r.properties["DepthAlarmRule"]["EventPattern"].(map[string]any)["resources"])
}

func TestFleetRefusesParametersAllAtOnce(t *testing.T) {
	_, err := cloudformation.Deploy(t.Context(), fleet(t), fleetOptions(&recorder{}, map[string]string{
		"Lane": "fast", "MaxConcurrency": "0", "Nonsense": "1",
	}))
	assert.EqualError(t, err, "Parameter 'Lane' must be one of AllowedValues\n"+
		"Parameter 'MaxConcurrency' must be a number not less than 1\n"+
		"Parameters: [Nonsense] do not exist in the template")
	var v *cloudformation.Violation
	require.ErrorAs(t, err, &v)
	assert.Equal(t, "Lane", v.Parameter)
}

func TestFleetRuleIsChecked(t *testing.T) {
	_, err := cloudformation.Deploy(t.Context(), fleet(t), fleetOptions(&recorder{}, map[string]string{
		"ProcessHandler": handler, "TransformHandler": handler,
	}))
	assert.EqualError(t, err, "ProcessHandler and TransformHandler must be two functions.")
}

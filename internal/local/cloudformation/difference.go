package cloudformation

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// differs names the top properties that are not as they were.
func (r StackResource) differs(old StackResource) []string {
	return changedMembers(members(old.declared), members(r.declared))
}

// members are the members of an object in JSON that [encode] wrote.
func members(encoded []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	// What encode wrote decodes; nothing written is no members.
	_ = json.Unmarshal(encoded, &m)
	return m
}

func changedMembers(old, wanted map[string]json.RawMessage) []string {
	var changed []string
	all := maps.Clone(old)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.Copy(all, wanted)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !bytes.Equal(old[name], wanted[name]) {
			changed = append(changed, name)
		}
	}
	return changed
}

// replaces tells whether a change of these properties makes another resource.
func replaces(p api.Provider, changed []string) bool {
	return p.Update == nil || slices.ContainsFunc(changed, func(name string) bool { return slices.Contains(p.Replaced, name) })
}

// nameProperties are the properties that give resources names of the template's
// own, which no two resources can have at once.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
var nameProperties = map[string]string{
	"AWS::CloudWatch::Alarm": "AlarmName", "AWS::CloudWatch::Dashboard": "DashboardName", "AWS::DynamoDB::Table": "TableName",
	"AWS::Events::Rule": "Name", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName",
	"AWS::Lambda::Function": "FunctionName", "AWS::Logs::LogGroup": "LogGroupName", "AWS::S3::Bucket": "BucketName",
	"AWS::SNS::Topic": "TopicName", "AWS::SQS::Queue": "QueueName", "AWS::StepFunctions::StateMachine": "StateMachineName",
}

// customName is the name that the template itself gives a resource. Empty for
// none.
func customName(r StackResource) string {
	name := ""
	if property, ok := nameProperties[r.Type]; ok {
		// A name that is no string is refused by whoever makes the resource.
		_ = json.Unmarshal(members(r.declared)[property], &name)
	}
	return name
}

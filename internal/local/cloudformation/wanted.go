package cloudformation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// want evaluates a resource as the plan wants it, without a physical name.
func (p *plan) want(ctx context.Context, r *Resource) (StackResource, error) {
	wanted := StackResource{
		LogicalID: r.LogicalID, Type: r.Type, Line: r.Line,
		DeletionPolicy: r.DeletionPolicy, UpdateReplacePolicy: r.UpdateReplacePolicy,
	}
	v, err := r.properties.evaluate(p.scope)
	if err != nil {
		return wanted, err
	}
	properties, _ := v.(map[string]any)
	if err := p.settle(r, properties); err != nil {
		return wanted, err
	}
	if wanted.declared, err = encode(properties); err != nil {
		return wanted, err
	}
	if err := p.readDefinition(ctx, properties); err != nil {
		return wanted, err
	}
	wanted.request = api.ResourceRequest{Stack: p.options.StackName, LogicalID: r.LogicalID, Type: r.Type}
	if wanted.request.Properties, err = encode(properties); err != nil {
		return wanted, err
	}
	metadata, err := r.metadata.evaluate(p.scope)
	if err != nil {
		return wanted, err
	}
	wanted.metadata, err = encode(metadata)
	return wanted, err
}

func encode(v any) ([]byte, error) {
	var encoded bytes.Buffer
	e := json.NewEncoder(&encoded)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the properties: %w", err)
	}
	return encoded.Bytes(), nil
}

// settle brings evaluated properties into the form of their schema, with the
// content of local files and the stack's tags.
func (p *plan) settle(r *Resource, properties map[string]any) error {
	if err := p.localFiles(r, properties); err != nil {
		return err
	}
	p.tag(r.Type, properties)
	return conform(r, properties)
}

// taggable are the types whose Tags are a list of keys and values.
var taggable = []string{
	"AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table", "AWS::Events::Rule", "AWS::IAM::Role", "AWS::Lambda::EventSourceMapping",
	"AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue",
	"AWS::StepFunctions::StateMachine",
}

// tag adds the stack's tags to those of a resource, which win.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func (p *plan) tag(kind string, properties map[string]any) {
	if len(p.options.Tags) == 0 || !slices.Contains(taggable, kind) {
		return
	}
	own, _ := properties["Tags"].([]any)
	all := slices.Clone(own)
	for _, key := range slices.Sorted(maps.Keys(p.options.Tags)) {
		given := slices.ContainsFunc(own, func(t any) bool {
			tag, _ := t.(map[string]any)
			return tag["Key"] == key
		})
		if !given {
			all = append(all, map[string]any{"Key": key, "Value": p.options.Tags[key]})
		}
	}
	properties["Tags"] = all
}

// evaluateOutputs are the plan's outputs, once its resources are made.
func (p *plan) evaluateOutputs(s *scope) ([]StackOutput, error) {
	outputs := make([]StackOutput, 0, len(p.outputs))
	for _, o := range p.outputs {
		v, err := o.value.evaluate(s)
		if err != nil {
			return nil, err
		}
		text, ok := asText(v)
		if !ok {
			return nil, s.fault(o.Line, "Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		outputs = append(outputs, StackOutput{Key: o.Name, Value: text, Description: o.Description})
	}
	return outputs, nil
}

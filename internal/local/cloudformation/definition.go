package cloudformation

import (
	"context"
	"errors"
	"fmt"
)

// localFiles settles what `aws cloudformation package` would: a state machine's
// DefinitionS3Location that is a path becomes the content of that file, as
// DefinitionString. Without files at hand paths are refused.
// https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html
func (p *plan) localFiles(r *Resource, properties map[string]any) error {
	resolve := p.options.Resolve
	if path, ok := properties["Code"].(string); ok && resolve == nil && r.Type == "AWS::Lambda::Function" {
		return fmt.Errorf("properties validation failed for resource %s with message: [#/Code: expected type: JSONObject, found: String]: package the template first, which uploads %s", r.LogicalID, path)
	}
	path, ok := properties["DefinitionS3Location"].(string)
	if !ok {
		return nil
	}
	if resolve == nil {
		return fmt.Errorf("DefinitionS3Location: there is no way to read %s", path)
	}
	data, err := resolve(path)
	if err != nil {
		return fmt.Errorf("DefinitionS3Location: %w", err)
	}
	delete(properties, "DefinitionS3Location")
	properties["DefinitionString"] = string(data)
	return nil
}

// readDefinition replaces a DefinitionS3Location in S3 by the object's content,
// as DefinitionString.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-stepfunctions-statemachine-s3location.html
func (p *plan) readDefinition(ctx context.Context, properties map[string]any) error {
	location, ok := properties["DefinitionS3Location"].(map[string]any)
	if !ok {
		return nil
	}
	if p.options.Object == nil {
		return errors.New("DefinitionS3Location: there is no S3 to read it from")
	}
	text := map[string]string{}
	for name, v := range location {
		if name != "Bucket" && name != "Key" && name != "Version" {
			return fmt.Errorf("DefinitionS3Location: extraneous key [%s] is not permitted", name)
		}
		text[name], _ = asText(v)
	}
	data, err := p.options.Object(ctx, text["Bucket"], text["Key"], text["Version"])
	if err != nil {
		return fmt.Errorf("DefinitionS3Location: s3://%s/%s: %w", text["Bucket"], text["Key"], err)
	}
	delete(properties, "DefinitionS3Location")
	properties["DefinitionString"] = string(data)
	return nil
}

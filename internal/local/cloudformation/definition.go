package cloudformation

import (
	"errors"
	"fmt"
)

// inlineDefinition replaces a state machine's DefinitionS3Location by the
// content of the file that it names, as DefinitionString.
// https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html
func inlineDefinition(properties map[string]any, resolve func(string) ([]byte, error)) error {
	location, ok := properties["DefinitionS3Location"]
	if !ok {
		return nil
	}
	path, ok := location.(string)
	if !ok {
		return errors.New("DefinitionS3Location must be a local path: the embedded runtime does not read definitions from S3")
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

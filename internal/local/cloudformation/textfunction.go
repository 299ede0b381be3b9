package cloudformation

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	joinUsage      = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	splitUsage     = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	selectUsage    = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
	findInMapUsage = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
	base64Usage    = "Template error: every Fn::Base64 object must have a String-typed value."
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-join.html
func join2(_ *scope, args []any) (any, error) {
	delimiter, ok := args[0].(string)
	parts, isList := asTexts(args[1])
	if !ok || !isList {
		return nil, errors.New(joinUsage)
	}
	return strings.Join(parts, delimiter), nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-split.html
func split(_ *scope, args []any) (any, error) {
	delimiter, ok := args[0].(string)
	source, isText := asText(args[1])
	if !ok || delimiter == "" || !isText {
		return nil, errors.New(splitUsage)
	}
	parts := []any{}
	for part := range strings.SplitSeq(source, delimiter) {
		parts = append(parts, part)
	}
	return parts, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-select.html
func selectOne(_ *scope, args []any) (any, error) {
	text, _ := asText(args[0])
	index, err := strconv.Atoi(text)
	items, ok := args[1].([]any)
	if err != nil || !ok {
		return nil, errors.New(selectUsage)
	}
	if index < 0 || index >= len(items) {
		return nil, fmt.Errorf("Template error: Fn::Select cannot select nonexistent value at index %d", index)
	}
	return items[index], nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-base64.html
func base64Encode(_ *scope, args []any) (any, error) {
	text, ok := asText(args[0])
	if !ok {
		return nil, errors.New(base64Usage)
	}
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-findinmap.html
func (p *parser) findInMap(at, arg *yaml.Node) expression {
	args := p.argumentList(at, arg, 3, 3, findInMapUsage)
	if args == nil {
		return literal{""}
	}
	if name, ok := args[0].(literal); ok {
		text, _ := asText(name.value)
		p.use(at, useMapping, text)
	}
	return call{line: at.Line, args: args, apply: lookUp}
}

func lookUp(s *scope, args []any) (any, error) {
	path, ok := asTexts(args)
	if !ok {
		return nil, errors.New(findInMapUsage)
	}
	m, ok := s.template.mappings[path[0]]
	if !ok {
		return nil, fmt.Errorf("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", path[0])
	}
	v, ok := m[path[1]][path[2]]
	if !ok {
		return nil, fmt.Errorf("Template error: Unable to get mapping for %s::%s::%s", path[0], path[1], path[2])
	}
	return v, nil
}

package api

import "context"

// ResourceRequest asks a service to make one resource of a template.
type ResourceRequest struct {
	Stack     string
	LogicalID string
	// Type as CloudFormation spells it: "AWS::SQS::Queue".
	Type string
	// Properties, evaluated: JSON without intrinsic functions left in it.
	Properties []byte
	// Name is a physical name to use where the properties give none:
	// stack, logical ID and a suffix that is the same every time.
	Name string
}

// Resource is what a template's resource became.
type Resource struct {
	// Ref is what !Ref yields.
	Ref string
	// Attributes are what !GetAtt yields.
	Attributes map[string]string
}

// Provider makes the resources of one type. A property that it does not know is
// an error (decode with [Decode]).
type Provider func(ctx context.Context, r ResourceRequest) (Resource, error)

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

// Existing is a resource that a stack has: how it was asked for and what it
// became.
type Existing struct {
	ResourceRequest
	Resource
}

// Provider makes, changes and deletes the resources of one type. A property that
// it does not know is an error (decode with [Decode]).
type Provider struct {
	// Create makes a resource.
	Create func(ctx context.Context, r ResourceRequest) (Resource, error)
	// Update changes a resource in place to what r asks for. Nil where every change
	// makes another resource.
	Update func(ctx context.Context, r ResourceRequest, old Existing) (Resource, error)
	// Replaced are the top properties whose change makes another resource, as the
	// type's page says: "Update requires: Replacement".
	Replaced []string
	// Delete deletes a resource. One that is gone already is no error.
	Delete func(ctx context.Context, old Existing) error
}

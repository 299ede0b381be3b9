package local

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/api"
)

// enforce has IAM decide about every call from now on.
func (r *Runtime) enforce() {
	r.access = access.New(r.Account, r.IAM, access.Resources{
		Policy:       r.policyOf,
		ObjectExists: r.S3.Exists,
		TaskRoles:    func(family string) []string { return r.options.Jobs.Roles[family] },
		Key:          r.keyOf,
		KeyUsed:      new(keys).bill(r.Router),
		Expression:   r.expression,
	}, r.options.IAM)
	if r.options.IAM.Off {
		return
	}
	r.IAM.Know(access.Knows)
	r.Router.Authorize(r.access.Authorize)
}

// policyOf is the policy that is attached to a resource.
func (r *Runtime) policyOf(arn string) string {
	switch service, resource := r.parts(arn); service {
	case "sqs":
		return r.SQS.Policy(arn)
	case "lambda":
		return r.Lambda.Policy(arn)
	case "sns":
		return r.SNS.Policy(arn)
	case "s3":
		bucket, _, _ := strings.Cut(strings.TrimPrefix(resource, "::"), "/")
		return string(r.S3.Policy(bucket))
	}
	return ""
}

// keyOf is the KMS key that encrypts a resource.
func (r *Runtime) keyOf(arn string) string {
	switch service, resource := r.parts(arn); service {
	case "sqs":
		return r.SQS.Key(arn)
	case "dynamodb":
		_, table, _ := strings.Cut(resource, ":table/")
		table, _, _ = strings.Cut(table, "/")
		return r.DynamoDB.Key(table)
	case "s3":
		bucket, _, _ := strings.Cut(strings.TrimPrefix(resource, "::"), "/")
		return r.S3.Key(bucket)
	}
	return ""
}

// parts takes an ARN of this partition apart: its service, and what follows.
func (r *Runtime) parts(arn string) (service, rest string) {
	service, rest, _ = strings.Cut(strings.TrimPrefix(arn, "arn:"+r.Account.Partition+":"), ":")
	return service, rest
}

// expression is how the template of a stack names a resource of it. Empty for
// one that no stack has.
func (r *Runtime) expression(arn string) string {
	if arn == "*" {
		return ""
	}
	for _, stack := range r.CloudFormation.Stacks() {
		for _, resource := range stack.Resources() {
			switch {
			case resource.Ref == arn:
				return "!Ref " + resource.LogicalID
			case resource.Attributes["Arn"] == arn:
				return "!GetAtt " + resource.LogicalID + ".Arn"
			}
		}
	}
	return ""
}

// functionsRole has a template's function refused whose role Lambda would refuse.
func (r *Runtime) functionsRole(p api.Provider) api.Provider {
	check := func(properties []byte) error {
		var given struct {
			Role          string
			TracingConfig struct{ Mode string }
		}
		// What else is wrong with them is for the provider to say.
		if readable := json.Unmarshal(properties, &given) == nil; !readable || r.options.IAM.Off {
			return nil
		}
		return r.access.Function(given.Role, given.TracingConfig.Mode == "Active")
	}
	checked := p
	checked.Create = func(ctx context.Context, request api.ResourceRequest) (api.Resource, error) {
		if err := check(request.Properties); err != nil {
			return api.Resource{}, err
		}
		return p.Create(ctx, request)
	}
	if p.Update != nil {
		checked.Update = func(ctx context.Context, request api.ResourceRequest, old api.Existing) (api.Resource, error) {
			if err := check(request.Properties); err != nil {
				return old.Resource, err
			}
			return p.Update(ctx, request, old)
		}
	}
	return checked
}

package lambda

import (
	"context"
	"encoding/json"

	"github.com/musterq/muster/internal/local/api"
)

// Providers makes the resources of CloudFormation templates.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{
		"AWS::Lambda::Function": {
			Create: s.provideFunction, Update: s.changeFunction, Delete: s.removeFunction,
			Replaced: []string{"FunctionName", "PackageType"},
		},
		"AWS::Lambda::Version": {Create: s.provideVersion, Delete: s.removeVersion},
		"AWS::Lambda::Alias": {
			Create: s.provideAlias, Update: s.changeAlias, Delete: s.removeAlias,
			Replaced: []string{"FunctionName", "Name"},
		},
		"AWS::Lambda::Permission": {Create: s.providePermission, Delete: s.removePermission},
		"AWS::Lambda::EventInvokeConfig": {
			Create: s.provideEventInvokeConfig, Update: s.changeEventInvokeConfig, Delete: s.removeEventInvokeConfig,
			Replaced: []string{"FunctionName", "Qualifier"},
		},
		"AWS::Lambda::EventSourceMapping": {
			Create: s.provideMapping, Update: s.changeMapping, Delete: s.removeMapping, Replaced: []string{"EventSourceArn"},
		},
	}
}

type tag struct{ Key, Value string }

type functionProperties struct {
	FunctionName                 string
	Code                         json.RawMessage
	KmsKeyArn                    string
	PackageType                  string
	ReservedConcurrentExecutions *coerced
	Tags                         []tag
	settings[coerced]
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
func (s *Service) provideFunction(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	f, p, err := functionFrom(r)
	if err == nil {
		err = s.templateCode(ctx, p.Code, &f)
	}
	if err == nil {
		err = s.Put(f)
	}
	if err != nil {
		return api.Resource{}, err
	}
	return s.functionResource(f.Name), nil
}

func (s *Service) functionResource(name string) api.Resource {
	return api.Resource{Ref: name, Attributes: map[string]string{"Arn": s.account.ARN("lambda", "function:"+name)}}
}

// functionFrom reads a function's properties, all but its code.
func functionFrom(r api.ResourceRequest) (Function, *functionProperties, error) {
	p := new(functionProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return Function{}, nil, err
	}
	if p.PackageType != "" && p.PackageType != "Zip" {
		return Function{}, nil, invalid("The embedded runtime runs packages of type Zip, not " + p.PackageType + ".")
	}
	f := Function{Name: p.FunctionName, KMSKey: p.KmsKeyArn, Tags: map[string]string{}}
	if f.Name == "" {
		f.Name = shortened(r.Name)
	}
	for _, t := range p.Tags {
		f.Tags[t.Key] = t.Value
	}
	if p.ReservedConcurrentExecutions != nil {
		n := int(*p.ReservedConcurrentExecutions)
		f.ReservedConcurrency = &n
	}
	return f, p, p.apply(&f)
}

// shortened keeps a generated name within the 64 characters that Lambda allows,
// and its distinguishing end.
func shortened(name string) string {
	const most, end = 64, 13
	if len(name) <= most {
		return name
	}
	return name[:most-end] + name[len(name)-end:]
}

// Permission is one statement of a function's resource policy.
// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
type Permission struct {
	Action, Principal        string
	SourceArn, SourceAccount string
}

type permissionProperties struct {
	FunctionName string
	Permission
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html
func (s *Service) providePermission(_ context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p permissionProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if p.Action == "" || p.Principal == "" {
		return api.Resource{}, constraint("permission", "null", "Action and Principal must not be null")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(p.FunctionName, "")
	if err != nil {
		return api.Resource{}, err
	}
	f = f.root
	if f.permissions == nil {
		f.permissions = map[string]Permission{}
	}
	f.permissions[r.Name] = p.Permission
	return api.Resource{Ref: r.Name, Attributes: map[string]string{"Id": r.Name}}, nil
}

// Permissions are the statements of a function's resource policy by their IDs.
// Lambda itself does not judge: who enforces IAM asks for them.
func (s *Service) Permissions(function string) map[string]Permission {
	s.mu.Lock()
	defer s.mu.Unlock()
	permissions := map[string]Permission{}
	if f := s.functions[function]; f != nil {
		for id, p := range f.permissions {
			permissions[id] = p
		}
	}
	return permissions
}

type eventInvokeConfigProperties struct {
	FunctionName             string
	Qualifier                string
	MaximumRetryAttempts     *coerced
	MaximumEventAgeInSeconds *coerced
	DestinationConfig        *DestinationConfig
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html
func (s *Service) provideEventInvokeConfig(_ context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p eventInvokeConfigProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	_, err := s.setEventConfig(&putEventInvokeConfigInput{
		FunctionName: p.FunctionName, Qualifier: p.Qualifier,
		EventInvokeConfig: EventInvokeConfig{
			MaximumRetryAttempts:     (*int)(p.MaximumRetryAttempts),
			MaximumEventAgeInSeconds: (*int)(p.MaximumEventAgeInSeconds),
			DestinationConfig:        p.DestinationConfig,
		},
	}, false)
	if err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: r.Name}, nil
}

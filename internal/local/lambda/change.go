package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/musterq/muster/internal/local/api"
)

// gone takes for done that something to be deleted is not there.
func gone(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok && e.HTTPStatus() == http.StatusNotFound {
		return nil
	}
	return err
}

// changeFunction changes a function's code and settings. Code in S3 is read again
// only if the template names another object: an object of the same name is not
// looked at, as it is not on AWS.
func (s *Service) changeFunction(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	r.Name = old.Ref
	f, p, err := functionFrom(r)
	if err != nil {
		return api.Resource{}, err
	}
	f.Name = old.Ref
	var was struct{ Code json.RawMessage }
	if err := json.Unmarshal(old.Properties, &was); err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	now := s.functions[f.Name]
	if now != nil && sameCode(was.Code, p.Code) {
		f.Code, f.folder, f.size, f.sha256 = now.config.Code, now.config.folder, now.config.size, now.config.sha256
	}
	s.mu.Unlock()
	switch {
	case now == nil:
		err = notFound("Function not found: " + s.account.ARN("lambda", "function:"+f.Name))
	case f.folder != "":
		err = f.reload()
	default:
		err = s.templateCode(ctx, p.Code, &f)
	}
	if err == nil {
		err = s.Put(f)
	}
	return s.functionResource(f.Name), err
}

func (s *Service) removeFunction(ctx context.Context, old api.Existing) error {
	_, err := s.deleteFunction(ctx, api.Caller{}, &functionInput{FunctionName: old.Ref})
	return gone(err)
}

func (s *Service) removePermission(_ context.Context, old api.Existing) error {
	var p permissionProperties
	if err := api.Decode(old.Properties, &p); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(p.FunctionName, "")
	if err != nil {
		return gone(err)
	}
	delete(f.root.permissions, old.Name)
	return nil
}

func (s *Service) changeEventInvokeConfig(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	if _, err := s.provideEventInvokeConfig(ctx, r); err != nil {
		return api.Resource{}, err
	}
	return old.Resource, nil
}

func (s *Service) removeEventInvokeConfig(ctx context.Context, old api.Existing) error {
	var p eventInvokeConfigProperties
	if err := api.Decode(old.Properties, &p); err != nil {
		return err
	}
	_, err := s.deleteFunctionEventInvokeConfig(ctx, api.Caller{}, &functionInput{FunctionName: p.FunctionName, Qualifier: p.Qualifier})
	return gone(err)
}

type versionProperties struct {
	CodeSha256   string
	Description  *string
	FunctionName string
}

// provideVersion publishes a version. Every property makes another one.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html
func (s *Service) provideVersion(_ context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p versionProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, made, err := s.publishChecked(&publishVersionInput{FunctionName: p.FunctionName, CodeSha256: p.CodeSha256, Description: p.Description})
	if err != nil {
		return api.Resource{}, err
	}
	if !made {
		return api.Resource{}, &api.Error{
			Code: "AlreadyExists", Status: http.StatusConflict,
			Message: "A version for this Lambda function exists ( " + v.version + " ). Modify the function to create a new version.",
		}
	}
	return api.Resource{Ref: v.arn, Attributes: map[string]string{"Version": v.version, "FunctionArn": v.arn}}, nil
}

func (s *Service) removeVersion(ctx context.Context, old api.Existing) error {
	_, err := s.deleteFunction(ctx, api.Caller{}, &functionInput{FunctionName: old.Ref})
	return gone(err)
}

type aliasProperties struct {
	Description     *string
	FunctionName    string
	FunctionVersion *string
	Name            string
}

func (p aliasProperties) input() *aliasInput {
	return &aliasInput{FunctionName: p.FunctionName, Name: p.Name, FunctionVersion: p.FunctionVersion, Description: p.Description}
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-alias.html
func (s *Service) provideAlias(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p aliasProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	return aliasResource(s.createAlias(ctx, api.Caller{}, p.input()))
}

func (s *Service) changeAlias(ctx context.Context, r api.ResourceRequest, _ api.Existing) (api.Resource, error) {
	var p aliasProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if p.Description == nil {
		p.Description = new(string)
	}
	return aliasResource(s.updateAlias(ctx, api.Caller{}, p.input()))
}

func aliasResource(a *aliasOutput, err error) (api.Resource, error) {
	if err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: a.AliasArn, Attributes: map[string]string{"AliasArn": a.AliasArn}}, nil
}

func (s *Service) removeAlias(ctx context.Context, old api.Existing) error {
	var p aliasProperties
	if err := api.Decode(old.Properties, &p); err != nil {
		return err
	}
	_, err := s.deleteAlias(ctx, api.Caller{}, p.input())
	return gone(err)
}

package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

type getTemplateInput struct {
	StackName     string
	ChangeSetName string
	TemplateStage string
}

type getTemplateOutput struct {
	TemplateBody    string
	StagesAvailable []string `xml:"StagesAvailable>member"`
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
func (s *Service) getTemplate(_ context.Context, _ api.Caller, in *getTemplateInput) (*getTemplateOutput, error) {
	if in.TemplateStage != "" {
		if err := oneOf("templateStage", in.TemplateStage, "Original", "Processed"); err != nil {
			return nil, err
		}
	}
	var p *plan
	if in.ChangeSetName != "" {
		_, c, err := s.changeSet(in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		p = c.plan
	} else {
		stack, err := s.Stack(in.StackName)
		if err != nil {
			return nil, err
		}
		if p = stack.current(); p == nil {
			return nil, api.Errorf("ValidationError", "Stack with id %s has no template: it is in REVIEW_IN_PROGRESS state", in.StackName)
		}
	}
	return &getTemplateOutput{TemplateBody: p.template.source, StagesAvailable: []string{"Original", "Processed"}}, nil
}

type templateParameter struct {
	ParameterKey string
	DefaultValue *string `json:",omitempty" xml:",omitempty"`
	NoEcho       bool
	Description  string `json:",omitempty" xml:",omitempty"`
}

type capabilityOutput struct {
	Description        string   `json:",omitempty" xml:",omitempty"`
	Capabilities       []string `xml:"Capabilities>member"`
	CapabilitiesReason string   `json:",omitempty" xml:",omitempty"`
}

func (t *Template) capabilities() capabilityOutput {
	out := capabilityOutput{Description: t.Description}
	if capability, types := requiredCapability(t); capability != "" {
		out.Capabilities = []string{capability}
		out.CapabilitiesReason = "The following resource(s) require capabilities: [" + strings.Join(types, ", ") + "]"
	}
	return out
}

type validateTemplateInput struct{ TemplateBody, TemplateURL string }

type validateTemplateOutput struct {
	Parameters []templateParameter `xml:"Parameters>member"`
	capabilityOutput
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html
func (s *Service) validateTemplate(ctx context.Context, _ api.Caller, in *validateTemplateInput) (*validateTemplateOutput, error) {
	t, err := s.template(ctx, &templateInput{TemplateBody: in.TemplateBody, TemplateURL: in.TemplateURL}, nil)
	if err != nil {
		return nil, err
	}
	out := &validateTemplateOutput{Parameters: []templateParameter{}, capabilityOutput: t.capabilities()}
	for _, q := range t.Parameters {
		out.Parameters = append(out.Parameters, templateParameter{
			ParameterKey: q.Name, DefaultValue: q.defaultValue(), NoEcho: q.NoEcho, Description: q.Description,
		})
	}
	return out, nil
}

func (q *Parameter) defaultValue() *string {
	if !q.HasDefault {
		return nil
	}
	return &q.Default
}

type getTemplateSummaryInput struct{ TemplateBody, TemplateURL, StackName string }

type getTemplateSummaryOutput struct {
	Parameters []parameterDeclaration `xml:"Parameters>member"`
	capabilityOutput
	ResourceTypes []string `xml:"ResourceTypes>member"`
	Version       string
}

type parameterDeclaration struct {
	ParameterKey         string
	DefaultValue         *string `json:",omitempty" xml:",omitempty"`
	ParameterType        string
	NoEcho               bool
	Description          string `json:",omitempty" xml:",omitempty"`
	ParameterConstraints parameterConstraints
}

type parameterConstraints struct {
	AllowedValues []string `xml:"AllowedValues>member"`
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html
func (s *Service) getTemplateSummary(ctx context.Context, _ api.Caller, in *getTemplateSummaryInput) (*getTemplateSummaryOutput, error) {
	var t *Template
	if in.StackName != "" {
		stack, err := s.Stack(in.StackName)
		if err != nil {
			return nil, err
		}
		p := stack.current()
		if p == nil {
			return nil, api.Errorf("ValidationError", "Stack with id %s has no template: it is in REVIEW_IN_PROGRESS state", in.StackName)
		}
		t = p.template
	} else {
		var err error
		if t, err = s.template(ctx, &templateInput{TemplateBody: in.TemplateBody, TemplateURL: in.TemplateURL}, nil); err != nil {
			return nil, err
		}
	}
	out := &getTemplateSummaryOutput{Parameters: []parameterDeclaration{}, capabilityOutput: t.capabilities(), Version: "2010-09-09"}
	for _, q := range t.Parameters {
		out.Parameters = append(out.Parameters, parameterDeclaration{
			ParameterKey: q.Name, DefaultValue: q.defaultValue(), ParameterType: q.Type, NoEcho: q.NoEcho, Description: q.Description,
			ParameterConstraints: parameterConstraints{q.AllowedValues},
		})
	}
	for _, r := range t.Resources {
		if !slices.Contains(out.ResourceTypes, r.Type) {
			out.ResourceTypes = append(out.ResourceTypes, r.Type)
		}
	}
	return out, nil
}

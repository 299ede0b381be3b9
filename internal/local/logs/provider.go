package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/musterq/muster/internal/local/api"
)

// Providers make the resources that a template declares.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{"AWS::Logs::LogGroup": {
		Create: s.provide, Update: s.update, Replaced: []string{"LogGroupName"},
		Delete: func(ctx context.Context, old api.Existing) error {
			err := s.call(ctx, "DeleteLogGroup", GroupInput{old.Ref})
			if err != nil && api.AsError(err).Code == "ResourceNotFoundException" {
				return nil
			}
			return err
		},
	}}
}

// LogGroupProperties are the properties of AWS::Logs::LogGroup.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
type LogGroupProperties struct {
	KMSKeyID        string `json:"KmsKeyId"`
	LogGroupClass   string
	LogGroupName    string
	RetentionInDays *int
	Tags            []struct{ Key, Value string }
}

func (p *LogGroupProperties) tags() map[string]string {
	tags := map[string]string{}
	for _, t := range p.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

func (s *Service) provide(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	p := new(LogGroupProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return api.Resource{}, err
	}
	name := p.LogGroupName
	if name == "" {
		name = r.Name
	}
	if err := s.call(ctx, "CreateLogGroup", CreateLogGroupInput{name, p.LogGroupClass, p.KMSKeyID, p.tags()}); err != nil {
		return api.Resource{}, err
	}
	if err := s.retain(ctx, name, p.RetentionInDays); err != nil {
		return api.Resource{}, errors.Join(err, s.call(ctx, "DeleteLogGroup", GroupInput{name}))
	}
	return api.Resource{Ref: name, Attributes: map[string]string{"Arn": s.account.ARN(serviceName, "log-group:"+name+":*")}}, nil
}

// retain sets how long a group keeps its events, if that is given.
func (s *Service) retain(ctx context.Context, name string, days *int) error {
	if days == nil {
		return nil
	}
	return s.call(ctx, "PutRetentionPolicy", PutRetentionPolicyInput{name, *days})
}

// update sets a group's retention, key and tags. Its class cannot be changed.
func (s *Service) update(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	p := new(LogGroupProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return api.Resource{}, err
	}
	before := new(LogGroupProperties)
	if err := api.Decode(old.Properties, before); err != nil {
		return api.Resource{}, err
	}
	if before.LogGroupClass != p.LogGroupClass {
		return api.Resource{}, api.Errorf("InvalidRequest", "The class of the log group %s cannot be changed.", old.Ref)
	}
	if err := s.retain(ctx, old.Ref, p.RetentionInDays); err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(old.Ref, "")
	if err != nil {
		return api.Resource{}, err
	}
	if p.RetentionInDays == nil {
		g.RetentionInDays = 0
	}
	g.KMSKeyID, g.Tags = p.KMSKeyID, p.tags()
	return old.Resource, nil
}

// call makes a call through the door.
func (s *Service) call(ctx context.Context, operation string, in any) error {
	input, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	_, err = s.router.Call(ctx, serviceName, operation, api.Caller{}, input)
	return err
}

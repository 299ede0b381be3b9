package sns

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// Providers make the resources that a template declares.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{
		"AWS::SNS::Topic": {
			Create: s.provideTopic, Update: s.updateTopic, Replaced: []string{"TopicName", "FifoTopic"},
			Delete: func(ctx context.Context, old api.Existing) error {
				return s.call(ctx, "DeleteTopic", TopicInput{old.Ref}, nil)
			},
		},
		"AWS::SNS::TopicPolicy": {Create: s.providePolicy, Update: s.updatePolicy, Delete: s.deletePolicy},
		"AWS::SNS::Subscription": {
			Create: s.provideSubscription, Update: s.updateSubscription, Replaced: []string{"TopicArn", "Protocol", "Endpoint"},
			Delete: func(ctx context.Context, old api.Existing) error {
				return s.call(ctx, "Unsubscribe", SubscriptionInput{old.Ref}, nil)
			},
		},
	}
}

// call makes a call through the door and decodes its output, unless out is nil.
func (s *Service) call(ctx context.Context, operation string, in, out any) error {
	input, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	output, err := s.router.Call(ctx, serviceName, operation, api.Caller{}, input)
	if err != nil || out == nil {
		return err
	}
	encoded, err := json.Marshal(output)
	if err != nil {
		return fmt.Errorf("encode the output of %s: %w", operation, err)
	}
	return json.Unmarshal(encoded, out)
}

// topicProperties are the properties of AWS::SNS::Topic.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html
type topicProperties struct {
	TopicName, DisplayName string
	KmsMasterKeyID         string `json:"KmsMasterKeyId"`
	Subscription           []struct{ Protocol, Endpoint string }
	Tags                   []Tag
}

func (p topicProperties) attributes() map[string]string {
	given := map[string]string{}
	if p.DisplayName != "" {
		given["DisplayName"] = p.DisplayName
	}
	if p.KmsMasterKeyID != "" {
		given["KmsMasterKeyId"] = p.KmsMasterKeyID
	}
	return given
}

func (s *Service) provideTopic(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p topicProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	name := p.TopicName
	if name == "" {
		name = r.Name
	}
	var made TopicOutput
	if err := s.call(ctx, "CreateTopic", CreateTopicInput{name, p.attributes(), p.Tags}, &made); err != nil {
		return api.Resource{}, err
	}
	for _, sub := range p.Subscription {
		if err := s.call(ctx, "Subscribe", SubscribeInput{TopicARN: made.TopicARN, Protocol: sub.Protocol, Endpoint: sub.Endpoint}, nil); err != nil {
			return api.Resource{}, err
		}
	}
	return api.Resource{Ref: made.TopicARN, Attributes: map[string]string{"TopicArn": made.TopicARN, "TopicName": name}}, nil
}

// updateTopic sets attributes, and adds and ends the topic's own subscriptions.
func (s *Service) updateTopic(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	var before, p topicProperties
	if err := api.Decode(old.Properties, &before); err != nil {
		return api.Resource{}, err
	}
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	for name, value := range map[string]string{"DisplayName": p.DisplayName, "KmsMasterKeyId": p.KmsMasterKeyID} {
		if err := s.call(ctx, "SetTopicAttributes", SetTopicAttributesInput{old.Ref, name, value}, nil); err != nil {
			return api.Resource{}, err
		}
	}
	for _, sub := range p.Subscription {
		if err := s.call(ctx, "Subscribe", SubscribeInput{TopicARN: old.Ref, Protocol: sub.Protocol, Endpoint: sub.Endpoint}, nil); err != nil {
			return api.Resource{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(old.Ref)
	if err != nil {
		return api.Resource{}, err
	}
	t.tags = p.Tags
	for arn, sub := range t.subscriptions {
		own := struct{ Protocol, Endpoint string }{sub.protocol, sub.endpoint}
		if slices.Contains(before.Subscription, own) && !slices.Contains(p.Subscription, own) {
			delete(t.subscriptions, arn)
		}
	}
	return old.Resource, nil
}

// policyProperties are the properties of AWS::SNS::TopicPolicy.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topicpolicy.html
type policyProperties struct {
	PolicyDocument json.RawMessage
	Topics         []string
}

func (s *Service) providePolicy(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	if _, err := s.setPolicy(ctx, r); err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: r.Name, Attributes: map[string]string{"Id": r.Name}}, nil
}

// setPolicy gives the policy to all its topics.
func (s *Service) setPolicy(ctx context.Context, r api.ResourceRequest) (topics []string, err error) {
	var p policyProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return nil, err
	}
	if len(p.PolicyDocument) == 0 || len(p.Topics) == 0 {
		return nil, invalid("PolicyDocument and Topics are required")
	}
	for _, arn := range p.Topics {
		if err := s.call(ctx, "SetTopicAttributes", SetTopicAttributesInput{arn, "Policy", string(p.PolicyDocument)}, nil); err != nil {
			return nil, err
		}
	}
	return p.Topics, nil
}

func (s *Service) updatePolicy(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	topics, err := s.setPolicy(ctx, r)
	if err != nil {
		return api.Resource{}, err
	}
	return old.Resource, s.dropPolicy(ctx, old, topics)
}

func (s *Service) deletePolicy(ctx context.Context, old api.Existing) error {
	return s.dropPolicy(ctx, old, nil)
}

// dropPolicy takes the policy from the topics that had it, but for some.
func (s *Service) dropPolicy(ctx context.Context, old api.Existing, kept []string) error {
	var before policyProperties
	if err := api.Decode(old.Properties, &before); err != nil {
		return err
	}
	for _, arn := range before.Topics {
		if slices.Contains(kept, arn) {
			continue
		}
		err := s.call(ctx, "SetTopicAttributes", SetTopicAttributesInput{arn, "Policy", ""}, nil)
		if err != nil && api.AsError(err).Code != "NotFound" {
			return err
		}
	}
	return nil
}

// subscriptionProperties are the properties of AWS::SNS::Subscription.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-subscription.html
type subscriptionProperties struct {
	TopicARN           string `json:"TopicArn"`
	Protocol, Endpoint string
	RawMessageDelivery flag
}

// flag is a boolean as an attribute's text, or that text.
type flag string

// UnmarshalJSON reads true, false, "true" and "false".
func (f *flag) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(f))
	}
	*f = flag(data)
	return nil
}

func (s *Service) provideSubscription(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p subscriptionProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	in := SubscribeInput{TopicARN: p.TopicARN, Protocol: p.Protocol, Endpoint: p.Endpoint, ReturnSubscriptionArn: true}
	if p.RawMessageDelivery != "" {
		in.Attributes = map[string]string{"RawMessageDelivery": string(p.RawMessageDelivery)}
	}
	var made SubscribeOutput
	if err := s.call(ctx, "Subscribe", in, &made); err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: made.SubscriptionARN, Attributes: map[string]string{"Arn": made.SubscriptionARN}}, nil
}

// updateSubscription sets whether messages are delivered raw: all else makes
// another subscription.
func (s *Service) updateSubscription(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	var p subscriptionProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	raw := cmp.Or(string(p.RawMessageDelivery), "false")
	return old.Resource, s.call(ctx, "SetSubscriptionAttributes", SetSubscriptionAttributesInput{old.Ref, "RawMessageDelivery", raw}, nil)
}

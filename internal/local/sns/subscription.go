package sns

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/awsquery"
)

// subscription is guarded by Service.mu.
type subscription struct {
	arn, protocol, endpoint string
	// raw delivers a message as it is, without the notification around it.
	raw bool
	// pending is true until the endpoint's owner confirms, which nobody can here:
	// the embedded runtime sends no mail and calls no web page.
	pending bool
}

// SubscribeInput is an endpoint for a topic's messages.
//
// https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
type SubscribeInput struct {
	TopicARN           string `json:"TopicArn"`
	Protocol, Endpoint string
	Attributes         map[string]string
	// ReturnSubscriptionArn gives a pending subscription's ARN too.
	ReturnSubscriptionArn bool
}

// SubscribeOutput is a subscription's ARN, or "pending confirmation".
type SubscribeOutput struct {
	SubscriptionARN string `json:"SubscriptionArn" xml:"SubscriptionArn"`
}

// unconfirmed are the protocols whose endpoints have to confirm.
var unconfirmed = []string{"email", "email-json", "http", "https"}

// subscribe subscribes an endpoint. The same endpoint twice is one subscription.
func (s *Service) subscribe(_ context.Context, _ api.Caller, in *SubscribeInput) (*SubscribeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(in.TopicARN)
	if err != nil {
		return nil, err
	}
	sub := &subscription{protocol: in.Protocol, endpoint: in.Endpoint, pending: slices.Contains(unconfirmed, in.Protocol)}
	switch {
	case in.Protocol == "sqs":
		err = s.checkQueue(in.Endpoint)
	case sub.pending:
		err = checkAddress(in.Protocol, in.Endpoint)
	default:
		err = invalid("Does not support this protocol string: %s (the embedded runtime delivers to sqs)", in.Protocol)
	}
	if err != nil {
		return nil, err
	}
	for name, value := range in.Attributes {
		if err := sub.set(name, value); err != nil {
			return nil, err
		}
	}
	for _, old := range t.subscriptions {
		if old.protocol != in.Protocol || old.endpoint != in.Endpoint {
			continue
		}
		if old.raw != sub.raw {
			return nil, invalid("Attributes Reason: Subscription already exists with different attributes")
		}
		return old.answer(in), nil
	}
	sub.arn = t.arn + ":" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(t.arn+" "+in.Protocol+" "+in.Endpoint)).String()
	t.subscriptions[sub.arn] = sub
	return sub.answer(in), nil
}

// set sets an attribute.
func (sub *subscription) set(name, value string) error {
	if name != "RawMessageDelivery" {
		return invalid("AttributeName")
	}
	raw, err := strconv.ParseBool(value)
	if err != nil {
		return invalid("Attributes Reason: RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
	}
	sub.raw = raw
	return nil
}

func (sub *subscription) answer(in *SubscribeInput) *SubscribeOutput {
	if sub.pending && !in.ReturnSubscriptionArn {
		return &SubscribeOutput{"pending confirmation"}
	}
	return &SubscribeOutput{sub.arn}
}

// checkQueue checks the ARN of a queue of this account and region.
func (s *Service) checkQueue(arn string) error {
	if !strings.HasPrefix(arn, s.account.ARN("sqs", "")) {
		return invalid("SQS endpoint ARN")
	}
	if strings.HasSuffix(arn, ".fifo") {
		return invalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	}
	return nil
}

func checkAddress(protocol, endpoint string) error {
	mail := strings.HasPrefix(protocol, "email")
	switch {
	case mail && !strings.Contains(endpoint, "@"):
		return invalid("Email address")
	case !mail && !strings.HasPrefix(endpoint, protocol+"://"):
		return invalid("Endpoint must match the specified protocol")
	}
	return nil
}

// SubscriptionInput names a subscription.
type SubscriptionInput struct {
	SubscriptionARN string `json:"SubscriptionArn"`
}

// lookUp finds a subscription and its topic. The caller holds s.mu.
func (s *Service) lookUp(arn string) (*topic, *subscription) {
	for _, t := range s.topics {
		if sub := t.subscriptions[arn]; sub != nil {
			return t, sub
		}
	}
	return nil, nil
}

// unsubscribe ends a subscription. One that does not exist is no error.
//
// https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html
func (s *Service) unsubscribe(_ context.Context, _ api.Caller, in *SubscriptionInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, _ := s.lookUp(in.SubscriptionARN); t != nil {
		delete(t.subscriptions, in.SubscriptionARN)
	}
	return &Empty{}, nil
}

// SubscriptionAttributesOutput are a subscription's attributes.
type SubscriptionAttributesOutput struct{ Attributes awsquery.Map }

// getSubscriptionAttributes tells a subscription's attributes.
//
// https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html
func (s *Service) getSubscriptionAttributes(_ context.Context, _ api.Caller, in *SubscriptionInput) (*SubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, sub := s.lookUp(in.SubscriptionARN)
	if sub == nil {
		return nil, notFound("Subscription")
	}
	return &SubscriptionAttributesOutput{awsquery.Map{
		"SubscriptionArn": sub.arn, "TopicArn": t.arn, "Owner": s.account.ID, "Protocol": sub.protocol, "Endpoint": sub.endpoint,
		"PendingConfirmation": strconv.FormatBool(sub.pending), "RawMessageDelivery": strconv.FormatBool(sub.raw),
	}}, nil
}

// SetSubscriptionAttributesInput is one attribute.
type SetSubscriptionAttributesInput struct {
	SubscriptionARN               string `json:"SubscriptionArn"`
	AttributeName, AttributeValue string
}

// setSubscriptionAttributes sets an attribute.
//
// https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
func (s *Service) setSubscriptionAttributes(_ context.Context, _ api.Caller, in *SetSubscriptionAttributesInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, sub := s.lookUp(in.SubscriptionARN)
	if sub == nil {
		return nil, notFound("Subscription")
	}
	return &Empty{}, sub.set(in.AttributeName, in.AttributeValue)
}

// ListSubscriptionsInput names a topic and a page.
type ListSubscriptionsInput struct {
	TopicARN  string `json:"TopicArn"`
	NextToken string
}

// ListSubscriptionsOutput is a page of a topic's subscriptions.
type ListSubscriptionsOutput struct {
	Subscriptions []Subscription `xml:"Subscriptions>member"`
	NextToken     string         `json:",omitempty" xml:",omitempty"`
}

// Subscription is a subscription as lists show it: the ARN of one that is not
// confirmed is "PendingConfirmation".
type Subscription struct {
	SubscriptionARN           string `json:"SubscriptionArn" xml:"SubscriptionArn"`
	Owner, Protocol, Endpoint string
	TopicARN                  string `json:"TopicArn" xml:"TopicArn"`
}

// listSubscriptionsByTopic lists a topic's subscriptions.
//
// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
func (s *Service) listSubscriptionsByTopic(_ context.Context, _ api.Caller, in *ListSubscriptionsInput) (*ListSubscriptionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(in.TopicARN)
	if err != nil {
		return nil, err
	}
	arns, next := page(slices.Sorted(maps.Keys(t.subscriptions)), in.NextToken)
	out := &ListSubscriptionsOutput{NextToken: next}
	for _, arn := range arns {
		sub := t.subscriptions[arn]
		if sub.pending {
			arn = "PendingConfirmation"
		}
		out.Subscriptions = append(out.Subscriptions, Subscription{arn, s.account.ID, sub.protocol, sub.endpoint, t.arn})
	}
	return out, nil
}

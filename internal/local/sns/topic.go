package sns

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/awsquery"
)

// topic is guarded by Service.mu.
type topic struct {
	arn        string
	attributes map[string]string
	tags       []Tag
	// subscriptions by ARN.
	subscriptions map[string]*subscription
}

// Tag is a label of a topic.
type Tag struct{ Key, Value string }

// CreateTopicInput names a topic.
//
// https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
type CreateTopicInput struct {
	Name       string
	Attributes map[string]string
	Tags       []Tag
}

// TopicOutput is a topic's name.
type TopicOutput struct {
	TopicARN string `json:"TopicArn" xml:"TopicArn"`
}

// TopicInput names a topic by its ARN.
type TopicInput struct {
	TopicARN string `json:"TopicArn"`
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// attributes of a topic that can be set. Those that concern other endpoints
// than queues are not known.
var attributes = []string{"DisplayName", "Policy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion"}

// createTopic makes a topic. One that exists with the same attributes and tags is
// found again.
func (s *Service) createTopic(_ context.Context, _ api.Caller, in *CreateTopicInput) (*TopicOutput, error) {
	if !topicName.MatchString(in.Name) {
		return nil, invalid("Topic Name")
	}
	for name, value := range in.Attributes {
		if err := checkAttribute(name, value); err != nil {
			return nil, err
		}
	}
	arn := s.account.ARN(serviceName, in.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.topics[arn]; old != nil {
		for name, value := range in.Attributes {
			if old.attributes[name] != value {
				return nil, invalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		if len(in.Tags) > 0 && !slices.Equal(old.tags, in.Tags) {
			return nil, invalid("Tags Reason: Topic already exists with different tags")
		}
		return &TopicOutput{arn}, nil
	}
	t := &topic{arn: arn, attributes: map[string]string{}, tags: in.Tags, subscriptions: map[string]*subscription{}}
	maps.Copy(t.attributes, in.Attributes)
	s.topics[arn] = t
	return &TopicOutput{arn}, nil
}

func checkAttribute(name, value string) error {
	switch {
	case !slices.Contains(attributes, name):
		return invalid("AttributeName")
	case name == "Policy" && value != "" && !json.Valid([]byte(value)):
		return invalid("Policy Error: null")
	}
	return nil
}

// find finds a topic. The caller holds s.mu.
func (s *Service) find(arn string) (*topic, error) {
	if n := len(strings.Split(arn, ":")); n < 6 {
		return nil, invalid("TopicArn Reason: An ARN must have at least 6 elements, not %d", n)
	}
	t := s.topics[arn]
	if t == nil {
		return nil, notFound("Topic")
	}
	return t, nil
}

// deleteTopic deletes a topic and its subscriptions. One that does not exist is
// no error.
//
// https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html
func (s *Service) deleteTopic(_ context.Context, _ api.Caller, in *TopicInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, in.TopicARN)
	return &Empty{}, nil
}

// pageSize is how many topics or subscriptions an answer lists.
const pageSize = 100

// ListTopicsInput asks for a page of topics.
type ListTopicsInput struct{ NextToken string }

// ListTopicsOutput is a page of topics by name.
type ListTopicsOutput struct {
	Topics    []TopicOutput `xml:"Topics>member"`
	NextToken string        `json:",omitempty" xml:",omitempty"`
}

// listTopics lists the topics.
//
// https://docs.aws.amazon.com/sns/latest/api/API_ListTopics.html
func (s *Service) listTopics(_ context.Context, _ api.Caller, in *ListTopicsInput) (*ListTopicsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next := page(slices.Sorted(maps.Keys(s.topics)), in.NextToken)
	out := &ListTopicsOutput{NextToken: next}
	for _, arn := range names {
		out.Topics = append(out.Topics, TopicOutput{arn})
	}
	return out, nil
}

// page is what follows a token, and the token of what follows that.
func page(names []string, after string) (some []string, next string) {
	if i, found := slices.BinarySearch(names, after); found {
		names = names[i+1:]
	}
	if len(names) > pageSize {
		return names[:pageSize], names[pageSize-1]
	}
	return names, ""
}

// TopicAttributesOutput are a topic's attributes.
type TopicAttributesOutput struct{ Attributes awsquery.Map }

// getTopicAttributes tells a topic's attributes.
//
// https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
func (s *Service) getTopicAttributes(_ context.Context, _ api.Caller, in *TopicInput) (*TopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(in.TopicARN)
	if err != nil {
		return nil, err
	}
	pending := 0
	for _, sub := range t.subscriptions {
		if sub.pending {
			pending++
		}
	}
	out := awsquery.Map{
		"TopicArn": t.arn, "Owner": s.account.ID, "DisplayName": "",
		"Policy": s.defaultPolicy(t.arn), "SubscriptionsConfirmed": strconv.Itoa(len(t.subscriptions) - pending), "SubscriptionsPending": strconv.Itoa(pending), "SubscriptionsDeleted": "0",
	}
	for name, value := range t.attributes {
		if value != "" {
			out[name] = value
		}
	}
	return &TopicAttributesOutput{out}, nil
}

// SetTopicAttributesInput is one attribute.
type SetTopicAttributesInput struct {
	TopicARN                      string `json:"TopicArn"`
	AttributeName, AttributeValue string
}

// setTopicAttributes sets an attribute.
//
// https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
func (s *Service) setTopicAttributes(_ context.Context, _ api.Caller, in *SetTopicAttributesInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(in.TopicARN)
	if err != nil {
		return nil, err
	}
	if err := checkAttribute(in.AttributeName, in.AttributeValue); err != nil {
		return nil, err
	}
	t.attributes[in.AttributeName] = in.AttributeValue
	return &Empty{}, nil
}

// ListTagsInput names a topic.
type ListTagsInput struct {
	ResourceARN string `json:"ResourceArn"`
}

// ListTagsOutput lists a topic's tags as they were given.
type ListTagsOutput struct {
	Tags []Tag `xml:"Tags>member"`
}

// listTagsForResource lists a topic's tags.
//
// https://docs.aws.amazon.com/sns/latest/api/API_ListTagsForResource.html
func (s *Service) listTagsForResource(_ context.Context, _ api.Caller, in *ListTagsInput) (*ListTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[in.ResourceARN]
	if t == nil {
		return nil, &api.Error{Code: "ResourceNotFound", Message: "Resource does not exist", Status: 404}
	}
	return &ListTagsOutput{t.tags}, nil
}

// Policy is the policy of the topic of that ARN, in JSON. Empty for a topic that
// does not exist. SNS itself does not judge: who enforces IAM asks for it.
func (s *Service) Policy(topicARN string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[topicARN]
	if t == nil {
		return ""
	}
	return cmp.Or(t.attributes["Policy"], s.defaultPolicy(topicARN))
}

// defaultPolicy is the policy of a topic that was given none: its account, and
// services on the account's behalf, may use it.
//
// https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
func (s *Service) defaultPolicy(topicARN string) string {
	// Texts always encode. AWS's own condition key is AWS:SourceOwner, its older name.
	policy, _ := json.Marshal(map[string]any{
		"Version": "2008-10-17", "Id": "__default_policy_ID",
		"Statement": []any{map[string]any{
			"Sid": "__default_statement_ID", "Effect": "Allow", "Principal": "*", "Resource": topicARN,
			"Action": []string{"sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:AddPermission", "sns:RemovePermission", "sns:DeleteTopic",
				"sns:Subscribe", "sns:ListSubscriptionsByTopic", "sns:Publish"},
			"Condition": map[string]any{"StringEquals": map[string]string{"AWS:SourceAccount": s.account.ID}},
		}},
	})
	return string(policy)
}

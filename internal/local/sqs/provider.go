package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

// Providers make the resources that a template declares.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{
		"AWS::SQS::Queue": {
			Create: s.provideQueue, Update: s.changeQueue, Delete: s.removeQueue,
			Replaced: []string{"FifoQueue", "QueueName"},
		},
		"AWS::SQS::QueuePolicy": {Create: s.provideQueuePolicy, Update: s.changeQueuePolicy, Delete: s.removeQueuePolicy},
	}
}

// queueProperties are the properties of AWS::SQS::Queue. Scalars may come as
// strings, as template parameters do.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
type queueProperties struct {
	QueueName                     string
	ContentBasedDeduplication     scalar
	DeduplicationScope            scalar
	DelaySeconds                  scalar
	FifoQueue                     scalar
	FifoThroughputLimit           scalar
	KmsDataKeyReusePeriodSeconds  scalar
	KmsMasterKeyID                scalar `json:"KmsMasterKeyId"`
	MaximumMessageSize            scalar
	MessageRetentionPeriod        scalar
	ReceiveMessageWaitTimeSeconds scalar
	RedriveAllowPolicy            document
	RedrivePolicy                 document
	SqsManagedSseEnabled          scalar
	VisibilityTimeout             scalar
	Tags                          []struct{ Key, Value string }
}

// scalar is a string, number or boolean property as an attribute's text.
type scalar string

func (v *scalar) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(v))
	}
	if data[0] == '{' || data[0] == '[' || string(data) == "null" {
		return fmt.Errorf("json: %s where a string, number or boolean belongs", data)
	}
	*v = scalar(data)
	return nil
}

// document is an object property, or its JSON in a string, as an attribute's
// text.
type document string

func (v *document) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(v))
	}
	*v = document(data)
	return nil
}

func (s *Service) provideQueue(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p queueProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	name := p.QueueName
	if name == "" {
		name = r.Name
		if isTrue(string(p.FifoQueue)) {
			name += fifoSuffix
		}
	}
	in := &CreateQueueInput{QueueName: name, Attributes: p.attributes(), Tags: map[string]string{}}
	for _, tag := range p.Tags {
		in.Tags[tag.Key] = tag.Value
	}
	_, err := s.router.Do(ctx, api.Call{Service: serviceName, Operation: "CreateQueue", Input: in},
		func(ctx context.Context) (any, error) { return s.createQueue(ctx, api.Caller{}, in) })
	if err != nil {
		return api.Resource{}, err
	}
	return api.Resource{
		Ref: s.url(name),
		Attributes: map[string]string{
			"Arn":       s.account.ARN(serviceName, name),
			"QueueName": name,
			"QueueUrl":  s.url(name),
		},
	}, nil
}

// attributes are the properties that were given, as queue attributes.
func (p *queueProperties) attributes() map[string]string {
	given := map[string]string{
		"ContentBasedDeduplication":     string(p.ContentBasedDeduplication),
		"DeduplicationScope":            string(p.DeduplicationScope),
		"DelaySeconds":                  string(p.DelaySeconds),
		"FifoQueue":                     string(p.FifoQueue),
		"FifoThroughputLimit":           string(p.FifoThroughputLimit),
		"KmsDataKeyReusePeriodSeconds":  string(p.KmsDataKeyReusePeriodSeconds),
		"KmsMasterKeyId":                string(p.KmsMasterKeyID),
		"MaximumMessageSize":            string(p.MaximumMessageSize),
		"MessageRetentionPeriod":        string(p.MessageRetentionPeriod),
		"ReceiveMessageWaitTimeSeconds": string(p.ReceiveMessageWaitTimeSeconds),
		"RedriveAllowPolicy":            string(p.RedriveAllowPolicy),
		"RedrivePolicy":                 string(p.RedrivePolicy),
		"SqsManagedSseEnabled":          string(p.SqsManagedSseEnabled),
		"VisibilityTimeout":             string(p.VisibilityTimeout),
	}
	for name, value := range given {
		if value == "" {
			delete(given, name)
		}
	}
	return given
}

// queuePolicyProperties are the properties of AWS::SQS::QueuePolicy.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queuepolicy.html
type queuePolicyProperties struct {
	PolicyDocument document
	Queues         []string
}

func (s *Service) provideQueuePolicy(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p queuePolicyProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if p.PolicyDocument == "" || len(p.Queues) == 0 {
		return api.Resource{}, api.Errorf("ValidationError", "AWS::SQS::QueuePolicy %s needs PolicyDocument and Queues.", strconv.Quote(r.LogicalID))
	}
	for _, url := range p.Queues {
		if err := s.setAttributes(ctx, url, map[string]string{"Policy": string(p.PolicyDocument)}); err != nil {
			return api.Resource{}, err
		}
	}
	return api.Resource{Ref: r.Name, Attributes: map[string]string{"Id": r.Name}}, nil
}

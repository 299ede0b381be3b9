package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

const (
	// maxMessage is the size of a message in bytes.
	// https://docs.aws.amazon.com/general/latest/gr/sns.html
	maxMessage = 256 << 10
	// maxSubject is what SNS takes; its page says "less than 100 characters".
	maxSubject = 100
)

// PublishInput is a message for a topic.
//
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
type PublishInput struct {
	TopicARN string `json:"TopicArn"`
	Message  string
	// Subject is printable ASCII, for endpoints that are mail, and in notifications.
	Subject *string
}

// PublishOutput is the message's ID.
type PublishOutput struct {
	MessageID string `json:"MessageId" xml:"MessageId"`
}

// publish sends a message to all confirmed subscriptions of a topic. That one
// cannot be delivered to does not fail it: SNS tries by itself, and tells the
// topic's own metrics.
func (s *Service) publish(ctx context.Context, caller api.Caller, in *PublishInput) (*PublishOutput, error) {
	switch {
	case in.Message == "":
		return nil, invalid("Empty message")
	case len(in.Message) > maxMessage:
		return nil, invalid("Message too long")
	case in.Subject != nil && !goodSubject(*in.Subject):
		return nil, invalid("Subject")
	}
	s.mu.Lock()
	t, err := s.find(in.TopicARN)
	var deliveries []subscription
	if err == nil {
		for _, arn := range slices.Sorted(maps.Keys(t.subscriptions)) {
			if sub := t.subscriptions[arn]; !sub.pending {
				deliveries = append(deliveries, *sub)
			}
		}
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.router.Bill(api.Usage{Item: price.Publish, Quantity: price.Chunks(len(in.Message)), Resource: in.TopicARN, Caller: caller})
	out := &PublishOutput{uuid.NewString()}
	// The publisher does not wait for the endpoints' permission.
	ctx = context.WithoutCancel(ctx)
	for _, sub := range deliveries {
		err := s.deliver(ctx, in, sub, out.MessageID)
		var outcome any
		if err != nil {
			outcome = api.AsError(err)
		}
		s.router.Emit(api.Call{Service: serviceName, Operation: "Deliver", Input: &Delivery{in.TopicARN, sub.endpoint, out.MessageID}}, outcome)
	}
	return out, nil
}

// goodSubject says whether SNS takes a subject.
func goodSubject(subject string) bool {
	if subject == "" || len(subject) > maxSubject || subject[0] == ' ' {
		return false
	}
	for _, c := range []byte(subject) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Delivery is what observers see as the input of "sns:Deliver", with its error as
// the output. Nil if it was delivered.
type Delivery struct{ TopicARN, Endpoint, MessageID string }

// notification is a message as SNS wraps it.
//
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type notification struct {
	Type      string
	MessageID string  `json:"MessageId"`
	TopicARN  string  `json:"TopicArn"`
	Subject   *string `json:",omitempty"`
	Message   string
	Timestamp string
}

// deliver sends a message to a queue, as SNS: the queue's policy decides.
func (s *Service) deliver(ctx context.Context, in *PublishInput, sub subscription, id string) error {
	body := in.Message
	if !sub.raw {
		wrapped, err := json.Marshal(notification{
			Type: "Notification", MessageID: id, TopicARN: in.TopicARN, Subject: in.Subject, Message: in.Message,
			Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		})
		if err != nil {
			return fmt.Errorf("encode a notification: %w", err)
		}
		body = string(wrapped)
	}
	name := sub.endpoint[len(s.account.ARN("sqs", "")):]
	input, err := json.Marshal(map[string]string{"QueueUrl": s.account.Endpoint + "/" + s.account.ID + "/" + name, "MessageBody": body})
	if err != nil {
		return fmt.Errorf("encode a notification: %w", err)
	}
	caller := api.Caller{Principal: "sns.amazonaws.com", SourceARN: in.TopicARN}
	_, err = s.router.Call(ctx, "sqs", "SendMessage", caller, input)
	return err
}

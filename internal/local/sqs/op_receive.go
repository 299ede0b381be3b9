package sqs

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// ReceiveMessageInput is the input of ReceiveMessage.
type ReceiveMessageInput struct {
	QueueURL string `json:"QueueUrl"`
	// AttributeNames is the older name of MessageSystemAttributeNames.
	AttributeNames              []string `json:"AttributeNames,omitempty"`
	MessageSystemAttributeNames []string `json:"MessageSystemAttributeNames,omitempty"`
	MessageAttributeNames       []string `json:"MessageAttributeNames,omitempty"`
	// MaxNumberOfMessages is 1 to 10. Defaults to 1.
	MaxNumberOfMessages *int `json:"MaxNumberOfMessages,omitempty"`
	// VisibilityTimeout in seconds, 0 to 43,200. Defaults to the queue's.
	VisibilityTimeout *int `json:"VisibilityTimeout,omitempty"`
	// WaitTimeSeconds is 0 to 20. Defaults to the queue's.
	WaitTimeSeconds *int `json:"WaitTimeSeconds,omitempty"`
	// ReceiveRequestAttemptID of a FIFO queue: called again with the same within
	// five minutes, the receive yields the same messages.
	ReceiveRequestAttemptID *string `json:"ReceiveRequestAttemptId,omitempty"`
}

// ReceiveMessageOutput is the output of ReceiveMessage. Without messages it has
// no Messages member.
type ReceiveMessageOutput struct {
	Messages []Message `json:"Messages,omitempty"`
}

// Message is a message received.
type Message struct {
	MessageID              string                           `json:"MessageId"`
	ReceiptHandle          string                           `json:"ReceiptHandle"`
	MD5OfBody              string                           `json:"MD5OfBody"`
	Body                   string                           `json:"Body"`
	Attributes             map[string]string                `json:"Attributes,omitempty"`
	MD5OfMessageAttributes string                           `json:"MD5OfMessageAttributes,omitempty"`
	MessageAttributes      map[string]MessageAttributeValue `json:"MessageAttributes,omitempty"`
}

// receiveMessage receives up to ten messages. With a wait time it waits for the
// first; a context that ends ends the wait.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func (s *Service) receiveMessage(ctx context.Context, _ api.Caller, in *ReceiveMessageInput) (*ReceiveMessageOutput, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	set := q.settings.Load()
	if err := in.check(set.fifo); err != nil {
		return nil, err
	}
	received, err := q.receive(ctx, in.request(set))
	if err != nil {
		return nil, err
	}
	out := new(ReceiveMessageOutput)
	for _, d := range received {
		out.Messages = append(out.Messages, in.message(d))
	}
	return out, nil
}

func (in *ReceiveMessageInput) request(set *settings) request {
	r := request{want: 1, timeout: set.visibility, wait: set.wait}
	if in.MaxNumberOfMessages != nil {
		r.want = *in.MaxNumberOfMessages
	}
	if in.VisibilityTimeout != nil {
		r.timeout = seconds(*in.VisibilityTimeout)
	}
	if in.WaitTimeSeconds != nil {
		r.wait = seconds(*in.WaitTimeSeconds)
	}
	if in.ReceiveRequestAttemptID != nil {
		r.attempt = *in.ReceiveRequestAttemptID
	}
	return r
}

// systemAttributes are those that a receive can ask for.
var systemAttributes = []string{
	"All", "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "AWSTraceHeader",
	"DeadLetterQueueSourceArn", "MessageDeduplicationId", "MessageGroupId", "SenderId",
	"SentTimestamp", "SequenceNumber", "SqsManagedSseEnabled",
}

func (in *ReceiveMessageInput) check(fifo bool) error {
	if n := in.MaxNumberOfMessages; n != nil && (*n < 1 || *n > 10) {
		return invalidValue(*n, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	if n := in.WaitTimeSeconds; n != nil && (*n < 0 || *n > 20) {
		return invalidValue(*n, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	}
	if n := in.VisibilityTimeout; n != nil && !validVisibility(*n) {
		return invalidVisibility(*n)
	}
	if id := in.ReceiveRequestAttemptID; id != nil {
		if !fifo {
			return notForThisType(*id, "ReceiveRequestAttemptId")
		}
		if err := checkID(*id, "ReceiveRequestAttemptId"); err != nil {
			return err
		}
	}
	for _, names := range [][]string{in.AttributeNames, in.MessageSystemAttributeNames} {
		for _, name := range names {
			if !slices.Contains(systemAttributes, name) {
				return unknownAttribute(name)
			}
		}
	}
	return nil
}

// message is a delivery as the receiver asked to see it.
func (in *ReceiveMessageInput) message(d delivery) Message {
	m := Message{
		MessageID:         d.messageID,
		ReceiptHandle:     d.handle,
		MD5OfBody:         d.bodyMD5,
		Body:              d.body,
		Attributes:        in.systemAttributes(d),
		MessageAttributes: selectAttributes(d.attributes, in.MessageAttributeNames),
	}
	if len(m.MessageAttributes) == len(d.attributes) {
		m.MD5OfMessageAttributes = d.attributesMD5
	} else {
		m.MD5OfMessageAttributes = md5OfAttributes(m.MessageAttributes)
	}
	return m
}

func (in *ReceiveMessageInput) systemAttributes(d delivery) map[string]string {
	if len(in.AttributeNames) == 0 && len(in.MessageSystemAttributeNames) == 0 {
		return nil
	}
	wanted := func(name string) bool {
		return slices.Contains(in.AttributeNames, name) || slices.Contains(in.MessageSystemAttributeNames, name)
	}
	all := wanted("All")
	values := map[string]string{}
	add := func(name, value string) {
		if value != "" && (all || wanted(name)) {
			values[name] = value
		}
	}
	add("SenderId", d.senderID)
	add("SentTimestamp", epochMillis(d.sent))
	add("ApproximateReceiveCount", strconv.Itoa(d.receives))
	add("ApproximateFirstReceiveTimestamp", epochMillis(d.first))
	add("AWSTraceHeader", d.traceHeader)
	add("MessageGroupId", d.groupID)
	add("MessageDeduplicationId", d.deduplicationID)
	add("SequenceNumber", d.sequence)
	add("DeadLetterQueueSourceArn", d.deadLetterSource)
	return values
}

func epochMillis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

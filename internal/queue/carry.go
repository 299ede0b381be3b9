package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/musterq/muster/internal/message"
)

// carryName is the message attribute that a message carries which Muster took out
// of its queue and sent again.
const carryName = "Muster"

const (
	// maxAttributes of a message.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxAttributes = 10
	// maxSize of a message in bytes: its body, and its attributes' names, types and
	// values.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxSize = 1024 * 1024
	// maxDelay is SQS's longest delay of a message that is sent.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
	maxDelay = 15 * time.Minute
	// mostReceives is more than any message has been received: what its number may
	// take of the size.
	mostReceives = 999_999_999
)

// carry is what SQS forgets of a message that is sent again.
type carry struct {
	// MessageID that it had first.
	MessageID string `json:"messageId"`
	// Receives before it was sent again.
	Receives int `json:"receives"`
	// SentTimestamp of when it was sent first, in milliseconds since 1970.
	SentTimestamp string `json:"sentTimestamp"`
	// Displaced is the attribute in whose place this one is, if there were ten.
	Displaced *displaced `json:"displaced,omitempty"`
}

// displaced is an attribute that travels inside another.
type displaced struct {
	Name        string  `json:"name"`
	DataType    string  `json:"dataType"`
	StringValue *string `json:"stringValue,omitempty"`
	BinaryValue []byte  `json:"binaryValue,omitempty"`
}

// unwrap gives a message that was sent again the ID, the count of receives, the
// time and the attributes that it had. One whose attribute is not Muster's stays
// as it is.
func unwrap(r *message.Record) {
	a, ok := r.MessageAttributes[carryName]
	if !ok || a.StringValue == nil {
		return
	}
	var c carry
	if err := json.Unmarshal([]byte(*a.StringValue), &c); err != nil || uuid.Validate(c.MessageID) != nil || c.Receives < 0 {
		return
	}
	delete(r.MessageAttributes, carryName)
	if d := c.Displaced; d != nil {
		r.MessageAttributes[d.Name] = message.Attribute{
			StringValue: d.StringValue, BinaryValue: d.BinaryValue, DataType: d.DataType, StringListValues: []string{}, BinaryListValues: [][]byte{},
		}
	}
	// SQS's digest covers the attribute that is gone.
	r.MD5OfMessageAttributes = ""
	r.MessageID, r.Carried = c.MessageID, c.Receives
	if r.Attributes == nil {
		r.Attributes = map[string]string{}
	}
	r.Attributes["ApproximateReceiveCount"] = strconv.Itoa(c.Receives + r.Receives())
	if c.SentTimestamp != "" {
		r.Attributes["SentTimestamp"] = c.SentTimestamp
	}
}

// wrap makes a message to send again, which carries what SQS would forget.
func wrap(r message.Record, receives int) (*sqs.SendMessageInput, error) {
	in := &sqs.SendMessageInput{MessageBody: &r.Body, MessageAttributes: attributesOf(r)}
	c := carry{MessageID: r.MessageID, Receives: receives, SentTimestamp: r.Attributes["SentTimestamp"]}
	if len(in.MessageAttributes) >= maxAttributes {
		name := smallest(in.MessageAttributes)
		a := in.MessageAttributes[name]
		c.Displaced = &displaced{name, aws.ToString(a.DataType), a.StringValue, a.BinaryValue}
		delete(in.MessageAttributes, name)
	}
	value, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("what message %s carries: %w", r.MessageID, err)
	}
	in.MessageAttributes[carryName] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(string(value))}
	if group := r.Attributes["MessageGroupId"]; group != "" {
		in.MessageGroupId = &group
	}
	if trace := r.Attributes["AWSTraceHeader"]; trace != "" {
		in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &trace}}
	}
	return in, nil
}

// attributesOf are a message's attributes as SQS takes them.
func attributesOf(r message.Record) map[string]types.MessageAttributeValue {
	attributes := map[string]types.MessageAttributeValue{}
	for name, a := range r.MessageAttributes {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return attributes
}

// smallest names the attribute that takes the least room, the first by name of
// several.
func smallest(attributes map[string]types.MessageAttributeValue) string {
	best, least := "", -1
	for name, a := range attributes {
		if n := sizeOf(name, a); least < 0 || n < least || n == least && name < best {
			best, least = name, n
		}
	}
	return best
}

func sizeOf(name string, a types.MessageAttributeValue) int {
	return len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
}

// Room says whether a message could be sent again with what it would carry. The
// error says why it could not.
func Room(r message.Record) error {
	in, err := wrap(r, mostReceives)
	if err != nil {
		return err
	}
	size := len(*in.MessageBody)
	for name, a := range in.MessageAttributes {
		size += sizeOf(name, a)
	}
	if size > maxSize {
		return fmt.Errorf("it takes %d bytes with the attribute %s, which a message of over 12 hours carries when it is sent again: SQS takes %d", size, carryName, maxSize)
	}
	return nil
}

// SendAgain sends a message that was taken out of a queue, with its ID, its
// attributes and its count of receives. It becomes visible after the delay, in
// whole seconds rounded up, at most 15 minutes.
//
// SQS gives it a new ID, which nobody sees: what receives it through a [Queue]
// sees the one that it carries. Sent twice it is there twice, under one ID.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func (q *Queue) SendAgain(ctx context.Context, r message.Record, receives int, delay time.Duration) error {
	in, err := wrap(r, receives)
	if err != nil {
		return err
	}
	in.QueueUrl = &q.url
	in.DelaySeconds = int32((min(max(delay, 0), maxDelay) + time.Second - 1) / time.Second)
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send message %s to %s again: %w", r.MessageID, q.url, err)
	}
	return nil
}

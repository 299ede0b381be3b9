package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// SendMessageInput is the input of SendMessage.
type SendMessageInput struct {
	QueueURL string `json:"QueueUrl"`
	Outgoing
}

// SendMessageBatchRequestEntry is one message of SendMessageBatch.
type SendMessageBatchRequestEntry struct {
	ID string `json:"Id"`
	Outgoing
}

// Outgoing is a message to be sent.
type Outgoing struct {
	MessageBody string `json:"MessageBody"`
	// DelaySeconds before it becomes visible, 0 to 900. Defaults to the queue's,
	// which is the only one in a FIFO queue.
	DelaySeconds            *int                             `json:"DelaySeconds,omitempty"`
	MessageAttributes       map[string]MessageAttributeValue `json:"MessageAttributes,omitempty"`
	MessageSystemAttributes map[string]MessageAttributeValue `json:"MessageSystemAttributes,omitempty"`
	// MessageDeduplicationID of a FIFO queue. Defaults to the SHA-256 of the body
	// where the queue has ContentBasedDeduplication.
	MessageDeduplicationID *string `json:"MessageDeduplicationId,omitempty"`
	// MessageGroupID is the group in a FIFO queue, and marks the tenant in a fair
	// queue.
	MessageGroupID *string `json:"MessageGroupId,omitempty"`
}

// SendMessageOutput is the output of SendMessage.
type SendMessageOutput struct {
	MessageID                    string `json:"MessageId"`
	MD5OfMessageBody             string `json:"MD5OfMessageBody"`
	MD5OfMessageAttributes       string `json:"MD5OfMessageAttributes,omitempty"`
	MD5OfMessageSystemAttributes string `json:"MD5OfMessageSystemAttributes,omitempty"`
	// SequenceNumber is set by FIFO queues.
	SequenceNumber string `json:"SequenceNumber,omitempty"`
}

// sendMessage puts a message into a queue.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func (s *Service) sendMessage(_ context.Context, caller api.Caller, in *SendMessageInput) (*SendMessageOutput, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	set := q.settings.Load()
	if err := in.check(set, "One or more parameters are invalid."); err != nil {
		return nil, err
	}
	sent, err := q.send([]content{in.content(set, s.senderID(caller))}, []time.Duration{in.delay(set)})
	if err != nil {
		return nil, err
	}
	out := in.output(sent[0])
	return &out, nil
}

// SendMessageBatchInput is the input of SendMessageBatch.
type SendMessageBatchInput struct {
	QueueURL string                         `json:"QueueUrl"`
	Entries  []SendMessageBatchRequestEntry `json:"Entries"`
}

// SendMessageBatchResultEntry is one message that SendMessageBatch sent.
type SendMessageBatchResultEntry struct {
	ID string `json:"Id"`
	SendMessageOutput
}

// SendMessageBatchOutput is the output of SendMessageBatch.
type SendMessageBatchOutput struct {
	Successful []SendMessageBatchResultEntry `json:"Successful,omitempty"`
	Failed     []BatchResultErrorEntry       `json:"Failed,omitempty"`
}

// sendMessageBatch puts up to ten messages into a queue, 1 MiB in total. An
// entry that is wrong fails alone.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
func (s *Service) sendMessageBatch(_ context.Context, caller api.Caller, in *SendMessageBatchInput) (*SendMessageBatchOutput, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(in.Entries))
	total := 0
	for i, e := range in.Entries {
		ids[i] = e.ID
		total += size(e.MessageBody, e.MessageAttributes)
	}
	if err := checkBatch("SendMessageBatchRequestEntry", ids); err != nil {
		return nil, err
	}
	if total > maxMessageSize {
		return nil, batchError("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessageSize, total)
	}

	set := q.settings.Load()
	for _, e := range in.Entries {
		// These fail a batch as a whole, with one code.
		if err := e.checkFIFO(set); err != nil {
			return nil, invalidParameter("%s", api.AsError(err).Message)
		}
	}
	sender := s.senderID(caller)
	out := new(SendMessageBatchOutput)
	var good []SendMessageBatchRequestEntry
	var contents []content
	var delays []time.Duration
	for _, e := range in.Entries {
		if err := e.check(set, "One or more parameters cannot be validated."); err != nil {
			out.Failed = append(out.Failed, failedEntry(e.ID, err))
			continue
		}
		good = append(good, e)
		contents = append(contents, e.content(set, sender))
		delays = append(delays, e.delay(set))
	}
	sent, err := q.send(contents, delays)
	if err != nil {
		return nil, err
	}
	for i, e := range good {
		out.Successful = append(out.Successful, SendMessageBatchResultEntry{e.ID, e.output(sent[i])})
	}
	return out, nil
}

// send adds messages and returns them with their IDs. A FIFO queue does not add
// what was sent before.
func (q *queue) send(contents []content, delays []time.Duration) ([]content, error) {
	now := q.lock()
	defer q.unlock(now)
	if q.err != nil {
		return nil, q.err
	}
	perGroup := q.settings.Load().perGroup
	for i := range contents {
		c := &contents[i]
		if q.fifo != nil && q.fifo.duplicate(c, perGroup, now) {
			continue
		}
		c.messageID, c.sent = q.newID(), now
		if q.fifo != nil {
			q.fifo.enqueued(c, perGroup, now)
		}
		q.add(*c, now, delays[i])
	}
	return contents, nil
}

var fifoID = regexp.MustCompile("^[!-~]{1,128}$")

// checkID validates the IDs of messages, groups and attempts that callers make
// up.
func checkID(id, parameter string) error {
	if fifoID.MatchString(id) {
		return nil
	}
	return invalidValue(id, parameter, parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
}

// checkFIFO refuses a message that lacks what a FIFO queue needs.
func (o *Outgoing) checkFIFO(set *settings) error {
	switch {
	case !set.fifo:
		return nil
	case o.MessageGroupID == nil:
		return missingParameter("MessageGroupId")
	case o.MessageDeduplicationID == nil && !set.contentBased:
		return invalidParameter("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	return nil
}

// check validates a message against its queue's settings. tooLong begins the
// error for a message that is too long: AWS words it in two ways.
func (o *Outgoing) check(set *settings, tooLong string) error {
	if o.MessageBody == "" {
		return missingParameter("MessageBody")
	}
	if d := o.DelaySeconds; d != nil {
		switch {
		case *d < 0 || *d > 900:
			return invalidValue(*d, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
		case *d > 0 && set.fifo: // AWS lets 0 pass, and applies the queue's
			return notForThisType(*d, "DelaySeconds")
		}
	}
	if err := o.checkFIFO(set); err != nil {
		return err
	}
	if id := o.MessageDeduplicationID; id != nil {
		if !set.fifo {
			return notForThisType(*id, "MessageDeduplicationId")
		}
		if err := checkID(*id, "MessageDeduplicationId"); err != nil {
			return err
		}
	}
	if id := o.MessageGroupID; id != nil {
		if err := checkID(*id, "MessageGroupId"); err != nil {
			return err
		}
	}
	if err := checkAttributes(o.MessageAttributes); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(o.MessageSystemAttributes)) {
		v := o.MessageSystemAttributes[name]
		if name != "AWSTraceHeader" {
			return invalidParameter("Message system attribute name '%s' is invalid.", name)
		}
		if err := v.check("system", name); err != nil {
			return err
		}
		if v.DataType != "String" {
			return invalidParameter("The type of message (system) attribute '%s' is invalid. You must use only the following supported type prefixes: String.", name)
		}
	}
	if size(o.MessageBody, o.MessageAttributes) > set.maxSize {
		return invalidParameter("%s Reason: Message must be shorter than %d bytes.", tooLong, set.maxSize)
	}
	return checkCharacters(o.MessageBody)
}

func (o *Outgoing) delay(set *settings) time.Duration {
	if o.DelaySeconds == nil || set.fifo {
		return set.delay
	}
	return seconds(*o.DelaySeconds)
}

func (o *Outgoing) content(set *settings, senderID string) content {
	c := content{
		body:          o.MessageBody,
		bodyMD5:       md5Of(o.MessageBody),
		attributes:    o.MessageAttributes,
		attributesMD5: md5OfAttributes(o.MessageAttributes),
		senderID:      senderID,
	}
	if o.MessageGroupID != nil {
		c.groupID = *o.MessageGroupID
	}
	switch {
	case o.MessageDeduplicationID != nil:
		c.deduplicationID = *o.MessageDeduplicationID
	case set.contentBased:
		c.deduplicationID = contentID(o.MessageBody)
	}
	if v, ok := o.MessageSystemAttributes["AWSTraceHeader"]; ok {
		c.traceHeader = *v.StringValue
	}
	return c
}

func (o *Outgoing) output(c content) SendMessageOutput {
	return SendMessageOutput{
		MessageID:                    c.messageID,
		MD5OfMessageBody:             c.bodyMD5,
		MD5OfMessageAttributes:       c.attributesMD5,
		MD5OfMessageSystemAttributes: md5OfAttributes(o.MessageSystemAttributes),
		SequenceNumber:               c.sequence,
	}
}

// senderID is the account's ID for its own user, and a role's unique ID with
// the session's name for a role.
func (s *Service) senderID(caller api.Caller) string {
	if caller.RoleARN == "" {
		return s.account.ID
	}
	sum := sha256.Sum256([]byte(caller.RoleARN))
	session := caller.Function
	if session == "" {
		session = "session"
	}
	return "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17] + ":" + session
}

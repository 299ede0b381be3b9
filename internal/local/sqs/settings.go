package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// settings are a queue's attributes, never changed once in use.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
type settings struct {
	// values are the attributes as GetQueueAttributes returns them.
	values map[string]string

	visibility time.Duration
	delay      time.Duration
	retention  time.Duration
	wait       time.Duration
	maxSize    int
	redrive    *redrivePolicy
	allow      *redriveAllowPolicy
	modified   time.Time

	fifo         bool
	contentBased bool // deduplication by the body, unless the sender has an ID
	perGroup     bool // deduplication
}

// maxMessageSize is the largest message, and the largest batch, in bytes.
const maxMessageSize = 1 << 20

// span is an attribute that is a whole number between bounds.
type span struct {
	min, max int
	set      func(*settings, int)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

var spans = map[string]span{
	"DelaySeconds":                  {0, 900, func(s *settings, n int) { s.delay = seconds(n) }},
	"MaximumMessageSize":            {1024, maxMessageSize, func(s *settings, n int) { s.maxSize = n }},
	"MessageRetentionPeriod":        {60, 1_209_600, func(s *settings, n int) { s.retention = seconds(n) }},
	"ReceiveMessageWaitTimeSeconds": {0, 20, func(s *settings, n int) { s.wait = seconds(n) }},
	"VisibilityTimeout":             {0, 43_200, func(s *settings, n int) { s.visibility = seconds(n) }},
	"KmsDataKeyReusePeriodSeconds":  {60, 86_400, func(*settings, int) {}},
}

// derivedAttributes are computed when they are asked for.
var derivedAttributes = []string{
	"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
	"CreatedTimestamp", "LastModifiedTimestamp", "QueueArn",
}

// otherAttributes can be set and are no numbers.
var otherAttributes = []string{"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled"}

// fifoAttributes are those of FIFO queues alone.
var fifoAttributes = []string{"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

// newSettings are those of a queue made without further attributes.
func newSettings(fifo bool) *settings {
	s := &settings{values: map[string]string{"SqsManagedSseEnabled": "true"}, fifo: fifo}
	if fifo {
		s.values["FifoQueue"] = "true"
		s.values["ContentBasedDeduplication"] = "false"
		s.values["DeduplicationScope"] = "queue"
		s.values["FifoThroughputLimit"] = "perQueue"
	}
	for name, n := range map[string]int{
		"DelaySeconds":                  0,
		"MaximumMessageSize":            maxMessageSize,
		"MessageRetentionPeriod":        345_600,
		"ReceiveMessageWaitTimeSeconds": 0,
		"VisibilityTimeout":             30,
	} {
		s.values[name] = strconv.Itoa(n)
		spans[name].set(s, n)
	}
	return s
}

// with returns the settings changed by attributes.
func (s *settings) with(attributes map[string]string, now time.Time) (*settings, error) {
	next := *s
	next.values = maps.Clone(s.values)
	next.modified = now
	if attributes["KmsMasterKeyId"] != "" && attributes["SqsManagedSseEnabled"] == "true" {
		return nil, api.Errorf("InvalidAttributeName", "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if err := next.set(name, attributes[name]); err != nil {
			return nil, err
		}
	}
	if next.values["FifoThroughputLimit"] == "perMessageGroupId" && !next.perGroup {
		return nil, refusedValue("FifoThroughputLimit", "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	return &next, nil
}

func (s *settings) set(name, value string) error {
	if limits, ok := spans[name]; ok {
		n, err := strconv.Atoi(value)
		if err != nil || n < limits.min || n > limits.max {
			return invalidAttributeValue(name)
		}
		limits.set(s, n)
		s.values[name] = strconv.Itoa(n)
		return nil
	}
	if slices.Contains(fifoAttributes, name) {
		return s.setFIFO(name, value)
	}
	switch name {
	case "Policy":
		return s.setPolicy(value)
	case "RedrivePolicy":
		return s.setRedrive(value)
	case "RedriveAllowPolicy":
		return s.setRedriveAllow(value)
	case "KmsMasterKeyId":
		if value == "" {
			delete(s.values, name)
			return nil
		}
		s.values[name] = value
		s.values["SqsManagedSseEnabled"] = "false"
		return nil
	case "SqsManagedSseEnabled":
		if value != "true" && value != "false" {
			return invalidAttributeValue(name)
		}
		if value == "true" {
			delete(s.values, "KmsMasterKeyId")
		}
		s.values[name] = value
		return nil
	}
	return unknownAttribute(name)
}

// setFIFO sets an attribute of FIFO queues.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
func (s *settings) setFIFO(name, value string) error {
	if !s.fifo {
		if name == "DeduplicationScope" || name == "FifoThroughputLimit" {
			return api.Errorf("InvalidAttributeName", "You can specify the %s only when FifoQueue is set to true.", name)
		}
		return unknownAttribute(name)
	}
	switch name {
	case "FifoQueue":
		if !isTrue(value) {
			return refusedValue(name, "Modifying queue type is not supported.")
		}
		return nil
	case "ContentBasedDeduplication":
		value = strings.ToLower(value)
		if value != "true" && value != "false" {
			return invalidAttributeValue(name)
		}
		s.contentBased = value == "true"
	case "DeduplicationScope":
		if value != "queue" && value != "messageGroup" {
			return invalidAttributeValue(name)
		}
		s.perGroup = value == "messageGroup"
	case "FifoThroughputLimit":
		if value != "perQueue" && value != "perMessageGroupId" {
			return invalidAttributeValue(name)
		}
	}
	s.values[name] = value
	return nil
}

// isTrue reads a boolean attribute. AWS takes "True", too.
func isTrue(value string) bool { return strings.EqualFold(value, "true") }

func (s *settings) setPolicy(value string) error {
	if value == "" {
		delete(s.values, "Policy")
		return nil
	}
	var document map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &document) != nil {
		return invalidAttributeValue("Policy")
	}
	s.values["Policy"] = value
	return nil
}

// redrivePolicy says when a message moves to which dead-letter queue.
type redrivePolicy struct {
	DeadLetterTargetARN string `json:"deadLetterTargetArn"`
	MaxReceiveCount     int    `json:"maxReceiveCount"`
}

func (s *settings) setRedrive(value string) error {
	s.redrive = nil
	delete(s.values, "RedrivePolicy")
	if value == "" {
		return nil
	}
	invalid := func(reason string) error { return invalidValue(value, "RedrivePolicy", reason) }
	var given struct {
		DeadLetterTargetARN *string          `json:"deadLetterTargetArn"`
		MaxReceiveCount     *json.RawMessage `json:"maxReceiveCount"`
	}
	if strictJSON(value, &given) != nil {
		return invalid("Redrive policy is not a valid JSON map.")
	}
	switch {
	case given.DeadLetterTargetARN == nil:
		return invalid("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	case given.MaxReceiveCount == nil:
		return invalid("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	// AWS takes the number as a string, too.
	count := strings.Trim(string(*given.MaxReceiveCount), `"`)
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > 1000 {
		return invalid(fmt.Sprintf("Invalid value for maxReceiveCount: %s, valid values are from 1 to 1000 both inclusive.", count))
	}
	s.redrive = &redrivePolicy{*given.DeadLetterTargetARN, n}
	return s.setJSON("RedrivePolicy", s.redrive)
}

// redriveAllowPolicy says which queues may have this one as dead-letter queue.
type redriveAllowPolicy struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns,omitempty"`
}

func (s *settings) setRedriveAllow(value string) error {
	s.allow = nil
	delete(s.values, "RedriveAllowPolicy")
	if value == "" {
		return nil
	}
	invalid := func(reason string) error { return invalidValue(value, "RedriveAllowPolicy", reason) }
	allow := new(redriveAllowPolicy)
	if strictJSON(value, allow) != nil {
		return invalid("Amazon SQS can't create the redrive allow policy. It is not a valid JSON map.")
	}
	switch allow.Permission {
	case "allowAll", "denyAll":
		if allow.Sources != nil {
			return invalid("Amazon SQS can't create the redrive allow policy, as sourceQueueArns can be specified only when redrivePermission is byQueue.")
		}
	case "byQueue":
		if len(allow.Sources) < 1 || len(allow.Sources) > 10 {
			return invalid("Amazon SQS can't create the redrive allow policy, as byQueue takes from 1 to 10 sourceQueueArns.")
		}
	default:
		return invalid("Amazon SQS can't create the redrive allow policy, as redrivePermission must be allowAll, denyAll or byQueue.")
	}
	s.allow = allow
	return s.setJSON("RedriveAllowPolicy", allow)
}

// allows says whether a queue may name this one as its dead-letter queue.
func (p *redriveAllowPolicy) allows(source string) bool {
	if p == nil || p.Permission == "allowAll" {
		return true
	}
	return p.Permission == "byQueue" && slices.Contains(p.Sources, source)
}

func strictJSON(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("more than one JSON value in %q", text)
	}
	return nil
}

// setJSON keeps a policy as GetQueueAttributes returns it.
func (s *settings) setJSON(name string, policy any) error {
	encoded, err := json.Marshal(policy)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	s.values[name] = string(encoded)
	return nil
}

// checkRedrive refuses a redrive policy whose dead-letter queue does not exist,
// is of the other type or does not allow this source.
func (s *Service) checkRedrive(set *settings, attributes map[string]string, sourceARN string) error {
	if set.redrive == nil || attributes["RedrivePolicy"] == "" {
		return nil
	}
	target := s.byARN(set.redrive.DeadLetterTargetARN)
	if target == nil {
		return invalidValue(attributes["RedrivePolicy"], "RedrivePolicy", "Dead letter target does not exist.")
	}
	if target.settings.Load().fifo != set.fifo {
		return invalidValue(attributes["RedrivePolicy"], "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")
	}
	if !target.settings.Load().allow.allows(sourceARN) {
		return invalidValue(attributes["RedrivePolicy"], "RedrivePolicy", "The dead-letter queue's redrive allow policy does not allow this source queue.")
	}
	return nil
}

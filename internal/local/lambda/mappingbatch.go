package lambda

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// receivedMessage is a message as SQS hands it over.
type receivedMessage struct {
	MessageId, ReceiptHandle, Body, MD5OfBody, MD5OfMessageAttributes string
	Attributes                                                        map[string]string
	MessageAttributes                                                 map[string]struct {
		DataType    string
		StringValue *string
		BinaryValue []byte
	}
}

// sqsRecord is a message as a function gets it.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type sqsRecord struct {
	MessageID              string                     `json:"messageId"`
	ReceiptHandle          string                     `json:"receiptHandle"`
	Body                   string                     `json:"body"`
	Attributes             map[string]string          `json:"attributes"`
	MessageAttributes      map[string]recordAttribute `json:"messageAttributes"`
	MD5OfMessageAttributes string                     `json:"md5OfMessageAttributes,omitempty"`
	MD5OfBody              string                     `json:"md5OfBody"`
	EventSource            string                     `json:"eventSource"`
	EventSourceARN         string                     `json:"eventSourceARN"`
	AWSRegion              string                     `json:"awsRegion"`

	received time.Time
}

type recordAttribute struct {
	StringValue      *string  `json:"stringValue,omitempty"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues [][]byte `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

func (m receivedMessage) record(queue, region string) *sqsRecord {
	r := &sqsRecord{
		MessageID: m.MessageId, ReceiptHandle: m.ReceiptHandle, Body: m.Body, Attributes: m.Attributes,
		MessageAttributes: map[string]recordAttribute{}, MD5OfMessageAttributes: m.MD5OfMessageAttributes, MD5OfBody: m.MD5OfBody,
		EventSource: "aws:sqs", EventSourceARN: queue, AWSRegion: region, received: time.Now(),
	}
	for name, a := range m.MessageAttributes {
		r.MessageAttributes[name] = recordAttribute{
			StringValue: a.StringValue, BinaryValue: a.BinaryValue, StringListValues: []string{}, BinaryListValues: [][]byte{}, DataType: a.DataType,
		}
	}
	return r
}

// encodedSize is how long a record's JSON is, with the comma behind it.
func encodedSize(r *sqsRecord) int {
	// Records always encode.
	encoded, _ := json.Marshal(r)
	return len(encoded) + 1
}

func size(records []*sqsRecord) int {
	sum := 0
	for _, r := range records {
		sum += encodedSize(r)
	}
	return sum
}

// handle has the function handle what comes through the filters. It says whether
// all went well.
func (p *poller) handle(batch []*sqsRecord) bool {
	var wanted, unwanted []*sqsRecord
	for _, r := range batch {
		if p.options.passes(r) {
			wanted = append(wanted, r)
		} else {
			unwanted = append(unwanted, r)
		}
	}
	p.delete(unwanted)
	well := true
	for len(wanted) > 0 {
		n, bytes := 0, len(`{"Records":[]}`)
		for n < len(wanted) && (n == 0 || bytes+encodedSize(wanted[n]) <= maxRequest) {
			bytes += encodedSize(wanted[n])
			n++
		}
		well = p.invoke(wanted[:n]) && well
		wanted = wanted[n:]
	}
	return well
}

// invoke has the function handle records, and deletes those that it did not
// report as failed. The others become visible by themselves.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (p *poller) invoke(records []*sqsRecord) bool {
	// Records always encode.
	payload, _ := json.Marshal(map[string]any{"Records": records})
	out, err := p.insist(records[0].received, payload)
	if err != nil || out.FunctionError != "" {
		return false
	}
	failed, all := map[string]bool{}, false
	if len(p.options.FunctionResponseTypes) > 0 {
		failed, all = reportedFailures(out.Payload, records)
	}
	if all {
		return false
	}
	p.delete(slices.DeleteFunc(slices.Clone(records), func(r *sqsRecord) bool { return failed[r.MessageID] }))
	return len(failed) == 0
}

// insist invokes the function, again and again while it is throttled, until the
// messages become visible.
func (p *poller) insist(received time.Time, payload []byte) (*InvokeOutput, error) {
	var hidden time.Duration
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		out, err := p.service.Invoke(p.service.ctx, api.Caller{}, &InvokeInput{FunctionName: p.function, Payload: payload})
		if err == nil || api.AsError(err).Code != "TooManyRequestsException" || p.service.ctx.Err() != nil {
			return out, err
		}
		if hidden == 0 {
			role, roleErr := p.role()
			if roleErr != nil {
				return nil, roleErr
			}
			queue, lookErr := p.service.lookAt(p.queue, role)
			if lookErr != nil {
				return nil, lookErr
			}
			hidden = queue.visibility
		}
		if time.Since(received)+backoff >= hidden {
			return nil, err
		}
		timer := time.NewTimer(backoff)
		select {
		case <-timer.C:
		case <-p.service.ctx.Done():
			timer.Stop()
		}
	}
}

// reportedFailures reads a reply with batchItemFailures: the messages that failed,
// or that all did.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#sqs-batchfailurereporting-conditions
func reportedFailures(reply []byte, records []*sqsRecord) (failed map[string]bool, all bool) {
	if len(reply) == 0 {
		return nil, false
	}
	if !json.Valid(reply) {
		return nil, true
	}
	// Names are told apart by case, as Lambda does: a map's keys are.
	var members map[string]json.RawMessage
	if json.Unmarshal(reply, &members) != nil {
		return nil, false
	}
	list := members["batchItemFailures"]
	if len(list) == 0 {
		return nil, false
	}
	var entries []map[string]json.RawMessage
	if json.Unmarshal(list, &entries) != nil {
		return nil, true
	}
	failed = map[string]bool{}
	for _, entry := range entries {
		var id string
		if json.Unmarshal(entry["itemIdentifier"], &id) != nil || !slices.ContainsFunc(records, func(r *sqsRecord) bool { return r.MessageID == id }) {
			return nil, true
		}
		failed[id] = true
	}
	return failed, false
}

package sqs

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

const xmlNamespace = "http://queue.amazonaws.com/doc/2012-11-05/"

// Encode turns an operation's output into XML.
func (queryCodec) Encode(operation string, output any, requestID string) ([]byte, error) {
	w := &xmlWriter{}
	w.open(operation + "Response xmlns=\"" + xmlNamespace + "\"")
	if _, empty := output.(*Empty); !empty {
		w.open(operation + "Result")
		if err := w.result(output); err != nil {
			return nil, fmt.Errorf("encode %s: %w", operation, err)
		}
		w.close(operation + "Result")
	}
	w.open("ResponseMetadata")
	w.text("RequestId", requestID)
	w.close("ResponseMetadata")
	w.close(operation + "Response")
	return w.Bytes(), w.err
}

// EncodeError turns an error into XML.
func (queryCodec) EncodeError(e *api.Error, requestID string) []byte {
	code, message, fault := e.QueryCode, e.Message, "Sender"
	if code == "" {
		code = e.Code
	}
	if e.Code == errQueueDoesNotExist.Code {
		message = "The specified queue does not exist for this wsdl version."
	}
	if e.HTTPStatus() >= 500 {
		fault = "Receiver"
	}
	w := &xmlWriter{}
	w.WriteString(xml.Header)
	w.open("ErrorResponse xmlns=\"" + xmlNamespace + "\"")
	w.open("Error")
	w.text("Type", fault)
	w.text("Code", code)
	w.text("Message", message)
	w.WriteString("<Detail/>")
	w.close("Error")
	w.text("RequestId", requestID)
	w.close("ErrorResponse")
	return w.Bytes()
}

type xmlWriter struct {
	bytes.Buffer
	err error
}

func (w *xmlWriter) open(name string)  { w.WriteString("<" + name + ">") }
func (w *xmlWriter) close(name string) { w.WriteString("</" + name + ">") }

func (w *xmlWriter) text(name, value string) {
	w.open(name)
	if err := xml.EscapeText(w, []byte(value)); err != nil {
		w.err = err
	}
	w.close(name)
}

// optional writes a value unless it is empty.
func (w *xmlWriter) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *xmlWriter) texts(name string, values []string) {
	for _, v := range values {
		w.text(name, v)
	}
}

// pairs writes a map as repeated elements, by key.
func (w *xmlWriter) pairs(name, key, value string, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		w.open(name)
		w.text(key, k)
		w.text(value, m[k])
		w.close(name)
	}
}

func (w *xmlWriter) result(output any) error {
	switch out := output.(type) {
	case *CreateQueueOutput:
		w.text("QueueUrl", out.QueueURL)
	case *GetQueueURLOutput:
		w.text("QueueUrl", out.QueueURL)
	case *ListQueuesOutput:
		w.texts("QueueUrl", out.QueueURLs)
		w.optional("NextToken", out.NextToken)
	case *ListDeadLetterSourceQueuesOutput:
		w.texts("QueueUrl", out.QueueURLs)
		w.optional("NextToken", out.NextToken)
	case *GetQueueAttributesOutput:
		w.pairs("Attribute", "Name", "Value", out.Attributes)
	case *ListQueueTagsOutput:
		w.pairs("Tag", "Key", "Value", out.Tags)
	case *SendMessageOutput:
		w.sent(*out)
	case *SendMessageBatchOutput:
		for _, e := range out.Successful {
			w.open("SendMessageBatchResultEntry")
			w.text("Id", e.ID)
			w.sent(e.SendMessageOutput)
			w.close("SendMessageBatchResultEntry")
		}
		w.failed(out.Failed)
	case *ReceiveMessageOutput:
		for _, m := range out.Messages {
			w.message(m)
		}
	case *DeleteMessageBatchOutput:
		w.done("DeleteMessageBatchResultEntry", out.Successful)
		w.failed(out.Failed)
	case *ChangeMessageVisibilityBatchOutput:
		w.done("ChangeMessageVisibilityBatchResultEntry", out.Successful)
		w.failed(out.Failed)
	default:
		return fmt.Errorf("no XML form of %T", output)
	}
	return nil
}

func (w *xmlWriter) sent(out SendMessageOutput) {
	w.text("MessageId", out.MessageID)
	w.text("MD5OfMessageBody", out.MD5OfMessageBody)
	w.optional("MD5OfMessageAttributes", out.MD5OfMessageAttributes)
	w.optional("MD5OfMessageSystemAttributes", out.MD5OfMessageSystemAttributes)
	w.optional("SequenceNumber", out.SequenceNumber)
}

func (w *xmlWriter) done(name string, entries []BatchResultEntry) {
	for _, e := range entries {
		w.open(name)
		w.text("Id", e.ID)
		w.close(name)
	}
}

func (w *xmlWriter) failed(entries []BatchResultErrorEntry) {
	for _, e := range entries {
		w.open("BatchResultErrorEntry")
		w.text("Id", e.ID)
		w.text("SenderFault", strconv.FormatBool(e.SenderFault))
		w.text("Code", e.Code)
		w.text("Message", e.Message)
		w.close("BatchResultErrorEntry")
	}
}

func (w *xmlWriter) message(m Message) {
	w.open("Message")
	w.text("MessageId", m.MessageID)
	w.text("ReceiptHandle", m.ReceiptHandle)
	w.text("MD5OfBody", m.MD5OfBody)
	w.text("Body", m.Body)
	w.pairs("Attribute", "Name", "Value", m.Attributes)
	w.optional("MD5OfMessageAttributes", m.MD5OfMessageAttributes)
	for _, name := range slices.Sorted(maps.Keys(m.MessageAttributes)) {
		v := m.MessageAttributes[name]
		w.open("MessageAttribute")
		w.text("Name", name)
		w.open("Value")
		if v.StringValue != nil {
			w.text("StringValue", *v.StringValue)
		} else {
			w.text("BinaryValue", base64.StdEncoding.EncodeToString(v.BinaryValue))
		}
		w.text("DataType", v.DataType)
		w.close("Value")
		w.close("MessageAttribute")
	}
	w.close("Message")
}

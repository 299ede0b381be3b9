package sqs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

func text(value string) object { return object{"DataType": "String", "StringValue": value} }

func TestSendMessageRefuses(t *testing.T) {
	const badGroup = " for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
	tooMany := object{}
	for i := range 11 {
		tooMany[fmt.Sprint("a", i)] = text("x")
	}
	attribute := func(name string, value object) object {
		return object{"MessageBody": "x", "MessageAttributes": object{name: value}}
	}
	const reserved = "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'."
	const characters = "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. "
	for name, tt := range map[string]struct {
		in            object
		code, message string
	}{
		"no body":       {object{}, "MissingRequiredParameterException", "The request must contain the parameter MessageBody."},
		"empty body":    {object{"MessageBody": ""}, "MissingRequiredParameterException", "The request must contain the parameter MessageBody."},
		"control":       {object{"MessageBody": "a\x08"}, "InvalidMessageContents", "Invalid binary character '#x8' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."},
		"non-character": {object{"MessageBody": "\uffff"}, "InvalidMessageContents", "Invalid binary character '#xFFFF' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."},
		"delay":         {object{"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValueException", "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		"FIFO's ID":     {object{"MessageBody": "x", "MessageDeduplicationId": "d"}, "InvalidParameterValueException", "Value d for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."},
		"empty group":   {object{"MessageBody": "x", "MessageGroupId": ""}, "InvalidParameterValueException", "Value " + badGroup},
		"group":         {object{"MessageBody": "x", "MessageGroupId": "a b"}, "InvalidParameterValueException", "Value a b" + badGroup},
		"too long":      {object{"MessageBody": strings.Repeat("x", 1025)}, "InvalidParameterValueException", "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."},
		"too long in UTF-8 and attributes": {object{"MessageBody": strings.Repeat("é", 509), "MessageAttributes": object{"a": text("b")}}, "InvalidParameterValueException",
			"One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."},
		"attributes":         {object{"MessageBody": "x", "MessageAttributes": tooMany}, "InvalidParameterValueException", "Number of message attributes [11] exceeds the allowed maximum [10]."},
		"reserved name":      {attribute("aWs.x", text("x")), "InvalidParameterValueException", reserved},
		"leading period":     {attribute(".x", text("x")), "InvalidParameterValueException", reserved},
		"two periods":        {attribute("a..x", text("x")), "InvalidParameterValueException", characters},
		"character":          {attribute("a!", text("x")), "InvalidParameterValueException", characters},
		"long name":          {attribute(strings.Repeat("a", 257), text("x")), "InvalidParameterValueException", "Message (user) attribute names must be shorter than 256 Bytes"},
		"no type":            {attribute("a", object{"StringValue": "x"}), "InvalidParameterValueException", "Message (user) attribute 'a' must contain a non-empty attribute type."},
		"unknown type":       {attribute("a", object{"DataType": "Stringy", "StringValue": "x"}), "InvalidParameterValueException", "The type of message (user) attribute 'a' is invalid. You must use only the following supported type prefixes: Binary, Number, String."},
		"empty string":       {attribute("a", text("")), "InvalidParameterValueException", "Message (user) attribute 'a' must contain a non-empty value of type 'String'."},
		"empty binary":       {attribute("a", object{"DataType": "Binary"}), "InvalidParameterValueException", "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'."},
		"no number":          {attribute("a", object{"DataType": "Number.int", "StringValue": "0x1"}), "InvalidParameterValueException", "Can't cast the value of message (user) attribute 'a' to a number."},
		"list":               {attribute("a", object{"DataType": "String", "StringListValues": []string{"x"}}), "UnsupportedOperation", "Message attribute lists in messages are not supported."},
		"attribute contents": {attribute("a", text("\x01")), "InvalidMessageContents", "Invalid binary character '#x1' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."},
		"system attribute":   {object{"MessageBody": "x", "MessageSystemAttributes": object{"SenderId": text("me")}}, "InvalidParameterValueException", "Message system attribute name 'SenderId' is invalid."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tt.in["QueueUrl"] = r.create("jobs", object{"MaximumMessageSize": "1024"})
			r.refused("SendMessage", tt.in, tt.code, tt.message)
			assert.Equal(t, "0 0 0", r.depth("jobs"))
		})
	}
}

func TestMessageSizes(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", nil)
	r.send(url, strings.Repeat("x", 1<<20))
	r.refused("SendMessage", object{"QueueUrl": url, "MessageBody": strings.Repeat("x", 1<<20+1)},
		"InvalidParameterValueException", "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
	half := strings.Repeat("x", 1<<19)
	entries := []object{{"Id": "1", "MessageBody": half}, {"Id": "2", "MessageBody": half[1:], "MessageAttributes": object{"a": text("b")}}}
	r.refused("SendMessageBatch", object{"QueueUrl": url, "Entries": entries},
		"BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1048583 bytes.")
	delete(entries[1], "MessageAttributes")
	r.call("SendMessageBatch", object{"QueueUrl": url, "Entries": entries})
	assert.Equal(t, "3 0 0", r.depth(url))
}

// The digests were computed by AWS: LocalStack's recordings of it.
func TestAttributeDigests(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", object{"VisibilityTimeout": "0"})
	sent := r.call("SendMessage", object{
		"QueueUrl": url, "MessageBody": "msg",
		"MessageAttributes":       object{"Help.Me": text("Me"), "Hello": text("There"), "General": text("Kenobi")},
		"MessageSystemAttributes": object{"AWSTraceHeader": text("Root=1-5759e988-bd862e3fe1be46a994272793")},
		"MessageGroupId":          "tenant-1",
	})
	assert.Equal(t, "6e2baaf3b97dbeef01c0043275f9a0e7", sent["MD5OfMessageBody"])
	assert.Equal(t, "4c360f3fdafd970e05fae2f149d997f5", sent["MD5OfMessageAttributes"])
	assert.Equal(t, md5OfAttributes(map[string]MessageAttributeValue{
		"AWSTraceHeader": {DataType: "String", StringValue: ptr("Root=1-5759e988-bd862e3fe1be46a994272793")},
	}), sent["MD5OfMessageSystemAttributes"])

	const all = "4c360f3fdafd970e05fae2f149d997f5"
	for _, tt := range []struct {
		names, want []string
		digest      any
	}{
		{nil, nil, nil},
		{[]string{"All"}, []string{"General", "Hello", "Help.Me"}, all},
		{[]string{"*"}, []string{"General", "Hello", "Help.Me"}, all},
		{[]string{".*"}, []string{"General", "Hello", "Help.Me"}, all},
		{[]string{"Hel.*"}, []string{"Hello", "Help.Me"}, nil},
		{[]string{"Foo", "Hello"}, []string{"Hello"}, nil},
		{[]string{"hello", "Help"}, nil, nil},
	} {
		m := r.receive(url, object{"MessageAttributeNames": tt.names})[0]
		attributes, _ := m["MessageAttributes"].(object)
		assert.Len(t, attributes, len(tt.want), tt.names)
		for _, name := range tt.want {
			assert.Contains(t, attributes, name)
		}
		switch {
		case tt.digest != nil:
			assert.Equal(t, tt.digest, m["MD5OfMessageAttributes"])
		case tt.want == nil:
			assert.NotContains(t, m, "MD5OfMessageAttributes")
		default:
			assert.NotEqual(t, all, m["MD5OfMessageAttributes"], "of what is returned alone")
		}
	}

	got := r.receive(url, object{"MessageSystemAttributeNames": []string{"AWSTraceHeader"}, "AttributeNames": []string{"MessageGroupId", "SenderId"}})
	assert.Equal(t, object{
		"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793", "MessageGroupId": "tenant-1", "SenderId": "123456789012",
	}, got[0]["Attributes"])
}

func ptr[T any](v T) *T { return &v }

func TestSenderOfARole(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", nil)
	_, err := r.tryAs(t.Context(), api.Caller{RoleARN: "arn:aws:iam::123456789012:role/worker", Function: "pump"}, "SendMessage",
		object{"QueueUrl": url, "MessageBody": "x"})
	require.NoError(t, err)
	got := r.receive(url, object{"AttributeNames": []string{"SenderId"}})
	assert.Regexp(t, "^AROA[A-Z2-7]{17}:pump$", got[0]["Attributes"].(object)["SenderId"])
}

func TestReceiveMessageRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		in            object
		code, message string
	}{
		"too many":   {object{"MaxNumberOfMessages": 11}, "InvalidParameterValueException", "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		"none":       {object{"MaxNumberOfMessages": 0}, "InvalidParameterValueException", "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		"wait":       {object{"WaitTimeSeconds": 21}, "InvalidParameterValueException", "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
		"wait back":  {object{"WaitTimeSeconds": -1}, "InvalidParameterValueException", "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
		"visibility": {object{"VisibilityTimeout": 43_201}, "InvalidParameterValueException", "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided."},
		"attempt":    {object{"ReceiveRequestAttemptId": "a"}, "InvalidParameterValueException", "Value a for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is not valid for this queue type."},
		"attribute":  {object{"AttributeNames": []string{"Colour"}}, "InvalidAttributeName", "Unknown Attribute Colour."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tt.in["QueueUrl"] = r.create("jobs", nil)
			r.refused("ReceiveMessage", tt.in, tt.code, tt.message)
		})
	}
}

func TestChangeMessageVisibilityRefuses(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", nil)
	r.send(url, "x")
	handle := r.handle(url)
	r.refused("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handle},
		"MissingRequiredParameterException", "The request must contain the parameter VisibilityTimeout.")
	r.refused("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 43_201},
		"InvalidParameterValueException", "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.")
	r.delete(url, handle)
	r.refused("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1},
		"InvalidParameterValueException", "Value "+handle+" for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.")
}

func TestBatchesRefused(t *testing.T) {
	const badID = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = fmt.Sprint(i)
	}
	for _, operation := range []string{"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"} {
		for name, tt := range map[string]struct {
			ids           []string
			code, message string
		}{
			"empty":     {nil, "EmptyBatchRequest", "There should be at least one " + operation + "RequestEntry in the request."},
			"eleven":    {eleven, "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11."},
			"no ID":     {[]string{""}, "InvalidBatchEntryId", badID},
			"character": {[]string{"a:b"}, "InvalidBatchEntryId", badID},
			"long ID":   {[]string{strings.Repeat("a", 81)}, "InvalidBatchEntryId", badID},
			"twice":     {[]string{"a", "b", "a"}, "BatchEntryIdsNotDistinct", "Id a repeated."},
		} {
			t.Run(operation+" "+name, func(t *testing.T) {
				r := newRig(t)
				entries := []object{}
				for _, id := range tt.ids {
					entries = append(entries, object{"Id": id})
				}
				r.refused(operation, object{"QueueUrl": r.create("jobs", nil), "Entries": entries}, tt.code, tt.message)
			})
		}
	}
}

func TestBatchesFailByEntry(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", object{"MaximumMessageSize": "1024"})
	sent := r.call("SendMessageBatch", object{"QueueUrl": url, "Entries": []object{
		{"Id": "good", "MessageBody": "x", "MessageAttributes": object{"a": text("b")}},
		{"Id": "long", "MessageBody": strings.Repeat("x", 1025)},
		{"Id": "bad", "MessageBody": "\x00"},
	}})
	assert.Equal(t, []any{
		object{"Id": "long", "SenderFault": true, "Code": "InvalidParameterValue", "Message": "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."},
		object{"Id": "bad", "SenderFault": true, "Code": "InvalidMessageContents", "Message": "Invalid binary character '#x0' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."},
	}, sent["Failed"])
	require.Len(t, sent["Successful"], 1)
	good := sent["Successful"].([]any)[0].(object)
	assert.Equal(t, "good", good["Id"])
	assert.Equal(t, "9dd4e461268c8034f5c8564e155c67a6", good["MD5OfMessageBody"])

	handle := r.handle(url)
	failed := []any{object{"Id": "bad", "SenderFault": true, "Code": "ReceiptHandleIsInvalid", "Message": `The input receipt handle "x" is not a valid receipt handle.`}}
	assert.Equal(t, object{"Successful": []any{object{"Id": "good"}}, "Failed": failed},
		r.call("ChangeMessageVisibilityBatch", object{"QueueUrl": url, "Entries": []object{
			{"Id": "good", "ReceiptHandle": handle, "VisibilityTimeout": 0}, {"Id": "bad", "ReceiptHandle": "x", "VisibilityTimeout": 0},
		}}))
	assert.Equal(t, "1 0 0", r.depth(url))
	assert.Equal(t, object{"Successful": []any{object{"Id": "good"}}, "Failed": failed},
		r.call("DeleteMessageBatch", object{"QueueUrl": url, "Entries": []object{
			{"Id": "good", "ReceiptHandle": handle}, {"Id": "bad", "ReceiptHandle": "x"},
		}}))
	assert.Equal(t, "0 0 0", r.depth(url))
}

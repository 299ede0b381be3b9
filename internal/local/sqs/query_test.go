package sqs

import (
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

func TestQueryDecode(t *testing.T) {
	for name, tt := range map[string]struct{ form, operation, input string }{
		"create": {
			"Action=CreateQueue&Version=2012-11-05&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Attribute.2.Name=VisibilityTimeout&Attribute.2.Value=9&Tag.1.Key=a&Tag.1.Value=b",
			"CreateQueue", `{"QueueName":"q","Attributes":{"DelaySeconds":"5","VisibilityTimeout":"9"},"tags":{"a":"b"}}`,
		},
		"receive": {
			"Action=ReceiveMessage&QueueUrl=http%3A%2F%2Fh%2F1%2Fq&MaxNumberOfMessages=10&WaitTimeSeconds=20&VisibilityTimeout=0&AttributeName.1=All&AttributeName.2=SenderId&MessageAttributeName.1=a.%2A",
			"ReceiveMessage", `{"QueueUrl":"http://h/1/q","MaxNumberOfMessages":10,"WaitTimeSeconds":20,"VisibilityTimeout":0,"AttributeNames":["All","SenderId"],"MessageAttributeNames":["a.*"]}`,
		},
		"send": {
			"Action=SendMessage&QueueUrl=q&MessageBody=a+b&DelaySeconds=1&MessageAttribute.1.Name=x&MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=AAE%3D&MessageSystemAttribute.1.Name=AWSTraceHeader&MessageSystemAttribute.1.Value.DataType=String&MessageSystemAttribute.1.Value.StringValue=r",
			"SendMessage", `{"QueueUrl":"q","MessageBody":"a b","DelaySeconds":1,"MessageAttributes":{"x":{"DataType":"Binary","BinaryValue":"AAE="}},"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"r"}}}`,
		},
		"batch in order": {
			"Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.10.Id=j&SendMessageBatchRequestEntry.10.MessageBody=b&SendMessageBatchRequestEntry.2.Id=i&SendMessageBatchRequestEntry.2.MessageBody=a&SendMessageBatchRequestEntry.2.DelaySeconds=3&SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=x&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=String&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.StringValue=y",
			"SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"i","MessageBody":"a","DelaySeconds":3,"MessageAttributes":{"x":{"DataType":"String","StringValue":"y"}}},{"Id":"j","MessageBody":"b"}]}`,
		},
		"change": {
			"Action=ChangeMessageVisibilityBatch&QueueUrl=q&ChangeMessageVisibilityBatchRequestEntry.1.Id=i&ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=h&ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=0",
			"ChangeMessageVisibilityBatch", `{"QueueUrl":"q","Entries":[{"Id":"i","ReceiptHandle":"h","VisibilityTimeout":0}]}`,
		},
		"tag": {
			"Action=TagQueue&QueueUrl=q&Tag.1.Key=a&Tag.1.Value=b", "TagQueue", `{"QueueUrl":"q","Tags":{"a":"b"}}`,
		},
		"untag": {
			"Action=UntagQueue&QueueUrl=q&TagKey.1=a", "UntagQueue", `{"QueueUrl":"q","TagKeys":["a"]}`,
		},
		"signed by its query string": {
			"Action=ListQueues&X-Amz-Signature=s&AWSAccessKeyId=k&MaxResults=5", "ListQueues", `{"MaxResults":5}`,
		},
		"unknown stays": {
			"Action=DeleteQueue&QueueUrl=q&Colour.1.Red=x", "DeleteQueue", `{"QueueUrl":"q","Colour":{"1":{"Red":"x"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			form, err := url.ParseQuery(tt.form)
			require.NoError(t, err)
			operation, input, err := queryCodec{}.Decode(form)
			require.NoError(t, err)
			assert.Equal(t, tt.operation, operation)
			assert.JSONEq(t, tt.input, string(input))
		})
	}
}

func TestQueryDecodeRefuses(t *testing.T) {
	for form, code := range map[string]string{
		"":                                         "MissingAction",
		"Action=":                                  "MissingAction",
		"Action=ListQueues&MaxResults=many":        "InvalidParameterValueException",
		"Action=X&AttributeName.x=a":               "MalformedQueryString",
		"Action=X&AttributeName.0=a":               "MalformedQueryString",
		"Action=X&Attribute.1.Name=a":              "MalformedQueryString",
		"Action=X&A=1&A.b=2":                       "MalformedQueryString",
		"Action=X&A=1&A=2":                         "MalformedQueryString",
		"Action=X&A.b.c.d.e.f.g.h.i=1":             "MalformedQueryString",
		"Action=X&Attribute.1.Name=a&Attribute.1=": "MalformedQueryString",
	} {
		values, err := url.ParseQuery(form)
		require.NoError(t, err)
		_, _, err = queryCodec{}.Decode(values)
		require.Error(t, err, form)
		assert.Equal(t, code, api.AsError(err).Code, form)
	}
}

// query runs a form through codec and router, as the endpoint does.
func (r *rig) query(form string) string {
	r.Helper()
	values, err := url.ParseQuery(form)
	require.NoError(r, err)
	operation, input, err := queryCodec{}.Decode(values)
	require.NoError(r, err)
	out, err := r.router.Call(r.Context(), "sqs", operation, api.Caller{}, input)
	if err != nil {
		return string(queryCodec{}.EncodeError(api.AsError(err), "id"))
	}
	body, err := queryCodec{}.Encode(operation, out, "id")
	require.NoError(r, err)
	return string(body)
}

func TestQueryProtocol(t *testing.T) {
	r := newRig(t)
	const metadata = "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>"
	wrapped := func(operation, result string) string {
		return "<" + operation + `Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><` + operation + "Result>" + result + "</" + operation + "Result>" + metadata + "</" + operation + "Response>"
	}
	const address = "http://127.0.0.1:4100/123456789012/q"
	assert.Equal(t, wrapped("CreateQueue", "<QueueUrl>"+address+"</QueueUrl>"), r.query("Action=CreateQueue&QueueName=q&Tag.1.Key=a&Tag.1.Value=b%26"))
	assert.Equal(t, wrapped("GetQueueUrl", "<QueueUrl>"+address+"</QueueUrl>"), r.query("Action=GetQueueUrl&QueueName=q"))
	assert.Equal(t, wrapped("ListQueues", "<QueueUrl>"+address+"</QueueUrl>"), r.query("Action=ListQueues"))
	assert.Equal(t, wrapped("ListDeadLetterSourceQueues", ""), r.query("Action=ListDeadLetterSourceQueues&QueueUrl=q"))
	assert.Equal(t, wrapped("ListQueueTags", "<Tag><Key>a</Key><Value>b&amp;</Value></Tag>"), r.query("Action=ListQueueTags&QueueUrl=q"))
	assert.Equal(t, wrapped("GetQueueAttributes", "<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>"),
		r.query("Action=GetQueueAttributes&QueueUrl=q&AttributeName.1=DelaySeconds"))
	assert.Equal(t, `<SetQueueAttributesResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">`+metadata+"</SetQueueAttributesResponse>",
		r.query("Action=SetQueueAttributes&QueueUrl=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0"))
	assert.Equal(t, wrapped("ReceiveMessage", ""), r.query("Action=ReceiveMessage&QueueUrl=q"))

	sent := r.query("Action=SendMessage&QueueUrl=q&MessageBody=a%0D%0A%3Cb%3E&MessageAttribute.1.Name=x&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=y")
	assert.Regexp(t, "<SendMessageResult><MessageId>[0-9a-f-]{36}</MessageId><MD5OfMessageBody>[0-9a-f]{32}</MD5OfMessageBody><MD5OfMessageAttributes>[0-9a-f]{32}</MD5OfMessageAttributes></SendMessageResult>", sent)
	r.create("q.fifo", object{"FifoQueue": "true"})
	assert.Contains(t, r.query("Action=SendMessage&QueueUrl=q.fifo&MessageBody=a&MessageGroupId=g&MessageDeduplicationId=d"), "<SequenceNumber>18800000000000000256</SequenceNumber></SendMessageResult>")
	received := r.query("Action=ReceiveMessage&QueueUrl=q&AttributeName.1=SenderId&MessageAttributeName.1=All")
	assert.Contains(t, received, "<Body>a&#xD;&#xA;&lt;b&gt;</Body><Attribute><Name>SenderId</Name><Value>123456789012</Value></Attribute>")
	assert.Contains(t, received, "<MessageAttribute><Name>x</Name><Value><StringValue>y</StringValue><DataType>String</DataType></Value></MessageAttribute>")
	var parsed struct {
		Handle string `xml:"ReceiveMessageResult>Message>ReceiptHandle"`
		Body   string `xml:"ReceiveMessageResult>Message>Body"`
	}
	require.NoError(t, xml.Unmarshal([]byte(received), &parsed))
	assert.Equal(t, "a\r\n<b>", parsed.Body)

	handle := url.QueryEscape(parsed.Handle)
	const failed = `<BatchResultErrorEntry><Id>bad</Id><SenderFault>true</SenderFault><Code>ReceiptHandleIsInvalid</Code><Message>The input receipt handle &#34;h&#34; is not a valid receipt handle.</Message></BatchResultErrorEntry>`
	for _, operation := range []string{"ChangeMessageVisibilityBatch", "DeleteMessageBatch"} {
		entry := operation + "RequestEntry."
		form := "Action=" + operation + "&QueueUrl=q&" + entry + "1.Id=good&" + entry + "1.ReceiptHandle=" + handle + "&" + entry + "2.Id=bad&" + entry + "2.ReceiptHandle=h"
		if operation == "ChangeMessageVisibilityBatch" {
			form += "&" + entry + "1.VisibilityTimeout=0&" + entry + "2.VisibilityTimeout=0"
		}
		assert.Equal(t, wrapped(operation, "<"+operation+"ResultEntry><Id>good</Id></"+operation+"ResultEntry>"+failed), r.query(form))
	}
	batch := r.query("Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.1.Id=one&SendMessageBatchRequestEntry.1.MessageBody=x")
	assert.Regexp(t, "<SendMessageBatchResultEntry><Id>one</Id><MessageId>[0-9a-f-]{36}</MessageId><MD5OfMessageBody>9dd4e461268c8034f5c8564e155c67a6</MD5OfMessageBody></SendMessageBatchResultEntry>", batch)

	assert.Equal(t, xml.Header+`<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist for this wsdl version.</Message><Detail/></Error><RequestId>id</RequestId></ErrorResponse>`,
		r.query("Action=SendMessage&QueueUrl=none&MessageBody=x"))
	assert.Contains(t, r.query("Action=ReceiveMessage&QueueUrl=q&MaxNumberOfMessages=11"), "<Code>InvalidParameterValue</Code>")
}

func FuzzQueryDecode(f *testing.F) {
	f.Add("Action=SendMessage&MessageAttribute.1.Name=x&MessageAttribute.1.Value.DataType=String")
	f.Add("Action=X&A.1.=&..=&Attribute=&Tag.1.Key=k&Tag.1.Value.x=y")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		operation, input, err := queryCodec{}.Decode(form)
		if err != nil {
			return
		}
		assert.NotEmpty(t, operation)
		assert.True(t, json.Valid(input))
		assert.True(t, strings.HasPrefix(string(input), "{"))
	})
}

func FuzzReceipt(f *testing.F) {
	random := randomOf(1, "q", testEpoch)
	good := receipt{1, 2, 3}
	handle := good.encode(random)
	f.Add(handle)
	f.Add("AQEB")
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := decodeReceipt(text)
		if text == handle {
			assert.True(t, ok)
			assert.Equal(t, good, r)
		} else {
			assert.False(t, ok, "no handle but one that was given out")
		}
	})
}

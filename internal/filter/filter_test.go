package filter_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/filter"
	"github.com/musterq/muster/internal/message"
)

// record is the example of AWS's page, with a body.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
func record(body string) message.Record {
	text := func(s string) *string { return &s }
	return message.Record{
		MessageID:     "059f36b4-87a3-44ab-83d2-661975830a7d",
		ReceiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
		Body:          body,
		Attributes: map[string]string{
			"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183",
			"SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": "1545082649185",
		},
		MessageAttributes: map[string]message.Attribute{
			"tenant":   {StringValue: text("acme"), DataType: "String", StringListValues: []string{}, BinaryListValues: [][]byte{}},
			"priority": {StringValue: text("7"), DataType: "Number", StringListValues: []string{}, BinaryListValues: [][]byte{}},
			"seal":     {BinaryValue: []byte{0, 1, 2}, DataType: "Binary", StringListValues: []string{}, BinaryListValues: [][]byte{}},
		},
		MD5OfBody: "e4e68fb7bd0e697a0ae8f1bb342846b3", EventSource: "aws:sqs",
		EventSourceARN: "arn:aws:sqs:us-west-2:123456789012:my-queue", AWSRegion: "us-west-2",
	}
}

// order is the body of AWS's SQS example; weather and person are those of its
// page on filtering.
const (
	order   = `{"RecordNumber":1234,"TimeStamp":"yyyy-mm-ddThh:mm:ss","RequestCode":"AAAA"}`
	weather = `{"City":"Seattle","State":"WA","Temperature":"46"}`
	person  = `{"person":{"name":"John Doe","age":30,"address":{"street":"123 Main St","city":"Anytown","country":"USA"}}}`
)

// TestAsTheDocumentationSays has the examples of AWS's two pages on filtering,
// the results worked out by hand.
//
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
func TestAsTheDocumentationSays(t *testing.T) {
	for _, c := range []struct {
		name, pattern, body string
		want                bool
	}{
		// "Suppose you want to process only those records where the RequestCode is BBBB."
		{"BBBB of AAAA", `{ "body" : { "RequestCode" : [ "BBBB" ] } }`, order, false},
		{"BBBB of BBBB", `{ "body" : { "RequestCode" : [ "BBBB" ] } }`, `{"RequestCode":"BBBB"}`, true},
		// "only those records where RecordNumber is greater than 9999"
		{"1234 is not greater", `{ "body" : { "RecordNumber" : [ { "numeric": [ ">", 9999 ] } ] } }`, order, false},
		{"10000 is greater", `{ "body" : { "RecordNumber" : [ { "numeric": [ ">", 9999 ] } ] } }`, `{"RecordNumber":10000}`, true},
		{"9999 is not greater", `{ "body" : { "RecordNumber" : [ { "numeric": [ ">", 9999 ] } ] } }`, `{"RecordNumber":9999}`, false},
		{"a number in quotes is none", `{ "body" : { "Temperature" : [ { "numeric": [ "=", 46 ] } ] } }`, weather, false},

		// The table of formats.
		{"plain on plain", `{"body":["ready"]}`, `ready`, true},
		{"plain on other plain", `{"body":["ready"]}`, `steady`, false},
		{"plain without rules", `{"awsRegion":["us-west-2"]}`, `ready`, true},
		{"plain on JSON rules", `{"body":{"City":["Seattle"]}}`, `Seattle`, false},
		{"plain on JSON rules that want nothing", `{"body":{"City":[{"exists":false}]}}`, `Seattle`, false},
		{"JSON on plain rules", `{"body":[{"prefix":"{"}]}`, weather, false},
		{"JSON on plain rules that take anything", `{"body":[{"exists":true}]}`, weather, false},
		{"JSON without rules", `{"awsRegion":["us-west-2"]}`, weather, true},
		{"JSON on JSON rules", `{"body":{"City":["Seattle"]}}`, weather, true},
		{"a number is JSON", `{"body":["42"]}`, `42`, false},
		{"a text in quotes is JSON", `{"body":["ready"]}`, `"ready"`, false},
		{"two documents are none", `{"body":["{} {}"]}`, `{} {}`, true},
		{"nothing is plain", `{"body":[""]}`, ``, true},

		// The table of operators.
		{"null", `{"body":{"UserID":[null]}}`, `{"UserID":null}`, true},
		{"null is not absent", `{"body":{"UserID":[null]}}`, `{}`, false},
		{"empty", `{"body":{"LastName":[""]}}`, `{"LastName":""}`, true},
		{"equals", `{"body":{"Name":["Alice"]}}`, `{"Name":"Alice"}`, true},
		{"equals with regard to case", `{"body":{"Name":["Alice"]}}`, `{"Name":"ALICE"}`, false},
		{"equals, ignoring case", `{"body":{"Name":[{"equals-ignore-case":"alice"}]}}`, `{"Name":"ALICE"}`, true},
		{"and", `{"body":{"Location":["New York"],"Day":["Monday"]}}`, `{"Location":"New York","Day":"Monday"}`, true},
		{"and, one missing", `{"body":{"Location":["New York"],"Day":["Monday"]}}`, `{"Location":"New York"}`, false},
		{"or", `{"body":{"PaymentType":["Credit","Debit"]}}`, `{"PaymentType":"Debit"}`, true},
		{"or of several fields", `{"body":{"$or":[{"Location":["New York"]},{"Day":["Monday"]}]}}`, `{"Day":"Monday"}`, true},
		{"or of neither", `{"body":{"$or":[{"Location":["New York"]},{"Day":["Monday"]}]}}`, `{"Day":"Sunday"}`, false},
		{"not", `{"body":{"Weather":[{"anything-but":["Raining"]}]}}`, `{"Weather":"Sunny"}`, true},
		{"not Raining", `{"body":{"Weather":[{"anything-but":["Raining"]}]}}`, `{"Weather":"Raining"}`, false},
		{"numeric, equal", `{"body":{"Price":[{"numeric":["=",100]}]}}`, `{"Price":100}`, true},
		{"numeric, at the lower end", `{"body":{"Price":[{"numeric":[">",10,"<=",20]}]}}`, `{"Price":10}`, false},
		{"numeric, at the upper end", `{"body":{"Price":[{"numeric":[">",10,"<=",20]}]}}`, `{"Price":20}`, true},
		{"exists", `{"body":{"ProductName":[{"exists":true}]}}`, `{"ProductName":"x"}`, true},
		{"exists on an inner node", `{"body":{"person":{"address":[{"exists":true}]}}}`, person, false},
		{"exists on a leaf", `{"body":{"person":{"address":{"city":[{"exists":true}]}}}}`, person, true},
		{"does not exist", `{"body":{"ProductName":[{"exists":false}]}}`, `{}`, true},
		{"begins with", `{"body":{"Region":[{"prefix":"us-"}]}}`, `{"Region":"us-east-1"}`, true},
		{"ends with", `{"body":{"FileName":[{"suffix":".png"}]}}`, `{"FileName":"cat.png"}`, true},
		// "300, 300.0, and 3.0e2 are not considered equal."
		{"numbers as they are written", `{"body":{"n":[300]}}`, `{"n":300}`, true},
		{"numbers written otherwise", `{"body":{"n":[300]}}`, `{"n":3.0e2}`, false},
		// "Lambda uses only the last value for that key."
		{"a name twice", `{"body":{"k":["hello"],"u":["test123"],"k":["world"]}}`, `{"k":"world","u":"test123"}`, true},
		{"the first of a name twice", `{"body":{"k":["hello"],"u":["test123"],"k":["world"]}}`, `{"k":"hello","u":"test123"}`, false},

		// Metadata, which event source mappings of SQS no longer have.
		{"message attribute", `{"messageAttributes":{"tenant":{"stringValue":["acme","globex"]}}}`, order, true},
		{"message attribute of another", `{"messageAttributes":{"tenant":{"stringValue":["globex"]}}}`, order, false},
		{"no such message attribute", `{"messageAttributes":{"user":{"stringValue":[{"exists":false}]}}}`, order, true},
		{"a binary attribute in base64", `{"messageAttributes":{"seal":{"binaryValue":["AAEC"]}}}`, order, true},
		{"attribute and body", `{"messageAttributes":{"tenant":{"stringValue":["acme"]}},"body":{"RequestCode":["AAAA"]}}`, order, true},
		{"attribute and other body", `{"messageAttributes":{"tenant":{"stringValue":["acme"]}},"body":{"RequestCode":["BBBB"]}}`, order, false},
		{"system attribute", `{"attributes":{"SenderId":[{"prefix":"AIDA"}]}}`, order, true},
		{"all values of attributes are text", `{"attributes":{"ApproximateReceiveCount":[{"numeric":["=",1]}]}}`, order, false},
		{"body or attribute", `{"$or":[{"body":{"RequestCode":["BBBB"]}},{"messageAttributes":{"tenant":{"stringValue":["acme"]}}}]}`, order, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			criteria, err := filter.Parse([]string{c.pattern})
			require.NoError(t, err)
			assert.Equal(t, c.want, criteria.Match(filter.On(record(c.body))))
		})
	}
}

func TestOneFilterIsEnough(t *testing.T) {
	criteria, err := filter.Parse([]string{`{"body":["ready"]}`, `{"body":{"City":["Seattle"]}}`, `{"awsRegion":["eu-west-1"]}`})
	require.NoError(t, err)
	for body, want := range map[string]bool{"ready": true, weather: true, order: false, "steady": false} {
		assert.Equal(t, want, criteria.Match(filter.On(record(body))), body)
	}
	none, err := filter.Parse(nil)
	require.NoError(t, err)
	assert.True(t, none.Match(filter.On(record(order))), "without filters every message matches")
	assert.False(t, none.Is())
}

func TestParseRefuses(t *testing.T) {
	has := ": they have anything-but, equals-ignore-case, exists, numeric, prefix, suffix"
	for pattern, want := range map[string]string{
		``:                             `filter 1: the pattern is not JSON: EOF`,
		`{`:                            `filter 1: the pattern is not JSON: unexpected EOF`,
		`[]`:                           `filter 1: the pattern is not an object such as {"body": {"type": ["order"]}}`,
		`{}`:                           `filter 1: the pattern is not valid: Empty objects are not allowed`,
		`{"body":{}}`:                  `filter 1: the pattern is not valid: Empty objects are not allowed`,
		`{"body":"x"}`:                 `filter 1: the pattern is not valid: "body" must be an object or an array`,
		`{"Body":["x"]}`:               `filter 1: the pattern has a rule for "Body", which no SQS record has: a record has messageId, receiptHandle, body, attributes, messageAttributes, md5OfBody, md5OfMessageAttributes, eventSource, eventSourceARN, awsRegion`,
		`{"body":[{"wildcard":"a*"}]}`: `filter 1: body: event source mappings have no operator "wildcard"` + has,
		`{"body":{"$or":[{"ip":[{"cidr":"10.0.0.0/8"}]},{"b":[1]}]}}`: `filter 1: body.ip: event source mappings have no operator "cidr"` + has,
		`{"body":{"a":{"b":[{"anything-but":{"prefix":"x"}}]}}}`:      `filter 1: body.a.b: event source mappings do not combine "anything-but" with "prefix": give "anything-but" a value or a list`,
		`{"body":{"a":[{"prefix":{"equals-ignore-case":"x"}}]}}`:      `filter 1: body.a: event source mappings do not combine "prefix" with "equals-ignore-case": give "prefix" a value or a list`,
		`{"$or":[{"body":["x"]},{"body":{"a":[1]}}]}`:                 `filter 1: the pattern takes the body for JSON in one place and for plain text in another, and no message is both: use two filters`,
	} {
		_, err := filter.Parse([]string{pattern})
		assert.EqualError(t, err, want, pattern)
	}
	_, err := filter.Parse([]string{`{"body":["x"]}`, `{"body":[]}`})
	assert.EqualError(t, err, "filter 2: the pattern is not valid: Empty arrays are not allowed")
	_, err = filter.Parse([]string{strings.Repeat(" ", 4097)})
	assert.EqualError(t, err, "filter 1: the pattern has 4097 characters, Lambda takes 4096 at most")
	_, err = filter.Parse(make([]string, 11))
	assert.EqualError(t, err, "there are 11 filters, Lambda takes 10 at most: use several routes with the same handler")
}

// TestRecord holds what filters see against the event that handlers get: each
// of its leaves is found where the event's JSON has it.
func TestRecord(t *testing.T) {
	r := record(order)
	r.MD5OfMessageAttributes = "c48838208d2b4e14e3ca0093a8443f09"
	payload, err := json.Marshal(r)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(payload, &fields))
	delete(fields, "body")

	leaves := 0
	var find func(path []string, v any)
	find = func(path []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				find(append(path[:len(path):len(path)], k), inner)
			}
		case string:
			leaves++
			pattern := any([]any{v})
			for i := range path {
				pattern = map[string]any{path[len(path)-1-i]: pattern}
			}
			text, err := json.Marshal(pattern)
			require.NoError(t, err)
			criteria, err := filter.Parse([]string{string(text)})
			require.NoError(t, err)
			assert.True(t, criteria.Match(filter.On(r)), string(text))
		}
	}
	find(nil, fields)
	assert.Equal(t, 17, leaves)
}

func FuzzMatch(f *testing.F) {
	f.Add(`{"body":{"a":["x",null,{"numeric":[">",1]}],"$or":[{"b":[1]},{"c":{"d":[{"exists":false}]}}]}}`, `{"a":["x",{"b":1}],"c":[]}`)
	f.Add(`{"body":[{"anything-but":["x"]}],"attributes":{"SenderId":[{"suffix":"O"}]}}`, "y")
	f.Fuzz(func(t *testing.T, pattern, body string) {
		criteria, err := filter.Parse([]string{pattern})
		if err != nil {
			return
		}
		m := filter.On(record(body))
		first := criteria.Match(m)
		assert.Equal(t, first, criteria.Match(m), "a message is the same however often it is looked at")
		twice, err := filter.Parse([]string{pattern, pattern})
		require.NoError(t, err)
		assert.Equal(t, first, twice.Match(filter.On(record(body))), "a filter twice takes what it takes once")
	})
}

// BenchmarkMatch is what one message costs: ten filters look at a body of 4 KiB,
// which is parsed once.
func BenchmarkMatch(b *testing.B) {
	patterns := make([]string, 10)
	for i := range patterns {
		patterns[i] = `{"body":{"type":["order"],"total":[{"numeric":[">",` + strconv.Itoa(1000*i) + `]}]},"messageAttributes":{"tenant":{"stringValue":["acme"]}}}`
	}
	criteria, err := filter.Parse(patterns)
	require.NoError(b, err)
	r := record(`{"type":"order","total":0,"lines":[` + strings.Repeat(`{"sku":"A-1","n":1},`, 200) + `{}]}`)
	b.ReportAllocs()
	for b.Loop() {
		criteria.Match(filter.On(r))
	}
}

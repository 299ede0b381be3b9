package sns_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/endpoint"
	"github.com/musterq/muster/internal/local/sns"
	"github.com/musterq/muster/internal/local/sqs"
)

const (
	topicARN = "arn:aws:sns:us-east-1:123456789012:alarms"
	queueARN = "arn:aws:sqs:us-east-1:123456789012:mail"
)

// world is SNS beside SQS with the queue "mail".
type world struct {
	*testing.T
	service *sns.Service
	router  *api.Router
	client  *http.Client
}

func newWorld(t *testing.T) *world {
	account := &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws", Endpoint: "http://127.0.0.1"}
	router := api.NewRouter(1)
	queues := sqs.New(account, router, 1)
	t.Cleanup(queues.Close)
	w := &world{T: t, service: sns.New(account, router), router: router}
	router.Add(queues.API())
	router.Add(w.service.API())
	w.client = &http.Client{Transport: endpoint.Transport(endpoint.New(account, router))}
	w.call("sqs", "CreateQueue", `{"QueueName": "mail"}`)
	return w
}

func (w *world) call(service, operation, input string) map[string]any {
	w.Helper()
	out, err := w.router.Call(w.Context(), service, operation, api.Caller{}, []byte(input))
	require.NoError(w, err)
	encoded, err := json.Marshal(out)
	require.NoError(w, err)
	var m map[string]any
	require.NoError(w, json.Unmarshal(encoded, &m))
	return m
}

// query makes a call as SDKs do, by the query protocol.
func (w *world) query(form url.Values) string {
	w.Helper()
	form.Set("Version", "2010-03-31")
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(form.Encode()))
	require.NoError(w, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20000101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := w.client.Do(r)
	require.NoError(w, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(w, err)
	return string(body)
}

// received are the bodies that the queue got.
func (w *world) received() (bodies []string) {
	w.Helper()
	messages, _ := w.call("sqs", "ReceiveMessage", `{"QueueUrl": "http://127.0.0.1/123456789012/mail", "MaxNumberOfMessages": 10}`)["Messages"].([]any)
	for _, m := range messages {
		bodies = append(bodies, m.(map[string]any)["Body"].(string))
	}
	return bodies
}

// https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html
func TestPublishOverTheQueryProtocol(t *testing.T) {
	w := newWorld(t)
	assert.Contains(t, w.query(url.Values{"Action": {"CreateTopic"}, "Name": {"alarms"}, "Tags.member.1.Key": {"muster:fleet"}, "Tags.member.1.Value": {"jobs"}}),
		"<CreateTopicResult><TopicArn>"+topicARN+"</TopicArn></CreateTopicResult>")
	assert.Contains(t, w.query(url.Values{"Action": {"Subscribe"}, "TopicArn": {topicARN}, "Protocol": {"sqs"}, "Endpoint": {queueARN}}),
		"<SubscriptionArn>"+topicARN+":")
	assert.Contains(t, w.query(url.Values{"Action": {"Publish"}, "TopicArn": {topicARN}, "Subject": {"a & b"}, "Message": {"one\ntwo"}}), "<MessageId>")

	bodies := w.received()
	require.Len(t, bodies, 1)
	var n map[string]string
	require.NoError(t, json.Unmarshal([]byte(bodies[0]), &n))
	assert.Equal(t, "Notification", n["Type"])
	assert.Equal(t, topicARN, n["TopicArn"])
	assert.Equal(t, "a & b", n["Subject"])
	assert.Equal(t, "one\ntwo", n["Message"])
	assert.NotEmpty(t, n["MessageId"])

	described := w.query(url.Values{"Action": {"GetTopicAttributes"}, "TopicArn": {topicARN}})
	assert.Contains(t, described, "<entry><key>SubscriptionsConfirmed</key><value>1</value></entry>")
	var valid struct{}
	require.NoError(t, xml.Unmarshal([]byte(described), &valid))
	assert.Contains(t, w.query(url.Values{"Action": {"DeleteTopic"}, "TopicArn": {topicARN}}), "<DeleteTopicResponse")
	assert.Contains(t, w.query(url.Values{"Action": {"Publish"}, "TopicArn": {topicARN}, "Message": {"x"}}), "<Code>NotFound</Code><Message>Topic does not exist</Message>")
}

// https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
func TestSubscriptions(t *testing.T) {
	w := newWorld(t)
	w.call("sns", "CreateTopic", `{"Name": "alarms"}`)
	subscribe := func(members string) string {
		return w.call("sns", "Subscribe", `{"TopicArn": "`+topicARN+`", `+members+`}`)["SubscriptionArn"].(string)
	}
	mail := `"Protocol": "email", "Endpoint": "me@example.com"`
	assert.Equal(t, "pending confirmation", subscribe(mail), "nobody confirms here")
	assert.True(t, strings.HasPrefix(subscribe(mail+`, "ReturnSubscriptionArn": true`), topicARN+":"))
	raw := subscribe(`"Protocol": "sqs", "Endpoint": "` + queueARN + `", "Attributes": {"RawMessageDelivery": "true"}`)
	assert.Equal(t, "true", w.call("sns", "GetSubscriptionAttributes", `{"SubscriptionArn": "`+raw+`"}`)["Attributes"].(map[string]any)["RawMessageDelivery"])
	w.call("sns", "Publish", `{"TopicArn": "`+topicARN+`", "Message": "plain"}`)
	assert.Equal(t, []string{"plain"}, w.received())
	assert.Len(t, w.call("sns", "ListSubscriptionsByTopic", `{"TopicArn": "`+topicARN+`"}`)["Subscriptions"], 2)
	w.call("sns", "Unsubscribe", `{"SubscriptionArn": "`+raw+`"}`)
	w.call("sns", "Publish", `{"TopicArn": "`+topicARN+`", "Message": "unheard"}`)
	assert.Empty(t, w.received())
}

// A queue that is gone does not fail the publisher.
func TestFailedDelivery(t *testing.T) {
	w := newWorld(t)
	var failed []error
	w.router.Observe(func(e api.Event) {
		if err, ok := e.Output.(*api.Error); ok && e.Operation == "Deliver" {
			failed = append(failed, err)
		}
	})
	w.call("sns", "CreateTopic", `{"Name": "alarms"}`)
	w.call("sns", "Subscribe", `{"TopicArn": "`+topicARN+`", "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:123456789012:gone"}`)
	w.call("sns", "Publish", `{"TopicArn": "`+topicARN+`", "Message": "x"}`)
	require.Len(t, failed, 1)
	assert.ErrorContains(t, failed[0], "QueueDoesNotExist")
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.call("sns", "CreateTopic", `{"Name": "alarms", "Attributes": {"DisplayName": "a"}}`)
	publish := func(members string) string { return `{"TopicArn": "` + topicARN + `", ` + members + `}` }
	for name, c := range map[string]struct{ operation, input, want string }{
		"name":             {"CreateTopic", `{"Name": "a b"}`, "InvalidParameter: Invalid parameter: Topic Name"},
		"FIFO":             {"CreateTopic", `{"Name": "a.fifo"}`, "InvalidParameter: Invalid parameter: Topic Name"},
		"attribute":        {"CreateTopic", `{"Name": "a", "Attributes": {"Colour": "red"}}`, "InvalidParameter: Invalid parameter: AttributeName"},
		"other attributes": {"CreateTopic", `{"Name": "alarms", "Attributes": {"DisplayName": "b"}}`, "Topic already exists with different attributes"},
		"policy":           {"SetTopicAttributes", publish(`"AttributeName": "Policy", "AttributeValue": "{"`), "Invalid parameter: Policy Error: null"},
		"no topic":         {"Publish", `{"TopicArn": "` + topicARN + `x", "Message": "x"}`, "NotFound: Topic does not exist"},
		"no ARN":           {"Publish", `{"TopicArn": "alarms", "Message": "x"}`, "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"},
		"empty":            {"Publish", publish(`"Message": ""`), "InvalidParameter: Invalid parameter: Empty message"},
		"too long":         {"Publish", publish(`"Message": "` + strings.Repeat("x", 256<<10+1) + `"`), "InvalidParameter: Invalid parameter: Message too long"},
		"empty subject":    {"Publish", publish(`"Message": "x", "Subject": ""`), "InvalidParameter: Invalid parameter: Subject"},
		"long subject":     {"Publish", publish(`"Message": "x", "Subject": "` + strings.Repeat("x", 101) + `"`), "InvalidParameter: Invalid parameter: Subject"},
		"line break":       {"Publish", publish(`"Message": "x", "Subject": "a\nb"`), "InvalidParameter: Invalid parameter: Subject"},
		"subject's script": {"Publish", publish(`"Message": "x", "Subject": "Füße"`), "InvalidParameter: Invalid parameter: Subject"},
		"unknown member":   {"Publish", publish(`"Message": "x", "MessageStructure": "json"`), `does not know the member "MessageStructure"`},
		"protocol":         {"Subscribe", publish(`"Protocol": "sms", "Endpoint": "+1"`), "Does not support this protocol string: sms"},
		"another account":  {"Subscribe", publish(`"Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:1:q"`), "Invalid parameter: SQS endpoint ARN"},
		"FIFO queue":       {"Subscribe", publish(`"Protocol": "sqs", "Endpoint": "` + queueARN + `.fifo"`), "FIFO SQS Queues can not be subscribed to standard SNS topics"},
		"address":          {"Subscribe", publish(`"Protocol": "email", "Endpoint": "me"`), "Invalid parameter: Email address"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.router.Call(t.Context(), "sns", c.operation, api.Caller{}, []byte(c.input))
			assert.ErrorContains(t, err, c.want)
		})
	}
	w.call("sns", "Publish", publish(`"Message": "x", "Subject": "`+strings.Repeat("x", 100)+`"`))
}

func TestTemplateResources(t *testing.T) {
	w := newWorld(t)
	provide := func(kind, properties string) api.Resource {
		made, err := w.service.Providers()[kind].Create(t.Context(), api.ResourceRequest{Name: "jobs-" + kind[len("AWS::SNS::"):], Properties: []byte(properties)})
		require.NoError(t, err)
		return made
	}
	made := provide("AWS::SNS::Topic", `{"TopicName": "alarms", "DisplayName": "Alarms", "Tags": [{"Key": "muster:fleet", "Value": "jobs"}], "Subscription": [{"Protocol": "email", "Endpoint": "me@example.com"}]}`)
	assert.Equal(t, api.Resource{Ref: topicARN, Attributes: map[string]string{"TopicArn": topicARN, "TopicName": "alarms"}}, made)
	sub := provide("AWS::SNS::Subscription", `{"TopicArn": "`+topicARN+`", "Protocol": "sqs", "Endpoint": "`+queueARN+`", "RawMessageDelivery": true}`)
	policy := `{"PolicyDocument": {"Statement": []}, "Topics": ["` + topicARN + `"]}`
	provide("AWS::SNS::TopicPolicy", policy)
	assert.JSONEq(t, `{"Statement": []}`, w.service.Policy(topicARN))
	w.call("sns", "Publish", `{"TopicArn": "`+topicARN+`", "Message": "x"}`)
	assert.Equal(t, []string{"x"}, w.received())

	providers := w.service.Providers()
	topic := api.Existing{Resource: made, ResourceRequest: api.ResourceRequest{Properties: []byte(`{"TopicName": "alarms", "Subscription": [{"Protocol": "email", "Endpoint": "me@example.com"}]}`)}}
	_, err := providers["AWS::SNS::Topic"].Update(t.Context(), api.ResourceRequest{Properties: []byte(`{"TopicName": "alarms", "DisplayName": "b"}`)}, topic)
	require.NoError(t, err)
	described := w.call("sns", "GetTopicAttributes", `{"TopicArn": "`+topicARN+`"}`)["Attributes"].(map[string]any)
	assert.Equal(t, "b", described["DisplayName"])
	assert.Equal(t, "0", described["SubscriptionsPending"])
	require.NoError(t, providers["AWS::SNS::TopicPolicy"].Delete(t.Context(), api.Existing{ResourceRequest: api.ResourceRequest{Properties: []byte(policy)}}))
	assert.Contains(t, w.service.Policy(topicARN), "__default_policy_ID")
	_, err = providers["AWS::SNS::Subscription"].Update(t.Context(), api.ResourceRequest{Properties: []byte(`{"TopicArn": "` + topicARN + `", "Protocol": "sqs", "Endpoint": "` + queueARN + `"}`)}, api.Existing{Resource: sub})
	require.NoError(t, err)
	assert.Equal(t, "false", w.call("sns", "GetSubscriptionAttributes", `{"SubscriptionArn": "`+sub.Ref+`"}`)["Attributes"].(map[string]any)["RawMessageDelivery"])
	require.NoError(t, providers["AWS::SNS::Subscription"].Delete(t.Context(), api.Existing{Resource: sub}))
	require.NoError(t, providers["AWS::SNS::Topic"].Delete(t.Context(), topic))
	require.NoError(t, providers["AWS::SNS::Topic"].Delete(t.Context(), topic), "what is gone is no error")
	assert.Empty(t, w.call("sns", "ListTopics", `{}`)["Topics"])
}

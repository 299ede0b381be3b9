package logs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/logs"
)

// world is a service behind its door.
type world struct {
	*testing.T
	*logs.Service
	router  *api.Router
	watched []string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, router: api.NewRouter(1)}
	w.Service = logs.New(&api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws"}, w.router, func(group string, message []byte) {
		w.watched = append(w.watched, group+" "+string(message))
	})
	w.router.Add(w.API())
	return w
}

func (w *world) try(operation, input string, into any) error {
	w.Helper()
	out, err := w.router.Call(w.Context(), "logs", operation, api.Caller{}, []byte(input))
	if err != nil || into == nil {
		return err
	}
	encoded, err := json.Marshal(out)
	require.NoError(w, err)
	return json.Unmarshal(encoded, into)
}

func (w *world) call(operation, input string, into any) {
	w.Helper()
	require.NoError(w, w.try(operation, input, into))
}

// filter are the messages of a FilterLogEvents, page by page.
func (w *world) filter(members string) (messages []string, pages int) {
	w.Helper()
	for token := ""; ; {
		var out logs.FilterLogEventsOutput
		w.call("FilterLogEvents", `{"logGroupName": "g"`+members+token+`}`, &out)
		pages++
		for _, e := range out.Events {
			messages = append(messages, e.Message)
		}
		if out.NextToken == "" {
			return messages, pages
		}
		token = `, "nextToken": "` + out.NextToken + `"`
	}
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func TestFilterLogEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i, text := range []string{"INFO begin", "ERROR no worker", "INFO end"} {
			w.Write("g", fmt.Sprintf("stream%d", i%2), []byte(text))
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"g INFO begin", "g ERROR no worker", "g INFO end"}, w.watched)
		const began = 946684800000
		for members, want := range map[string][]string{
			``:                                           {"INFO begin", "ERROR no worker", "INFO end"},
			`, "filterPattern": "INFO"`:                  {"INFO begin", "INFO end"},
			`, "filterPattern": "INFO end"`:              {"INFO end"},
			`, "filterPattern": "\"no worker\""`:         {"ERROR no worker"},
			`, "filterPattern": "?begin ?end"`:           {"INFO begin", "INFO end"},
			`, "filterPattern": "INFO -end"`:             {"INFO begin"},
			`, "filterPattern": "info"`:                  nil,
			`, "logStreamNames": ["stream1"]`:            {"ERROR no worker"},
			`, "logStreamNamePrefix": "stream0"`:         {"INFO begin", "INFO end"},
			fmt.Sprintf(`, "startTime": %d`, began+1000): {"ERROR no worker", "INFO end"},
			fmt.Sprintf(`, "endTime": %d`, began+1000):   {"INFO begin"},
		} {
			got, _ := w.filter(members)
			assert.Equal(t, want, got, members)
		}
		got, pages := w.filter(`, "limit": 1`)
		assert.Len(t, got, 3)
		assert.Equal(t, 3, pages)

		var first, more logs.FilterLogEventsOutput
		w.call("FilterLogEvents", `{"logGroupIdentifier": "arn:aws:logs:us-east-1:123456789012:log-group:g", "limit": 2}`, &first)
		w.Write("g", "stream0", []byte("later"))
		w.call("FilterLogEvents", `{"logGroupName": "g", "nextToken": "`+first.NextToken+`"}`, &more)
		require.Len(t, more.Events, 2, "what came later follows")
		assert.Equal(t, "later", more.Events[1].Message)
	})
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func TestGetLogEvents(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.Write("g", "s", fmt.Append(nil, i))
	}
	read := func(members string) (texts string, out logs.GetLogEventsOutput) {
		w.call("GetLogEvents", `{"logGroupName": "g", "logStreamName": "s", "limit": 2`+members+`}`, &out)
		for _, e := range out.Events {
			texts += e.Message
		}
		return texts, out
	}
	texts, out := read(``)
	assert.Equal(t, "34", texts, "the newest first")
	texts, _ = read(`, "nextToken": "` + out.NextBackwardToken + `"`)
	assert.Equal(t, "12", texts)
	texts, out = read(`, "startFromHead": true`)
	assert.Equal(t, "01", texts)
	texts, out = read(`, "nextToken": "` + out.NextForwardToken + `"`)
	assert.Equal(t, "23", texts)
	_, out = read(`, "nextToken": "` + out.NextForwardToken + `"`)
	texts, end := read(`, "nextToken": "` + out.NextForwardToken + `"`)
	assert.Empty(t, texts)
	assert.Equal(t, out.NextForwardToken, end.NextForwardToken, "at the end the same token comes back")
}

func TestGroupsAndStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.call("CreateLogGroup", `{"logGroupName": "/aws/lambda/pump", "tags": {"muster:fleet": "jobs"}}`, nil)
		w.call("CreateLogStream", `{"logGroupName": "/aws/lambda/pump", "logStreamName": "old"}`, nil)
		w.call("PutLogEvents", `{"logGroupName": "/aws/lambda/pump", "logStreamName": "old", "logEvents": [{"timestamp": 946684800000, "message": "abc"}]}`, nil)
		time.Sleep(time.Minute)
		w.Write("/aws/lambda/pump", "new", []byte("x"))
		w.Write("/aws/lambda/poll", "s", []byte("x"))
		var groups logs.DescribeLogGroupsOutput
		w.call("DescribeLogGroups", `{"logGroupNamePrefix": "/aws/lambda/pu"}`, &groups)
		require.Len(t, groups.LogGroups, 1)
		assert.Equal(t, "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/pump", groups.LogGroups[0].LogGroupARN)
		assert.Equal(t, 4, groups.LogGroups[0].StoredBytes)
		w.call("DescribeLogGroups", `{"limit": 1}`, &groups)
		assert.Equal(t, "/aws/lambda/poll", groups.NextToken)
		var streams logs.DescribeLogStreamsOutput
		w.call("DescribeLogStreams", `{"logGroupName": "/aws/lambda/pump", "orderBy": "LastEventTime", "descending": true, "limit": 1}`, &streams)
		require.Len(t, streams.LogStreams, 1)
		assert.Equal(t, "new", streams.LogStreams[0].LogStreamName)
		assert.Equal(t, int64(946684860000), streams.LogStreams[0].LastEventTimestamp)
		assert.NotEmpty(t, streams.NextToken)
		var tags logs.TagsOutput
		w.call("ListTagsForResource", `{"resourceArn": "`+groups.LogGroups[0].LogGroupARN+`"}`, &tags)
		w.call("DeleteLogGroup", `{"logGroupName": "/aws/lambda/poll"}`, nil)
		assert.ErrorContains(t, w.try("DeleteLogGroup", `{"logGroupName": "/aws/lambda/poll"}`, nil), "ResourceNotFoundException: The specified log group does not exist.")
	})
}

// Nothing grows without end, and nothing is kept for longer than it should be.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 50_000 {
			w.Write("g", "s", fmt.Append(nil, i))
		}
		got, _ := w.filter(``)
		assert.LessOrEqual(t, len(got), 20_000)
		assert.Equal(t, "49999", got[len(got)-1])
		w.call("PutRetentionPolicy", `{"logGroupName": "g", "retentionInDays": 1}`, nil)
		time.Sleep(25 * time.Hour)
		w.Write("g", "s", []byte("new"))
		got, _ = w.filter(``)
		assert.Equal(t, []string{"new"}, got)
		for range 20 {
			w.Write("g", "s", []byte(strings.Repeat("x", 1<<20)))
		}
		var groups logs.DescribeLogGroupsOutput
		w.call("DescribeLogGroups", `{}`, &groups)
		assert.LessOrEqual(t, groups.LogGroups[0].StoredBytes, 16<<20)
	})
}

func TestRefusedReads(t *testing.T) {
	w := newWorld(t)
	w.Write("g", "s", []byte("x"))
	for _, c := range []struct{ operation, input, want string }{
		{"FilterLogEvents", `{"logGroupName": "h"}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"FilterLogEvents", `{}`, "at 'logGroupName' failed to satisfy constraint"},
		{"FilterLogEvents", `{"logGroupName": "g", "filterPattern": "{ $.level = \"ERROR\" }"}`, "Invalid filter pattern: the embedded runtime knows words"},
		{"FilterLogEvents", `{"logGroupName": "g", "filterPattern": "\"a"}`, "lacks a quotation mark"},
		{"FilterLogEvents", `{"logGroupName": "g", "limit": 10001}`, "less than or equal to 10000"},
		{"FilterLogEvents", `{"logGroupName": "g", "nextToken": "x"}`, "The specified nextToken is invalid."},
		{"FilterLogEvents", `{"logGroupName": "g", "unmask": true}`, `does not know the member "unmask"`},
		{"GetLogEvents", `{"logGroupName": "g", "logStreamName": "t"}`, "The specified log stream does not exist."},
		{"GetLogEvents", `{"logGroupName": "g", "logStreamName": "s", "nextToken": "f/x"}`, "The specified nextToken is invalid."},
		{"DescribeLogStreams", `{"logGroupName": "g", "orderBy": "Size"}`, "at 'orderBy' failed to satisfy constraint"},
		{"PutLogEvents", `{"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 2, "message": "a"}, {"timestamp": 1, "message": "b"}]}`, "must be in chronological order"},
		{"CreateLogStream", `{"logGroupName": "g", "logStreamName": "s"}`, "ResourceAlreadyExistsException: The specified log stream already exists"},
	} {
		assert.ErrorContains(t, w.try(c.operation, c.input, nil), c.want, c.input)
	}
}

func TestGroupsOfATemplateChange(t *testing.T) {
	w := newWorld(t)
	p := w.Providers()["AWS::Logs::LogGroup"]
	before := api.ResourceRequest{Name: "g", Properties: []byte(`{"RetentionInDays": 14}`)}
	made, err := p.Create(t.Context(), before)
	require.NoError(t, err)
	old := api.Existing{ResourceRequest: before, Resource: made}
	_, err = p.Update(t.Context(), api.ResourceRequest{Properties: []byte(`{"RetentionInDays": 30, "Tags": [{"Key": "a", "Value": "b"}]}`)}, old)
	require.NoError(t, err)
	assert.Equal(t, 30, w.Groups()[0].RetentionInDays)
	assert.Equal(t, map[string]string{"a": "b"}, w.Groups()[0].Tags)
	_, err = p.Update(t.Context(), api.ResourceRequest{Properties: []byte(`{}`)}, old)
	require.NoError(t, err)
	assert.Zero(t, w.Groups()[0].RetentionInDays)
	_, err = p.Update(t.Context(), api.ResourceRequest{Properties: []byte(`{"LogGroupClass": "INFREQUENT_ACCESS"}`)}, old)
	require.ErrorContains(t, err, "cannot be changed")
	require.NoError(t, p.Delete(t.Context(), old))
	require.NoError(t, p.Delete(t.Context(), old), "what is gone is no error")
	assert.Empty(t, w.Groups())
}

package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"net/http"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/endpoint"
)

func TestPutEventsEntriesFailOneByOne(t *testing.T) {
	inBubble(t, func(w *world) {
		out := w.must("PutEvents", `{"Entries":[
			{"DetailType":"d","Detail":"{}"},
			{"Source":"s","Detail":"{}"},
			{"Source":"s","DetailType":"d"},
			{"Source":"s","DetailType":"d","Detail":"[]"},
			{"Source":"s","DetailType":"d","Detail":"{"},
			{"Source":"aws.s3","DetailType":"d","Detail":"{}"},
			{"Source":"s","DetailType":"d","Detail":"{}","Time":1700000000.5,"Resources":["r"],"EventBusName":"default"}]}`)
		var got PutEventsOutput
		require.NoError(t, json.Unmarshal([]byte(out), &got))
		assert.Equal(t, 6, got.FailedEntryCount)
		assert.NotEmpty(t, got.Entries[6].EventID)
		assert.Equal(t, []PutEventsResult{
			{ErrorCode: "InvalidArgument", ErrorMessage: "Parameter Source is not valid. Reason: Source is a required argument."},
			{ErrorCode: "InvalidArgument", ErrorMessage: "Parameter DetailType is not valid. Reason: DetailType is a required argument."},
			{ErrorCode: "InvalidArgument", ErrorMessage: "Parameter Detail is not valid. Reason: Detail is a required argument."},
			{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."},
			{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."},
			{ErrorCode: "NotAuthorizedForSource", ErrorMessage: "Not authorized for the source."},
		}, got.Entries[:6])
	})
}

func TestPutEventsSize(t *testing.T) {
	inBubble(t, func(w *world) {
		// Source and DetailType are 2 bytes, {"a":""} is 8.
		entry := func(n int) string {
			detail := fmt.Sprintf(`{\"a\":\"%s\"}`, strings.Repeat("x", n-10))
			return `{"Entries":[{"Source":"s","DetailType":"d","Detail":"` + detail + `"}]}`
		}
		w.must("PutEvents", entry(1<<20))
		_, err := w.call("PutEvents", entry(1<<20+1))
		assert.EqualError(t, err, "ValidationException: Total size of the entries in the request is over the limit.")
	})
}

func TestRefusals(t *testing.T) {
	target := func(more string) string {
		return `{"Rule":"wake","Targets":[{"Id":"t","Arn":"` + queue + `"` + more + `}]}`
	}
	for _, c := range []struct{ operation, input, want string }{
		{"PutRule", `{"Name":"a b","ScheduleExpression":"rate(1 day)"}`, "ValidationException: 1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"},
		{"PutRule", `{"Name":"a"}`, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."},
		{"PutRule", `{"Name":"a","ScheduleExpression":"rate(1 minutes)"}`, `ValidationException: Parameter ScheduleExpression is not valid. Reason: the rate's unit "minutes" does not agree with 1.`},
		{"PutRule", `{"Name":"a","EventPattern":"{\"source\":\"x\"}"}`, `InvalidEventPatternException: Event pattern is not valid. Reason: "source" must be an object or an array`},
		{"PutRule", `{"Name":"a","ScheduleExpression":"rate(1 day)","EventBusName":"mine"}`, "ResourceNotFoundException: Event bus mine does not exist."},
		{"PutRule", `{"Name":"a","Managed":true}`, `ValidationException: The embedded runtime does not know the member "Managed" of PutRuleInput.`},
		{"DescribeRule", `{"Name":"none"}`, "ResourceNotFoundException: Rule none does not exist on EventBus default."},
		{"PutTargets", `{"Rule":"none","Targets":[{"Id":"t","Arn":"` + queue + `"}]}`, "ResourceNotFoundException: Rule none does not exist on EventBus default."},
		{"PutTargets", target(`,"DeadLetterConfig":{}`), `ValidationException: The embedded runtime does not know the member "DeadLetterConfig" of PutTargetsInput.`},
		{"PutTargets", target(`,"Input":"{"`), "ValidationException: JSON syntax error in input for target t."},
		{"PutTargets", target(`,"Input":"{}","InputPath":"$"`), "ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target t."},
		{"PutTargets", target(`,"InputPath":"detail"`), `ValidationException: InputPath for target t is invalid. Reason: the path "detail" does not begin with $.`},
		{"PutTargets", target(`,"InputPath":"$.a.*"`), `ValidationException: InputPath for target t is invalid. Reason: the embedded runtime does not know "*" in the path "$.a.*".`},
		{"PutTargets", target(`,"InputTransformer":{"InputTemplate":"{\"a\":<b>}"}`), "ValidationException: InputTransformer for target t is invalid. Reason: InputTemplate is no JSON once its variables are replaced."},
		{"PutTargets", target(`,"RetryPolicy":{"MaximumRetryAttempts":186}`), "ValidationException: Value '186' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value between 0 and 185"},
		{"PutTargets", `{"Rule":"wake","Targets":[{"Id":"t","Arn":"` + machine + `"}]}`, "ValidationException: RoleArn is required for target " + machine + "."},
		{"PutTargets", `{"Rule":"wake","Targets":[{"Id":"t","Arn":"` + queue + `.fifo"}]}`, "ValidationException: Parameter(s) SqsParameters must be specified for target: t."},
		{"PutTargets", `{"Rule":"wake","Targets":[{"Id":"t","Arn":"arn:aws:sns:us-east-1:123456789012:topic"}]}`, "ValidationException: The embedded runtime does not deliver events to arn:aws:sns:us-east-1:123456789012:topic."},
		{"PutTargets", `{"Rule":"wake","Targets":[{"Id":"t","Arn":"arn:aws:sqs:eu-west-1:123456789012:jobs"}]}`, "ValidationException: The embedded runtime has targets of region us-east-1 and account 123456789012 only, not arn:aws:sqs:eu-west-1:123456789012:jobs."},
		{"DeleteRule", `{"Name":"wake"}`, "ValidationException: Rule can't be deleted since it has targets."},
		{"PutEvents", `{"Entries":[]}`, "ValidationException: 1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"PutEvents", `{"Entries":[{"EventBusName":"mine"}]}`, "ResourceNotFoundException: Event bus mine does not exist."},
		{"CreateEventBus", `{}`, "UnknownOperationException: The embedded runtime does not know events:CreateEventBus."},
	} {
		inBubble(t, func(w *world) {
			w.rule(`{"Id":"t","Arn":"` + queue + `"}`)
			_, err := w.call(c.operation, c.input)
			assert.EqualError(t, err, c.want)
		})
	}
}

func TestInputTransformer(t *testing.T) {
	for _, c := range []struct{ name, paths, template, want string }{
		{"values", `{"f":"$.detail.fleet","n":"$.detail.n"}`, `{"fleet":<f>,"n":<n>}`, `{"fleet":"jo\"bs","n":1.50}`},
		{"within a string", `{"f":"$.detail.fleet","n":"$.detail.n"}`, `"fleet <f> has <n>"`, `"fleet jo\"bs has 1.50"`},
		{"an object", `{"d":"$.detail.o"}`, `{"d":<d>,"s":"<d>"}`, `{"d":{"a":["x","y"]},"s":"{a:[x,y]}"}`},
		{"an element", `{"e":"$.detail.o.a[1]"}`, `{"e":<e>}`, `{"e":"y"}`},
		{"what is not there", `{"x":"$.detail.x","y":"$.detail.o.a[2]"}`, `{"x":<x>,"y":"<y>"}`, `{"x":null,"y":""}`},
		{"no variable", `{}`, `{"x":"<x>"}`, `{"x":"<x>"}`},
		{"the rule", `{}`, `{"r":<aws.events.rule-name>,"a":"<aws.events.rule-arn>","t":<aws.events.event.ingestion-time>}`,
			`{"r":"wake","a":"arn:aws:events:us-east-1:123456789012:rule/wake","t":"2000-01-01T00:00:00.000Z"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				template, err := json.Marshal(c.template)
				require.NoError(t, err)
				w.rule(`{"Id":"t","Arn":"` + queue + `","InputTransformer":{"InputPathsMap":` + c.paths + `,"InputTemplate":` + string(template) + `}}`)
				w.must("PutEvents", `{"Entries":[{"Source":"muster","DetailType":"d","Detail":"{\"fleet\":\"jo\\\"bs\",\"n\":1.50,\"o\":{\"a\":[\"x\",\"y\"]}}"}]}`)
				require.Len(t, w.seen(), 1)
				assert.Equal(t, c.want, w.seen()[0].input["MessageBody"])
			})
		})
	}
	t.Run("the whole event", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.rule(`{"Id":"t","Arn":"` + queue + `","InputTransformer":{"InputTemplate":"{\"all\":<aws.events.event.json>,\"head\":<aws.events.event>}"}}`)
			w.wake()
			var got struct{ All, Head map[string]any }
			require.NoError(t, json.Unmarshal([]byte(w.seen()[0].input["MessageBody"]), &got))
			assert.Equal(t, map[string]any{"fleet": "jobs", "n": 1.5}, got.All["detail"])
			delete(got.All, "detail")
			assert.Equal(t, got.All, got.Head)
		})
	})
}

func TestAnInputThatIsNotThereFailsTheDelivery(t *testing.T) {
	inBubble(t, func(w *world) {
		w.rule(`{"Id":"t","Arn":"` + queue + `","InputPath":"$.detail.none"}`)
		w.wake()
		assert.Empty(t, w.seen())
		require.Len(t, w.failed, 1)
		assert.Equal(t, "wake", w.failed[0].Rule)
	})
}

func TestListing(t *testing.T) {
	inBubble(t, func(w *world) {
		for _, name := range []string{"b", "a", "ac"} {
			w.must("PutRule", `{"Name":"`+name+`","ScheduleExpression":"rate(1 day)","Tags":[{"Key":"k","Value":"v"}]}`)
		}
		arn := "arn:aws:events:us-east-1:123456789012:rule/"
		rule := func(name string) string {
			return `{"Name":"` + name + `","Arn":"` + arn + name + `","EventBusName":"default","ScheduleExpression":"rate(1 day)","State":"ENABLED"}`
		}
		assert.JSONEq(t, `{"Rules":[`+rule("a")+`,`+rule("ac")+`],"NextToken":"ac"}`, w.must("ListRules", `{"Limit":2}`))
		assert.JSONEq(t, `{"Rules":[`+rule("b")+`]}`, w.must("ListRules", `{"Limit":2,"NextToken":"ac"}`))
		assert.JSONEq(t, `{"Rules":[`+rule("ac")+`]}`, w.must("ListRules", `{"NamePrefix":"ac"}`))
		assert.JSONEq(t, rule("b"), w.must("DescribeRule", `{"Name":"b"}`))
		assert.JSONEq(t, `{"Tags":[{"Key":"k","Value":"v"}]}`, w.must("ListTagsForResource", `{"ResourceARN":"`+arn+`a"}`))

		w.must("PutTargets", `{"Rule":"a","Targets":[{"Id":"2","Arn":"`+queue+`"},{"Id":"1","Arn":"`+function+`","Input":"1"}]}`)
		assert.JSONEq(t, `{"Targets":[{"Id":"1","Arn":"`+function+`","Input":"1"},{"Id":"2","Arn":"`+queue+`"}]}`, w.must("ListTargetsByRule", `{"Rule":"a"}`))
		assert.JSONEq(t, `{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"3","ErrorCode":"ResourceNotFoundException","ErrorMessage":"Rule a does not have a target with the Id 3."}]}`,
			w.must("RemoveTargets", `{"Rule":"a","Ids":["1","3"]}`))

		// Replacing a rule keeps its targets.
		w.must("PutRule", `{"Name":"a","ScheduleExpression":"rate(2 days)"}`)
		assert.JSONEq(t, `{"Targets":[{"Id":"2","Arn":"`+queue+`"}]}`, w.must("ListTargetsByRule", `{"Rule":"a"}`))
		_, err := w.call("PutTargets", `{"Rule":"a","Targets":[{"Id":"3","Arn":"`+queue+`"},{"Id":"4","Arn":"`+queue+`"},{"Id":"5","Arn":"`+queue+`"},{"Id":"6","Arn":"`+queue+`"},{"Id":"7","Arn":"`+queue+`"}]}`)
		assert.EqualError(t, err, "LimitExceededException: The requested resource exceeds the maximum number allowed.")
		w.must("DeleteRule", `{"Name":"never made"}`)
	})
}

func TestProvider(t *testing.T) {
	inBubble(t, func(w *world) {
		provide := w.service.Providers()["AWS::Events::Rule"].Create
		got, err := provide(t.Context(), api.ResourceRequest{
			Name: "jobs-WakeRule-1",
			Properties: []byte(`{"Description":"Wakes.","EventPattern":{"source":["muster"]},"State":"ENABLED",
				"Targets":[{"Id":"autoscaler","Arn":"` + machine + `","RoleArn":"` + role + `","RetryPolicy":{"MaximumRetryAttempts":"3","MaximumEventAgeInSeconds":120}}]}`),
		})
		require.NoError(t, err)
		assert.Equal(t, api.Resource{Ref: "jobs-WakeRule-1", Attributes: map[string]string{"Arn": "arn:aws:events:us-east-1:123456789012:rule/jobs-WakeRule-1"}}, got)
		assert.JSONEq(t, `{"Targets":[{"Id":"autoscaler","Arn":"`+machine+`","RoleArn":"`+role+`","RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":120}}]}`,
			w.must("ListTargetsByRule", `{"Rule":"jobs-WakeRule-1"}`))
		w.wake()
		assert.Len(t, w.seen(), 1)

		for properties, want := range map[string]string{
			`{"Targets":[]}`:      "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.",
			`{"EventPatern":{}}`:  `ValidationException: The embedded runtime does not know the member "EventPatern" of ruleProperties.`,
			`{"EventPattern":{}}`: "InvalidEventPatternException: Event pattern is not valid. Reason: Empty objects are not allowed",
		} {
			_, err := provide(t.Context(), api.ResourceRequest{Name: "r", Properties: []byte(properties)})
			assert.EqualError(t, err, want)
		}
	})
}

func TestThroughTheSDK(t *testing.T) {
	inBubble(t, func(w *world) {
		client := eventbridge.New(eventbridge.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:4100"),
			Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
			HTTPClient:  &http.Client{Transport: endpoint.Transport(endpoint.New(&api.Account{}, w.router))},
		})
		w.rule(`{"Id":"t","Arn":"` + queue + `"}`)
		out, err := client.PutEvents(context.Background(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
			Source: aws.String("muster"), DetailType: aws.String("muster wake"), Detail: aws.String(`{}`), Time: &w.start,
		}}})
		require.NoError(t, err)
		assert.EqualValues(t, 0, out.FailedEntryCount)
		assert.Len(t, w.seen(), 1)

		_, err = client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{Name: aws.String("none")})
		var missing *types.ResourceNotFoundException
		require.ErrorAs(t, err, &missing, "%v", err)
		assert.Equal(t, "Rule none does not exist on EventBus default.", missing.ErrorMessage())
	})
}

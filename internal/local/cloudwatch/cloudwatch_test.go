package cloudwatch

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/endpoint"
	"github.com/musterq/muster/internal/local/eventbridge"
)

const arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:depth"

// world is a CloudWatch whose events are only written down, and a queue "jobs".
type world struct {
	t       *testing.T
	router  *api.Router
	service *Service

	mu     sync.Mutex
	depth  float64
	events []eventbridge.Event
}

func newWorld(t *testing.T, options Options) *world {
	w := &world{t: t, router: api.NewRouter(1)}
	account := &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws"}
	w.service = New(account, w.router, func(_ context.Context, e eventbridge.Event) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
		return nil
	}, options)
	w.service.AddSource("AWS/SQS", func(metric string, dimensions map[string]string) (float64, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.depth, metric == "ApproximateNumberOfMessagesVisible" && dimensions["QueueName"] == "jobs"
	})
	w.router.Add(w.service.API())
	t.Cleanup(w.service.Close)
	return w
}

func (w *world) set(depth float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.depth = depth
}

func (w *world) call(operation, input string) (string, error) {
	w.t.Helper()
	out, err := w.router.Call(w.t.Context(), "cloudwatch", operation, api.Caller{}, []byte(input))
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(out)
	require.NoError(w.t, err)
	return string(encoded), nil
}

func (w *world) must(operation, input string) string {
	w.t.Helper()
	out, err := w.call(operation, input)
	require.NoError(w.t, err)
	return out
}

// state waits until everything that can happen now has happened.
func (w *world) state() (value string, events int) {
	w.t.Helper()
	synctest.Wait()
	var out DescribeAlarmsOutput
	require.NoError(w.t, json.Unmarshal([]byte(w.must("DescribeAlarms", `{"AlarmNames":["depth"]}`)), &out))
	require.Len(w.t, out.MetricAlarms, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	return out.MetricAlarms[0].StateValue, len(w.events)
}

const depthAlarm = `"AlarmName":"depth","AlarmDescription":"The queue holds messages.","Namespace":"AWS/SQS","MetricName":"ApproximateNumberOfMessagesVisible",
	"Dimensions":[{"Name":"QueueName","Value":"jobs"}],"Statistic":"Maximum","Period":60,"EvaluationPeriods":1,"Threshold":0,
	"ComparisonOperator":"GreaterThanThreshold","TreatMissingData":"notBreaching"`

func TestAlarmsFireOnTransitionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		time.Sleep(20 * time.Second)
		w.must("PutMetricAlarm", `{`+depthAlarm+`}`)
		check := func(wantState string, wantEvents int) {
			t.Helper()
			state, events := w.state()
			assert.Equal(t, wantState, state)
			assert.Equal(t, wantEvents, events)
		}
		check("INSUFFICIENT_DATA", 0)
		time.Sleep(40 * time.Second)
		check("OK", 1)
		w.set(5)
		time.Sleep(59 * time.Second)
		check("OK", 1)
		time.Sleep(time.Second)
		check("ALARM", 2)
		time.Sleep(time.Hour)
		check("ALARM", 2)
		w.set(0)
		time.Sleep(time.Minute)
		check("OK", 3)
		w.must("DeleteAlarms", `{"AlarmNames":["depth"]}`)
		w.set(5)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, w.events, 3)
	})
}

func TestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		w.must("PutMetricAlarm", `{`+depthAlarm+`}`)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.set(12.5)
		time.Sleep(time.Minute)
		_, n := w.state()
		require.Equal(t, 2, n)
		e := w.events[1]
		assert.Equal(t, "aws.cloudwatch", e.Source)
		assert.Equal(t, "CloudWatch Alarm State Change", e.DetailType)
		assert.Equal(t, []string{arn}, e.Resources)
		assert.JSONEq(t, `{
			"alarmName":"depth",
			"configuration":{"description":"The queue holds messages.","metrics":[{"id":"01af9c2b-1000-5785-83d0-747932e08822","returnData":true,"metricStat":{
				"metric":{"dimensions":{"QueueName":"jobs"},"name":"ApproximateNumberOfMessagesVisible","namespace":"AWS/SQS"},"period":60,"stat":"Maximum"}}]},
			"previousState":{"value":"OK","timestamp":"2000-01-01T00:01:00.000+0000",
				"reason":"Threshold Crossed: 1 out of the last 1 datapoints [0.0 (01/01/00 00:00:00)] was not greater than the threshold (0.0) (minimum 1 datapoint for ALARM -> OK transition).",
				"reasonData":"{\"version\":\"1.0\",\"queryDate\":\"2000-01-01T00:01:00.000+0000\",\"startDate\":\"2000-01-01T00:00:00.000+0000\",\"statistic\":\"Maximum\",\"period\":60,\"recentDatapoints\":[0],\"threshold\":0}"},
			"state":{"value":"ALARM","timestamp":"2000-01-01T00:02:00.000+0000",
				"reason":"Threshold Crossed: 1 out of the last 1 datapoints [12.5 (01/01/00 00:01:00)] was greater than the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).",
				"reasonData":"{\"version\":\"1.0\",\"queryDate\":\"2000-01-01T00:02:00.000+0000\",\"startDate\":\"2000-01-01T00:01:00.000+0000\",\"statistic\":\"Maximum\",\"period\":60,\"recentDatapoints\":[12.5],\"threshold\":0}"}
		}`, string(e.Detail))
	})
}

func TestLateMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{MetricDelay: 15 * time.Minute})
		defer w.service.Close()
		w.must("PutMetricAlarm", `{`+depthAlarm+`}`)
		w.set(1)
		time.Sleep(15 * time.Minute)
		state, _ := w.state()
		assert.Equal(t, "OK", state)
		time.Sleep(time.Minute)
		state, _ = w.state()
		assert.Equal(t, "ALARM", state)
	})
}

// TestMissingData has the tables of the page: 0 does not breach, X does, and -
// is missing, the oldest first.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func TestMissingData(t *testing.T) {
	const keep = ""
	for _, c := range []struct {
		points   string
		n, m     int
		expected [4]string // missing, ignore, breaching, notBreaching
	}{
		{"0-X-X", 3, 3, [4]string{"OK", "OK", "OK", "OK"}},
		{"0----", 3, 3, [4]string{"OK", "OK", "OK", "OK"}},
		{"-----", 3, 3, [4]string{"INSUFFICIENT_DATA", keep, "ALARM", "OK"}},
		{"0XX-X", 3, 3, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"--X--", 3, 3, [4]string{"ALARM", keep, "ALARM", "OK"}},
		{"0-X-X", 3, 2, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"00X0X", 3, 2, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"0-X--", 3, 2, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"----0", 3, 2, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"---X-", 3, 2, [4]string{"ALARM", keep, "ALARM", "OK"}},
		{"----X", 3, 3, [4]string{keep, keep, "ALARM", "OK"}},
	} {
		for i, treat := range []string{"missing", "ignore", "breaching", "notBreaching"} {
			threshold := 0.0
			a := &alarm{PutMetricAlarmInput: PutMetricAlarmInput{
				EvaluationPeriods: c.n, DatapointsToAlarm: c.m, TreatMissingData: treat, Threshold: &threshold, ComparisonOperator: "GreaterThanThreshold",
			}}
			points := make([]point, len(c.points))
			for j, mark := range c.points {
				p := point{missing: mark == '-'}
				if mark == 'X' {
					p.value = 1
				}
				points[len(points)-1-j] = p
			}
			got, ok := a.judge(points)
			assert.Equal(t, c.expected[i] != keep, ok, "%s %d of %d %s", c.points, c.m, c.n, treat)
			assert.Equal(t, c.expected[i], got.value, "%s %d of %d %s", c.points, c.m, c.n, treat)
		}
	}
}

func TestOwnMetrics(t *testing.T) {
	for _, c := range []struct{ statistic, operator, threshold, data, want string }{
		{"Sum", "GreaterThanOrEqualToThreshold", "6", `{"MetricName":"n","Values":[1,2],"Counts":[2,2]}`, "ALARM"},
		{"Average", "GreaterThanThreshold", "1.5", `{"MetricName":"n","Values":[1,2]}`, "OK"},
		{"Minimum", "LessThanThreshold", "0", `{"MetricName":"n","Value":-1}`, "ALARM"},
		{"Maximum", "LessThanOrEqualToThreshold", "9", `{"MetricName":"n","StatisticValues":{"SampleCount":3,"Sum":20,"Minimum":1,"Maximum":10}}`, "OK"},
		{"SampleCount", "GreaterThanThreshold", "2", `{"MetricName":"n","StatisticValues":{"SampleCount":3,"Sum":20,"Minimum":1,"Maximum":10}}`, "ALARM"},
		{"Sum", "GreaterThanThreshold", "0", `{"MetricName":"n","Value":1,"Dimensions":[{"Name":"a","Value":"b"}]}`, "INSUFFICIENT_DATA"},
		{"Sum", "GreaterThanThreshold", "0", `{"MetricName":"n","Value":1,"Timestamp":946684200}`, "INSUFFICIENT_DATA"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Options{})
			defer w.service.Close()
			w.must("PutMetricAlarm", `{"AlarmName":"depth","Namespace":"Mine","MetricName":"n","Statistic":"`+c.statistic+`","Period":120,"EvaluationPeriods":1,
				"Threshold":`+c.threshold+`,"ComparisonOperator":"`+c.operator+`"}`)
			w.must("PutMetricData", `{"Namespace":"Mine","MetricData":[`+c.data+`]}`)
			time.Sleep(time.Minute)
			state, _ := w.state()
			assert.Equal(t, c.want, state, c.data)
		})
	}
}

func TestStateIsKeptAndSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		w.must("PutMetricAlarm", `{`+depthAlarm+`,"Tags":[{"Key":"k","Value":"v"}]}`)
		w.set(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.must("PutMetricAlarm", `{`+strings.Replace(depthAlarm, `"Threshold":0`, `"Threshold":100`, 1)+`}`)
		state, events := w.state()
		assert.Equal(t, "ALARM", state)
		assert.Equal(t, 1, events)
		assert.Equal(t, `{"Tags":[{"Key":"k","Value":"v"}]}`, w.must("ListTagsForResource", `{"ResourceARN":"`+arn+`"}`))
		w.must("SetAlarmState", `{"AlarmName":"depth","StateValue":"ALARM","StateReason":"again"}`)
		w.must("SetAlarmState", `{"AlarmName":"depth","StateValue":"INSUFFICIENT_DATA","StateReason":"a test","StateReasonData":"{}"}`)
		state, events = w.state()
		assert.Equal(t, "INSUFFICIENT_DATA", state)
		assert.Equal(t, 2, events)
		time.Sleep(time.Minute)
		state, events = w.state()
		assert.Equal(t, "OK", state)
		assert.Equal(t, 3, events)
	})
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, Options{})
	with := func(old, replacement string) string {
		return `{` + strings.Replace(depthAlarm, old, replacement, 1) + `}`
	}
	for _, c := range []struct{ operation, input, want string }{
		{"PutMetricAlarm", `{"AlarmName":"depth"}`, "MissingRequiredParameterException: The parameter Namespace is required."},
		{"PutMetricAlarm", with(`"Threshold":0,`, ``), "MissingRequiredParameterException: The parameter Threshold is required."},
		{"PutMetricAlarm", with(`"Maximum"`, `"p99"`), "ValidationError: Value 'p99' at 'statistic' failed to satisfy constraint: Member must satisfy enum value set: [SampleCount, Average, Sum, Minimum, Maximum]"},
		{"PutMetricAlarm", with(`"Period":60`, `"Period":10`), "ValidationError: The embedded runtime's alarms have periods of full minutes, not of 10 seconds"},
		{"PutMetricAlarm", with(`"EvaluationPeriods":1`, `"EvaluationPeriods":1441`), "ValidationError: Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."},
		{"PutMetricAlarm", with(`"EvaluationPeriods":1`, `"EvaluationPeriods":1,"DatapointsToAlarm":2`), "ValidationError: DatapointsToAlarm must be between 1 and EvaluationPeriods"},
		{"PutMetricAlarm", with(`"notBreaching"`, `"never"`), "ValidationError: The value never for parameter TreatMissingData is not supported."},
		{"PutMetricAlarm", with(`"AlarmName"`, `"ExtendedStatistic":"p99","AlarmName"`), `ValidationException: The embedded runtime does not know the member "ExtendedStatistic" of PutMetricAlarmInput.`},
		{"DeleteAlarms", `{"AlarmNames":["none"]}`, "ResourceNotFound: The named resource does not exist."},
		{"SetAlarmState", `{"AlarmName":"none","StateValue":"OK"}`, "ResourceNotFound: The named resource does not exist."},
		{"SetAlarmState", `{"AlarmName":"none","StateValue":"GOOD"}`, "ValidationError: Value 'GOOD' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"},
		{"PutMetricData", `{"Namespace":"AWS/SQS","MetricData":[]}`, "InvalidParameterValueException: The value AWS/ for parameter Namespace is invalid."},
		{"PutMetricData", `{"Namespace":"Mine","MetricData":[{"MetricName":"n"}]}`, "MissingRequiredParameterException: The parameter MetricData.member.1.Value is required."},
		{"PutMetricData", `{"Namespace":"Mine","MetricData":[{"MetricName":"n","Value":1e109}]}`, "InvalidParameterValueException: The value for parameter MetricData.member.1.Value is invalid."},
		{"PutMetricData", `{"Namespace":"Mine","MetricData":[{"MetricName":"n","Value":1,"Values":[1]}]}`, "InvalidParameterCombinationException: The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both."},
		{"PutAnomalyDetector", `{}`, "UnknownOperationException: The embedded runtime does not know cloudwatch:PutAnomalyDetector."},
	} {
		_, err := w.call(c.operation, c.input)
		assert.EqualError(t, err, c.want)
	}
}

func TestProvider(t *testing.T) {
	w := newWorld(t, Options{})
	got, err := w.service.Providers()["AWS::CloudWatch::Alarm"].Create(t.Context(), api.ResourceRequest{
		Name:       "depth",
		Properties: []byte(`{` + strings.NewReplacer(`"AlarmName":"depth",`, ``, `"Period":60`, `"Period":"60"`, `"Threshold":0`, `"Threshold":"0.5","ActionsEnabled":"false"`).Replace(depthAlarm) + `}`),
	})
	require.NoError(t, err)
	assert.Equal(t, api.Resource{Ref: "depth", Attributes: map[string]string{"Arn": arn}}, got)
	var out DescribeAlarmsOutput
	require.NoError(t, json.Unmarshal([]byte(w.must("DescribeAlarms", `{}`)), &out))
	assert.Equal(t, 0.5, out.MetricAlarms[0].Threshold)
	assert.Equal(t, 60, out.MetricAlarms[0].Period)
	assert.False(t, out.MetricAlarms[0].ActionsEnabled)
}

// client is the SDK's, which reaches the service in memory.
func (w *world) client() *cloudwatch.Client {
	transport := endpoint.Transport(endpoint.New(&api.Account{}, w.router))
	return cloudwatch.New(cloudwatch.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:4100"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
}

func TestThroughTheSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		client := w.client()
		for _, name := range []string{"a", "b"} {
			_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
				AlarmName: &name, Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateNumberOfMessagesVisible"),
				Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String("jobs")}}, Statistic: types.StatisticMaximum,
				Period: aws.Int32(60), EvaluationPeriods: aws.Int32(2), Threshold: aws.Float64(-1.5), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
			})
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		out, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(1)})
		require.NoError(t, err)
		require.Len(t, out.MetricAlarms, 1)
		a := out.MetricAlarms[0]
		assert.Equal(t, "a", *out.NextToken)
		assert.Equal(t, types.StateValueAlarm, a.StateValue)
		assert.Equal(t, -1.5, *a.Threshold)
		assert.Equal(t, time.Date(2000, 1, 1, 0, 2, 0, 0, time.UTC), a.StateTransitionedTimestamp.UTC())
		_, err = client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("Mine"), MetricData: []types.MetricDatum{
			{MetricName: aws.String("n"), Value: aws.Float64(-3), Timestamp: aws.Time(time.Now())},
		}})
		require.NoError(t, err)
		_, err = client.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"none"}})
		var missing *types.ResourceNotFound
		require.ErrorAs(t, err, &missing, "%v", err)

		// The AWS CLI of Debian speaks the query protocol.
		query := func(form string) string {
			r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:4100/", strings.NewReader(form+"&Version=2010-08-01"))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20000101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=ab")
			response, err := endpoint.Transport(endpoint.New(&api.Account{}, w.router)).RoundTrip(r)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			return string(body)
		}
		assert.Contains(t, query("Action=SetAlarmState&AlarmName=a&StateValue=OK&StateReason=test"), "<SetAlarmStateResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><ResponseMetadata><RequestId>")
		described := query("Action=DescribeAlarms&AlarmNames.member.1=a&MaxRecords=10")
		assert.Contains(t, described, "<DescribeAlarmsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><DescribeAlarmsResult><CompositeAlarms></CompositeAlarms><MetricAlarms><member><AlarmName>a</AlarmName>")
		assert.Contains(t, described, "<StateValue>OK</StateValue><StateReason>test</StateReason><StateUpdatedTimestamp>2000-01-01T00:02:00.000Z</StateUpdatedTimestamp>")
		assert.Contains(t, query("Action=PutMetricAlarm&AlarmName=c&Namespace=N&MetricName=m&Dimensions.member.1.Name=n&Dimensions.member.1.Value=42&Statistic=Sum&Period=60&EvaluationPeriods=1&Threshold=1&ComparisonOperator=LessThanThreshold"), "<PutMetricAlarmResponse")
		assert.Contains(t, query("Action=DeleteAlarms&AlarmNames.member.1=none"), "<Code>ResourceNotFound</Code>")
		assert.Contains(t, query("Action=DescribeAlarms&MaxRecords=x"), "<Code>MalformedQueryString</Code>")
	})
}

package cloudwatch

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

const topic = "arn:aws:sns:us-east-1:123456789012:alarms"

// published is what an alarm tells a topic.
type published struct {
	TopicARN         string `json:"TopicArn"`
	Subject, Message string
}

// listen adds an SNS that only writes down what it is told, and by whom.
func (w *world) listen() *[]published {
	var told []published
	w.router.Add(api.Service{Name: "sns", Operations: map[string]api.Operation{
		"Publish": api.Op("sns", "Publish", func(_ context.Context, c api.Caller, in *published) (*Empty, error) {
			assert.Equal(w.t, api.Caller{Principal: "cloudwatch.amazonaws.com", SourceARN: arn}, c)
			told = append(told, *in)
			return &Empty{}, nil
		}),
	}})
	return &told
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
func TestActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		told := w.listen()
		w.must("PutMetricAlarm", `{`+depthAlarm+`,"AlarmActions":["`+topic+`"],"OKActions":["`+topic+`"]}`)
		w.set(5)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, *told, 1, "an alarm acts as it changes, not while it lasts")
		assert.Equal(t, topic, (*told)[0].TopicARN)
		assert.Equal(t, `ALARM: "depth" in US East (N. Virginia)`, (*told)[0].Subject)
		assert.JSONEq(t, `{
			"AlarmName": "depth", "AlarmDescription": "The queue holds messages.", "AWSAccountId": "123456789012",
			"AlarmConfigurationUpdatedTimestamp": "2000-01-01T00:00:00.000+0000",
			"NewStateValue": "ALARM", "OldStateValue": "INSUFFICIENT_DATA", "StateChangeTime": "2000-01-01T00:01:00.000+0000",
			"NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (01/01/00 00:00:00)] was greater than the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).",
			"Region": "US East (N. Virginia)", "AlarmArn": "`+arn+`",
			"OKActions": ["`+topic+`"], "AlarmActions": ["`+topic+`"], "InsufficientDataActions": [],
			"Trigger": {
				"MetricName": "ApproximateNumberOfMessagesVisible", "Namespace": "AWS/SQS", "StatisticType": "Statistic", "Statistic": "MAXIMUM", "Unit": null,
				"Dimensions": [{"value": "jobs", "name": "QueueName"}], "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1,
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching", "EvaluateLowSampleCountPercentile": ""
			}}`, (*told)[0].Message)
		w.set(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, *told, 2)
		assert.Equal(t, `OK: "depth" in US East (N. Virginia)`, (*told)[1].Subject)

		w.must("PutMetricAlarm", `{`+depthAlarm+`,"AlarmActions":["`+topic+`"],"ActionsEnabled":false}`)
		w.set(5)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, *told, 2, "its actions are disabled")
		assert.Contains(t, w.must("DescribeAlarms", `{}`), `"AlarmActions":["`+topic+`"]`)
	})
}

// An action that fails is not tried again, and stops nothing.
func TestActionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		failed := 0
		w.router.Observe(func(e api.Event) {
			if e.Operation == "ActionFailed" {
				failed++
			}
		})
		w.must("PutMetricAlarm", `{`+depthAlarm+`,"AlarmActions":["`+topic+`"]}`)
		w.set(5)
		time.Sleep(time.Hour)
		state, _ := w.state()
		assert.Equal(t, "ALARM", state)
		assert.Equal(t, 1, failed, "there is no SNS")
	})
}

func TestMissingDataRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		told := w.listen()
		w.must("PutMetricAlarm", `{"AlarmName":"depth","Namespace":"Own","MetricName":"Ticks","Statistic":"Sum","Period":60,"EvaluationPeriods":5,
			"Threshold":1,"ComparisonOperator":"LessThanThreshold","TreatMissingData":"breaching","AlarmActions":["`+topic+`"]}`)
		for range 10 {
			w.must("PutMetricData", `{"Namespace":"Own","MetricData":[{"MetricName":"Ticks","Value":1}]}`)
			time.Sleep(time.Minute)
		}
		state, _ := w.state()
		assert.Equal(t, "OK", state)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Len(t, *told, 1)
		var n notice
		require.NoError(t, json.Unmarshal([]byte((*told)[0].Message), &n))
		assert.Contains(t, n.NewStateReason, "no datapoints were received for 5 periods and 5 missing datapoints were treated as [Breaching].")
	})
}

func TestRefusedActions(t *testing.T) {
	w := newWorld(t, Options{})
	for action, want := range map[string]string{
		"alarms": "Invalid arn syntax: alarms",
		"arn:aws:sns:eu-west-1:123456789012:alarms":          "Invalid region eu-west-1 specified. Only us-east-1 is supported.",
		"arn:aws:lambda:us-east-1:123456789012:function:act": "The embedded runtime's alarms act on SNS topics only",
	} {
		_, err := w.call("PutMetricAlarm", `{`+depthAlarm+`,"OKActions":["`+action+`"]}`)
		assert.ErrorContains(t, err, want)
	}
	_, err := w.call("PutMetricAlarm", `{`+depthAlarm+`,"OKActions":["`+strings.Join([]string{topic, topic, topic, topic, topic, topic}, `","`)+`"]}`)
	assert.ErrorContains(t, err, "The collection OKActions must not have a size greater than 5.")
}

func TestAlarmOfATemplateActs(t *testing.T) {
	w := newWorld(t, Options{})
	_, err := w.service.Providers()["AWS::CloudWatch::Alarm"].Create(t.Context(), api.ResourceRequest{Properties: []byte(`{` + depthAlarm + `,"AlarmActions":["` + topic + `"],"InsufficientDataActions":[]}`)})
	require.NoError(t, err)
	assert.Contains(t, w.must("DescribeAlarms", `{}`), `"AlarmActions":["`+topic+`"]`)
}

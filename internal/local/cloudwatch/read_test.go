package cloudwatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An event of the page that specifies the format, at the first instant of a bubble.
const event = `{"_aws":{"Timestamp":946684800000,"CloudWatchMetrics":[{"Namespace":"Muster","Dimensions":[["Fleet"],[]],
	"Metrics":[{"Name":"Starved","Unit":"Count"},{"Name":"Waits","StorageResolution":60}]}]},
	"Fleet":"jobs","Starved":1,"Waits":[1,2,3],"reason":"no worker"}`

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func TestEmbedded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		require.NoError(t, w.service.Embedded([]byte(event)))
		for _, line := range []string{"", "START RequestId: x", `{"level":"INFO"}`, `{"text":"\"_aws\""}`, `{broken`} {
			assert.NoError(t, w.service.Embedded([]byte(line)), line)
		}
		var listed ListMetricsOutput
		require.NoError(t, json.Unmarshal([]byte(w.must("ListMetrics", `{"Namespace":"Muster"}`)), &listed))
		assert.Equal(t, []Metric{
			{"Muster", "Starved", []Dimension{}}, {"Muster", "Starved", []Dimension{{"Fleet", "jobs"}}},
			{"Muster", "Waits", []Dimension{}}, {"Muster", "Waits", []Dimension{{"Fleet", "jobs"}}},
		}, listed.Metrics)
		got := w.must("GetMetricStatistics", `{"Namespace":"Muster","MetricName":"Waits","Dimensions":[{"Name":"Fleet","Value":"jobs"}],
			"StartTime":946684800,"EndTime":946684860,"Period":60,"Statistics":["Sum","SampleCount","Maximum"]}`)
		assert.JSONEq(t, `{"Label":"Waits","Datapoints":[{"Timestamp":946684800.000,"SampleCount":3,"Sum":6,"Maximum":3,"Unit":"None"}]}`, got)
	})
}

func TestBrokenEmbedded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		for change, want := range map[string]string{
			`"Timestamp":946684800000,|`:                        "_aws.Timestamp is missing",
			`946684800000|1`:                                    "not within the past two weeks",
			`"Namespace":"Muster"|"Namespace":""`:               "Namespace must have",
			`"Dimensions":[["Fleet"],[]],|`:                     "no Dimensions",
			`"Fleet":"jobs"|"Fleet":1`:                          "the dimension Fleet has no text",
			`"Starved":1|"Starved":"1"`:                         "neither a number",
			`"Starved":1,|`:                                     "the metric Starved has no value",
			`[1,2,3]|[]`:                                        "neither a number",
			`"Starved":1|"Starved":1e200`:                       "too large",
			`"CloudWatchMetrics":[|"CloudWatchMetrics":7,"x":[`: "embedded metrics",
		} {
			from, to, _ := strings.Cut(change, "|")
			assert.ErrorContains(t, w.service.Embedded([]byte(strings.Replace(event, from, to, 1))), want, change)
		}
		assert.JSONEq(t, `{"Metrics":[]}`, w.must("ListMetrics", `{}`), "none of a broken event's metrics counts")
	})
}

func TestVendedMetricsRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.service.Close()
		told := w.listen()
		w.must("PutMetricAlarm", `{"AlarmName":"depth","Namespace":"AWS/States","MetricName":"ExecutionsSucceeded","Dimensions":[{"Name":"StateMachineArn","Value":"arn:x"}],
			"Statistic":"Sum","Period":300,"EvaluationPeriods":1,"Threshold":1,"ComparisonOperator":"LessThanThreshold","TreatMissingData":"breaching","AlarmActions":["`+topic+`"]}`)
		for range 20 {
			w.service.Count("AWS/States", "ExecutionsSucceeded", "StateMachineArn", "arn:x", 1)
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		require.Empty(t, *told)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, *told, 1)
	})
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func TestGetMetricDataByTheSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		client := w.client()
		for i := range 3 {
			w.service.Count("AWS/Lambda", "Invocations", "FunctionName", "pump", float64(i+1))
			time.Sleep(time.Minute)
		}
		out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now()),
			MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("m1"), MetricStat: &types.MetricStat{
				Period: aws.Int32(60), Stat: aws.String("Sum"),
				Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Invocations"), Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("pump")}}},
			}}},
		})
		require.NoError(t, err)
		require.Len(t, out.MetricDataResults, 1)
		assert.Equal(t, []float64{3, 2, 1}, out.MetricDataResults[0].Values)
		assert.Equal(t, time.Date(2000, 1, 1, 0, 2, 0, 0, time.UTC), out.MetricDataResults[0].Timestamps[0].UTC())
		boards, err := client.ListDashboards(t.Context(), &cloudwatch.ListDashboardsInput{})
		require.NoError(t, err)
		assert.Empty(t, boards.DashboardEntries)
	})
}

func TestRefusedReads(t *testing.T) {
	w := newWorld(t, Options{})
	query := func(members string) string {
		return `{"StartTime":0,"EndTime":60,"MetricDataQueries":[{` + members + `}]}`
	}
	for _, c := range []struct{ operation, input, want string }{
		{"GetMetricStatistics", `{"Namespace":"N","MetricName":"m","Statistics":["Sum"],"EndTime":1,"Period":60}`, "The parameter StartTime is required."},
		{"GetMetricStatistics", `{"Namespace":"N","MetricName":"m","Statistics":["p99"],"StartTime":0,"EndTime":1,"Period":60}`, "Statistics must be a list"},
		{"GetMetricStatistics", `{"Namespace":"N","MetricName":"m","Statistics":["Sum"],"StartTime":2,"EndTime":1,"Period":60}`, "must be less than the parameter EndTime"},
		{"GetMetricStatistics", `{"Namespace":"N","MetricName":"m","Statistics":["Sum"],"StartTime":0,"EndTime":1,"Period":1}`, "multiple of 60"},
		{"GetMetricData", `{"StartTime":0,"EndTime":60}`, "The parameter MetricDataQueries is required."},
		{"GetMetricData", query(`"Id":"M1"`), "must begin with a lower-case letter"},
		{"GetMetricData", query(`"Id":"m1"`), "knows no expressions"},
		{"GetMetricData", query(`"Id":"m1","Expression":"1"`), `does not know the member "Expression"`},
		{"GetMetricData", query(`"Id":"m1","MetricStat":{"Metric":{"Namespace":"N","MetricName":"m"},"Period":60,"Stat":"p99"}`), "is none of"},
	} {
		_, err := w.call(c.operation, c.input)
		assert.ErrorContains(t, err, c.want, c.input)
	}
}

// A year of data does not grow without end.
func TestOldDataIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		for range 3 * 24 * 60 {
			w.service.Count("AWS/Lambda", "Invocations", "FunctionName", "pump", 1)
			time.Sleep(time.Minute)
		}
		for _, data := range w.service.series {
			assert.LessOrEqual(t, len(data.minutes), mostMinutes+1)
		}
		now := time.Now().Unix()
		got := w.must("GetMetricStatistics", fmt.Sprintf(`{"Namespace":"AWS/Lambda","MetricName":"Invocations","Dimensions":[{"Name":"FunctionName","Value":"pump"}],
			"StartTime":%d,"EndTime":%d,"Period":86400,"Statistics":["Sum"]}`, now-24*3600, now))
		assert.Contains(t, got, `"Sum":1440`)
	})
}

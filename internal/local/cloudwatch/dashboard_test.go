package cloudwatch

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
const body = `{"widgets":[
	{"type":"metric","x":0,"y":0,"width":12,"height":6,"properties":{"metrics":[["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","jobs",{"stat":"Maximum"}],[{"expression":"m1+m2"}],["...","x"]],"region":"us-east-1","period":60}},
	{"type":"text","width":24,"height":2,"properties":{"markdown":"# jobs"}},
	{"type":"log","properties":{"query":"SOURCE 'x' | limit 1","region":"us-east-1"}}]}`

func quoted(text string) string {
	encoded, _ := json.Marshal(text)
	return string(encoded)
}

func TestDashboards(t *testing.T) {
	w := newWorld(t, Options{})
	assert.JSONEq(t, `{"DashboardValidationMessages":[]}`, w.must("PutDashboard", `{"DashboardName":"jobs","DashboardBody":`+quoted(body)+`}`))
	w.must("PutDashboard", `{"DashboardName":"other","DashboardBody":"{\"widgets\":[]}"}`)
	var got GetDashboardOutput
	require.NoError(t, json.Unmarshal([]byte(w.must("GetDashboard", `{"DashboardName":"jobs"}`)), &got))
	assert.Equal(t, GetDashboardOutput{"arn:aws:cloudwatch::123456789012:dashboard/jobs", body, "jobs"}, got)
	list := w.must("ListDashboards", `{"DashboardNamePrefix":"j"}`)
	assert.Contains(t, list, `"DashboardName":"jobs"`)
	assert.NotContains(t, list, `"DashboardName":"other"`)
	_, err := w.call("DeleteDashboards", `{"DashboardNames":["jobs","none"]}`)
	assert.ErrorContains(t, err, "Dashboard none does not exist")
	w.must("DeleteDashboards", `{"DashboardNames":["jobs"]}`)
	_, err = w.call("GetDashboard", `{"DashboardName":"jobs"}`)
	assert.EqualError(t, err, "DashboardNotFoundError: Dashboard jobs does not exist")
}

func TestFaultyDashboards(t *testing.T) {
	w := newWorld(t, Options{})
	for body, want := range map[string]string{
		`{"widgets":`: "must be a valid JSON object",
		`{}`:          "should have required property 'widgets'",
		`{"widgets":[{"type":"clock","properties":{}}]}`:                                               "/widgets/0/type",
		`{"widgets":[{"type":"text","x":24,"properties":{"markdown":""}}]}`:                            "/widgets/0/x",
		`{"widgets":[{"type":"text"}]}`:                                                                "should have required property 'properties'",
		`{"widgets":[{"type":"log","properties":{"region":"us-east-1"}}]}`:                             "should have required property 'query'",
		`{"widgets":[{"type":"metric","properties":{"region":"us-east-1"}}]}`:                          "should have either property 'metrics' or 'annotations'",
		`{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[["AWS/SQS"]]}}]}`:          "/widgets/0/properties/metrics/0",
		`{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[["a","b"],["a",1]]}}]}`:    "/widgets/0/properties/metrics/1",
		`{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[[{"stat":"Maximum"}]]}}]}`: "or an expression",
	} {
		_, err := w.call("PutDashboard", `{"DashboardName":"jobs","DashboardBody":`+quoted(body)+`}`)
		assert.ErrorContains(t, err, "InvalidParameterInput: The dashboard body is invalid", body)
		assert.ErrorContains(t, err, want, body)
	}
	_, err := w.call("PutDashboard", `{"DashboardName":"a b","DashboardBody":"{}"}`)
	assert.ErrorContains(t, err, "contains invalid characters")
}

func TestResourcesChange(t *testing.T) {
	w := newWorld(t, Options{})
	providers := w.service.Providers()
	dashboards, alarms := providers["AWS::CloudWatch::Dashboard"], providers["AWS::CloudWatch::Alarm"]
	made, err := dashboards.Create(t.Context(), api.ResourceRequest{Name: "jobs-Board", Properties: []byte(`{"DashboardBody":"{\"widgets\":[]}"}`)})
	require.NoError(t, err)
	assert.Equal(t, "jobs-Board", made.Ref)
	_, err = dashboards.Update(t.Context(), api.ResourceRequest{Properties: []byte(`{"DashboardBody":` + quoted(body) + `}`)}, api.Existing{Resource: made})
	require.NoError(t, err)
	assert.Contains(t, w.must("GetDashboard", `{"DashboardName":"jobs-Board"}`), "# jobs")
	require.NoError(t, dashboards.Delete(t.Context(), api.Existing{Resource: made}))
	require.NoError(t, dashboards.Delete(t.Context(), api.Existing{Resource: made}), "what is gone is no error")

	alarm, err := alarms.Create(t.Context(), api.ResourceRequest{Properties: []byte(`{` + depthAlarm + `}`)})
	require.NoError(t, err)
	_, err = alarms.Update(t.Context(), api.ResourceRequest{Properties: []byte(`{` + depthAlarm + `,"AlarmActions":["` + topic + `"],"Tags":[{"Key":"a","Value":"b"}]}`)}, api.Existing{Resource: alarm})
	require.NoError(t, err)
	assert.Contains(t, w.must("DescribeAlarms", `{}`), topic)
	assert.Contains(t, w.must("ListTagsForResource", `{"ResourceARN":"`+arn+`"}`), `"Key":"a"`)
	require.NoError(t, alarms.Delete(t.Context(), api.Existing{Resource: alarm}))
	require.NoError(t, alarms.Delete(t.Context(), api.Existing{Resource: alarm}))
}

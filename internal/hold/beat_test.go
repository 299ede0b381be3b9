package hold_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/queue"
)

// waits starts an execution that waits for a token, and returns both.
func (r *rig) waits() (execution, token string) {
	r.Helper()
	tokens := make(chan string, 1)
	require.NoError(r, r.runtime.Lambda.Put(lambda.Function{Name: "take", Timeout: 60, Code: lambda.Func(func(_ context.Context, payload []byte) ([]byte, error) {
		var token string
		err := json.Unmarshal(payload, &token)
		tokens <- token
		return nil, err
	})}))
	m, err := r.executions.CreateStateMachine(r.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("waits"), RoleArn: aws.String(r.runtime.IAM.Put("waits", []string{"states.amazonaws.com"}, "lambda:InvokeFunction")),
		Definition: aws.String(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","HeartbeatSeconds":300,
			"Parameters":{"FunctionName":"take","Payload.$":"$$.Task.Token"},"End":true}}}`),
	})
	require.NoError(r, err)
	e, err := r.executions.StartExecution(r.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
	require.NoError(r, err)
	return *e.ExecutionArn, <-tokens
}

// hears passes a report on, as JSON.
func (r *rig) hears(report string) (hold.Heard, error) {
	r.Helper()
	var in hold.Report
	require.NoError(r, json.Unmarshal([]byte(report), &in))
	return hold.NewEar(r.runtime.Config(), r.config).Hear(r.Context(), in)
}

func TestReports(t *testing.T) {
	for name, c := range map[string]struct {
		report string
		want   hold.Heard
		// status, output, error and cause of the execution afterwards.
		status, output, error, cause string
	}{
		"a heartbeat":             {report: `{"report":"heartbeat"}`, want: hold.Heard{Accepted: true}, status: "RUNNING"},
		"a heartbeat, extended":   {report: `{"report":"heartbeat","receiptHandle":"HANDLE"}`, want: hold.Heard{Accepted: true, Extended: true}, status: "RUNNING"},
		"a heartbeat, an old one": {report: `{"report":"heartbeat","receiptHandle":"made up"}`, want: hold.Heard{Accepted: true}, status: "RUNNING"},
		"a success":               {report: `{"report":"success"}`, want: hold.Heard{Accepted: true}, status: "SUCCEEDED", output: "{}"},
		"a success with an event": {report: `{"report":"success","output":{"Records":[]}}`, want: hold.Heard{Accepted: true}, status: "SUCCEEDED", output: `{"Records":[]}`},
		"a failure":               {report: `{"report":"failure","error":"Film","cause":"out of it"}`, want: hold.Heard{Accepted: true}, status: "FAILED", error: "Film", cause: `{"errorMessage":"out of it"}`},
		"a failure in many words": {
			report: `{"report":"failure","error":"` + strings.Repeat("e", 300) + `","cause":"` + strings.Repeat("c", 40_000) + `"}`,
			want:   hold.Heard{Accepted: true}, status: "FAILED", error: strings.Repeat("e", 256), cause: `{"errorMessage":"` + strings.Repeat("c", 1000) + `..."}`,
		},
		"a failure with a backoff": {report: `{"report":"failure","error":"Film","cause":"x","retryAfterSeconds":0}`, want: hold.Heard{Accepted: true}, status: "FAILED", error: "Film", cause: `{"errorMessage":"x","retryAfterSeconds":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				execution, token := r.waits()
				r.send("job")
				m := r.must()
				var in map[string]any
				require.NoError(r, json.Unmarshal([]byte(c.report), &in))
				in["taskToken"] = token
				if in["receiptHandle"] == "HANDLE" {
					in["receiptHandle"] = m.ReceiptHandle
				}
				report, err := json.Marshal(in)
				require.NoError(r, err)
				time.Sleep(4 * time.Minute)
				heard, err := r.hears(string(report))
				require.NoError(r, err)
				assert.Equal(r, c.want, heard)
				time.Sleep(2 * time.Minute)
				assert.Equal(r, c.want.Extended, r.depth(r.config.QueueURL) == queue.Depth{InFlight: 1})
				out, err := r.executions.DescribeExecution(r.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
				require.NoError(r, err)
				assert.Equal(r, []string{c.status, c.output, c.error, c.cause}, []string{string(out.Status), aws.ToString(out.Output), aws.ToString(out.Error), aws.ToString(out.Cause)})
			})
		})
	}
}

func TestAReportThatIsRefused(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.waits()
		time.Sleep(6 * time.Minute)
		for _, report := range []string{"heartbeat", "success", "failure"} {
			for _, known := range []string{token, "made up"} {
				heard, err := r.hears(`{"report":"` + report + `","taskToken":"` + known + `"}`)
				require.NoError(r, err)
				assert.Equal(r, hold.Heard{}, heard)
			}
		}
	})
}

func TestAReportThatCannotBe(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, err := r.hears(`{"report":"done"}`)
		assert.EqualError(r, err, `the report is "done", it must be heartbeat, success or failure`)
		r.fault("states", "SendTaskHeartbeat", api.Fail, 0)
		_, err = r.hears(`{"report":"heartbeat","taskToken":"t"}`)
		assert.ErrorContains(r, err, "report a task's heartbeat: ")
		assert.ErrorContains(r, err, "not yours")
	})
}

package local_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/jobs"
)

// A job of 40 minutes runs beside its state machine, which is told of its end,
// and any client sees it.
func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{Jobs: jobs.Options{Commands: map[string]jobs.Command{
			"work": jobs.Func(func(context.Context, jobs.Run) (int, string) { time.Sleep(40 * time.Minute); return 0, "" }),
		}}})
		require.NoError(t, err)
		defer func() { assert.NoError(t, runtime.Close()) }()
		call := func(operation, input string) map[string]any {
			out, err := runtime.Router.Call(t.Context(), "states", operation, api.Caller{}, []byte(input))
			require.NoError(t, err)
			text, err := json.Marshal(out)
			require.NoError(t, err)
			var answer map[string]any
			require.NoError(t, json.Unmarshal(text, &answer))
			return answer
		}
		definition, err := json.Marshal(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"TaskDefinition":"work"},"End":true}}}`)
		require.NoError(t, err)
		machine := call("CreateStateMachine", `{"name":"m","roleArn":"`+runtime.IAM.Put("r", []string{"states.amazonaws.com"}, "ecs:*", "events:*")+`","definition":`+string(definition)+`}`)["stateMachineArn"].(string)
		execution := call("StartExecution", `{"stateMachineArn":"`+machine+`","name":"e"}`)["executionArn"].(string)
		time.Sleep(41 * time.Minute)
		out := call("DescribeExecution", `{"executionArn":"`+execution+`"}`)
		require.Equal(t, "SUCCEEDED", out["status"], "%v", out)
		var task struct{ TaskArn string }
		require.NoError(t, json.Unmarshal([]byte(out["output"].(string)), &task))

		// The service's own protocol, as its SDK speaks it.
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, runtime.Account.Endpoint, strings.NewReader(`{"tasks":["`+task.TaskArn+`"]}`))
		require.NoError(t, err)
		request.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeTasks")
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=ab")
		response, err := runtime.Config().HTTPClient.Do(request)
		require.NoError(t, err)
		defer func() { assert.NoError(t, response.Body.Close()) }()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, "application/x-amz-json-1.1", response.Header.Get("Content-Type"))
		assert.Contains(t, string(body), `"lastStatus":"STOPPED"`)
	})
}

package steps

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
)

// Only a list of failures that leaves a message out says that it was handled.
func TestConcludeTakesNothingForHandledWithoutAList(t *testing.T) {
	const unknown = "process handler: the state machine kept no list of failures of the handler's reply"
	for name, c := range map[string]struct {
		state   string
		outcome Outcome
		reason  string
	}{
		"the path found nothing":        {`"reply": {"failures": []}, "error": null`, Handled, ""},
		"the handler replied its none":  {`"reply": {"failures": [[]]}, "error": null`, Handled, ""},
		"the handler replied null":      {`"reply": {"failures": [null]}, "error": null`, Handled, ""},
		"the handler named the message": {`"reply": {"failures": [[{"itemIdentifier": "m1"}]]}, "error": null`, Failed, "process handler: the handler reported it in batchItemFailures"},
		"misspelt":                      {`"reply": {"failures": [], "misspelt": [[{"ItemIdentifier": "m1"}]]}, "error": null`, Failed, "process handler: the handler's reply has BatchItemFailures: its name is batchItemFailures"},
		"misspelt, with no failures":    {`"reply": {"failures": [], "misspelt": [[]]}, "error": null`, Handled, ""},
		"the path yielded null":         {`"reply": {"failures": null}, "error": null`, Failed, unknown},
		"the list is missing":           {`"reply": {}, "error": null`, Failed, unknown},
		"neither reply nor error":       {`"reply": null, "error": null`, Failed, unknown},
		"an error beside a reply":       {`"reply": {"failures": []}, "error": {"Error": "States.Timeout", "Cause": ""}`, Failed, "process handler: States.Timeout"},
		"throttled":                     {`"reply": null, "error": {"Error": "Lambda.TooManyRequestsException", "Cause": ""}`, Throttled, ""},
		"throttled by Batch":            {`"reply": null, "error": {"Error": "Batch.AWSBatchException", "Cause": "Too Many Requests (Service: AWSBatch; Status Code: 429; Error Code: TooManyRequestsException; Request ID: r; Proxy: null)"}`, Throttled, ""},
		"throttled by Batch, by SDK":    {`"reply": null, "error": {"Error": "Batch.BatchException", "Cause": "Too Many Requests (Service: Batch, Status Code: 429, Request ID: r)"}`, Throttled, ""},
		"throttled by CodeBuild":        {`"reply": null, "error": {"Error": "CodeBuild.CodeBuildException", "Cause": "Rate exceeded (Service: CodeBuild, Status Code: 400, Request ID: r)"}`, Throttled, ""},
		"not allowed by Batch":          {`"reply": null, "error": {"Error": "Batch.BatchException", "Cause": "No (Service: Batch, Status Code: 403, Request ID: r)"}`, Failed, "process handler: Batch.BatchException: No (Service: Batch, Status Code: 403, Request ID: r)"},
	} {
		t.Run(name, func(t *testing.T) {
			var in SettleInput
			require.NoError(t, json.Unmarshal([]byte(`{"messages": [{"messageId": "m1", "receives": 1}], `+c.state+`}`), &in))
			in.conclude()
			assert.Equal(t, c.outcome, in.Messages[0].Outcome)
			assert.Equal(t, c.reason, in.Messages[0].Reason)
		})
	}
}

// How long the handler wants a message to wait comes through the state.
func TestConcludeKeepsWhenToRetry(t *testing.T) {
	var in SettleInput
	require.NoError(t, json.Unmarshal([]byte(`{"messages": [{"messageId": "m1"}, {"messageId": "m2"}], "reply": {"failures": [[
		{"itemIdentifier": "m1", "retryAfterSeconds": 600}, {"itemIdentifier": "m2"}]]}}`), &in))
	in.conclude()
	state, err := json.Marshal(in)
	require.NoError(t, err)
	var out SettleInput
	require.NoError(t, json.Unmarshal(state, &out))
	backoff := message.Backoff{Base: time.Second, Max: time.Second}
	assert.Equal(t, 10*time.Minute, out.Messages[0].delay(backoff))
	assert.LessOrEqual(t, out.Messages[1].delay(backoff), time.Second)
}

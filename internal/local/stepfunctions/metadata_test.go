package stepfunctions_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

// Metadata is put together for those who look only, which nobody may notice.
//
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html.
func TestMetadata(t *testing.T) {
	const whole = `{"ExecutedVersion":"$LATEST","Payload":{"n":1},` +
		`"SdkHttpMetadata":{"AllHttpHeaders":{"Connection":["keep-alive"],"Content-Length":["7"],"Content-Type":["application/json"],` +
		`"Date":["Sat, 01 Jan 2000 00:00:00 GMT"],"X-Amz-Executed-Version":["$LATEST"],"x-amzn-Remapped-Content-Length":["0"],"x-amzn-RequestId":["<id>"]},` +
		`"HttpHeaders":{"Connection":"keep-alive","Content-Length":"7","Content-Type":"application/json",` +
		`"Date":"Sat, 01 Jan 2000 00:00:00 GMT","X-Amz-Executed-Version":"$LATEST","x-amzn-Remapped-Content-Length":"0","x-amzn-RequestId":"<id>"},"HttpStatusCode":200},` +
		`"SdkResponseMetadata":{"RequestId":"<id>"},"StatusCode":200}`
	for name, test := range map[string]struct{ fields, want string }{
		"as it is":       {``, whole},
		"placed":         {`"ResultPath":"$.a",`, `{"a":` + whole + `}`},
		"discarded":      {`"ResultPath":null,`, `{}`},
		"output path":    {`"OutputPath":"$.SdkResponseMetadata",`, `{"RequestId":"<id>"}`},
		"one member":     {`"ResultSelector":{"n.$":"$.Payload.n"},`, `{"n":1}`},
		"a constant":     {`"ResultSelector":{"n":2},`, `{"n":2}`},
		"the status":     {`"ResultSelector":{"s.$":"$.SdkHttpMetadata.HttpStatusCode"},`, `{"s":200}`},
		"in brackets":    {`"ResultSelector":{"s.$":"$['SdkResponseMetadata']['RequestId']"},`, `{"s":"<id>"}`},
		"everything":     {`"ResultSelector":{"all.$":"$"},`, `{"all":` + whole + `}`},
		"all of a name":  {`"ResultSelector":{"s":["$..HttpStatusCode"],"r.$":"$..HttpStatusCode"},`, `{"r":[200],"s":["$..HttpStatusCode"]}`},
		"any member":     {`"ResultSelector":{"r.$":"$[*].RequestId"},`, `{"r":["<id>"]}`},
		"by a function":  {`"ResultSelector":{"r.$":"States.Format('{}', States.JsonToString($.SdkResponseMetadata))"},`, `{"r":"{\"RequestId\":\"<id>\"}"}`},
		"not found":      {`"ResultSelector":{"r.$":"$.Payload.m"},`, `The JSONPath '$.Payload.m' specified for the field 'r.$' could not be found in the input '` + whole + `'`},
		"no such member": {`"ResultSelector":{"r.$":"$.payload"},`, `The JSONPath '$.payload' specified for the field 'r.$' could not be found in the input '` + whole + `'`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				f.functions["count"] = func(context.Context, any) (any, error) { return map[string]int{"n": 1}, nil }
				out := f.run(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",`+
					test.fields+`"Parameters":{"FunctionName":"count"},"End":true}}}`, `{}`)

				events := f.must("GetExecutionHistory", map[string]any{"executionArn": runArn})["events"].([]any)
				succeeded := events[4].(map[string]any)["taskSucceededEventDetails"].(map[string]any)["output"].(string)
				var result struct{ SdkResponseMetadata struct{ RequestID string } }
				require.NoError(t, json.Unmarshal([]byte(succeeded), &result))
				id := func(s string) string { return strings.ReplaceAll(s, "<id>", result.SdkResponseMetadata.RequestID) }
				assert.Equal(t, id(whole), succeeded, "the history has it all")

				if cause, ok := out["cause"].(string); ok {
					assert.Contains(t, cause, id(test.want))
					return
				}
				assert.Equal(t, id(test.want), out["output"])
			})
		})
	}
}

func TestMetadataCountsTowardsTheQuota(t *testing.T) {
	for text, want := range map[int]string{261000: "SUCCEEDED", 261800: "FAILED", 262145: "FAILED"} {
		bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
			f.functions["large"] = func(context.Context, any) (any, error) { return strings.Repeat("x", text), nil }
			out := f.run(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
				"Parameters":{"FunctionName":"large"},"ResultSelector":{"n":1},"End":true}}}`, `{}`)
			assert.Equal(t, want, out["status"], text)
		})
	}
}

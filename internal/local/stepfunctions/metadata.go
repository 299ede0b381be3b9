package stepfunctions

import (
	"math"
	"strconv"
	"time"
)

// addMetadata adds what the AWS SDK for Java 1 says about an answer. Optimised
// integrations pass it on, and it counts towards the payload quota.
func addMetadata(result map[string]any, headers []header, requestID string) {
	all := make(map[string]any, len(headers))
	flat := make(map[string]any, len(headers))
	values := make([]any, len(headers))
	for i, h := range headers {
		values[i] = h.value
		all[h.name] = values[i : i+1 : i+1]
		flat[h.name] = h.value
	}
	result["SdkHttpMetadata"] = map[string]any{"AllHttpHeaders": all, "HttpHeaders": flat, "HttpStatusCode": int64(200)}
	result["SdkResponseMetadata"] = map[string]any{"RequestId": requestID}
}

// header is one header. Its value is a string, kept as a value of a state.
type header struct {
	name  string
	value any
}

func httpHeaders(contentType string, length int, requestID string) []header {
	return []header{
		{"Connection", "keep-alive"},
		{"Content-Length", strconv.Itoa(length)},
		{"Content-Type", contentType},
		{"Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
		{"x-amzn-RequestId", requestID},
	}
}

// unix reads seconds since the epoch with a fraction.
func unix(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Round(seconds * 1000)))
}

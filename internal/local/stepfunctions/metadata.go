package stepfunctions

import (
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// answer is what a call came back with.
type answer struct {
	value any
	// http is what an optimised integration adds to a value, which is an object
	// then. It is put into it for those who look, which few do. Nil for none.
	http *metadata
}

// metadata is what the AWS SDK for Java 1 says about an answer. Optimised
// integrations pass it on, and it counts towards the payload quota.
type metadata struct {
	at          time.Time
	contentType string
	length      int
	requestID   string
	// function is set for Lambda's answers, which have headers of their own.
	function bool
}

// The members that metadata adds.
const (
	sdkHTTP     = "SdkHttpMetadata"
	sdkResponse = "SdkResponseMetadata"
)

// whole is the answer with its metadata.
func (a answer) whole() any {
	fields, ok := a.value.(map[string]any)
	if a.http == nil || !ok {
		return a.value
	}
	whole := maps.Clone(fields)
	flat := a.http.flat(fields)
	lists := make(map[string]any, len(flat))
	for name, v := range flat {
		lists[name] = []any{v}
	}
	whole[sdkHTTP] = map[string]any{"AllHttpHeaders": lists, "HttpHeaders": flat, "HttpStatusCode": int64(200)}
	whole[sdkResponse] = map[string]any{"RequestId": a.http.requestID}
	return whole
}

func (m *metadata) flat(value map[string]any) map[string]any {
	headers := map[string]any{
		"Connection":       "keep-alive",
		"Content-Length":   strconv.Itoa(m.length),
		"Content-Type":     m.contentType,
		"Date":             m.at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"),
		"x-amzn-RequestId": m.requestID,
	}
	if !m.function {
		return headers
	}
	headers["x-amzn-Remapped-Content-Length"] = "0"
	if version, ok := value["ExecutedVersion"]; ok {
		headers["X-Amz-Executed-Version"] = version
	}
	if log, ok := value["LogResult"]; ok {
		headers["X-Amz-Log-Result"] = log
	}
	return headers
}

// someMetadata is more than metadata measures, with the last 4 KB of a log in
// base64 among its headers, twice.
const someMetadata = 16384

// tooLarge says whether the answer is above the payload quota.
func (a answer) tooLarge() bool {
	n := expression.Size(a.value)
	if a.http == nil || n <= maxPayload-someMetadata {
		return n > maxPayload
	}
	return expression.Size(a.whole()) > maxPayload
}

// unix reads seconds since the epoch with a fraction.
func unix(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Round(seconds * 1000)))
}

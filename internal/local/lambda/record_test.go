package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
func TestMetricsAndRecord(t *testing.T) {
	var mu sync.Mutex
	metrics, lines, told := map[string]float64{}, []string{}, 0
	s := New(&api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws"}, api.NewRouter(1), Options{
		Concurrency: 1000,
		Metric: func(name, function string, value float64) {
			mu.Lock()
			defer mu.Unlock()
			metrics[function+" "+name] += value
		},
		Record: func(group, stream string, line []byte) {
			mu.Lock()
			defer mu.Unlock()
			assert.Equal(t, "/aws/lambda/f", group)
			assert.Contains(t, stream, "[$LATEST]")
			lines = append(lines, string(line))
		},
		Logs: func(string, string, []byte) {
			mu.Lock()
			defer mu.Unlock()
			told++
		},
	})
	defer s.Close()
	none := 0
	require.NoError(t, s.Put(Function{Name: "f", Code: Func(func(ctx context.Context, payload []byte) ([]byte, error) {
		fmt.Fprintf(Log(ctx), "got %s\n", payload)
		if string(payload) == "1" {
			return nil, errors.New("no")
		}
		return nil, nil
	})}))
	require.NoError(t, s.Put(Function{Name: "throttled", ReservedConcurrency: &none, Code: Func(func(context.Context, []byte) ([]byte, error) { return nil, nil })}))
	for payload := range 3 {
		_, err := s.Invoke(t.Context(), api.Caller{}, &InvokeInput{FunctionName: "f", Payload: fmt.Append(nil, payload)})
		require.NoError(t, err)
	}
	_, err := s.Invoke(t.Context(), api.Caller{}, &InvokeInput{FunctionName: "throttled"})
	require.ErrorContains(t, err, "TooManyRequestsException")

	mu.Lock()
	defer mu.Unlock()
	assert.InDelta(t, 3, metrics["f Invocations"], 0)
	assert.InDelta(t, 1, metrics["f Errors"], 0)
	assert.InDelta(t, 1, metrics["throttled Throttles"], 0)
	assert.NotContains(t, metrics, "throttled Invocations", "who is throttled does not run")
	text := strings.Join(lines, "\n")
	assert.Contains(t, text, "got 2")
	assert.Contains(t, text, "REPORT RequestId:")
	assert.Equal(t, len(lines), told, "who wants lines gets them as before")
}

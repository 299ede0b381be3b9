package lambda_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

func benchmark(b *testing.B, code lambda.Code) {
	s := lambda.New(&account, api.NewRouter(1), lambda.Options{})
	defer s.Close()
	require.NoError(b, s.Put(lambda.Function{Name: "work", Code: code, Timeout: 60}))
	in := &lambda.InvokeInput{FunctionName: "work", Payload: []byte(`{"Do":"fail"}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Invoke(b.Context(), api.Caller{}, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFunc is an invocation of a Go function.
func BenchmarkFunc(b *testing.B) { benchmark(b, lambda.Func(echo)) }

// BenchmarkProcess is an invocation of a process that runs already.
func BenchmarkProcess(b *testing.B) {
	binary, err := os.Executable()
	require.NoError(b, err)
	benchmark(b, lambda.Process{Command: []string{binary}, Env: map[string]string{asBootstrap: "serve"}})
}

package main_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/lambda"
)

// BenchmarkColdStart measures how long each function's process takes from exec
// until it asks for its first event, and how much of a processor it takes: what is
// left of it on a machine that others use too.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	for name, variables := range environments(b) {
		bootstrap := build(b, filepath.Join(dir, name, "bootstrap"), "../../functions/"+name)
		b.Run(name, func(b *testing.B) {
			asked := make(chan struct{}, 1)
			runtime := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				<-r.Context().Done()
			}))
			defer runtime.Close()
			var sum, processor time.Duration
			for b.Loop() {
				ctx, kill := context.WithCancel(b.Context())
				cmd := exec.CommandContext(ctx, bootstrap)
				cmd.Env = append(variables, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"), "AWS_REGION=us-east-1",
					"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128")
				began := time.Now()
				require.NoError(b, cmd.Start())
				<-asked
				sum += time.Since(began)
				kill()
				_ = cmd.Wait() // it was killed
				processor += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(sum.Milliseconds())/float64(b.N), "ms")
			b.ReportMetric(float64(processor.Milliseconds())/float64(b.N), "cpu-ms")
		})
	}
}

// environments are the variables that the template gives each function.
func environments(b *testing.B) map[string][]string {
	all := map[string][]string{}
	r, err := local.Start(local.Options{
		File: func(path string) ([]byte, error) {
			if strings.Contains(path, "worker") {
				return []byte(asl.Worker), nil
			}
			return []byte(asl.Autoscaler), nil
		},
		Lambda: lambda.Options{Resolve: func(string) (lambda.Code, error) {
			return lambda.Func(func(context.Context, []byte) ([]byte, error) { return nil, nil }), nil
		}},
	})
	require.NoError(b, err)
	defer func() { require.NoError(b, r.Close()) }()
	require.NoError(b, r.Lambda.Put(lambda.Function{Name: "mine", Code: lambda.Func(func(context.Context, []byte) ([]byte, error) { return nil, nil }), Timeout: 30}))
	template, err := cloudformation.Parse("fleet.yaml", fleet.Fleet)
	require.NoError(b, err)
	_, err = r.Deploy(b.Context(), template, "jobs", map[string]string{"Mode": "callback", "ProcessHandler": r.Account.ARN("lambda", "function:mine")})
	require.NoError(b, err)
	for _, name := range []string{"autoscaler", "beat", "courier", "poll", "pump", "settle"} {
		f, err := awslambda.NewFromConfig(r.Config()).GetFunctionConfiguration(b.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("jobs-" + name)})
		require.NoError(b, err)
		for key, value := range f.Environment.Variables {
			all[name] = append(all[name], key+"="+value)
		}
	}
	return all
}

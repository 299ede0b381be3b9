package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// asBootstrap makes this test binary the bootstrap of a function; asCommand a
// handler that is run for each invocation.
const (
	asBootstrap = "MUSTER_TEST_BOOTSTRAP"
	asCommand   = "MUSTER_TEST_COMMAND"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asBootstrap) == "exit":
		fmt.Println("about to exit")
		os.Exit(3)
	case os.Getenv(asBootstrap) == "hang":
		time.Sleep(time.Hour)
	case os.Getenv(asBootstrap) != "":
		runtime.Start(serveRequest)
	case os.Getenv(asCommand) != "":
		os.Exit(runCommand(os.Getenv(asCommand)))
	}
	os.Exit(m.Run())
}

type request struct{ Do, Text string }

type answer struct {
	PID       int
	RequestID string
	ARN       string
	Remaining int64
	Env       map[string]string
	Text      string
}

type CustomError struct{}

func (*CustomError) Error() string { return "custom trouble" }

// serveRequest is the handler of the process under test.
func serveRequest(ctx context.Context, in request) (any, error) {
	switch in.Do {
	case "fail":
		return nil, &CustomError{}
	case "panic":
		panic("at the disco")
	case "exit":
		os.Exit(7)
	case "suicide":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "child":
		child := exec.Command("sleep", "3600")
		if err := child.Start(); err != nil {
			return nil, err
		}
		return child.Process.Pid, nil
	case "hang":
		time.Sleep(time.Hour)
	case "hog":
		hog := make([]byte, 400<<20)
		for i := 0; i < len(hog); i += 4096 {
			hog[i] = 1
		}
		time.Sleep(time.Hour)
		return len(hog), nil
	case "big":
		return strings.Repeat("x", 6291556-2), nil
	case "toobig":
		return strings.Repeat("x", 6291556-1), nil
	case "wait":
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Println("line on stdout")
	fmt.Fprintln(os.Stderr, "line on stderr")
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return nil, errors.New("no lambda context")
	}
	deadline, _ := ctx.Deadline()
	env := map[string]string{}
	for _, entry := range os.Environ() {
		key, value, _ := strings.Cut(entry, "=")
		env[key] = value
	}
	return answer{
		PID: os.Getpid(), RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn,
		Remaining: time.Until(deadline).Milliseconds(), Env: env, Text: in.Text,
	}, nil
}

var account = api.Account{ID: "123456789012", Region: "eu-central-1", Partition: "aws", Endpoint: "http://127.0.0.1:4100"}

// service is a Lambda service with its router.
type service struct {
	*lambda.Service
	router *api.Router
}

func newService(t *testing.T, options lambda.Options) *service {
	t.Helper()
	router := api.NewRouter(1)
	s := lambda.New(&account, router, options)
	router.Add(s.API())
	t.Cleanup(s.Close)
	return &service{s, router}
}

func (s *service) put(t *testing.T, f lambda.Function) {
	t.Helper()
	if f.Name == "" {
		f.Name = "work"
	}
	require.NoError(t, s.Put(f))
}

// invoke runs the function "work".
func (s *service) invoke(t *testing.T, payload string) *lambda.InvokeOutput {
	t.Helper()
	out, err := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", Payload: []byte(payload)})
	require.NoError(t, err)
	return out
}

// event invokes the function "work" asynchronously.
func (s *service) event(t *testing.T, payload string) {
	t.Helper()
	out, err := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", InvocationType: "Event", Payload: []byte(payload)})
	require.NoError(t, err)
	require.Equal(t, 202, out.StatusCode)
	require.Empty(t, out.Payload)
}

// call runs an operation on JSON and returns its output as JSON, or its error.
func (s *service) call(t *testing.T, operation, input string) (string, error) {
	t.Helper()
	out, err := s.router.Call(context.Background(), "lambda", operation, api.Caller{}, []byte(input))
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(out)
	require.NoError(t, err)
	return string(encoded), nil
}

func requireError(t *testing.T, err error, code, message string) *api.Error {
	t.Helper()
	var e *api.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code)
	require.Equal(t, message, e.Message)
	return e
}

func echo(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

func ptr[T any](v T) *T { return &v }

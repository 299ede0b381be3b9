package lambda_test

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

func TestFuncOutcomes(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler lambda.Func
		payload string
		failed  string
	}{
		{"echo", echo, `{"a":1}`, ""},
		{"nothing is null", func(context.Context, []byte) ([]byte, error) { return nil, nil }, `null`, ""},
		{"error", func(context.Context, []byte) ([]byte, error) { return nil, &CustomError{} }, `{"errorMessage":"custom trouble","errorType":"CustomError"}`, "Unhandled"},
		{"wrapped error loses its name", func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("around: %w", &CustomError{})
		}, `{"errorMessage":"around: custom trouble","errorType":"wrapError"}`, "Unhandled"},
		{"error with a name of its own", func(context.Context, []byte) ([]byte, error) {
			return nil, messages.InvokeResponse_Error{Type: "Poison", Message: "no"}
		}, `{"errorMessage":"no","errorType":"Poison"}`, "Unhandled"},
		{"panic", func(context.Context, []byte) ([]byte, error) { panic(errors.New("oh")) }, `{"errorMessage":"oh","errorType":"errorString"}`, "Unhandled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, lambda.Options{})
				s.put(t, lambda.Function{Code: c.handler})
				out := s.invoke(t, `{"a":1}`)
				assert.Equal(t, 200, out.StatusCode)
				assert.Equal(t, c.failed, out.FunctionError)
				assert.JSONEq(t, c.payload, string(out.Payload))
				assert.Equal(t, "$LATEST", out.ExecutedVersion)
			})
		})
	}
}

func TestFuncSeesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		var seen api.Caller
		var id, arn string
		s.put(t, lambda.Function{Timeout: 30, Role: "arn:aws:iam::123456789012:role/work", Environment: map[string]string{"TABLE": "fleets"},
			Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
				lc, _ := lambdacontext.FromContext(ctx)
				id, arn = lc.AwsRequestID, lc.InvokedFunctionArn
				deadline, _ := ctx.Deadline()
				assert.Equal(t, 30*time.Second, time.Until(deadline))
				v := lambda.Variables(ctx)
				assert.Equal(t, "fleets", v["TABLE"])
				assert.Equal(t, "work", v["AWS_LAMBDA_FUNCTION_NAME"])
				assert.Equal(t, "http://127.0.0.1:4100", v["AWS_ENDPOINT_URL"])
				seen = s.router.Caller(v["AWS_ACCESS_KEY_ID"])
				return nil, nil
			})})
		out := s.invoke(t, `{}`)
		assert.Equal(t, id, out.RequestID)
		assert.Len(t, id, 36)
		assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:work", arn)
		assert.Equal(t, "arn:aws:iam::123456789012:role/work", seen.RoleARN)
		assert.Equal(t, "work", seen.Function)
		assert.Equal(t, id, seen.RequestID)
		after := s.router.Caller(seen.AccessKeyID)
		assert.Empty(t, after.RequestID, "the environment serves nobody now")
		s.Close()
		assert.Empty(t, s.router.Caller(seen.AccessKeyID).Function, "the key dies with the environment")
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{Seed: 7})
		var told atomic.Bool
		s.put(t, lambda.Function{Timeout: 3, Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			told.Store(true)
			return []byte(`"too late"`), nil
		})})
		start := time.Now()
		out := s.invoke(t, `{}`)
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Equal(t, "Unhandled", out.FunctionError)
		assert.JSONEq(t, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: `+out.RequestID+` Error: Task timed out after 3.00 seconds"}`, string(out.Payload))
		synctest.Wait()
		assert.True(t, told.Load())
		assert.Equal(t, lambda.Stats{Invocations: 1, Peak: 1}, s.Stats()["work"], "no environment is left to be reused")
	})
}

func TestInvocationOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		ended := make(chan time.Time, 1)
		s.put(t, lambda.Function{Timeout: 60, Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
			select {
			case <-time.After(30 * time.Second):
				ended <- time.Now()
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := s.Invoke(ctx, api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		now, peak := s.Concurrency("work")
		assert.Equal(t, [2]int{1, 1}, [2]int{now, peak}, "the handler still runs")
		assert.Equal(t, 30*time.Second, (<-ended).Sub(start))
		synctest.Wait()
		now, _ = s.Concurrency("work")
		assert.Zero(t, now)
	})
}

func TestGoexitIsAnExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Code: lambda.Func(func(context.Context, []byte) ([]byte, error) {
			goruntime.Goexit()
			return nil, nil
		})})
		out := s.invoke(t, `{}`)
		assert.JSONEq(t, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: `+out.RequestID+` Error: Runtime exited without providing a reason"}`, string(out.Payload))
	})
}

func TestAFuncThatRunsOutOfMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Code: lambda.Func(func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("a large body: %w", lambda.ErrOutOfMemory)
		})})
		out := s.invoke(t, `{}`)
		assert.Equal(t, "Unhandled", out.FunctionError)
		assert.JSONEq(t, `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: `+out.RequestID+` Error: Runtime exited with error: signal: killed"}`, string(out.Payload))
	})
}

func TestEnvironmentsAreReusedAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{IdleTimeout: time.Minute})
		keys := make(chan string, 10)
		s.put(t, lambda.Function{Timeout: 60, Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
			keys <- lambda.Variables(ctx)["AWS_ACCESS_KEY_ID"]
			time.Sleep(time.Second)
			return nil, nil
		})})
		for range 3 {
			go s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
		}
		time.Sleep(2 * time.Second)
		assert.Equal(t, lambda.Stats{Invocations: 3, Peak: 3, Idle: 3}, s.Stats()["work"])
		first := map[string]bool{<-keys: true, <-keys: true, <-keys: true}
		assert.Len(t, first, 3, "one request an environment")

		time.Sleep(30 * time.Second)
		s.invoke(t, `{}`)
		again := <-keys
		assert.True(t, first[again])
		time.Sleep(40 * time.Second)
		assert.Equal(t, 1, s.Stats()["work"].Idle, "two were idle for a minute, one served meanwhile")
		time.Sleep(30 * time.Second)
		assert.Equal(t, 0, s.Stats()["work"].Idle)
		s.invoke(t, `{}`)
		assert.NotContains(t, first, <-keys)
	})
}

func TestNewCodeGetsNewEnvironments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Timeout: 60, Code: lambda.Func(func(context.Context, []byte) ([]byte, error) {
			time.Sleep(10 * time.Second)
			return []byte(`"old"`), nil
		})})
		old := make(chan *lambda.InvokeOutput, 1)
		go func() {
			out, _ := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
			old <- out
		}()
		synctest.Wait()
		s.put(t, lambda.Function{Code: lambda.Func(func(context.Context, []byte) ([]byte, error) { return []byte(`"new"`), nil })})
		assert.Equal(t, `"new"`, string(s.invoke(t, `{}`).Payload))
		assert.Equal(t, `"old"`, string((<-old).Payload), "what runs goes on with its old code")
		assert.Equal(t, 1, s.Stats()["work"].Idle, "an old environment is not reused")
	})
}

func TestCloseEndsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Timeout: 900, Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})})
		failed := make(chan error, 1)
		go func() {
			_, err := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
			failed <- err
		}()
		synctest.Wait()
		s.Close()
		requireError(t, <-failed, "ServiceException", "The embedded runtime has been closed.")
		_, err := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
		requireError(t, err, "ServiceException", "The embedded runtime has been closed.")
	})
}

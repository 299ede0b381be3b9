package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// lasting is a handler that takes a while, and ends when it is told to.
func lasting(d time.Duration) lambda.Func {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return payload, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// flood starts n invocations of a function and returns how many were throttled,
// once the others run.
func (s *service) flood(function string, n int) (throttled int, reason string) {
	var count atomic.Int32
	var why atomic.Value
	why.Store("")
	for range n {
		go func() {
			_, err := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: function})
			var e *api.Error
			if errors.As(err, &e) && e.Code == "TooManyRequestsException" && e.HTTPStatus() == 429 {
				count.Add(1)
				why.Store(e.Fields["Reason"])
			}
		}()
	}
	synctest.Wait()
	return int(count.Load()), why.Load().(string)
}

func TestAccountConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{Concurrency: 110})
		s.put(t, lambda.Function{Name: "one", Timeout: 60, Code: lasting(10 * time.Second)})
		s.put(t, lambda.Function{Name: "two", Timeout: 60, Code: lasting(10 * time.Second)})
		throttled, _ := s.flood("one", 100)
		assert.Equal(t, 0, throttled)
		throttled, reason := s.flood("two", 15)
		assert.Equal(t, 5, throttled)
		assert.Equal(t, "ConcurrentInvocationLimitExceeded", reason)
		time.Sleep(11 * time.Second)
		throttled, _ = s.flood("two", 110)
		assert.Equal(t, 0, throttled)
		_, peak := s.Concurrency("two")
		assert.Equal(t, 110, peak)
	})
}

func TestReservedConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{Concurrency: 110})
		s.put(t, lambda.Function{Name: "reserved", Timeout: 60, Code: lasting(10 * time.Second), ReservedConcurrency: ptr(10)})
		s.put(t, lambda.Function{Name: "other", Timeout: 60, Code: lasting(10 * time.Second)})
		throttled, _ := s.flood("other", 101)
		assert.Equal(t, 1, throttled, "the reservation is kept free")
		throttled, reason := s.flood("reserved", 12)
		assert.Equal(t, 2, throttled)
		assert.Equal(t, "ReservedFunctionConcurrentInvocationLimitExceeded", reason)

		_, err := s.call(t, "PutFunctionConcurrency", `{"FunctionName":"other","ReservedConcurrentExecutions":1}`)
		requireError(t, err, "InvalidParameterValueException", "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")

		_, err = s.call(t, "DeleteFunctionConcurrency", `{"FunctionName":"reserved"}`)
		require.NoError(t, err)
		throttled, reason = s.flood("other", 1)
		assert.Equal(t, 1, throttled, "all 110 run")
		assert.Equal(t, "ConcurrentInvocationLimitExceeded", reason)
		time.Sleep(11 * time.Second)
		throttled, _ = s.flood("other", 110)
		assert.Equal(t, 0, throttled)
	})
}

func TestReservationOfZeroStopsAFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Code: lambda.Func(echo), ReservedConcurrency: ptr(0)})
		throttled, reason := s.flood("work", 1)
		assert.Equal(t, 1, throttled)
		assert.Equal(t, "ReservedFunctionConcurrentInvocationLimitExceeded", reason)
	})
}

// The first 1,000 environments start at once, further ones at 100 a second:
// https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
func TestScalingRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{Concurrency: 10000})
		s.put(t, lambda.Function{Timeout: 60, Code: lasting(30 * time.Second)})
		throttled, _ := s.flood("work", 1200)
		assert.Equal(t, 200, throttled)
		time.Sleep(time.Second)
		throttled, _ = s.flood("work", 150)
		assert.Equal(t, 50, throttled)
		time.Sleep(20 * time.Second)
		throttled, _ = s.flood("work", 1200)
		assert.Equal(t, 200, throttled, "unused rate is not saved up")
		time.Sleep(30 * time.Second)
		throttled, _ = s.flood("work", 2100)
		assert.Equal(t, 0, throttled, "environments that exist are no new ones")

		unlimited := newService(t, lambda.Options{Concurrency: 10000, UnlimitedScaling: true})
		unlimited.put(t, lambda.Function{Timeout: 60, Code: lasting(10 * time.Second)})
		throttled, _ = unlimited.flood("work", 3000)
		assert.Equal(t, 0, throttled)
	})
}

func TestFaultsAndObservers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		var runs atomic.Int32
		s.put(t, lambda.Function{Code: lambda.Func(func(context.Context, []byte) ([]byte, error) {
			runs.Add(1)
			return nil, nil
		})})
		var seen []string
		defer s.router.Observe(func(e api.Event) { seen = append(seen, fmt.Sprint(e.Call, " ", e.Err)) })()
		s.router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Times: 1})
		_, err := s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
		require.ErrorIs(t, err, api.ErrReplyLost)
		assert.EqualValues(t, 1, runs.Load())
		s.router.Faults.Add(api.Fault{Service: "lambda", Kind: api.Twice, Times: 1})
		s.invoke(t, `{}`)
		assert.EqualValues(t, 3, runs.Load())
		assert.Equal(t, []string{"lambda:Invoke the reply was lost", "lambda:Invoke <nil>"}, seen)
	})
}

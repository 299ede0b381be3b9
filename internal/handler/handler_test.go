package handler_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// rig is an account with one handler, which may take five seconds.
type rig struct {
	*testing.T
	*handler.Invoker
	runtime *local.Runtime
	target  handler.Target

	mu sync.Mutex
	// payloads that the handler was invoked with.
	payloads []string
}

// inBubble runs a test with a handler.
func inBubble(t *testing.T, h lambda.Func, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		r := &rig{T: t, Invoker: handler.New(runtime.Config(), false), runtime: runtime}
		r.target = handler.Target{ARN: runtime.Account.ARN("lambda", "function:work"), Timeout: 5 * time.Second}
		r.put(lambda.Function{Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
			r.mu.Lock()
			r.payloads = append(r.payloads, string(payload))
			r.mu.Unlock()
			return h(ctx, payload)
		})})
		test(r)
	})
}

// put makes the handler, or changes it.
func (r *rig) put(f lambda.Function) {
	r.Helper()
	f.Name, f.Timeout = "work", 5
	require.NoError(r, r.runtime.Lambda.Put(f))
}

// invoked are the payloads so far.
func (r *rig) invoked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.payloads
}

// requests counts what is asked of Lambda from now on.
func (r *rig) requests() (count func() int) {
	var mu sync.Mutex
	n := 0
	stop := r.runtime.Router.Observe(func(e api.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Service == "lambda" && e.Operation == "Invoke" {
			n++
		}
	})
	r.Cleanup(stop)
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func replies(reply string) lambda.Func {
	return func(context.Context, []byte) ([]byte, error) { return []byte(reply), nil }
}

// takes is a handler that takes its time.
func takes(d time.Duration) lambda.Func {
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		select {
		case <-time.After(d):
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func TestInvokeReplies(t *testing.T) {
	for name, c := range map[string]struct{ reply, want string }{
		"with nothing": {``, `null`},
		"with JSON":    {`{"batchItemFailures":[]}`, `{"batchItemFailures":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, replies(c.reply), func(r *rig) {
				reply, err := r.Invoke(r.Context(), r.target, []byte(`{"Records":[]}`))
				require.NoError(r, err)
				assert.Equal(r, c.want, string(reply))
				assert.Equal(r, []string{`{"Records":[]}`}, r.invoked())
			})
		})
	}
}

func TestInvokeFails(t *testing.T) {
	for name, c := range map[string]struct {
		handler lambda.Func
		want    handler.FunctionError
		says    string
	}{
		"with an error": {
			func(context.Context, []byte) ([]byte, error) { return nil, errors.New("the database is down") },
			handler.FunctionError{Type: "errorString", Message: "the database is down"},
			"errorString: the database is down",
		},
		"with an error of no type": {
			func(context.Context, []byte) ([]byte, error) {
				return nil, messages.InvokeResponse_Error{Message: "the database is down"}
			},
			handler.FunctionError{Message: "the database is down"},
			"the database is down",
		},
		"without saying why": {
			func(context.Context, []byte) ([]byte, error) { return nil, messages.InvokeResponse_Error{} },
			handler.FunctionError{Type: "Unhandled", Message: "the handler failed without saying why"},
			"Unhandled: the handler failed without saying why",
		},
		"by panic": {
			func(context.Context, []byte) ([]byte, error) { panic("out of luck") },
			handler.FunctionError{Type: "string", Message: "out of luck"},
			"string: out of luck",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.handler, func(r *rig) {
				_, err := r.Invoke(r.Context(), r.target, []byte(`{}`))
				var failed *handler.FunctionError
				require.ErrorAs(r, err, &failed)
				assert.Equal(r, c.want, *failed)
				assert.EqualError(r, err, c.says)
			})
		})
	}
}

func TestInvokeFailsByTimeOut(t *testing.T) {
	inBubble(t, takes(time.Minute), func(r *rig) {
		began := time.Now()
		_, err := r.Invoke(r.Context(), r.target, []byte(`{}`))
		var failed *handler.FunctionError
		require.ErrorAs(r, err, &failed)
		assert.Equal(r, "Sandbox.Timedout", failed.Type)
		assert.Contains(r, failed.Message, "Task timed out after 5.00 seconds")
		assert.Equal(r, 5*time.Second, time.Since(began))
	})
}

func TestInvokeIsThrottled(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		none := 0
		r.put(lambda.Function{Code: replies(``), ReservedConcurrency: &none})
		requests := r.requests()
		_, err := r.Invoke(r.Context(), r.target, []byte(`{}`))
		assert.Equal(r, handler.ErrThrottled, err)
		assert.Equal(r, 1, requests())
	})
}

func TestInvokeIsInDoubt(t *testing.T) {
	for name, fault := range map[string]api.Fault{
		"its reply is lost":        {Kind: api.LoseReply},
		"its request is lost":      {Kind: api.Drop},
		"Lambda is unavailable":    {Kind: api.Fail},
		"Lambda failed":            {Kind: api.Fail, Error: &api.Error{Code: "ServiceException", Message: "try again", Status: 500}},
		"it could not be unpacked": {Kind: api.Fail, Error: &api.Error{Code: "EC2ThrottledException", Message: "try again", Status: 502}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, replies(``), func(r *rig) {
				r.runtime.Router.Faults.Add(fault)
				requests := r.requests()
				_, err := r.Invoke(r.Context(), r.target, []byte(`{}`))
				var doubt *handler.DoubtError
				require.ErrorAs(r, err, &doubt)
				assert.ErrorContains(r, err, "the handler's answer did not come: ")
				assert.Equal(r, 1, requests(), "it is never repeated")
			})
		})
	}
}

func TestInvokeIsInDoubtWhenItsCallerLeaves(t *testing.T) {
	inBubble(t, takes(3*time.Second), func(r *rig) {
		ctx, leave := context.WithTimeout(r.Context(), time.Second)
		defer leave()
		_, err := r.Invoke(ctx, r.target, []byte(`{}`))
		var doubt *handler.DoubtError
		require.ErrorAs(r, err, &doubt)
		assert.ErrorIs(r, err, context.DeadlineExceeded)
		now, _ := r.runtime.Lambda.Concurrency("work")
		assert.Equal(r, 1, now, "the handler runs on")
	})
}

func TestInvokeWaitsAsLongAsLambdaDoes(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		require.NoError(r, r.runtime.Lambda.Put(lambda.Function{Name: "work", Timeout: 900, Code: takes(899 * time.Second)}))
		_, err := r.Invoke(r.Context(), r.target, []byte(`{}`))
		require.NoError(r, err)
	})
}

func TestInvokeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		target, code string
		fault        *api.Error
	}{
		"no such function": {"nobody", "ResourceNotFoundException", nil},
		"not allowed":      {"work", "AccessDeniedException", &api.Error{Code: "AccessDeniedException", Message: "not yours", Status: 403}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, replies(``), func(r *rig) {
				if c.fault != nil {
					r.runtime.Router.Faults.Add(api.Fault{Kind: api.Fail, Error: c.fault})
				}
				arn := r.runtime.Account.ARN("lambda", "function:"+c.target)
				_, err := r.Invoke(r.Context(), handler.Target{ARN: arn}, []byte(`{}`))
				assert.ErrorContains(r, err, "invoke "+arn+": ")
				assert.ErrorContains(r, err, c.code)
				var doubt *handler.DoubtError
				assert.NotErrorAs(r, err, &doubt, "it surely did not run")
				var failed *handler.FunctionError
				assert.NotErrorAs(r, err, &failed)
				assert.NotErrorIs(r, err, handler.ErrThrottled)
			})
		})
	}
}

func TestTarget(t *testing.T) {
	assert.False(t, handler.Target{Timeout: time.Second}.Is())
	assert.True(t, handler.Target{ARN: "arn"}.Is())
}

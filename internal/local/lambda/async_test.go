package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// attempt is one run of a handler.
type attempt struct {
	after   time.Duration
	id      string
	payload string
}

// recording is a handler that fails until an attempt, counted from 1, that
// succeeds. 0 never succeeds.
func recording(attempts *[]attempt, success int) lambda.Func {
	start := time.Now()
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		*attempts = append(*attempts, attempt{time.Since(start), lc.AwsRequestID, string(payload)})
		if len(*attempts) == success {
			return []byte(`"done"`), nil
		}
		return nil, errors.New("not yet")
	}
}

// pass lets time pass until everything that is due has been done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// queue is an SQS that keeps what it is sent.
type queue struct {
	sent []sent
}

type sent struct {
	at                time.Time
	caller            api.Caller
	QueueUrl          string
	MessageBody       string
	MessageAttributes map[string]struct{ DataType, StringValue string }
}

func (q *queue) api() api.Service {
	return api.Service{Name: "sqs", Operations: map[string]api.Operation{
		"SendMessage": api.Op("sqs", "SendMessage", func(_ context.Context, caller api.Caller, in *sent) (*struct{}, error) {
			in.at, in.caller = time.Now(), caller
			q.sent = append(q.sent, *in)
			return &struct{}{}, nil
		}),
	}}
}

func TestEventIsRetriedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		var attempts []attempt
		s.put(t, lambda.Function{Code: recording(&attempts, 0)})
		s.event(t, `{"n":1}`)
		pass(7 * time.Hour)
		require.Len(t, attempts, 3)
		for i, after := range []time.Duration{0, time.Minute, 3 * time.Minute} {
			assert.Equal(t, attempt{after, attempts[0].id, `{"n":1}`}, attempts[i], "the request ID and the payload stay the same")
		}
	})
}

func TestEventThatSucceedsIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		q := &queue{}
		s.router.Add(q.api())
		var attempts []attempt
		s.put(t, lambda.Function{Code: recording(&attempts, 2)})
		_, err := s.call(t, "PutFunctionEventInvokeConfig", `{"FunctionName":"work","DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:good"},"OnFailure":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:bad"}}}`)
		require.NoError(t, err)
		s.event(t, ``)
		pass(7 * time.Hour)
		require.Len(t, attempts, 2)
		require.Len(t, q.sent, 1)
		assert.Equal(t, "http://127.0.0.1:4100/123456789012/good", q.sent[0].QueueUrl)
		assert.JSONEq(t, `{"version":"1.0","timestamp":"2000-01-01T00:01:00.000Z","requestContext":{"requestId":"`+attempts[0].id+`",
			"functionArn":"arn:aws:lambda:eu-central-1:123456789012:function:work:$LATEST","condition":"Success","approximateInvokeCount":2},
			"requestPayload":{},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":"done"}`, q.sent[0].MessageBody)
	})
}

func TestEventThatFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		q := &queue{}
		s.router.Add(q.api())
		var attempts []attempt
		s.put(t, lambda.Function{
			Code: recording(&attempts, 0), Role: "arn:aws:iam::123456789012:role/work",
			DeadLetterTarget: "arn:aws:sqs:eu-central-1:123456789012:dead",
		})
		_, err := s.call(t, "PutFunctionEventInvokeConfig", `{"FunctionName":"work","MaximumRetryAttempts":0,"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:bad"}}}`)
		require.NoError(t, err)
		s.event(t, `{"n":1}`)
		synctest.Wait()
		require.Len(t, q.sent, 2)
		assert.Equal(t, "http://127.0.0.1:4100/123456789012/dead", q.sent[0].QueueUrl)
		assert.Equal(t, `{"n":1}`, q.sent[0].MessageBody)
		assert.Equal(t, attempts[0].id, q.sent[0].MessageAttributes["RequestID"].StringValue)
		assert.Equal(t, "not yet", q.sent[0].MessageAttributes["ErrorMessage"].StringValue)
		assert.Equal(t, "work", q.sent[0].caller.Function)
		assert.Equal(t, "arn:aws:iam::123456789012:role/work", q.sent[0].caller.RoleARN)
		assert.Equal(t, "http://127.0.0.1:4100/123456789012/bad", q.sent[1].QueueUrl)
		record := decode[struct {
			RequestContext  struct{ Condition string }
			ResponseContext struct{ FunctionError string }
			ResponsePayload json.RawMessage
		}](t, []byte(q.sent[1].MessageBody))
		assert.Equal(t, "RetriesExhausted", record.RequestContext.Condition)
		assert.Equal(t, "Unhandled", record.ResponseContext.FunctionError)
		assert.JSONEq(t, `{"errorMessage":"not yet","errorType":"errorString"}`, string(record.ResponsePayload))
	})
}

// Throttled events come back after 1, 2, 4, ... seconds, five minutes at most,
// until they are six hours old.
func TestThrottledEventWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		q := &queue{}
		s.router.Add(q.api())
		s.put(t, lambda.Function{Timeout: 900, ReservedConcurrency: ptr(1), Code: lambda.Func(func(_ context.Context, payload []byte) ([]byte, error) {
			if string(payload) == `"long"` {
				time.Sleep(100 * time.Second)
			}
			return payload, nil
		})})
		_, err := s.call(t, "PutFunctionEventInvokeConfig", `{"FunctionName":"work","DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:good"}}}`)
		require.NoError(t, err)
		start := time.Now()
		s.event(t, `"long"`)
		synctest.Wait()
		s.event(t, `"short"`)
		pass(time.Hour)
		require.Len(t, q.sent, 2)
		assert.Equal(t, 100*time.Second, q.sent[0].at.Sub(start))
		assert.Equal(t, 127*time.Second, q.sent[1].at.Sub(start), "1+2+4+8+16+32+64 seconds")
	})
}

func TestEventThatGetsTooOld(t *testing.T) {
	for _, c := range []struct {
		name, config string
		reserved     *int
		condition    string
		after        time.Duration
	}{
		{"throttled for six hours", `{"FunctionName":"work","DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:bad"}}}`, ptr(1), "EventAgeExceeded", 6 * time.Hour},
		{"throttled for a minute", `{"FunctionName":"work","MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:bad"}}}`, ptr(1), "EventAgeExceeded", time.Minute},
		{"stopped by a reservation of 0", `{"FunctionName":"work","DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:eu-central-1:123456789012:bad"}}}`, ptr(0), "ZeroReservedConcurrency", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, lambda.Options{})
				q := &queue{}
				s.router.Add(q.api())
				s.put(t, lambda.Function{Timeout: 900, ReservedConcurrency: c.reserved, Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				})})
				_, err := s.call(t, "PutFunctionEventInvokeConfig", c.config)
				require.NoError(t, err)
				if *c.reserved > 0 {
					// One after the other, for eight hours, there is always one that runs.
					go func() {
						for range 8 * 4 {
							s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
						}
					}()
					synctest.Wait()
				}
				// Not at the same instant as the end of one of those.
				time.Sleep(time.Millisecond)
				start := time.Now()
				s.event(t, `{}`)
				pass(9 * time.Hour)
				require.Len(t, q.sent, 1)
				assert.Equal(t, c.after, q.sent[0].at.Sub(start))
				record := decode[struct{ RequestContext struct{ Condition string } }](t, []byte(q.sent[0].MessageBody))
				assert.Equal(t, c.condition, record.RequestContext.Condition)
			})
		})
	}
}

func TestCloseDropsWaitingEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		var attempts []attempt
		s.put(t, lambda.Function{Code: recording(&attempts, 0)})
		s.event(t, `{}`)
		synctest.Wait()
		s.Close()
		pass(time.Hour)
		assert.Len(t, attempts, 1)
	})
}

func TestEventOfADeletedFunctionIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		var attempts []attempt
		s.put(t, lambda.Function{Code: recording(&attempts, 0)})
		s.event(t, `{}`)
		synctest.Wait()
		_, err := s.call(t, "DeleteFunction", `{"FunctionName":"work"}`)
		require.NoError(t, err)
		pass(time.Hour)
		assert.Len(t, attempts, 1)
	})
}

func TestEventInvokeConfig(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: lambda.Func(echo)})
	_, err := s.call(t, "GetFunctionEventInvokeConfig", `{"FunctionName":"work"}`)
	requireError(t, err, "ResourceNotFoundException", "The function arn:aws:lambda:eu-central-1:123456789012:function:work:$LATEST doesn't have an EventInvokeConfig")
	_, err = s.call(t, "PutFunctionEventInvokeConfig", `{"FunctionName":"work","MaximumRetryAttempts":3}`)
	requireError(t, err, "ValidationException", "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2")
	_, err = s.call(t, "PutFunctionEventInvokeConfig", `{"FunctionName":"work","DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sns:eu-central-1:123456789012:topic"}}}`)
	requireError(t, err, "InvalidParameterValueException", "The embedded runtime delivers records to SQS queues only, not to arn:aws:sns:eu-central-1:123456789012:topic.")
	_, err = s.call(t, "PutFunctionEventInvokeConfig", `{"FunctionName":"work","MaximumRetryAttempts":1}`)
	require.NoError(t, err)
	_, err = s.call(t, "UpdateFunctionEventInvokeConfig", `{"FunctionName":"work","MaximumEventAgeInSeconds":90}`)
	require.NoError(t, err)
	out, err := s.call(t, "GetFunctionEventInvokeConfig", `{"FunctionName":"work"}`)
	require.NoError(t, err)
	assert.Contains(t, out, `"MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":90`)
	_, err = s.call(t, "DeleteFunctionEventInvokeConfig", `{"FunctionName":"work"}`)
	require.NoError(t, err)
	_, err = s.call(t, "GetFunctionEventInvokeConfig", `{"FunctionName":"work"}`)
	require.Error(t, err)
}

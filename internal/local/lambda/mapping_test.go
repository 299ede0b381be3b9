package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/price"
)

// source is a queue with a mapping to a function, in an account of its own.
type source struct {
	t       *testing.T
	runtime *local.Runtime
	lambda  *sdk.Client
	sqs     *sqs.Client
	url     string
	arn     string

	mu      sync.Mutex
	batches [][]string
	// answer says what the function does with a batch, by bodies.
	answer func(ctx context.Context, records []record) (string, error)
}

type record struct{ MessageID, Body string }

// newSource makes the queue and the function, without a mapping between them.
func newSource(t *testing.T, timeout int, attributes map[string]string) *source {
	t.Helper()
	return newSourceWith(t, timeout, attributes, lambda.Options{})
}

func newSourceWith(t *testing.T, timeout int, attributes map[string]string, options lambda.Options) *source {
	t.Helper()
	runtime, err := local.Start(local.Options{Lambda: options})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
	cfg := runtime.Config()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	s := &source{t: t, runtime: runtime, lambda: sdk.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg)}
	name := "jobs"
	if attributes["FifoQueue"] == "true" {
		name += ".fifo"
	}
	s.arn = "arn:aws:sqs:us-east-1:123456789012:" + name
	made, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(t, err)
	s.url = *made.QueueUrl
	require.NoError(t, runtime.Lambda.Put(lambda.Function{Name: "handler", Timeout: timeout, Role: runtime.IAM.Put("handler", []string{"lambda.amazonaws.com"}, "sqs:*"), Code: lambda.Func(s.handle)}))
	return s
}

func (s *source) handle(ctx context.Context, payload []byte) ([]byte, error) {
	var event struct{ Records []record }
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	var bodies []string
	for _, r := range event.Records {
		bodies = append(bodies, r.Body)
	}
	s.mu.Lock()
	s.batches = append(s.batches, bodies)
	s.mu.Unlock()
	if s.answer == nil {
		return []byte("null"), nil
	}
	reply, err := s.answer(ctx, event.Records)
	return []byte(reply), err
}

// busyFor takes so long, or until it is told to end.
func busyFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handled are the bodies of all batches so far, in order.
func (s *source) handled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, batch := range s.batches {
		all = append(all, batch...)
	}
	return all
}

func (s *source) send(n int, group string) {
	s.t.Helper()
	for i := range n {
		in := &sqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String(strconv.Itoa(i))}
		if group != "" {
			in.MessageGroupId, in.MessageDeduplicationId = &group, aws.String(group+strconv.Itoa(i))
		}
		_, err := s.sqs.SendMessage(s.t.Context(), in)
		require.NoError(s.t, err)
	}
}

// left counts the queue's messages.
func (s *source) left() (visible, hidden string) {
	s.t.Helper()
	out, err := s.sqs.GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &s.url, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	require.NoError(s.t, err)
	return out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// attach makes a mapping; it polls after a while.
func (s *source) attach(change func(*sdk.CreateEventSourceMappingInput)) string {
	s.t.Helper()
	in := &sdk.CreateEventSourceMappingInput{EventSourceArn: &s.arn, FunctionName: aws.String("handler")}
	if change != nil {
		change(in)
	}
	out, err := s.lambda.CreateEventSourceMapping(s.t.Context(), in)
	require.NoError(s.t, err)
	assert.Equal(s.t, "Creating", *out.State)
	return *out.UUID
}

func (s *source) state(uuid string) string {
	s.t.Helper()
	out, err := s.lambda.GetEventSourceMapping(s.t.Context(), &sdk.GetEventSourceMappingInput{UUID: &uuid})
	require.NoError(s.t, err)
	return *out.State
}

func (s *source) enable(uuid string, on bool) string {
	s.t.Helper()
	out, err := s.lambda.UpdateEventSourceMapping(s.t.Context(), &sdk.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: &on})
	require.NoError(s.t, err)
	return *out.State
}

func TestMappingHandlesAndDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		uuid := s.attach(nil)
		s.send(25, "")
		pass(time.Minute)
		assert.Equal(t, "Enabled", s.state(uuid))
		assert.Len(t, s.handled(), 25)
		visible, hidden := s.left()
		assert.Equal(t, "0 0", visible+" "+hidden)
	})
}

// A mapping that is switched off takes nothing more, and what it took it handles.
func TestMappingIsSwitchedOffAndOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 300, map[string]string{"VisibilityTimeout": "1800"})
		s.answer = func(ctx context.Context, _ []record) (string, error) {
			return "null", busyFor(ctx, 4*time.Minute)
		}
		uuid := s.attach(nil)
		pass(time.Minute)
		s.send(1, "")
		synctest.Wait()
		assert.Equal(t, "Disabling", s.enable(uuid, false))
		_, err := s.lambda.DeleteEventSourceMapping(t.Context(), &sdk.DeleteEventSourceMappingInput{UUID: &uuid})
		var inUse *types.ResourceInUseException
		require.ErrorAs(t, err, &inUse)
		pass(time.Minute)
		assert.Equal(t, "Disabled", s.state(uuid))
		s.send(3, "")
		pass(10 * time.Minute)
		assert.Len(t, s.handled(), 1, "a mapping that is off takes nothing")
		visible, hidden := s.left()
		assert.Equal(t, "3 0", visible+" "+hidden, "the batch that was under way ended well")
		assert.Equal(t, "Enabling", s.enable(uuid, true))
		pass(10 * time.Minute)
		assert.Len(t, s.handled(), 4)
	})
}

// Five batches at once, then 300 more a minute.
func TestMappingScales(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sdk.CreateEventSourceMappingInput)
		after  map[time.Duration]int
	}{
		"by itself": {nil, map[time.Duration]int{time.Minute: 305, 2 * time.Minute: 605, 6 * time.Minute: 1250}},
		"up to a maximum concurrency": {
			func(in *sdk.CreateEventSourceMappingInput) {
				in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(7)}
			},
			map[time.Duration]int{time.Minute: 7, 5 * time.Minute: 7},
		},
		"with provisioned pollers": {
			func(in *sdk.CreateEventSourceMappingInput) {
				in.ProvisionedPollerConfig = &types.ProvisionedPollerConfig{MinimumPollers: aws.Int32(4), MaximumPollers: aws.Int32(80)}
			},
			map[time.Duration]int{30 * time.Second: 540, time.Minute: 800},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSourceWith(t, 900, map[string]string{"VisibilityTimeout": "7200"}, lambda.Options{Concurrency: 3000})
				s.answer = func(ctx context.Context, _ []record) (string, error) {
					return "null", busyFor(ctx, 14*time.Minute)
				}
				s.attach(func(in *sdk.CreateEventSourceMappingInput) {
					in.BatchSize = aws.Int32(1)
					if c.change != nil {
						c.change(in)
					}
				})
				pass(90 * time.Second)
				s.send(1500, "")
				sent := time.Now()
				for _, after := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 6 * time.Minute} {
					if want, ok := c.after[after]; ok {
						pass(time.Until(sent.Add(after)))
						now, _ := s.runtime.Lambda.Concurrency("handler")
						assert.InDelta(t, want, now, 6, "after %s", after)
					}
				}
			})
		})
	}
}

func TestMappingFallsToTwoBatchesWhenThereIsLittleToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		s.attach(nil)
		pass(10 * time.Minute)
		var received atomic.Int64
		defer s.runtime.Router.Observe(func(e api.Event) {
			if e.Operation == "ReceiveMessage" {
				received.Add(1)
				assert.Equal(t, "arn:aws:iam::123456789012:role/handler", e.Caller.RoleARN)
			}
		})()
		pass(10 * time.Minute)
		assert.Equal(t, int64(60), received.Load(), "two long polls of 20 seconds at a time")
	})
}

func TestMappingReturnsWhatFailed(t *testing.T) {
	for name, c := range map[string]struct {
		types  []types.FunctionResponseType
		answer func([]record) (string, error)
		left   string
	}{
		"an error": {nil, func([]record) (string, error) { return "", errors.New("no") }, "3"},
		"a report": {
			[]types.FunctionResponseType{"ReportBatchItemFailures"},
			func(r []record) (string, error) {
				return `{"batchItemFailures":[{"itemIdentifier":"` + r[0].MessageID + `"}]}`, nil
			},
			"1",
		},
		"a report of an unknown message": {
			[]types.FunctionResponseType{"ReportBatchItemFailures"},
			func([]record) (string, error) { return `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, nil },
			"3",
		},
		"a report that nobody reads": {
			nil,
			func(r []record) (string, error) {
				return `{"batchItemFailures":[{"itemIdentifier":"` + r[0].MessageID + `"}]}`, nil
			},
			"0",
		},
		"no JSON":    {[]types.FunctionResponseType{"ReportBatchItemFailures"}, func([]record) (string, error) { return "done", nil }, "3"},
		"other case": {[]types.FunctionResponseType{"ReportBatchItemFailures"}, func([]record) (string, error) { return `{"BatchItemFailures":[{"itemIdentifier":"x"}]}`, nil }, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(t, 30, map[string]string{"VisibilityTimeout": "600"})
				s.answer = func(_ context.Context, r []record) (string, error) { return c.answer(r) }
				s.send(3, "")
				s.attach(func(in *sdk.CreateEventSourceMappingInput) {
					in.FunctionResponseTypes = c.types
					in.BatchSize, in.MaximumBatchingWindowInSeconds = aws.Int32(10), aws.Int32(5)
				})
				pass(time.Minute)
				_, hidden := s.left()
				assert.Equal(t, c.left, hidden)
				assert.Len(t, s.batches, 1, "the window gathered one batch")
			})
		})
	}
}

func TestMappingFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		for _, body := range []string{`{"kind":"a"}`, `{"kind":"b"}`, `kind a`} {
			_, err := s.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.url, MessageBody: &body})
			require.NoError(t, err)
		}
		s.attach(func(in *sdk.CreateEventSourceMappingInput) {
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"body":{"kind":["a"]}}`)}}}
		})
		pass(time.Minute)
		assert.Equal(t, []string{`{"kind":"a"}`}, s.handled())
		visible, hidden := s.left()
		assert.Equal(t, "0 0", visible+" "+hidden, "what no filter lets through is deleted")
	})
}

func TestMappingKeepsGroupsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, map[string]string{"FifoQueue": "true"})
		s.answer = func(ctx context.Context, _ []record) (string, error) {
			return "null", busyFor(ctx, time.Second)
		}
		s.send(40, "group")
		s.attach(func(in *sdk.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(3) })
		pass(5 * time.Minute)
		var want []string
		for i := range 40 {
			want = append(want, strconv.Itoa(i))
		}
		assert.Equal(t, want, s.handled())
		_, peak := s.runtime.Lambda.Concurrency("handler")
		assert.Equal(t, 1, peak, "a group is one batch at a time")
	})
}

func TestMappingTriesThrottledBatchesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, map[string]string{"VisibilityTimeout": "180"})
		stop := func(n int32) {
			_, err := s.lambda.PutFunctionConcurrency(t.Context(), &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("handler"), ReservedConcurrentExecutions: &n})
			require.NoError(t, err)
		}
		stop(0)
		s.attach(nil)
		s.send(1, "")
		pass(2 * time.Minute)
		assert.Empty(t, s.handled())
		stop(5)
		pass(time.Minute)
		assert.Len(t, s.handled(), 1, "within the visibility timeout of the first receive")
	})
}

func TestMappingIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 60, map[string]string{"VisibilityTimeout": "60"})
		s.attach(nil)
		for want, change := range map[string]func(*sdk.CreateEventSourceMappingInput){
			"already exists. Please update or delete the existing mapping with UUID": nil,
			"Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10": func(in *sdk.CreateEventSourceMappingInput) {
				in.BatchSize = aws.Int32(11)
			},
			"Member must have value greater than or equal to 2": func(in *sdk.CreateEventSourceMappingInput) {
				in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(1)}
			},
			"Function not found": func(in *sdk.CreateEventSourceMappingInput) { in.FunctionName = aws.String("nobody") },
			"AWS.SimpleQueueService.NonExistentQueue": func(in *sdk.CreateEventSourceMappingInput) {
				in.EventSourceArn = aws.String(strings.Replace(*in.EventSourceArn, "jobs", "none", 1))
			},
			"Invalid filter pattern definition.": func(in *sdk.CreateEventSourceMappingInput) {
				in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"body":`)}}}
			},
		} {
			in := &sdk.CreateEventSourceMappingInput{EventSourceArn: &s.arn, FunctionName: aws.String("handler")}
			if change != nil {
				change(in)
			}
			_, err := s.lambda.CreateEventSourceMapping(t.Context(), in)
			assert.ErrorContains(t, err, want)
		}
		_, err := s.sqs.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &s.url, Attributes: map[string]string{"VisibilityTimeout": "59"}})
		require.NoError(t, err)
		require.NoError(t, s.runtime.Lambda.Put(lambda.Function{Name: "other", Timeout: 60, Role: s.runtime.IAM.Put("other", []string{"lambda.amazonaws.com"}, "sqs:*"), Code: lambda.Func(s.handle)}))
		in := &sdk.CreateEventSourceMappingInput{EventSourceArn: &s.arn, FunctionName: aws.String("other")}
		_, err = s.lambda.CreateEventSourceMapping(t.Context(), in)
		assert.ErrorContains(t, err, "Queue visibility timeout: 59 seconds is less than Function timeout: 60 seconds")

		s.runtime.Router.Authorize(func(_ context.Context, call api.Call) error {
			if call.Operation == "ReceiveMessage" {
				return api.Errorf("AccessDenied", "no")
			}
			return nil
		})
		_, err = s.lambda.CreateEventSourceMapping(t.Context(), in)
		assert.ErrorContains(t, err, "The function execution role does not have permissions to call ReceiveMessage on SQS")
	})
}

func TestMappingsAreListedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		uuid := s.attach(nil)
		for i := range 3 {
			name := fmt.Sprint("other", i)
			require.NoError(t, s.runtime.Lambda.Put(lambda.Function{Name: name, Role: s.runtime.IAM.Put("other", []string{"lambda.amazonaws.com"}, "sqs:*"), Code: lambda.Func(s.handle)}))
			s.attach(func(in *sdk.CreateEventSourceMappingInput) { in.FunctionName = &name })
		}
		count := func(in *sdk.ListEventSourceMappingsInput) (n int) {
			for pages := sdk.NewListEventSourceMappingsPaginator(s.lambda, in); pages.HasMorePages(); {
				page, err := pages.NextPage(t.Context())
				require.NoError(t, err)
				n += len(page.EventSourceMappings)
			}
			return n
		}
		assert.Equal(t, 4, count(&sdk.ListEventSourceMappingsInput{EventSourceArn: &s.arn, MaxItems: aws.Int32(3)}))
		assert.Equal(t, 1, count(&sdk.ListEventSourceMappingsInput{FunctionName: aws.String("handler")}))
		assert.Equal(t, 0, count(&sdk.ListEventSourceMappingsInput{EventSourceArn: aws.String(s.arn + "x")}))
		pass(time.Minute)
		out, err := s.lambda.DeleteEventSourceMapping(t.Context(), &sdk.DeleteEventSourceMappingInput{UUID: &uuid})
		require.NoError(t, err)
		assert.Equal(t, "Deleting", *out.State)
		pass(time.Minute)
		_, err = s.lambda.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: &uuid})
		var gone *types.ResourceNotFoundException
		assert.ErrorAs(t, err, &gone)
		assert.Equal(t, 3, count(&sdk.ListEventSourceMappingsInput{}))
	})
}

// Provisioned pollers are paid for by the hour, from their minimum on.
func TestMappingBillsItsPollers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		var mu sync.Mutex
		hours := 0.0
		s.runtime.Router.Meter(func(u api.Usage) {
			mu.Lock()
			defer mu.Unlock()
			if u.Item == price.PollerHour {
				hours += u.Quantity
			}
		})
		uuid := s.attach(func(in *sdk.CreateEventSourceMappingInput) {
			in.ProvisionedPollerConfig = &types.ProvisionedPollerConfig{MinimumPollers: aws.Int32(3), MaximumPollers: aws.Int32(4)}
		})
		pass(time.Minute)
		pass(2 * time.Hour)
		s.runtime.Lambda.BillRunning()
		assert.InDelta(t, 6, hours, 0.1)
		s.enable(uuid, false)
		pass(time.Hour)
		s.runtime.Lambda.BillRunning()
		assert.InDelta(t, 6, hours, 0.1, "a mapping that is off costs nothing")
	})
}

package pump_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	localsqs "github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

func TestNoHandlerStartsThatCannotEndInTime(t *testing.T) {
	inBubble(t, takes(7*time.Second), slot(), func(r *rig) {
		r.send(2000)
		// 100 s in Lambda are 70 s of shift; a handler may take ten of them.
		out, err := r.shiftOf("t1", 100*time.Second, pump.Input{Worker: "a", Execution: "worker-a-1"})
		require.NoError(r, err)
		assert.Equal(r, "report home", out.Next)
		starts := r.started()
		assert.Equal(r, 56*time.Second, starts[len(starts)-1])
		assert.Equal(r, 63*time.Second, time.Since(r.began))
		assert.Equal(r, queue.Depth{Visible: 1820}, r.depth(), "nothing is held")
		r.idle("t1")
	})
}

func TestAMessageThatComesTooLateForAHandler(t *testing.T) {
	// The transform handler takes its time: the process handler cannot end in
	// time any more and is not started.
	inBubble(t, takes(0), slot(stay), func(r *rig) {
		r.config.Transform = r.put("transform", 10*time.Second, func(ctx context.Context, e message.Event) (any, error) {
			_, err := takes(9*time.Second)(ctx, e)
			return e, err
		})
		go func() {
			<-time.After(45 * time.Second)
			r.send(1)
		}()
		r.runtime.Router.Faults.Add(api.Fault{
			Service: "lambda", Operation: "Invoke", Kind: api.Fail,
			Error: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429},
			Match: func(api.Call) bool { return time.Since(r.began) < 52*time.Second },
		})
		out, err := r.shiftOf("t1", 100*time.Second, pump.Input{Worker: "a", Execution: "worker-a-1"})
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "report home", Shift: 1}, out)
		assert.Empty(r, r.started())
		assert.Greater(r, time.Since(r.began), 60*time.Second)
		assert.LessOrEqual(r, time.Since(r.began), 70*time.Second)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth(), "it comes again at once")
		assert.Empty(r, r.failures())
	})
}

func TestTheLeaseLapsesWhenReportsFail(t *testing.T) {
	inBubble(t, takes(7*time.Second), slot(), func(r *rig) {
		r.send(600)
		receives := r.count("ReceiveMessage")
		var lapsed int
		go func() {
			<-time.After(30 * time.Second)
			_, mend := r.fail("UpdateItem", 0)
			<-time.After(90 * time.Second)
			lapsed = receives()
			<-time.After(2 * time.Minute)
			lapsed = receives() - lapsed
			mend()
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 600}, out)
		var last, next time.Duration
		for _, at := range r.started() {
			if at < 4*time.Minute {
				last = max(last, at)
			} else if next == 0 {
				next = at
			}
		}
		assert.Less(r, last, 100*time.Second)
		assert.GreaterOrEqual(r, last, 90*time.Second)
		// Reports are tried again every ten seconds, and so are polls.
		assert.LessOrEqual(r, next, 260*time.Second)
		assert.Zero(r, lapsed, "receives would count towards the dead-letter queue for nothing")
		assert.Zero(r, r.depth())
	})
}

func TestAShiftThatCannotBeTakenFails(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		r.send(1)
		r.fail("UpdateItem", 0)
		receives := r.count("ReceiveMessage")
		_, err := r.shift("t1")
		assert.ErrorContains(r, err, "report of worker a: ")
		assert.ErrorContains(r, err, "not yours")
		assert.Zero(r, receives())
	})
}

func TestReceivesThatKeepFailing(t *testing.T) {
	inBubble(t, takes(0), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		hits, _ := r.fail("ReceiveMessage", 0)
		_, err := r.shift("t1")
		assert.ErrorContains(r, err, "receive from "+r.url+": ")
		assert.ErrorContains(r, err, "not yours")
		assert.Equal(r, 5, hits())
		assert.Equal(r, 8*time.Second, time.Since(r.began), "with pauses of two seconds")
		r.idle("t1")
	})
}

func TestReceivesThatFailForAWhile(t *testing.T) {
	inBubble(t, takes(0), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		r.send(10)
		hits, _ := r.fail("ReceiveMessage", 4)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, 4, hits())
		assert.Equal(r, int64(10), out.Handled)
	})
}

func TestReceivesThatFailNowAndThen(t *testing.T) {
	inBubble(t, takes(0), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		r.send(10)
		r.config.Idle = time.Minute
		// Four fail, one gets through: with messages first, then with none.
		n := 0
		hits, _ := r.runtime.Router.Faults.Add(api.Fault{
			Operation: "ReceiveMessage", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "not yours"),
			Match: func(api.Call) bool { n++; return n%5 != 0 },
		})
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 10}, out)
		assert.GreaterOrEqual(r, hits(), 12)
	})
}

func TestMessagesAreHiddenWhileTheirHandlersMayRun(t *testing.T) {
	for transform, want := range map[bool]int{false: 10 + 45, true: 20 + 45} {
		inBubble(t, takes(0), slot(), func(r *rig) {
			if transform {
				r.config.Transform = r.put("transform", 10*time.Second, nil)
			}
			seen := map[int]bool{}
			var mu sync.Mutex
			stop := r.runtime.Router.Observe(func(e api.Event) {
				mu.Lock()
				defer mu.Unlock()
				if in, ok := e.Input.(*localsqs.ReceiveMessageInput); ok {
					seen[*in.VisibilityTimeout] = true
				}
			})
			defer stop()
			_, err := r.shift("t1")
			require.NoError(r, err)
			assert.Equal(r, map[int]bool{want: true}, seen)
		})
	}
}

// failures are the records of failures, of all shards.
func (r *rig) failures() []registry.Failure {
	r.Helper()
	client := dynamodb.NewFromConfig(r.runtime.Config())
	var all []registry.Failure
	for shard := range 8 {
		out, err := client.Query(r.Context(), &dynamodb.QueryInput{
			TableName: aws.String("muster"), KeyConditionExpression: aws.String("Fleet = :fleet"),
			ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":fleet": &ddbtypes.AttributeValueMemberS{Value: fmt.Sprintf("jobs#failures#%d", shard)}},
		})
		require.NoError(r, err)
		for _, item := range out.Items {
			value := func(name string) string {
				switch v := item[name].(type) {
				case *ddbtypes.AttributeValueMemberS:
					return v.Value
				case *ddbtypes.AttributeValueMemberN:
					return v.Value
				}
				return ""
			}
			f := registry.Failure{At: registry.Instant(value("At")), Worker: value("Worker"), Stage: value("Stage"), Reason: value("Reason")}
			_, err := fmt.Sscan(value("Receives"), &f.Receives)
			require.NoError(r, err)
			all = append(all, f)
		}
	}
	return all
}

func TestFailedMessagesComeBackAfterABackoff(t *testing.T) {
	// The first two attempts at a message fail.
	tries := 0
	inBubble(t, func(context.Context, message.Event) (any, error) {
		if tries++; tries <= 2 {
			<-time.After(time.Second)
			return nil, errors.New("the database is down")
		}
		return nil, nil
	}, slot(), func(r *rig) {
		r.send(1)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 1, Failed: 2}, out)
		starts := r.started()
		require.Len(r, starts, 3)
		for i := 1; i < 3; i++ {
			assert.LessOrEqual(r, starts[i]-starts[i-1], 5*time.Second, "a backoff of at most four seconds")
		}
		failures := r.failures()
		require.Len(r, failures, 2)
		assert.Equal(r, registry.Failure{At: "2000-01-01T00:00:01.000Z", Receives: 1, Worker: "worker-a-1", Stage: "process", Reason: "process handler: errorString: the database is down"}, failures[0])
		assert.Equal(r, 2, failures[1].Receives)
	})
}

func TestAReasonLongerThanAnItemIsNoTrouble(t *testing.T) {
	tries := 0
	inBubble(t, func(context.Context, message.Event) (any, error) {
		if tries++; tries == 1 {
			return nil, errors.New(strings.Repeat("no ", 200_000))
		}
		return nil, nil
	}, slot(), func(r *rig) {
		r.send(1)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 1, Failed: 1}, out)
	})
}

// Each receive counts towards the dead-letter queue: throttling may not use them
// up one a minute.
func TestThrottledMessagesComeBackMoreAndMoreSlowly(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		r.config.Idle = time.Hour
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Fail, Error: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}})
		r.send(10)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "report home", Shift: 5}, out)
		assert.Empty(r, r.started())
		time.Sleep(15 * time.Minute)
		records, err := queue.New(r.runtime.Config(), r.url, "").Receive(r.Context(), 10, 0, 0)
		require.NoError(r, err)
		require.NotEmpty(r, records)
		for _, record := range records {
			assert.GreaterOrEqual(r, record.Receives(), 4)
			assert.LessOrEqual(r, record.Receives(), 5, "in a quarter of an hour")
		}
	})
}

func TestADoubtfulHandlerIsWaitedFor(t *testing.T) {
	inBubble(t, takes(2*time.Second), slot(), func(r *rig) {
		r.config.Backoff, r.config.Idle = message.Backoff{}, time.Minute
		r.send(10)
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Times: 1})
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 10, Failed: 10}, out)
		// The reply was lost after 2 s: neither the slot's place nor the messages
		// are used again before another 25 s: a late arrival and the handler's time-out.
		assert.Equal(r, []time.Duration{0, 27 * time.Second}, r.started())
		assert.Contains(r, r.failures()[0].Reason, "process handler: the handler's answer did not come: ")
	})
}

func TestAShiftThatEndsInDoubtKeepsItsSlotBusy(t *testing.T) {
	inBubble(t, takes(2*time.Second), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		r.send(10)
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Times: 1})
		go func() {
			<-time.After(5 * time.Second)
			assert.True(r, r.worker().Busy(time.Now()))
			assert.Equal(r, "t1", r.worker().Token)
		}()
		_, err := r.shiftOf("t1", 45*time.Second, pump.Input{Worker: "a", Execution: "worker-a-1"})
		require.NoError(r, err)
		r.idle("t1")
	})
}

func TestTransform(t *testing.T) {
	var mu sync.Mutex
	var processed []string
	process := func(_ context.Context, e message.Event) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, record := range e.Records {
			processed = append(processed, record.Body)
		}
		return nil, nil
	}
	inBubble(t, process, slot(), func(r *rig) {
		failed := false
		r.config.Transform = r.put("transform", 10*time.Second, func(_ context.Context, e message.Event) (any, error) {
			reply := map[string]any{}
			var records []message.Record
			var failures []map[string]string
			for _, record := range e.Records {
				switch record.Body {
				case "job 1":
				case "job 2":
					if !failed {
						failed = true
						failures = append(failures, map[string]string{"itemIdentifier": record.MessageID})
						continue
					}
					fallthrough
				default:
					record.Body = "new " + record.Body
					records = append(records, record)
				}
			}
			reply["Records"], reply["batchItemFailures"] = records, failures
			return reply, nil
		})
		r.send(3)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 2, Failed: 1, Filtered: 1}, out)
		assert.Equal(r, []string{"new job 3", "new job 2"}, processed)
		assert.Zero(r, r.depth())
		assert.Equal(r, "transform", r.failures()[0].Stage)
	})
}

func TestNothingIsProcessedBesideADoubtfulTransform(t *testing.T) {
	inBubble(t, takes(0), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		r.config.Idle = time.Minute
		// Two events, of five messages and one: the first is transformed and
		// processed, the second in doubt.
		r.config.Transform = r.put("transform", 10*time.Second, func(_ context.Context, e message.Event) (any, error) { return e, nil })
		body := strings.Repeat("x", 1<<20)
		for range 6 {
			_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: &body})
			require.NoError(r, err)
		}
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Skip: 1, Times: 1, Match: func(c api.Call) bool {
			in, ok := c.Input.(*lambda.InvokeInput)
			return ok && strings.Contains(in.FunctionName, "transform")
		}})
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 6, Failed: 1}, out)
		started := r.started()
		assert.Zero(r, started[0])
		assert.GreaterOrEqual(r, started[1], 10*time.Second)
		assert.Zero(r, r.depth())
	})
}

func TestSettlingThatFailsEndsTheShift(t *testing.T) {
	for operation, says := range map[string]string{
		"DeleteMessageBatch":           "delete 5 messages from ",
		"ChangeMessageVisibilityBatch": "return 5 messages to ",
	} {
		t.Run(operation, func(t *testing.T) {
			half := func(_ context.Context, e message.Event) (any, error) {
				var failures []map[string]string
				for _, record := range e.Records[:len(e.Records)/2] {
					failures = append(failures, map[string]string{"itemIdentifier": record.MessageID})
				}
				return map[string]any{"batchItemFailures": failures}, nil
			}
			inBubble(t, half, slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
				r.send(10)
				r.fail(operation, 0)
				_, err := r.shift("t1")
				assert.ErrorContains(r, err, says)
				assert.ErrorContains(r, err, "not yours")
				r.idle("t1")
			})
		})
	}
}

func TestReasonsThatCannotBeRecordedCostNoShift(t *testing.T) {
	bad := func(context.Context, message.Event) (any, error) { return nil, errors.New("down") }
	inBubble(t, bad, slot(), func(r *rig) {
		r.send(5)
		r.fail("BatchWriteItem", 0)
		r.config.Idle = time.Second
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.GreaterOrEqual(r, out.Failed, int64(5))
		assert.Contains(r, out.Trouble, " failures: ")
		assert.Contains(r, out.Trouble, "not yours")
		d := r.depth()
		assert.Equal(r, 5, d.Visible+d.InFlight, "they come again")
	})
}

func TestAShiftWhoseEndCannotBeReportedFails(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Skip: 1, Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "not yours")})
		_, err := r.shift("t1")
		assert.ErrorContains(r, err, "report of worker a: ")
		assert.Equal(r, "t1", r.worker().Token)
		assert.NotZero(r, r.worker().BusyUntil, "the next pump waits")
	})
}

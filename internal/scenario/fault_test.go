package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/local/eventbridge"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// faulty is a fleet of two slots of two (stream) or four slots of one (steps):
// a cap of 4, whatever happens.
const limit = 4

// eachLane runs a scenario in both lanes, each in its own bubble.
func eachLane(t *testing.T, run func(t *testing.T, lane string)) {
	for _, lane := range []string{"stream", "steps"} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run(t, lane) })
		})
	}
}

// endsWell checks what must hold after every fault.
func endsWell(t *testing.T, f *scenario.Fleet, within time.Duration) {
	t.Helper()
	f.UntilDone(within)
	f.NothingLost()
	assert.LessOrEqual(t, f.Peak(), limit, "the cap was passed")
}

func TestHandlersThatFail(t *testing.T) {
	once := func(bad func(context.Context) (any, error)) scenario.Handler {
		var failed sync.Map
		return func(ctx context.Context, e message.Event) (any, error) {
			first := false
			for _, r := range e.Records {
				_, before := failed.LoadOrStore(r.MessageID, true)
				first = first || !before
			}
			if first {
				return bad(ctx)
			}
			return nil, nil
		}
	}
	for name, bad := range map[string]func(context.Context) (any, error){
		"with an error": func(context.Context) (any, error) { return nil, errors.New("the database is down") },
		"by time-out":   func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"by panic":      func(context.Context) (any, error) { panic("out of luck") },
		"with rubbish":  func(context.Context) (any, error) { return rubbish{}, nil },
		"naming nothing": func(context.Context) (any, error) {
			return map[string]any{"batchItemFailures": []map[string]string{{"itemIdentifier": ""}}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachLane(t, func(t *testing.T, lane string) {
				f := scenario.Start(t, scenario.Options{
					Parameters: map[string]string{"Lane": lane, "MaxConcurrency": "1"}, Process: once(bad),
				})
				defer f.Close()
				f.SendMany(30)
				f.Wake()
				endsWell(t, f, 30*time.Minute)
				assert.Equal(t, 30, f.Handled())
				_, dead := f.Depth()
				assert.Zero(t, dead)
			})
		})
	}
}

// rubbish cannot be encoded: the handler's reply is no JSON.
type rubbish struct{}

func (rubbish) MarshalJSON() ([]byte, error) { return nil, errors.New("rubbish") }

func TestAHandlerThatAlwaysFailsDeadLetters(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"Lane": lane, "MaxReceiveCount": "3"},
			Process: func(_ context.Context, e message.Event) (any, error) {
				var failures []map[string]string
				for _, r := range e.Records {
					if strings.HasSuffix(r.Body, "7") {
						failures = append(failures, map[string]string{"itemIdentifier": r.MessageID})
					}
				}
				return map[string]any{"batchItemFailures": failures}, nil
			},
		})
		defer f.Close()
		f.SendMany(40)
		f.Wake()
		endsWell(t, f, 30*time.Minute)
		assert.Equal(t, 36, f.Handled())
		_, dead := f.Depth()
		assert.Equal(t, 4, dead)
	})
}

func TestAnAbortedWorker(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": lane}, Process: scenario.Takes(8 * time.Second)})
		defer f.Close()
		f.SendMany(200)
		f.Wake()
		for range 3 {
			time.Sleep(12 * time.Second)
			for _, e := range f.WorkerExecutions() {
				if e.Status == sfntypes.ExecutionStatusRunning {
					f.Stop(*e.ExecutionArn)
				}
			}
		}
		endsWell(t, f, 2*time.Hour)
		assert.Equal(t, 200, f.Handled())
	})
}

func TestTicksAtOnce(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": lane}, Process: scenario.Takes(3 * time.Second)})
		defer f.Close()
		f.SendMany(200)
		f.Router.Faults.Add(api.Fault{Service: "events", Operation: "Deliver", Kind: api.Twice})
		f.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Match: invokes("jobs-autoscaler"), Kind: api.Twice, Probability: 0.5})
		for range 20 {
			f.Wake()
			f.Wake()
			time.Sleep(700 * time.Millisecond)
		}
		endsWell(t, f, time.Hour)
	})
}

func TestFaultsOnTheWay(t *testing.T) {
	transaction := func(c api.Call) bool { return true }
	report := func(c api.Call) bool {
		in, ok := c.Input.(*dynamodb.UpdateItemInput)
		return ok && in != nil
	}
	for name, faults := range map[string][]api.Fault{
		"a start is throttled":             {{Service: "states", Operation: "StartExecution", Match: starts("jobs-worker"), Kind: api.Fail, Error: api.Errorf("ThrottlingException", "Rate exceeded"), Times: 9}},
		"a start's reply is lost":          {{Service: "states", Operation: "StartExecution", Match: starts("jobs-worker"), Kind: api.LoseReply, Times: 7}},
		"a start is lost":                  {{Service: "states", Operation: "StartExecution", Match: starts("jobs-worker"), Kind: api.Drop, Times: 7}},
		"a start arrives late":             {{Service: "states", Operation: "StartExecution", Match: starts("jobs-worker"), Kind: api.Delay, For: 4 * time.Minute, Times: 2}},
		"a reservation's reply is lost":    {{Service: "dynamodb", Operation: "TransactWriteItems", Match: transaction, Kind: api.LoseReply, Times: 2}},
		"a reservation is sent twice":      {{Service: "dynamodb", Operation: "TransactWriteItems", Match: transaction, Kind: api.Twice}},
		"reports' replies are lost":        {{Service: "dynamodb", Operation: "UpdateItem", Match: report, Kind: api.LoseReply, Probability: 0.3}},
		"reports conflict":                 {{Service: "dynamodb", Operation: "UpdateItem", Match: report, Kind: api.Fail, Error: api.Errorf("TransactionConflictException", "Transaction is ongoing for the item"), Probability: 0.2}},
		"going home is repeated":           {{Service: "dynamodb", Operation: "DeleteItem", Kind: api.LoseReply, Times: 3}},
		"a pump or poll is invoked twice":  {{Service: "lambda", Operation: "Invoke", Match: invokes("jobs-pump", "jobs-poll"), Kind: api.Twice, Times: 3}},
		"a pump's or poll's reply is lost": {{Service: "lambda", Operation: "Invoke", Match: invokes("jobs-pump", "jobs-poll"), Kind: api.LoseReply, Times: 3}},
		"a handler's reply is lost":        {{Service: "lambda", Operation: "Invoke", Match: invokes("process"), Kind: api.LoseReply, Probability: 0.2}},
		"a handler is throttled":           {{Service: "lambda", Operation: "Invoke", Match: invokes("process"), Kind: api.Fail, Error: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}, Probability: 0.5}},
		"settling is repeated":             {{Match: settles, Kind: api.LoseReply, Probability: 0.3}},
		"deletes' replies are lost":        {{Service: "sqs", Operation: "DeleteMessageBatch", Kind: api.LoseReply, Probability: 0.3}},
		"receives' replies are lost":       {{Service: "sqs", Operation: "ReceiveMessage", Kind: api.LoseReply, Probability: 0.1}},
		"events are lost":                  {{Service: "events", Operation: "Deliver", Match: notScheduled, Kind: api.Drop}},
		"every service stutters":           {{Kind: api.Fail, Error: &api.Error{Code: "ServiceUnavailable", Message: "try again", Status: 503}, Probability: 0.15, Match: fromMuster}},
	} {
		t.Run(name, func(t *testing.T) {
			eachLane(t, func(t *testing.T, lane string) {
				f := scenario.Start(t, scenario.Options{
					Seed:       7,
					Parameters: map[string]string{"Lane": lane, "MaxReceiveCount": "20"},
					Process:    scenario.Takes(2 * time.Second),
				})
				defer f.Close()
				f.SendMany(120)
				for _, fault := range faults {
					count, _ := f.Router.Faults.Add(fault)
					defer func() { assert.NotZero(t, count(), "the fault never struck") }()
				}
				f.Wake()
				endsWell(t, f, 4*time.Hour)
				assert.Equal(t, 120, f.Handled())
			})
		})
	}
}

func invokes(names ...string) func(api.Call) bool {
	return func(c api.Call) bool {
		text := fmt.Sprintf("%+v", c.Input)
		for _, name := range names {
			if strings.Contains(text, "function:"+name) {
				return true
			}
		}
		return false
	}
}

// settles is the settle function in the steps lane, settling itself in both.
func settles(c api.Call) bool {
	return c.String() == "sqs:ChangeMessageVisibilityBatch" || c.String() == "sqs:DeleteMessageBatch" || c.Service == "lambda" && invokes("jobs-settle")(c)
}

func starts(machine string) func(api.Call) bool {
	return func(c api.Call) bool { return strings.Contains(fmt.Sprintf("%+v", c.Input), machine) }
}

// fromMuster is what the fleet's own functions and machines call.
func fromMuster(c api.Call) bool { return c.Caller.Function != "" || c.Caller.Execution != "" }

func notScheduled(c api.Call) bool {
	d, ok := c.Input.(*eventbridge.Delivery)
	return ok && !strings.Contains(fmt.Sprintf("%+v", d), "Scheduled Event")
}

func TestAnOrphanedPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Process: scenario.Takes(5 * time.Second)})
		defer f.Close()
		f.SendMany(300)
		f.Wake()
		f.Until("both workers work", time.Minute, func() bool { return f.Handled() > 20 })
		// The executions are gone, their pumps work on; no report gets through.
		_, mend := f.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.Fail, Match: func(c api.Call) bool { return c.Caller.Function == "jobs-pump" }})
		for _, e := range f.WorkerExecutions() {
			f.Stop(*e.ExecutionArn)
		}
		time.Sleep(10 * time.Minute)
		mend()
		endsWell(t, f, 2*time.Hour)
		assert.Equal(t, 300, f.Handled())
	})
}

func TestASilentWorkerInALongHandler(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"Lane": lane, "MaxConcurrency": "1", "ProcessTimeoutSeconds": "600", "BatchSize": "1"},
			Process:    scenario.Takes(9 * time.Minute),
		})
		defer f.Close()
		f.SendMany(7)
		f.Wake()
		// For an hour nothing that the worker says reaches the registry.
		time.Sleep(30 * time.Second)
		_, mend := f.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.Fail, Match: fromMuster})
		time.Sleep(time.Hour)
		mend()
		f.UntilDone(6 * time.Hour)
		f.NothingLost()
		assert.Equal(t, 1, f.Peak())
	})
}

func TestMessagesAtTheLimit(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		var got []int
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"Lane": lane, "MaxConcurrency": "1"},
			Memory:     512,
			Process: func(_ context.Context, e message.Event) (any, error) {
				for _, r := range e.Records {
					got = append(got, len(r.Body))
				}
				return nil, nil
			},
		})
		defer f.Close()
		const limit = 1 << 20
		for range 7 {
			f.Send(strings.Repeat("x", limit))
		}
		f.Send(strings.Repeat(`"`, limit), "small", strings.Repeat("é", limit/2))
		f.Wake()
		f.UntilDone(time.Hour)
		f.NothingLost()
		assert.Equal(t, 10, f.Handled())
		assert.Len(t, got, 10)
		assert.Empty(t, f.Objects(), "bodies are deleted on settle")
	})
}

func TestLargeEventsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"MaxConcurrency": "1", "ProcessTimeoutSeconds": "100"},
			Memory:     512,
			Process: func(ctx context.Context, e message.Event) (any, error) {
				mu.Lock()
				for _, r := range e.Records {
					seen[r.MessageID]++
				}
				mu.Unlock()
				return scenario.Takes(95*time.Second)(ctx, e)
			},
		})
		defer f.Close()
		for range 10 {
			f.Send(strings.Repeat(`"`, 1<<20)) // 2 MiB once escaped: three to an event
		}
		f.Wake()
		endsWell(t, f, time.Hour)
		assert.Len(t, seen, 10)
		for id, times := range seen {
			assert.Equal(t, 1, times, "message %s became visible before its turn", id)
		}
	})
}

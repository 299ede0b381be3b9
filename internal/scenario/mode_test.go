package scenario_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// ways are all ways in which the steps lane processes messages.
var ways = map[string]map[string]string{
	"sync":                 {"Mode": "sync"},
	"async":                {"Mode": "async"},
	"callback":             {"Mode": "callback"},
	"executions":           {"Target": "execution"},
	"executions, callback": {"Target": "execution", "Mode": "callback"},
	"ECS tasks":            {"Target": "ecs"},
	"ECS tasks, callback":  {"Target": "ecs", "Mode": "callback"},
	"Batch jobs":           {"Target": "batch"},
	"Batch jobs, callback": {"Target": "batch", "Mode": "callback"},
	"builds":               {"Target": "codebuild"},
	"builds, callback":     {"Target": "codebuild", "Mode": "callback"},
}

// work is what handlers, tasks and jobs do, whatever the mode: it takes two
// seconds, and fails the first time with a message.
type work struct {
	mu    sync.Mutex
	tries map[string]int
}

func (w *work) do(ctx context.Context, id string) (well bool) {
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries[id]++
	return w.tries[id] > 1
}

// report ends a task as it went.
func report(t *scenario.Task, well bool) {
	if well {
		_ = t.Succeed(`{"done":true}`) // may be refused
		return
	}
	_ = t.Fail("Oops", "no") // may be refused
}

func (w *work) options(parameters map[string]string) scenario.Options {
	return scenario.Options{
		Seed:       5,
		Parameters: merged(map[string]string{"Lane": "steps", "MaxConcurrency": "3", "HeartbeatSeconds": "60", "BatchSize": "4", "MessagesPerWorker": "2"}, parameters),
		Process: func(ctx context.Context, e message.Event) (any, error) {
			if t := scenario.TaskOf(ctx); t != nil {
				report(t, w.do(ctx, e.Records[0].MessageID))
				return nil, nil
			}
			failed := []map[string]string{}
			for _, r := range e.Records {
				if !w.do(ctx, r.MessageID) {
					failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
				}
			}
			if len(failed) > 0 && parameters["Target"] == "execution" {
				return nil, fmt.Errorf("not yet")
			}
			return map[string]any{"batchItemFailures": failed}, nil
		},
		Job: func(ctx context.Context, env map[string]string) (int, string) {
			well := w.do(ctx, env["MUSTER_MESSAGE_ID"])
			if t := scenario.TaskOf(ctx); t != nil {
				report(t, well)
			} else if !well {
				return 1, "not yet"
			}
			return 0, ""
		},
	}
}

// TestEveryWayToProcess runs a fleet in each mode and on each target: messages
// fail once and are handled then.
func TestEveryWayToProcess(t *testing.T) {
	for name, parameters := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &work{tries: map[string]int{}}
				f := scenario.Start(t, w.options(parameters))
				defer f.Close()
				f.Send("one", "two", large, "four", "five", large, "seven")
				f.Wake()
				f.UntilDone(3 * time.Hour)
				assert.Empty(t, f.Objects())
				assert.Empty(t, f.DeadLettered())
				if name == "async" {
					// What a handler reports is of no interest then.
					assert.Len(t, w.tries, 7)
					return
				}
				f.NothingLost()
				assert.Equal(t, 7, f.Handled())
				for id, tries := range w.tries {
					assert.Equal(t, 2, tries, id)
				}
				assert.LessOrEqual(t, f.Peak(), 3, "the cap was passed")
			})
		})
	}
}

// TestNoBodyInState looks for bodies in all that the histories of the workers
// keep.
func TestNoBodyInState(t *testing.T) {
	const secret = "the patient's name"
	for name, parameters := range ways {
		for size, body := range map[string]string{"small": secret, "large": strings.Repeat(secret, 30_000)} {
			for _, transforms := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, transformed=%t", name, size, transforms), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := &work{tries: map[string]int{}}
						o := w.options(merged(parameters, map[string]string{"BodiesInState": "never"}))
						if transforms {
							o.Transform = unchanged
						}
						f := scenario.Start(t, o)
						defer f.Close()
						f.Send(body)
						f.Wake()
						f.UntilDone(3 * time.Hour)
						assert.Len(t, w.tries, 1)
						assert.Empty(t, f.Objects())
						kept := histories(t, f)
						assert.Contains(t, kept, "Settle")
						assert.NotContains(t, kept, secret)
					})
				})
			}
		}
	}
}

// Where bodies may be in state the search finds them.
func TestBodiesInState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": "steps"}})
		defer f.Close()
		f.Send("the patient's name")
		f.Wake()
		f.UntilDone(time.Hour)
		assert.Contains(t, histories(t, f), "the patient's name")
	})
}

// histories are the events of all worker executions, and their inputs and
// outputs.
func histories(t *testing.T, f *scenario.Fleet) string {
	t.Helper()
	var all strings.Builder
	for _, x := range f.WorkerExecutions() {
		text, err := json.Marshal(historyOf(t, f, *x.ExecutionArn).events)
		require.NoError(t, err)
		all.Write(text)
		out, err := f.Executions.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: x.ExecutionArn})
		require.NoError(t, err)
		all.WriteString(aws.ToString(out.Input) + aws.ToString(out.Output) + aws.ToString(out.Cause))
	}
	return all.String()
}

// TestJobsGetTheirMessage checks what a job finds in its environment.
func TestJobsGetTheirMessage(t *testing.T) {
	for _, target := range []string{"ecs", "batch", "codebuild"} {
		for bodies, want := range map[string]string{"small": `a "body"`, "never": ""} {
			t.Run(target+", "+bodies, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var f *scenario.Fleet
					var env map[string]string
					var event message.Event
					f = scenario.Start(t, scenario.Options{
						Parameters: map[string]string{"Target": target, "BodiesInState": bodies},
						Job: func(ctx context.Context, e map[string]string) (int, string) {
							env = e
							bucket, key, _ := strings.Cut(strings.TrimPrefix(e["MUSTER_EVENT"], "s3://"), "/")
							out, err := s3.NewFromConfig(f.Config(), func(o *s3.Options) { o.UsePathStyle = true }).
								GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
							if err != nil {
								return 1, err.Error()
							}
							text, err := io.ReadAll(out.Body)
							if err == nil {
								err = json.Unmarshal(text, &event)
							}
							if err != nil {
								return 1, err.Error()
							}
							return 0, ""
						},
					})
					defer f.Close()
					f.Send(`a "body"`)
					f.Wake()
					f.UntilDone(time.Hour)
					f.NothingLost()
					require.Len(t, event.Records, 1)
					assert.Equal(t, `a "body"`, event.Records[0].Body)
					assert.Equal(t, "jobs", env["MUSTER_FLEET"])
					assert.Equal(t, event.Records[0].MessageID, env["MUSTER_MESSAGE_ID"])
					assert.Equal(t, "1", env["MUSTER_RECEIVES"])
					assert.Equal(t, want, env["MUSTER_BODY"])
				})
			})
		}
	}
}

// TestJobsGetTheirToken checks what else a job finds there that reports.
func TestJobsGetTheirToken(t *testing.T) {
	for _, target := range []string{"ecs", "batch", "codebuild"} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var env map[string]string
				f := scenario.Start(t, scenario.Options{
					Parameters: map[string]string{"Target": target, "Mode": "callback", "HeartbeatSeconds": "70", "ProcessTimeoutSeconds": "600"},
					Job: func(ctx context.Context, e map[string]string) (int, string) {
						env = e
						return reportsWell(ctx, e)
					},
				})
				defer f.Close()
				f.Send("a body")
				f.Wake()
				f.UntilDone(time.Hour)
				f.NothingLost()
				assert.Equal(t, "a body", env["MUSTER_BODY"])
				assert.NotEmpty(t, env["MUSTER_TASK_TOKEN"])
				assert.Equal(t, "70", env["MUSTER_HEARTBEAT_SECONDS"])
				assert.Equal(t, f.Output("QueueUrl"), env["MUSTER_QUEUE_URL"])
				assert.NotEmpty(t, env["MUSTER_RECEIPT_HANDLE"])
			})
		})
	}
}

// TestAbortedWorkers aborts each worker at its work, once: the message comes
// again, and what runs it then ends well.
func TestAbortedWorkers(t *testing.T) {
	for name, parameters := range ways {
		if name == "async" {
			continue // nobody waits for anything
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &work{tries: map[string]int{}}
				o := w.options(merged(parameters, map[string]string{"MaxConcurrency": "1", "ProcessTimeoutSeconds": "120"}))
				f := scenario.Start(t, o)
				defer f.Close()
				f.Send("one")
				f.Wake()
				f.Until("the work begins", time.Minute, func() bool { return f.Peak() == 1 })
				f.Stop(*f.WorkerExecutions()[0].ExecutionArn)
				f.UntilDone(3 * time.Hour)
				f.NothingLost()
				assert.Equal(t, 1, f.Peak(), "the cap was passed")
			})
		})
	}
}

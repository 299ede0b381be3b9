package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/jobs"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// These scenarios need what of the template's policies no other does.

// secured are the parameters of a fleet with a key of its own, that is traced and
// whose functions have versions.
func secured(parameters map[string]string) map[string]string {
	all := map[string]string{"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/fleet", "Tracing": "true", "CodeVersion": "1"}
	maps.Copy(all, parameters)
	return all
}

// empty deletes every object of the fleet's bucket.
func empty(t *testing.T, f *scenario.Fleet) {
	t.Helper()
	client := s3.NewFromConfig(f.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	for _, key := range f.Objects() {
		_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(f.Output("BucketName")), Key: &key})
		require.NoError(t, err)
	}
}

func TestAKeyAndTraces(t *testing.T) {
	routes := `[{"Handler":"` + scenario.ARN("known") + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"known\"]}"}]}}]`
	for name, parameters := range map[string]map[string]string{
		"stream": {"Lane": "stream", "Routes": routes, "RouteHandlers": scenario.ARN("known"), "Unmatched": "dead-letter"},
		"steps":  {"Lane": "steps", "BodiesInState": "never"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{
					Parameters: secured(parameters), Others: map[string]scenario.Handler{"known": scenario.Takes(time.Second)},
					Transform: func(_ context.Context, e message.Event) (any, error) { return e, nil },
				})
				defer f.Close()
				// The reservation of a start that surely failed is given back.
				f.Router.Faults.Add(api.Fault{
					Service: "states", Operation: "StartExecution", Match: func(c api.Call) bool { return c.Caller.Execution != "" }, Times: 1,
					Error: api.Errorf("ExecutionLimitExceeded", "Maximum running execution limit exceeded."),
				})
				f.Send("known", "unknown", strings.Repeat("large ", 1<<15))
				f.Wake()
				f.UntilDone(time.Hour)
				_, dead := f.Depth()
				assert.Equal(t, 3, f.Handled()+dead)
			})
		})
	}
}

// A message that is kept while its task runs is sent again by whom its task's end
// finds: the tick or its own worker.
func TestAKeyOfKeptMessages(t *testing.T) {
	t.Run("its task fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := month(t, secured(map[string]string{"MaxReceiveCount": "2"}), nil, func(attempt) (time.Duration, error) { return 2 * day, errors.New("out of film") })
			defer l.Close()
			l.Send("encode the film")
			l.Wake()
			time.Sleep(6 * day)
			queue, dead := l.Depth()
			assert.Equal(t, []int{0, 1}, []int{queue, dead})
		})
	})
	for name, most := range map[string]string{"its worker dies": "3", "its worker dies, for the last time": "1"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := month(t, secured(map[string]string{"MaxReceiveCount": most}), nil, func(attempt) (time.Duration, error) { return 5 * day, nil })
				defer l.Close()
				l.Send("encode the film")
				l.Wake()
				time.Sleep(2 * day)
				l.abort(t)
				time.Sleep(10 * day)
				queue, dead := l.Depth()
				assert.Equal(t, 0, queue)
				assert.Equal(t, most == "1", dead == 1)
			})
		})
	}
}

// Who may not list a bucket takes an object that is gone for a forbidden one.
func TestObjectsThatAreGone(t *testing.T) {
	for name, c := range map[string]struct {
		fails error
		dies  bool
	}{"its task fails": {errors.New("out of film"), false}, "its worker dies": {nil, true}} {
		t.Run("kept, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := month(t, nil, nil, func(attempt) (time.Duration, error) { return 3 * day, c.fails })
				defer l.Close()
				l.Send("encode the film")
				l.Wake()
				time.Sleep(2 * day)
				empty(t, l.Fleet)
				if c.dies {
					l.abort(t)
				}
				time.Sleep(5 * day)
				holds, err := l.Registry.Holds(t.Context())
				require.NoError(t, err)
				assert.Empty(t, holds, "a hold without an object says that its message was sent")
			})
		})
	}
	t.Run("of a batch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var f *scenario.Fleet
			var once sync.Once
			f = scenario.Start(t, scenario.Options{
				Parameters: map[string]string{"Lane": "steps", "BodiesInState": "never"},
				Code: func(name string, code lambda.Func) lambda.Func {
					return func(ctx context.Context, payload []byte) ([]byte, error) {
						if name == "courier" {
							once.Do(func() { empty(t, f) })
						}
						return code(ctx, payload)
					}
				},
			})
			defer f.Close()
			f.Send(strings.Repeat("large ", 1<<15))
			f.Wake()
			f.UntilDone(2 * time.Hour)
			f.NothingLost()
		})
	})
}

// A backoff is shortened where many messages wait, which the pump asks SQS for.
func TestALongBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		tries := 0
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"Lane": "stream", "BackoffBaseSeconds": "60"},
			Process: func(context.Context, message.Event) (any, error) {
				mu.Lock()
				defer mu.Unlock()
				if tries++; tries == 1 {
					return nil, errors.New("not yet")
				}
				return nil, nil
			},
		})
		defer f.Close()
		f.Send("again")
		f.Wake()
		f.UntilDone(time.Hour)
		f.NothingLost()
	})
}

// A task may report through the fleet's own function.
func TestReportsThroughTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *scenario.Fleet
		report := func(r map[string]any) {
			payload, err := json.Marshal(r)
			assert.NoError(t, err)
			out, err := awslambda.NewFromConfig(f.Config()).Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: aws.String(f.Output("BeatFunctionName")), Payload: payload})
			if assert.NoError(t, err) {
				assert.Nil(t, out.FunctionError, "%s", out.Payload)
				assert.Contains(t, string(out.Payload), `"accepted":true`)
			}
		}
		f = scenario.Start(t, scenario.Options{
			Parameters: secured(map[string]string{"Mode": "callback", "HeartbeatSeconds": "120", "MaxReceiveCount": "2", "ProcessTimeoutSeconds": "600"}), ProcessTimeout: "60",
			Process: func(ctx context.Context, e message.Event) (any, error) {
				token, record := scenario.TaskOf(ctx).Token, e.Records[0]
				go func() {
					time.Sleep(time.Minute)
					report(map[string]any{"taskToken": token, "report": "heartbeat", "receiptHandle": record.ReceiptHandle})
					time.Sleep(time.Minute)
					if record.Body == "good" {
						report(map[string]any{"taskToken": token, "report": "success"})
						return
					}
					report(map[string]any{"taskToken": token, "report": "failure", "error": "Bad", "cause": "it is bad"})
				}()
				return nil, nil
			},
		})
		defer f.Close()
		f.Send("good", "bad")
		f.Wake()
		f.UntilDone(2 * time.Hour)
		_, dead := f.Depth()
		assert.Equal(t, 1, dead)
	})
}

// What is started of a definition without a revision has its newest one.
func TestJobsWithoutRevision(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/task"
	for target, parameters := range map[string]map[string]string{
		"ecs":   {"JobArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/work", "JobRoleArns": role},
		"batch": {"JobArn": "arn:aws:batch:us-east-1:123456789012:job-definition/work"},
	} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := map[string]string{"Target": target, "Lane": "steps"}
				maps.Copy(all, parameters)
				f := scenario.Start(t, scenario.Options{
					Parameters: all, Local: local.Options{Jobs: jobs.Options{Roles: map[string][]string{"work": {role}}}},
				})
				defer f.Close()
				f.Send("job")
				f.Wake()
				f.UntilDone(time.Hour)
				f.NothingLost()
			})
		})
	}
}

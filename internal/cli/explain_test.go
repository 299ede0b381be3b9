package cli

import (
	"bytes"
	"context"
	"errors"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// breaks replaces one of the fleet's functions by one that fails.
func breaks(function, text string) func(string, lambda.Func) lambda.Func {
	return func(name string, f lambda.Func) lambda.Func {
		if name != function {
			return f
		}
		return func(context.Context, []byte) ([]byte, error) { return nil, errors.New(text) }
	}
}

// lacks takes an action from a role of the template.
func lacks(role, action string) func(string) string {
	return func(template string) string {
		before, after, _ := strings.Cut(template, "\n  "+role+":\n")
		return before + "\n  " + role + ":\n" + strings.Replace(after, action, "sts:GetCallerIdentity", 1)
	}
}

// refuse makes calls of the autoscaler fail.
func refuse(f *scenario.Fleet, operation, code, text string) {
	f.Router.Faults.Add(api.Fault{
		Operation: operation, Kind: api.Fail, Error: api.Errorf(code, "%s", text),
		Match: func(c api.Call) bool { return strings.HasSuffix(c.Caller.Function, "autoscaler") },
	})
}

func fails(_ context.Context, e message.Event) (any, error) {
	return nil, errors.New("no such order 1234567 for " + e.Records[0].MessageID)
}

// work sends messages, and lets the fleet work for a while.
func work(messages int, d time.Duration) func(*testing.T, *scenario.Fleet) {
	return func(_ *testing.T, f *scenario.Fleet) {
		f.SendMany(messages)
		f.Wake()
		time.Sleep(d)
	}
}

// Each cause, as the embedded runtime has it, is the one that is named.
func TestExplain(t *testing.T) {
	by := registry.Directive{Who: "alice", Why: "deploy", At: "2000-01-01T00:00:00.000Z"}
	slow := scenario.Takes(8 * time.Second)
	for name, c := range map[string]struct {
		options scenario.Options
		happens func(*testing.T, *scenario.Fleet)
		// rest is how long the fleet is left alone then.
		rest  time.Duration
		cause string
		says  string
		proof string
		next  string
	}{
		"paused": {
			happens: func(t *testing.T, f *scenario.Fleet) {
				require.NoError(t, f.Registry.Pause(t.Context(), by))
				work(20, time.Minute)(t, f)
			},
			cause: "paused", says: "^it is paused by alice: deploy$", proof: "^since 2000-01-01T00:00:00Z$", next: "^muster resume jobs$",
		},
		"settings": {
			options: scenario.Options{Parameters: map[string]string{"ScaleSchedule": "8 to 6"}}, happens: work(20, 5*time.Minute),
			cause: "settings", says: "refuses its settings", proof: "^ScaleSchedule is no JSON array", next: "deploy again",
		},
		"permission of the autoscaler": {
			options: scenario.Options{Template: lacks("AutoscalerRole", "sqs:GetQueueAttributes")},
			happens: work(20, 2*time.Minute),
			cause:   "permission", says: "^the autoscaler may not", proof: "is not authorized to perform: sqs:getqueueattributes", next: "detect-stack-drift",
		},
		"permission of workers": {
			options: scenario.Options{Template: lacks("PumpRole", "sqs:ReceiveMessage")},
			happens: work(20, 2*time.Minute),
			cause:   "permission", says: "^workers may not", proof: "FAILED: .*is not authorized to perform: sqs:receivemessage", next: "policy",
		},
		"permission of a handler": {
			options: scenario.Options{Process: func(context.Context, message.Event) (any, error) {
				return nil, errors.New("User: arn:aws:sts::123456789012:assumed-role/process is not authorized to perform: s3:GetObject")
			}},
			happens: work(20, 30*time.Second),
			cause:   "permission", says: "^messages fail", proof: "is not authorized to perform: s3:GetObject", next: "^muster failures jobs --match denied$",
		},
		"schedule disabled": {
			happens: func(t *testing.T, f *scenario.Fleet) {
				rule, _ := f.Stack.Resource("Schedule")
				_, err := eventbridge.NewFromConfig(f.Config()).DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String(path.Base(rule.Ref))})
				require.NoError(t, err)
				f.SendMany(20)
			},
			rest:  10 * time.Minute,
			cause: "schedule", says: "schedule is disabled", proof: "^EventBridge rule jobs-Schedule", next: "^aws events enable-rule --name jobs-Schedule",
		},
		"autoscaler fails": {
			happens: func(t *testing.T, f *scenario.Fleet) {
				refuse(f, "GetQueueAttributes", "InternalFailure", "try again later")
				work(20, 10*time.Minute)(t, f)
			},
			cause: "autoscaler", says: "^the autoscaler fails: ask for the depth of .*try again later", proof: `^\d+ ticks in a row`, next: "^aws logs tail /aws/lambda/jobs-autoscaler",
		},
		"autoscaler leaves no record": {
			options: scenario.Options{Code: breaks("autoscaler", "exec format error")}, happens: work(20, 5*time.Minute),
			cause: "autoscaler", says: "ought to have ticked", proof: `^no tick for 5m0s, the schedule is rate\(1 minute\)$`, next: "^aws logs tail",
		},
		"budget": {
			options: scenario.Options{Parameters: map[string]string{"MonthlyBudget": "0.0001", "MinWorkers": "1"}},
			happens: work(20, 5*time.Minute), rest: 15 * time.Minute,
			cause: "budget", says: `^the budget of \$0.00 for January is spent: \$0.00; until 1 February UTC, or raise MonthlyBudget$`, proof: "^messages wait in the queue", next: "^raise MonthlyBudget and deploy",
		},
		"gate": {
			options: scenario.Options{Parameters: map[string]string{"GateAlarm": "db-load"}},
			happens: func(t *testing.T, f *scenario.Fleet) {
				alarms := cloudwatch.NewFromConfig(f.Config())
				_, err := alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
					AlarmName: aws.String("db-load"), Namespace: aws.String("AWS/RDS"), MetricName: aws.String("CPUUtilization"), Statistic: cwtypes.StatisticMaximum,
					Period: aws.Int32(86400), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(80), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
					TreatMissingData: aws.String("ignore"),
				})
				require.NoError(t, err)
				_, err = alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("db-load"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("97 percent")})
				require.NoError(t, err)
				work(20, 30*time.Second)(t, f)
			},
			cause: "gate", says: "^the gate's alarm db-load rings, and its action is hold$", proof: "since 2000-01-01 00:00 UTC: 97 percent", next: "describe-alarm-history --alarm-name db-load",
		},
		"workers die as they start": {
			options: scenario.Options{Code: breaks("pump", "no such table")}, happens: work(20, 3*time.Minute),
			cause: "deaths", says: `^worker executions die: \d in a row`, proof: "FAILED: .* no such table", next: "^aws stepfunctions get-execution-history .*arn:aws:states:us-east-1:123456789012:execution:jobs-worker:worker-",
		},
		"throttled": {
			happens: func(t *testing.T, f *scenario.Fleet) {
				_, err := awslambda.NewFromConfig(f.Config()).PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("process"), ReservedConcurrentExecutions: aws.Int32(0)})
				require.NoError(t, err)
				work(20, time.Minute)(t, f)
			},
			cause: "throttled", says: "^the handler process has a reserved concurrency of 0", proof: "with a receive$", next: "put-function-concurrency --reserved-concurrent-executions 4",
		},
		"throttled in part": {
			options: scenario.Options{Process: slow},
			happens: func(t *testing.T, f *scenario.Fleet) {
				_, err := awslambda.NewFromConfig(f.Config()).PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("process"), ReservedConcurrentExecutions: aws.Int32(1)})
				require.NoError(t, err)
				work(100, time.Minute)(t, f)
			},
			cause: "throttled", says: "has a reserved concurrency of 1, the fleet's cap is 4", proof: "receive", next: "put-function-concurrency",
		},
		"less of an account than was said": {
			options: scenario.Options{Process: slow, Local: local.Options{Lambda: lambda.Options{Concurrency: 500}}}, happens: work(1000, 3*time.Minute),
			cause: "account", says: "^LambdaConcurrency is 1,000, and the account has 500: ", proof: "500 of them reserved for no function$", next: "^set LambdaConcurrency to 500 and deploy",
		},
		"an account that is used up": {
			happens: func(t *testing.T, f *scenario.Fleet) {
				f.Router.Faults.Add(api.Fault{
					Service: "lambda", Operation: "Invoke", Kind: api.Fail, Error: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429},
					Match: func(c api.Call) bool { return strings.HasSuffix(c.Caller.Function, "pump") },
				})
				work(100, 5*time.Minute)(t, f)
			},
			cause: "account", says: "^Lambda throttles handlers, and nothing that is reserved for them is the cause", proof: "^workers that are there gave back [0-9,]+ messages", next: "raise LambdaReserve",
		},
		"failing": {
			options: scenario.Options{Process: fails, Parameters: map[string]string{"BatchSize": "1"}}, happens: work(20, 30*time.Second),
			cause: "failing", says: `^handlers fail: \d+ attempts in 15m0s$`, proof: `^\d+ x .*no such order N for ID$`, next: "^muster failures jobs --count$",
		},
		"ghosts": {
			happens: func(_ *testing.T, f *scenario.Fleet) {
				f.Runtime.SQS.SetOptions(sqs.Options{GhostDepth: map[string]int{path.Base(f.Output("QueueUrl")): 30}})
			},
			rest:  30 * time.Minute,
			cause: "ghosts", says: `^SQS counts 30 visible messages, but workers found nothing \d+ times in a row`, proof: "^one worker looked last", next: "aws sqs receive-message",
		},
		"cap": {
			options: scenario.Options{Process: slow}, happens: work(1000, 3*time.Minute),
			cause: "cap", says: "^every slot is taken: 2 workers with 4 handler invocations, the cap is 4$", proof: `^they handle \d+\.\d messages a second; what is visible takes about`, next: "^raise MaxConcurrency",
		},
		"cap by hand": {
			options: scenario.Options{Process: slow},
			happens: func(t *testing.T, f *scenario.Fleet) {
				require.NoError(t, f.Registry.SetBounds(t.Context(), registry.Bounds{Directive: by, Max: aws.Int(2)}))
				work(1000, 3*time.Minute)(t, f)
			},
			cause: "cap", says: "the cap is 2$", proof: "scaled to cap 2 by alice: deploy", next: "^muster scale jobs --reset$",
		},
		"quota": {
			options: scenario.Options{Process: slow, Parameters: map[string]string{"MaxConcurrency": "40", "LambdaConcurrency": "107"}}, happens: work(1000, 3*time.Minute),
			cause: "quota", says: "LambdaConcurrency is 107, of which 100 are left to others", proof: "Lambda's quota of 107", next: "service-quotas",
		},
		"step limit": {
			options: scenario.Options{Process: slow, Parameters: map[string]string{"StepLimit": "1", "MaxConcurrency": "40"}}, happens: work(1000, 5*time.Second),
			cause: "step limit", says: "^the last tick started 1 workers", proof: "the step limit binds", next: "^muster wake jobs$",
		},
		"delayed": {
			happens: func(t *testing.T, f *scenario.Fleet) {
				_, err := f.SQS.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: aws.String(f.Output("QueueUrl")), MessageBody: aws.String("later"), DelaySeconds: 900})
				require.NoError(t, err)
			},
			rest:  3 * time.Minute,
			cause: "delayed", says: "^1 messages are delayed", proof: "DelaySeconds", next: "^aws sqs get-queue-attributes",
		},
		"on their way home": {
			options: scenario.Options{Process: scenario.Takes(8 * time.Minute), Parameters: map[string]string{"Lane": "steps", "MaxConcurrency": "1", "ProcessTimeoutSeconds": "600"}},
			happens: func(t *testing.T, f *scenario.Fleet) {
				work(100, time.Minute)(t, f)
				d := by
				d.At = registry.At(time.Now())
				require.NoError(t, f.Registry.DrainAll(t.Context(), d))
				work(0, time.Minute)(t, f)
			},
			cause: "drain", says: "^all 1 workers are on their way home", proof: "^drained by alice: deploy$", next: "^muster wake jobs$",
		},
		"no tick yet": {
			happens: func(_ *testing.T, f *scenario.Fleet) { f.SendMany(20) },
			cause:   "starting", says: "^no tick has seen the messages yet", next: "^muster wake jobs$",
		},
		"working": {
			options: scenario.Options{Process: slow, Parameters: map[string]string{"MaxConcurrency": "20", "MessagesPerWorker": "1000"}}, happens: work(200, 70*time.Second),
			cause: "working", says: "^1 workers are at it$", proof: "messages a second", next: "--watch$",
		},
		"minimum": {
			options: scenario.Options{Parameters: map[string]string{"MinWorkers": "2"}}, happens: work(0, 10*time.Minute),
			cause: "minimum", says: "^there is nothing to do; the minimum keeps 2 of 2 workers$", next: "--min 0$",
		},
		"idle": {
			options: scenario.Options{Parameters: map[string]string{"IdleSeconds": "600"}}, happens: work(1, 2*time.Minute),
			cause: "idle", says: "^there is nothing to do; 1 workers go home once they have found nothing for 10m0s$",
		},
		"nothing": {happens: work(0, time.Minute), cause: "nothing", says: "^there is nothing to do: the queue is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, c.options)
				defer f.Close()
				c.happens(t, f)
				time.Sleep(c.rest)
				d, err := explain(t.Context(), stackOf(f))
				require.NoError(t, err)
				require.NotEmpty(t, d.Causes)
				first := d.Causes[0]
				assert.Equal(t, c.cause, first.Name, "%+v", d)
				assert.Regexp(t, c.says, first.Says)
				if c.proof != "" {
					assert.True(t, regexp.MustCompile("(?m)"+c.proof).MatchString(strings.Join(first.Evidence, "\n")), "%q", first.Evidence)
				}
				assert.Regexp(t, c.next, first.Next)
				assert.Empty(t, d.Unknown)
				assert.Len(t, d.Checked, len(checks))
			})
		})
	}
}

func TestExplainBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Process: fails, Parameters: map[string]string{"BackoffBaseSeconds": "39600", "BackoffMaxSeconds": "39600"}})
		defer f.Close()
		f.SendMany(2)
		f.Wake()
		f.Until("it has gone home", 5*time.Minute, func() bool { return len(f.Workers()) == 0 && len(f.WorkerExecutions()) > 0 })
		d, err := explain(t.Context(), stackOf(f))
		require.NoError(t, err)
		require.Len(t, d.Causes, 2)
		assert.Equal(t, []string{"failing", "backing off"}, []string{d.Causes[0].Name, d.Causes[1].Name})
		assert.Contains(t, d.Causes[1].Says, "2 messages are in flight that no worker has: they wait for their backoff")
		var out bytes.Buffer
		require.NoError(t, d.print(&out))
		assert.Regexp(t, `^fleet jobs: 0 visible, 2 in flight, 0 delayed; 0 workers, 0 of them going home\nlast tick, \d+s ago: depth .*\n`+
			`Cause \(failing\): handlers fail: 2 attempts in 15m0s\n  \d x .*no such order N for ID\n  Next: muster failures jobs --count\nAlso \(backing off\): 2 messages`, out.String())
	})
}

// What may not be asked is said, and the rest is explained.
func TestExplainWithoutPermissions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{})
		defer f.Close()
		work(0, time.Minute)(t, f)
		for _, operation := range []string{"GetFunctionConfiguration", "DescribeRule"} {
			f.Router.Faults.Add(api.Fault{Operation: operation, Kind: api.Fail, Error: api.Errorf("AccessDenied", "not yours")})
		}
		d, err := explain(t.Context(), stackOf(f))
		require.NoError(t, err)
		assert.Equal(t, []string{"the autoscaler's schedule: AccessDenied: not yours", "the autoscaler's settings: AccessDenied: not yours"}, d.Unknown)
		assert.Equal(t, "nothing", d.Causes[0].Name)
	})
}

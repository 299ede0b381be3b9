package stepfunctions

import (
	"slices"
	"time"
)

// Options configure the service.
type Options struct {
	// Invoke invokes Lambda functions. Without it every function is one that
	// does not exist.
	Invoke InvokeFunc
	// JobEnded is closed when a job that was started is heard to have ended, by a
	// task's ARN, a job's or a build's ID. Nil for a job that is not known. On AWS
	// events tell of it. Without it a job is looked at every minute.
	JobEnded func(id string) <-chan struct{}
	// OnStatus is told of the status of Standard executions, RUNNING first, on
	// the goroutine that changed it: it must be quick. Nil tells nobody.
	OnStatus func(StatusEvent)
	// Metric is told of the metrics of a state machine's executions, Standard and
	// Express, as AWS/States has them. It must be quick. Nil tells nobody.
	Metric func(name, stateMachineARN string, value float64)
	// Log takes what a state machine's LoggingConfiguration has logged of its
	// executions. It must not call back. Nil logs nothing.
	Log func(logGroup, logStream string, message []byte)
	// Seed of names, tokens, jitter and random intrinsic functions.
	Seed uint64
	// DataLimitCatchable lets States.ALL catch States.DataLimitExceeded. The
	// developer guide says that it does not; recordings made on AWS in March
	// 2024 show that it does. An ErrorEquals with its own name always does.
	DataLimitCatchable bool
	// Retention is how long closed executions are known. Defaults to 90 days.
	Retention time.Duration
	Quotas    Quotas
}

// Quotas are the service quotas that are enforced. What is zero has AWS's
// default of the account's region: in us-east-1, us-west-2 and eu-west-1 the one
// given here, elsewhere mostly half of it or less.
// See https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
type Quotas struct {
	// StartExecution of Standard state machines. Defaults to 1,300 and 300.
	StartExecution Rate
	// StartExpress is StartExecution and StartSyncExecution of Express state
	// machines. Defaults to 6,000 and 6,000.
	StartExpress Rate
	// StopExecution defaults to 1,000 and 200.
	StopExecution Rate
	// DescribeExecution defaults to 300 and 15.
	DescribeExecution Rate
	// ListExecutions defaults to 200 and 5.
	ListExecutions Rate
	// GetExecutionHistory defaults to 400 and 20.
	GetExecutionHistory Rate
	// SendTask is each of SendTaskSuccess, SendTaskFailure and
	// SendTaskHeartbeat. Defaults to 3,000 and 500.
	SendTask Rate
	// StateTransitions of Standard state machines. An execution waits for its
	// turn. Defaults to 5,000 and 5,000.
	StateTransitions Rate
	// HistoryEvents of one Standard execution. Defaults to 25,000.
	HistoryEvents int64
	// OpenExecutions of Standard state machines. Defaults to 1,000,000.
	OpenExecutions int
}

// Rate is a token bucket.
type Rate struct {
	// Burst is the bucket's size. Negative is no limit, 0 the default.
	Burst float64
	// PerSecond is how fast it refills.
	PerSecond float64
}

func (r Rate) or(burst, perSecond float64) Rate {
	if r.Burst == 0 {
		return Rate{burst, perSecond}
	}
	return r
}

// largeRegions have the larger quotas.
var largeRegions = []string{"us-east-1", "us-west-2", "eu-west-1"}

func (o Options) withDefaults(region string) Options {
	q := &o.Quotas
	q.StartExpress = q.StartExpress.or(6000, 6000)
	q.GetExecutionHistory = q.GetExecutionHistory.or(400, 20)
	if slices.Contains(largeRegions, region) {
		q.StartExecution = q.StartExecution.or(1300, 300)
		q.StopExecution = q.StopExecution.or(1000, 200)
		q.DescribeExecution = q.DescribeExecution.or(300, 15)
		q.ListExecutions = q.ListExecutions.or(200, 5)
		q.SendTask = q.SendTask.or(3000, 500)
		q.StateTransitions = q.StateTransitions.or(5000, 5000)
	}
	q.StartExecution = q.StartExecution.or(800, 150)
	q.StopExecution = q.StopExecution.or(500, 25)
	q.DescribeExecution = q.DescribeExecution.or(250, 10)
	q.ListExecutions = q.ListExecutions.or(100, 2)
	q.SendTask = q.SendTask.or(1500, 300)
	q.StateTransitions = q.StateTransitions.or(800, 800)
	if q.HistoryEvents == 0 {
		q.HistoryEvents = 25000
	}
	if q.OpenExecutions == 0 {
		q.OpenExecutions = 1000000
	}
	if o.Retention == 0 {
		o.Retention = 90 * 24 * time.Hour
	}
	return o
}

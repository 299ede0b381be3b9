package table_test

import (
	"slices"
	"time"
)

// rows are the table, written by hand.
var rows = []row{
	{
		fault: succeeds, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1,
	},
	{
		fault: succeeds, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1,
		says: "acknowledged when Lambda accepted it",
	},
	{
		fault: succeeds, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1,
	},
	{
		fault: failsOnce, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: failsOnce, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1,
		says: byLambda,
	},
	{
		fault: failsOnce, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: failsAlways, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: deadLettered, receives: 3, starts: 3, effects: 0, back: backoff,
	},
	{
		fault: failsAlways, ways: []way{async}, lanes: lanes, queues: one,
		end: givenUp, receives: 1, starts: 3, effects: 0,
		says: byLambda,
	},
	{
		fault: failsAlways, ways: waited, lanes: steps, queues: both,
		end: deadLettered, receives: 3, starts: 3, effects: 0, back: backoff,
	},
	{
		fault: throttledOnce, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 15 * time.Second},
		says: "its start is tried again while it stays invisible",
	},
	{
		fault: throttledOnce, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 15 * time.Second},
		says: "its start is tried again while it stays invisible",
	},
	{
		fault: throttledOnce, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 15 * time.Second},
		says: "its start is tried again while it stays invisible",
	},
	{
		fault: throttledLong, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: within{plus: 2 * time.Minute},
		says: "it is returned for 1 to 2 minutes",
	},
	{
		fault: throttledLong, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 1, effects: 1, back: within{plus: 2 * time.Minute},
		says: "it is returned for 1 to 2 minutes",
	},
	{
		fault: throttledLong, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: within{plus: 2 * time.Minute},
		says: "it is returned for 1 to 2 minutes",
	},
	{
		fault: timesOut, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: timesOut, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1,
		says: byLambda,
	},
	{
		fault: timesOut, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat, plus: 30 * time.Second, backoff: true},
		says: "it is stopped, or refused its next beat, before another one starts",
	},
	{
		fault: exhausts, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: exhausts, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1,
		says: byLambda,
	},
	{
		fault: exhausts, ways: []way{callback}, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat, backoff: true},
		says: "its handler may have passed the token on: that task is refused its next beat",
	},
	{
		fault: exhausts, ways: jobsWithToken, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat},
		says: "silence tells",
	},
	{
		fault: exhausts, ways: jobsAlone, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: dies, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: dies, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1,
		says: byLambda,
	},
	{
		fault: dies, ways: tokens, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat},
		says: "silence tells",
	},
	{
		fault: dies, ways: jobsAlone, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff,
	},
	{
		fault: replyLost, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
	},
	{
		fault: replyLost, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{plus: acceptance + 45*time.Second},
	},
	{
		fault: replyLost, ways: tokens, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat, backoff: true},
		says: "the task that was started is refused its next beat",
	},
	{
		fault: replyLost, ways: []way{execution}, lanes: steps, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 15 * time.Second},
		says: "its start is tried again under the same name",
	},
	{
		fault: replyLost, ways: []way{ecs, batch, build}, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: beat, backoff: true},
		says: "nobody knows of the job that was started: it may run on beside the second",
	},
	{fault: reportedTwice, ways: []way{synchronous, async}, lanes: lanes, queues: one, never: noToken},
	{
		fault: reportedTwice, ways: tokens, lanes: steps, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 5 * time.Second},
		says: "the second report is refused",
	},
	{fault: reportedTwice, ways: jobsAlone, lanes: steps, queues: one, never: noJobToken},
	{fault: reportedLate, ways: []way{synchronous, async}, lanes: lanes, queues: one, never: noToken},
	{
		fault: reportedLate, ways: tokens, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: beat},
		says: "its report is refused",
	},
	{fault: reportedLate, ways: jobsAlone, lanes: steps, queues: one, never: noJobToken},
	{fault: neverReported, ways: []way{synchronous, async}, lanes: lanes, queues: one, never: noToken},
	{
		fault: neverReported, ways: tokens, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat},
	},
	{fault: neverReported, ways: jobsAlone, lanes: steps, queues: one, never: noJobToken},
	{
		fault: workerGone, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
		says: "the handler that runs is not stopped",
	},
	{
		fault: workerGone, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 5 * time.Second},
		says: "Lambda has it already",
	},
	{
		fault: workerGone, ways: tokens, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat, plus: 45 * time.Second},
		says: "its task is refused its next beat",
	},
	{
		fault: workerGone, ways: []way{execution}, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: beat, plus: 45 * time.Second},
		says: "the execution is stopped, a function that it had started is not",
	},
	{
		fault: workerGone, ways: []way{ecs, batch, build}, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: within{of: beat, plus: 45 * time.Second},
		says: "Step Functions stops the job",
	},
	{
		fault: workerDies, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
	},
	{
		fault: workerDies, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{plus: acceptance + 45*time.Second},
	},
	{
		fault: workerDies, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: beat, plus: 45 * time.Second},
	},
	{
		fault: deleteFailsOnce, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 5 * time.Second},
	},
	{
		fault: deleteFailsOnce, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 5 * time.Second},
	},
	{
		fault: deleteFailsOnce, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 5 * time.Second},
	},
	{
		fault: deleteFails, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
		says: "the others of its batch are handled once",
	},
	{
		fault: deleteFails, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{plus: acceptance + 45*time.Second},
		says: "the others of its batch are handled once",
	},
	{
		fault: deleteFails, ways: waited, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: beat, plus: 45 * time.Second},
	},
	{fault: bodyMissing, ways: []way{synchronous, async}, lanes: []string{"stream"}, queues: one, never: "bodies stay in the worker's memory"},
	{
		fault: bodyMissing, ways: []way{synchronous}, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: backoff,
	},
	{
		fault: bodyMissing, ways: []way{async}, lanes: steps, queues: one,
		end: handled, receives: 2, starts: 1, effects: 1, back: backoff,
	},
	{
		fault: bodyMissing, ways: []way{callback}, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: backoff,
	},
	{
		fault: bodyMissing, ways: jobsAlone, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: backoff,
		says: "the job fails that finds no body",
	},
	{
		fault: bodyMissing, ways: jobsWithToken, lanes: steps, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: within{of: beat},
		says: "the job ends that finds no body, without a report: silence tells",
	},
}

// refusals are the combinations that do not work.
var refusals = []refusal{
	{
		ways: []way{callback}, lanes: []string{"stream"}, queues: one,
		says: "Mode is callback and Lane is stream: only a state machine waits for a task token; use Lane steps",
	},
	{
		ways: []way{execution, executionToken}, lanes: []string{"stream"}, queues: one,
		says: "Target is execution and Lane is stream: a job outlasts a shift; use Lane steps",
	},
	{
		ways: []way{ecs, ecsToken}, lanes: []string{"stream"}, queues: one,
		says: "Target is ecs and Lane is stream: a job outlasts a shift; use Lane steps",
	},
	{
		ways: []way{batch, batchToken}, lanes: []string{"stream"}, queues: one,
		says: "Target is batch and Lane is stream: a job outlasts a shift; use Lane steps",
	},
	{
		ways: []way{build, buildToken}, lanes: []string{"stream"}, queues: one,
		says: "Target is codebuild and Lane is stream: a job outlasts a shift; use Lane steps",
	},
	{
		ways: []way{asyncJob}, lanes: lanes, queues: one,
		says: "Target is ecs and Mode is async: a job's message is held until the job ends; use Mode sync, or callback with a task token",
	},
	{
		ways: []way{async}, lanes: lanes, queues: []string{fifo},
		says: "the queue is FIFO and Mode is async: Lambda starts asynchronous events in any order; use Mode sync",
	},
}

var (
	one    = []string{standard}
	both   = []string{standard, fifo}
	steps  = []string{"steps"}
	waited = slices.Concat(tokens, jobsAlone)
)

const (
	timeout    = "time-out"
	beat       = "heartbeat time-out"
	byLambda   = "Lambda tries it up to twice more"
	noToken    = "there is no token"
	noJobToken = "there is no token: the job's end is its report"
)

// backoff is that of a message that failed.
var backoff = within{backoff: true}

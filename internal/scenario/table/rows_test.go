package table_test

import "time"

// rows are the table, written by hand.
var rows = []row{
	{
		fault: succeeds, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1,
	},
	{
		fault: succeeds, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1,
	},
	{
		fault: failsOnce, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff(),
	},
	{
		fault: failsOnce, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1, says: byLambda,
	},
	{
		fault: failsAlways, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: deadLettered, receives: 3, starts: 3, effects: 0, back: backoff(),
	},
	{
		fault: failsAlways, ways: []way{async}, lanes: lanes, queues: one,
		end: givenUp, receives: 1, starts: 3, effects: 0, says: byLambda,
	},
	{
		fault: throttledOnce, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{of: timeout, plus: 15 * time.Second},
		says: "its start is tried again while it stays invisible",
	},
	{
		fault: throttledOnce, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{plus: 15 * time.Second},
		says: "its start is tried again while it stays invisible",
	},
	{
		fault: throttledLong, ways: []way{synchronous, async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 1, effects: 1, back: within{plus: 3 * time.Minute},
		says: "returned for 1 to 2 minutes",
	},
	{
		fault: throttledLong, ways: []way{synchronous}, lanes: lanes, queues: []string{fifo},
		end: handled, receives: 2, starts: 1, effects: 1, back: within{plus: 3 * time.Minute},
		says: "returned for 1 to 2 minutes",
	},
	{
		fault: timesOut, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff(),
	},
	{
		fault: exhausts, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff(),
	},
	{
		fault: dies, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 1, back: backoff(),
	},
	{
		fault: timesOut, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1, says: byLambda,
	},
	{
		fault: exhausts, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1, says: byLambda,
	},
	{
		fault: dies, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 2, effects: 1, says: byLambda,
	},
	{
		fault: replyLost, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
		says: twice,
	},
	{
		fault: replyLost, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: handing, plus: 45 * time.Second},
		says: twice,
	},
	{
		fault: workerGone, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
		says: twice,
	},
	{
		fault: workerGone, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 1, starts: 1, effects: 1, back: within{},
	},
	{
		fault: workerDies, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
		says: twice,
	},
	{
		fault: workerDies, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: handing, plus: 45 * time.Second},
		says: twice,
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
		fault: deleteFails, ways: []way{synchronous}, lanes: lanes, queues: both,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: timeout, plus: 55 * time.Second},
	},
	{
		fault: deleteFails, ways: []way{async}, lanes: lanes, queues: one,
		end: handled, receives: 2, starts: 2, effects: 2, back: within{of: handing, plus: 45 * time.Second},
	},
	{
		fault: bodyMissing, ways: []way{synchronous}, lanes: []string{"steps"}, queues: both,
		end: handled, receives: 2, starts: 1, effects: 1, back: backoff(),
	},
	{
		fault: bodyMissing, ways: []way{async}, lanes: []string{"steps"}, queues: one,
		end: handled, receives: 2, starts: 1, effects: 1, back: backoff(),
	},
}

var (
	one  = []string{standard}
	both = []string{standard, fifo}
)

const (
	timeout  = "time-out"
	handing  = "30 s"
	beat     = "heartbeat"
	byLambda = "acknowledged when Lambda accepted it; Lambda tries it twice more"
	twice    = "handled twice"
)

// backoff is that of a message that failed.
func backoff() within { return within{of: "backoff", plus: longestBackoff} }

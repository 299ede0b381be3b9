package table_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/scenario"
)

// way is how a message is processed.
type way string

const (
	synchronous    way = "sync"
	async          way = "async"
	callback       way = "callback"
	execution      way = "execution"
	ecs            way = "ECS task"
	batch          way = "Batch job"
	build          way = "CodeBuild build"
	executionToken way = "execution with token"
	ecsToken       way = "ECS task with token"
	batchToken     way = "Batch job with token"
	buildToken     way = "CodeBuild build with token"
	// asyncJob does not work.
	asyncJob way = "async job"
)

var (
	allWays       = []way{synchronous, async, callback, execution, ecs, batch, build, executionToken, ecsToken, batchToken, buildToken, asyncJob}
	tokens        = []way{callback, executionToken, ecsToken, batchToken, buildToken}
	jobsWithToken = tokens[1:]
	jobsAlone     = []way{execution, ecs, batch, build}
)

// mode and target are the parameters Mode and Target.
func (w way) mode() string {
	switch w {
	case async, asyncJob:
		return "async"
	case callback, executionToken, ecsToken, batchToken, buildToken:
		return "callback"
	}
	return "sync"
}

func (w way) target() string {
	switch w {
	case execution, executionToken:
		return "execution"
	case ecs, ecsToken, asyncJob:
		return "ecs"
	case batch, batchToken:
		return "batch"
	case build, buildToken:
		return "codebuild"
	}
	return "lambda"
}

// timeout is ProcessTimeoutSeconds.
func (w way) timeout() time.Duration {
	if w == synchronous || w == async {
		return handlerTimeout
	}
	return taskTimeout
}

// hidden is the time-out by which a message must be back after a fault, a minute
// added: of the handler, of handing over where Muster does not wait for it, or of
// the heartbeats where the state machine waits.
func (w way) hidden() time.Duration {
	switch w {
	case synchronous:
		return handlerTimeout
	case async:
		return acceptance
	}
	return heartbeat
}

// fault is what goes wrong.
type fault string

const (
	succeeds      fault = "nothing"
	failsOnce     fault = "it fails"
	failsAlways   fault = "it fails every time"
	throttledOnce fault = "its start is throttled (429), twice"
	throttledLong fault = "its start is throttled (429) for minutes"
	timesOut      fault = "it times out"
	exhausts      fault = "it runs out of memory"
	dies          fault = "it dies without a word"
	replyLost     fault = "it was started, and the reply is lost"
	reportedTwice fault = "the token is reported twice"
	reportedLate  fault = "the token is reported late, after silence"
	neverReported fault = "the token is never reported"
	workerGone    fault = "the worker dies while it works"
	workerDies    fault = "the worker dies between its end and settling"
	// Of a batch of three where batches are.
	deleteFailsOnce fault = "delete fails for an entry of the batch, once"
	deleteFails     fault = "delete fails for an entry of the batch, for good"
	bodyMissing     fault = "the body's object is missing"
)

var faults = []fault{
	succeeds, failsOnce, failsAlways, throttledOnce, throttledLong, timesOut, exhausts, dies, replyLost,
	reportedTwice, reportedLate, neverReported, workerGone, workerDies, deleteFailsOnce, deleteFails, bodyMissing,
}

const (
	standard = "standard"
	fifo     = "FIFO"
)

var lanes = []string{"stream", "steps"}

// ending is how a message ends.
type ending string

const (
	handled      ending = "handled"
	deadLettered ending = "dead-lettered"
	givenUp      ending = "given up by Lambda"
)

// within is in what time a message is back.
type within struct {
	// of the time-out, the heartbeat time-out or neither.
	of   string
	plus time.Duration
	// backoff says that the message's backoff comes on top.
	backoff bool
}

// row says what becomes of a message, for each combination of what it names.
type row struct {
	fault  fault
	ways   []way
	lanes  []string
	queues []string

	// end, and how often it was received, started and done by then.
	end                       ending
	receives, starts, effects int
	// back is in what time it is visible again, or handled, after the fault.
	back within
	// says is for people.
	says string
	// never says why the fault cannot occur. Nothing else is said then.
	never string
}

// cell is one combination of a row.
type cell struct {
	row
	way   way
	lane  string
	queue string
}

// refusal is what the fleet is refused with, whatever goes wrong.
type refusal struct {
	ways   []way
	lanes  []string
	queues []string
	says   string
}

func (r refusal) cells() []cell {
	return row{ways: r.ways, lanes: r.lanes, queues: r.queues}.cells()
}

func (r row) cells() []cell {
	var cells []cell
	for _, w := range r.ways {
		for _, lane := range r.lanes {
			for _, queue := range r.queues {
				cells = append(cells, cell{row: r, way: w, lane: lane, queue: queue})
			}
		}
	}
	return cells
}

func (c cell) name() string { return fmt.Sprintf("%s/%s/%s/%s", c.fault, c.way, c.lane, c.queue) }

func TestFaultTable(t *testing.T) {
	for _, r := range rows {
		for _, c := range r.cells() {
			if r.never != "" {
				continue
			}
			t.Run(c.name(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { c.happens(t) })
			})
		}
	}
}

// A fleet that cannot work is refused by the template's rules, which tests of their
// own hold beside these refusals, and by each tick. It starts no worker.
func TestRefusals(t *testing.T) {
	for _, r := range refusals {
		for _, c := range r.cells() {
			t.Run(c.name(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, c, withoutRules)
					defer l.Close()
					out, err := l.Router.Call(t.Context(), "lambda", "Invoke", api.Caller{}, []byte(`{"FunctionName":"jobs-autoscaler"}`))
					require.NoError(t, err)
					assert.Contains(t, string(out.(*lambda.InvokeOutput).Payload), r.says)
					l.send(victim)
					l.Wake()
					time.Sleep(5 * time.Minute)
					assert.Empty(t, l.WorkerExecutions())
				})
			})
		}
	}
}

// withoutRules deploys what the template's rules would refuse.
func withoutRules(o *scenario.Options) {
	o.Template = func(text string) string {
		before, rules, _ := strings.Cut(text, "\nRules:\n")
		_, after, _ := strings.Cut(rules, "\nConditions:\n")
		return before + "\nConditions:\n" + after
	}
}

// happens runs a cell and checks what became of the message.
func (c cell) happens(t *testing.T) {
	l := newLab(t, c)
	defer l.Close()
	l.run()
	for _, wrong := range l.broken() {
		t.Error(wrong)
	}
	v := l.lives[victim]
	got := fmt.Sprintf("%s, receives %d, starts %d, effects %d", l.endOf(v), v.receives, v.attempts, v.effects)
	assert.Equal(t, fmt.Sprintf("%s, receives %d, starts %d, effects %d", c.end, c.receives, c.starts, c.effects), got)
	if c.fault != succeeds {
		assert.NotZero(t, v.strikes, "the fault never struck")
	}
	// It is looked for each second.
	assert.LessOrEqual(t, v.longest, c.back.duration(c.way)+time.Second, "back within")
	t.Logf("back after %s of %s", v.longest, c.back.duration(c.way))
}

func (w within) duration(of way) time.Duration {
	d := w.plus
	switch w.of {
	case timeout:
		d += of.timeout()
	case beat:
		d += heartbeat
	}
	if w.backoff {
		d += longestBackoff
	}
	return d
}

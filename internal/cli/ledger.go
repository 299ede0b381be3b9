package cli

import (
	"maps"
	"sync"

	"github.com/musterq/muster/internal/local/api"
)

// Status of a message of a run.
type status string

const (
	// unfinished messages are still in the queue, or somebody holds them.
	unfinished   status = "unfinished"
	handled      status = "handled"
	filtered     status = "filtered"
	deadLettered status = "dead-lettered"
	// duplicated messages were acknowledged for one like them that was handled.
	duplicated status = "duplicate"
	// lost messages are gone though no handler finished them.
	lost status = "lost"
)

// ledger is the account of a run: what became of each message, by what the
// runtime's observers saw and not by what the product says of itself.
type ledger struct {
	fleet  fleetNames
	roster *roster
	// changed gets a value after whatever may end a wait.
	changed chan struct{}

	mu       sync.Mutex
	messages map[string]*entry
	handles  map[string]*entry // latest receipt handle of each message
	totals   totals
	// tasks that work on a message each, by task token, or by the ID that their
	// service gave them.
	tasks map[string]*task
	// jobs that run, and that were started.
	jobs, jobsStarted int
	// done are the keys of messages that were processed, buried the bodies of
	// messages that Muster's functions sent to the dead-letter queue themselves.
	done   map[string]bool
	buried map[string]int
	// started workers, by ID, whatever generation of executions.
	started map[string]bool
	ticks   int
	// holders are the executions that the pollers worked for, by their
	// invocation's request ID.
	holders map[string]string
	reasons map[string]int
	// trouble is the latest failure of one of Muster's own functions, until a
	// tick succeeds.
	trouble string
}

// fleetNames are the physical names by which a ledger knows its fleet.
type fleetNames struct {
	QueueURL string
	QueueARN string
	// DeadLetterARN is the dead-letter queue's.
	DeadLetterARN string
	Table         string
	Assess        string // name of the autoscaler's function
	Autoscale     string // ARN of the autoscaler state machine
	Worker        string // ARN of the worker state machine
	Process       string // name of the function
	// Others are the names of the routes' functions.
	Others map[string]bool
	Rules  rules
	// Callback is true where what processes reports a task token.
	Callback  bool
	Transform string // name of the function, empty for none
}

// totals of the messages that were sent.
type totals struct {
	Sent, Handled, Filtered, DeadLettered, Duplicates, Lost int
	// Failed counts failed attempts.
	Failed int
}

// left is how many messages have not ended.
func (t totals) left() int {
	return t.Sent - t.Handled - t.Filtered - t.DeadLettered - t.Duplicates - t.Lost
}

// entry is one message.
type entry struct {
	// sent by this command, not by a handler or from outside.
	sent   bool
	status status
	// receives, and who received it last, by request ID.
	receives int
	receiver string
	handle   string
	// processed once a process handler succeeded, filtered once the latest
	// transform left it out.
	processed, filtered bool
	// accepted while Lambda has the message in an asynchronous event, or a task
	// that is yet to be reported; released once it was deleted meanwhile: what
	// becomes of it is then theirs to say.
	accepted, released bool
	// body, whether it matches no route and its key among duplicates, where the
	// fleet has rules for them.
	body      string
	unmatched bool
	key       string
	// reason of the latest failed attempt.
	reason string
}

func newLedger(fleet fleetNames) *ledger {
	roster := newRoster(fleet.Table)
	return &ledger{
		fleet:    fleet,
		roster:   roster,
		changed:  roster.changed,
		messages: map[string]*entry{},
		handles:  map[string]*entry{},
		tasks:    map[string]*task{},
		done:     map[string]bool{},
		buried:   map[string]int{},
		started:  map[string]bool{},
		holders:  map[string]string{},
		reasons:  map[string]int{},
	}
}

// sent enters messages that this command sent. They may have been handled
// before the answer to the send came.
func (l *ledger) sent(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		e := l.entry(id)
		if e.sent {
			continue
		}
		e.sent = true
		l.totals.Sent++
		l.count(e.status)
	}
	notify(l.changed)
}

// entry of a message, made when it is first heard of. The lock must be held.
func (l *ledger) entry(id string) *entry {
	e := l.messages[id]
	if e == nil {
		e = &entry{status: unfinished}
		l.messages[id] = e
	}
	return e
}

// end settles what became of a message. The lock must be held.
func (l *ledger) end(e *entry, s status) {
	if e.status != unfinished {
		return
	}
	e.status = s
	delete(l.handles, e.handle)
	if e.sent {
		l.count(s)
		notify(l.changed)
	}
}

func (l *ledger) count(s status) {
	switch s {
	case handled:
		l.totals.Handled++
	case filtered:
		l.totals.Filtered++
	case deadLettered:
		l.totals.DeadLettered++
	case duplicated:
		l.totals.Duplicates++
	case lost:
		l.totals.Lost++
	}
}

// loseRest declares lost what has not ended: neither the queue nor Lambda holds
// anything any more.
func (l *ledger) loseRest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.messages {
		if e.sent && !e.released {
			l.end(e, lost)
		}
	}
}

// elsewhere is how many messages are no longer in the queue and not at their end
// either: Lambda has them in asynchronous events.
func (l *ledger) elsewhere() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.messages {
		if e.released && e.status == unfinished {
			n++
		}
	}
	return n
}

// snapshot is what the ledger says now.
type snapshot struct {
	totals
	Workers, PeakWorkers, Started, Ticks int
	// Jobs that run now as tasks, Batch jobs or builds, and that were started.
	Jobs, JobsStarted int
	// Reasons of failed attempts, counted.
	Reasons map[string]int
	// Trouble is the latest failure of one of Muster's own functions. Empty
	// once a tick has succeeded.
	Trouble string
}

func (l *ledger) snapshot() snapshot {
	now, most := l.roster.count()
	l.mu.Lock()
	defer l.mu.Unlock()
	return snapshot{
		totals:  l.totals,
		Workers: now, PeakWorkers: most, Started: len(l.started), Ticks: l.ticks,
		Jobs: l.jobs, JobsStarted: l.jobsStarted,
		Reasons: maps.Clone(l.reasons), Trouble: l.trouble,
	}
}

// outcome is a line of --out.
type outcome struct {
	MessageID string `json:"messageId"`
	Status    status `json:"status"`
	// Receives is how often it was received.
	Receives int `json:"receives"`
	// Worker is the execution that received it last. Empty for none.
	Worker string `json:"worker"`
	// Error of the last attempt of a message that was not handled or filtered.
	Error string `json:"error"`
}

// outcomes of these messages, in their order.
func (l *ledger) outcomes(ids []string) []outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]outcome, len(ids))
	for i, id := range ids {
		e := l.entry(id)
		list[i] = outcome{MessageID: id, Status: e.status, Receives: e.receives, Worker: l.holders[e.receiver]}
		if e.status != handled && e.status != filtered && e.status != duplicated {
			list[i].Error = e.reason
		}
	}
	return list
}

// observe is told of every call to the runtime.
func (l *ledger) observe(e api.Event) {
	switch e.Service {
	case "sqs":
		l.seeQueue(e)
	case "lambda":
		l.seeInvoke(e)
	case "dynamodb":
		l.roster.observe(e)
	case "states":
		l.seeStart(e)
		l.seeTask(e)
	case "ecs", "batch", "codebuild":
		l.seeTask(e)
	}
}

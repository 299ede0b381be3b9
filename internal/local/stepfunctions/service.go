// Package stepfunctions is the embedded AWS Step Functions: an interpreter of
// the Amazon States Language in JSONPath, Standard and Express, behind the
// service's API.
//
// See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
// and https://docs.aws.amazon.com/step-functions/latest/apireference/.
package stepfunctions

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// Service is Step Functions in one account and region.
type Service struct {
	account *api.Account
	router  *api.Router
	options Options
	random  *expression.Random

	// ctx ends when the service is closed. Calls of tasks live as long.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	tokenKey [sha256.Size]byte
	issued   atomic.Uint64

	transitions atomic.Int64
	throttled   atomic.Int64
	started     atomic.Int64
	limits      limits

	mu         sync.Mutex
	machines   map[string]*machine   // by ARN
	executions map[string]*execution // by ARN; Standard, and Express while they run
	tokens     map[string]*taskToken
	open       int // Standard executions that run
}

type limits struct {
	start, startExpress, stop, describe, list, history, sendTask, transitions *bucket
}

// New makes the service. The account's endpoint may be filled in later.
func New(account *api.Account, router *api.Router, options Options) *Service {
	options = options.withDefaults(account.Region)
	q := options.Quotas
	s := &Service{
		account:    account,
		router:     router,
		options:    options,
		random:     expression.NewRandom(options.Seed),
		machines:   map[string]*machine{},
		executions: map[string]*execution{},
		tokens:     map[string]*taskToken{},
		limits: limits{
			start: newBucket(q.StartExecution), startExpress: newBucket(q.StartExpress), stop: newBucket(q.StopExecution),
			describe: newBucket(q.DescribeExecution), list: newBucket(q.ListExecutions),
			history: newBucket(q.GetExecutionHistory), sendTask: newBucket(q.SendTask),
			transitions: newBucket(q.StateTransitions),
		},
	}
	s.tokenKey = sha256.Sum256(binary.BigEndian.AppendUint64([]byte("task token "), options.Seed))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends the service: executions stop where they are, calls of tasks are
// cancelled, and all goroutines have ended when it returns.
func (s *Service) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
}

// Stats counts since the service was made.
type Stats struct {
	// Transitions of all state machines, as Standard is billed: each state that
	// was entered and each retry.
	Transitions int64
	// Throttled are the transitions that had to wait for the quota's sake: the
	// metric ExecutionThrottled.
	// See https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html.
	Throttled int64
	// Executions that were started.
	Executions int64
	// Machines has the transitions of each state machine that exists, by name.
	Machines map[string]int64
}

// Stats returns the service's counters.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{
		Transitions: s.transitions.Load(), Throttled: s.throttled.Load(), Executions: s.started.Load(),
		Machines: make(map[string]int64, len(s.machines)),
	}
	for _, m := range s.machines {
		stats.Machines[m.name] = m.transitions.Load()
	}
	return stats
}

// API is the service's operations: JSON 1.0, target AWSStepFunctions.
func (s *Service) API() api.Service {
	return api.Service{
		Name:   "states",
		Target: "AWSStepFunctions",
		Operations: map[string]api.Operation{
			"CreateStateMachine":               api.Op("states", "CreateStateMachine", s.createStateMachine),
			"UpdateStateMachine":               api.Op("states", "UpdateStateMachine", s.updateStateMachine),
			"DeleteStateMachine":               api.Op("states", "DeleteStateMachine", s.deleteStateMachine),
			"DescribeStateMachine":             api.Op("states", "DescribeStateMachine", s.describeStateMachine),
			"DescribeStateMachineForExecution": api.Op("states", "DescribeStateMachineForExecution", s.describeStateMachineForExecution),
			"ListStateMachines":                api.Op("states", "ListStateMachines", s.listStateMachines),
			"ValidateStateMachineDefinition":   api.Op("states", "ValidateStateMachineDefinition", s.validateStateMachineDefinition),
			"StartExecution":                   api.Op("states", "StartExecution", s.startExecution),
			"StartSyncExecution":               api.Op("states", "StartSyncExecution", s.startSyncExecution),
			"StopExecution":                    api.Op("states", "StopExecution", s.stopExecution),
			"RedriveExecution":                 api.Op("states", "RedriveExecution", s.redriveExecution),
			"DescribeExecution":                api.Op("states", "DescribeExecution", s.describeExecution),
			"ListExecutions":                   api.Op("states", "ListExecutions", s.listExecutions),
			"GetExecutionHistory":              api.Op("states", "GetExecutionHistory", s.getExecutionHistory),
			"SendTaskSuccess":                  api.Op("states", "SendTaskSuccess", s.sendTaskSuccess),
			"SendTaskFailure":                  api.Op("states", "SendTaskFailure", s.sendTaskFailure),
			"SendTaskHeartbeat":                api.Op("states", "SendTaskHeartbeat", s.sendTaskHeartbeat),
			"TagResource":                      api.Op("states", "TagResource", s.tagResource),
			"UntagResource":                    api.Op("states", "UntagResource", s.untagResource),
			"ListTagsForResource":              api.Op("states", "ListTagsForResource", s.listTagsForResource),
		},
	}
}

// Package sqs is Amazon SQS in one process: standard and FIFO queues, strict
// where AWS is strict. It speaks the JSON protocol and the older query protocol.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
package sqs

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// serviceName is the prefix of the service's ARNs and IAM actions.
const serviceName = "sqs"

// Service holds the queues of one account in one region.
type Service struct {
	account *api.Account
	router  *api.Router
	seed    uint64
	options atomic.Pointer[Options]

	// mu is taken after a queue's own lock, never before it.
	mu     sync.RWMutex
	queues map[string]*queue
	// deleted is when a queue of that name was last deleted.
	deleted map[string]time.Time
	closed  bool
}

// Options make a queue as inexact as AWS's own may be. The zero value is exact.
type Options struct {
	// StaleDepths makes the Approximate* attributes answer as they were that
	// long ago: AWS lets them lag by a minute and more. Defaults to 0.
	StaleDepths time.Duration
	// GhostDepth adds messages that no receive will ever yield to
	// ApproximateNumberOfMessages, by queue name. The map must not change after
	// it was set. Defaults to none.
	GhostDepth map[string]int
	// ShortReceives lets a short poll return fewer messages than there are,
	// none included, as a sample of AWS's servers does. Seeded. Defaults to
	// false.
	ShortReceives bool
	// WholeGroups locks a group of a FIFO queue as a whole while any of its
	// messages is in flight, as the guide has it. AWS has been seen to lock only
	// what comes after a message in flight. Defaults to false.
	WholeGroups bool
}

// New returns a service without queues. The seed drives message IDs, receipt
// handles and short receives, so that a run can be replayed. The account's
// endpoint is read at use.
func New(account *api.Account, router *api.Router, seed uint64) *Service {
	s := &Service{
		account: account,
		router:  router,
		seed:    seed,
		queues:  map[string]*queue{},
		deleted: map[string]time.Time{},
	}
	s.options.Store(&Options{})
	return s
}

// SetOptions replaces the options, at any time. Depths are remembered from the
// call that sets StaleDepths.
func (s *Service) SetOptions(o Options) {
	s.options.Store(&o)
	s.mu.RLock()
	queues := s.sorted()
	s.mu.RUnlock()
	for _, q := range queues {
		q.unlock(q.lock())
	}
}

// API describes the service to the router.
func (s *Service) API() api.Service {
	return api.Service{
		Name:       serviceName,
		Target:     "AmazonSQS",
		Query:      queryCodec{},
		Operations: s.operations(),
	}
}

func (s *Service) operations() map[string]api.Operation {
	return map[string]api.Operation{
		"CreateQueue":                  op(s, "CreateQueue", s.createQueue),
		"DeleteQueue":                  op(s, "DeleteQueue", s.deleteQueue),
		"GetQueueUrl":                  op(s, "GetQueueUrl", s.getQueueURL),
		"ListQueues":                   op(s, "ListQueues", s.listQueues),
		"ListDeadLetterSourceQueues":   op(s, "ListDeadLetterSourceQueues", s.listDeadLetterSourceQueues),
		"GetQueueAttributes":           op(s, "GetQueueAttributes", s.getQueueAttributes),
		"SetQueueAttributes":           op(s, "SetQueueAttributes", s.setQueueAttributes),
		"PurgeQueue":                   op(s, "PurgeQueue", s.purgeQueue),
		"SendMessage":                  op(s, "SendMessage", s.sendMessage),
		"SendMessageBatch":             op(s, "SendMessageBatch", s.sendMessageBatch),
		"ReceiveMessage":               op(s, "ReceiveMessage", s.receiveMessage),
		"DeleteMessage":                op(s, "DeleteMessage", s.deleteMessage),
		"DeleteMessageBatch":           op(s, "DeleteMessageBatch", s.deleteMessageBatch),
		"ChangeMessageVisibility":      op(s, "ChangeMessageVisibility", s.changeMessageVisibility),
		"ChangeMessageVisibilityBatch": op(s, "ChangeMessageVisibilityBatch", s.changeMessageVisibilityBatch),
		"TagQueue":                     op(s, "TagQueue", s.tagQueue),
		"UntagQueue":                   op(s, "UntagQueue", s.untagQueue),
		"ListQueueTags":                op(s, "ListQueueTags", s.listQueueTags),
		"AddPermission":                refused("AddPermission"),
		"RemovePermission":             refused("RemovePermission"),
		"StartMessageMoveTask":         refused("StartMessageMoveTask"),
		"ListMessageMoveTasks":         refused("ListMessageMoveTasks"),
		"CancelMessageMoveTask":        refused("CancelMessageMoveTask"),
	}
}

// refused answers an operation of AWS's that is not built.
func refused(operation string) api.Operation {
	return func(ctx context.Context, r *api.Router, caller api.Caller, _ []byte) (any, error) {
		return r.Do(ctx, api.Call{Service: serviceName, Operation: operation, Caller: caller},
			func(context.Context) (any, error) {
				return nil, unsupported("The embedded runtime does not support " + operation + ".")
			})
	}
}

// Close ends every waiting receive and stops all timers.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	queues := s.sorted()
	s.mu.Unlock()
	for _, q := range queues {
		q.end(errClosed)
	}
}

// find returns the queue that a queue URL names. Its last path element counts,
// and its account where one is given, whatever the host.
func (s *Service) find(queueURL string) (*queue, error) {
	if queueURL == "" {
		return nil, missingParameter("QueueUrl")
	}
	path := strings.TrimSuffix(queueURL, "/")
	i := strings.LastIndexByte(path, '/')
	name := path[i+1:]
	if i > 0 {
		account := path[strings.LastIndexByte(path[:i], '/')+1 : i]
		if isAccountID(account) && account != s.account.ID {
			return nil, errQueueDoesNotExist
		}
	}
	q := s.named(name)
	if q == nil {
		return nil, errQueueDoesNotExist
	}
	return q, nil
}

func isAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// named returns the queue of that name, or nil.
func (s *Service) named(name string) *queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.queues[name]
}

// byARN returns the queue with that ARN, or nil.
func (s *Service) byARN(arn string) *queue {
	name := arn[strings.LastIndexByte(arn, ':')+1:]
	if q := s.named(name); q != nil && q.arn == arn {
		return q
	}
	return nil
}

func (s *Service) url(name string) string {
	return s.account.Endpoint + "/" + s.account.ID + "/" + name
}

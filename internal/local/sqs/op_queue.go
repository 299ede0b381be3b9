package sqs

import (
	"context"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Empty is the output of operations that answer nothing.
type Empty struct{}

// CreateQueueInput is the input of CreateQueue.
type CreateQueueInput struct {
	QueueName  string            `json:"QueueName"`
	Attributes map[string]string `json:"Attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// CreateQueueOutput is the output of CreateQueue.
type CreateQueueOutput struct {
	QueueURL string `json:"QueueUrl"`
}

// recreateAfter is how long a deleted queue's name stays taken.
const recreateAfter = 60 * time.Second

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// fifoSuffix ends the names of FIFO queues, within their 80 characters.
const fifoSuffix = ".fifo"

func checkQueueName(name string, fifo bool) error {
	if !fifo {
		if queueName.MatchString(name) {
			return nil
		}
		return invalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if stem, ok := strings.CutSuffix(name, fifoSuffix); ok && len(name) <= 80 && queueName.MatchString(stem) {
		return nil
	}
	return invalidParameter("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
}

// createQueue makes a queue, or finds the one of that name whose attributes are
// the same.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
func (s *Service) createQueue(_ context.Context, _ api.Caller, in *CreateQueueInput) (*CreateQueueOutput, error) {
	if in.QueueName == "" {
		return nil, missingParameter("QueueName")
	}
	fifo := isTrue(in.Attributes["FifoQueue"])
	if err := checkQueueName(in.QueueName, fifo); err != nil {
		return nil, err
	}
	now := time.Now()
	set, err := newSettings(fifo).with(in.Attributes, now)
	if err != nil {
		return nil, err
	}
	if err := s.checkRedrive(set, in.Attributes, s.account.ARN(serviceName, in.QueueName)); err != nil {
		return nil, err
	}
	out := &CreateQueueOutput{QueueURL: s.url(in.QueueName)}

	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[in.QueueName]; q != nil {
		return out, sameAttributes(q.settings.Load(), set, in.Attributes)
	}
	if s.closed {
		return nil, errClosed
	}
	if at, ok := s.deleted[in.QueueName]; ok && now.Sub(at) < recreateAfter {
		return nil, errQueueDeletedRecently
	}
	delete(s.deleted, in.QueueName)
	q := newQueue(s, in.QueueName, set, maps.Clone(in.Tags), now)
	q.note(now)
	s.queues[in.QueueName] = q
	return out, nil
}

func sameAttributes(have, want *settings, given map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if have.values[name] != want.values[name] {
			return queueNameExists(name)
		}
	}
	return nil
}

// QueueInput is the input of operations that take a queue alone: DeleteQueue,
// PurgeQueue and ListQueueTags.
type QueueInput struct {
	QueueURL string `json:"QueueUrl"`
}

// deleteQueue deletes a queue and all that it holds.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html
func (s *Service) deleteQueue(_ context.Context, _ api.Caller, in *QueueInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.queues[q.name] == q {
		delete(s.queues, q.name)
		s.deleted[q.name] = time.Now()
	}
	s.mu.Unlock()
	q.end(errQueueDoesNotExist)
	return &Empty{}, nil
}

// GetQueueURLInput is the input of GetQueueUrl.
type GetQueueURLInput struct {
	QueueName              string `json:"QueueName"`
	QueueOwnerAWSAccountID string `json:"QueueOwnerAWSAccountId,omitempty"`
}

// GetQueueURLOutput is the output of GetQueueUrl.
type GetQueueURLOutput struct {
	QueueURL string `json:"QueueUrl"`
}

// getQueueURL finds a queue by its name.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html
func (s *Service) getQueueURL(_ context.Context, _ api.Caller, in *GetQueueURLInput) (*GetQueueURLOutput, error) {
	if in.QueueName == "" {
		return nil, missingParameter("QueueName")
	}
	if in.QueueOwnerAWSAccountID != "" && in.QueueOwnerAWSAccountID != s.account.ID || s.named(in.QueueName) == nil {
		return nil, errQueueDoesNotExist
	}
	return &GetQueueURLOutput{QueueURL: s.url(in.QueueName)}, nil
}

// ListQueuesInput is the input of ListQueues.
type ListQueuesInput struct {
	QueueNamePrefix string `json:"QueueNamePrefix,omitempty"`
	MaxResults      *int   `json:"MaxResults,omitempty"`
	NextToken       string `json:"NextToken,omitempty"`
}

// ListQueuesOutput is the output of ListQueues.
type ListQueuesOutput struct {
	QueueURLs []string `json:"QueueUrls,omitempty"`
	NextToken string   `json:"NextToken,omitempty"`
}

// listQueues lists queues by name. There are pages only when MaxResults is
// given; without, it lists 1,000 queues at most.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
func (s *Service) listQueues(_ context.Context, _ api.Caller, in *ListQueuesInput) (*ListQueuesOutput, error) {
	s.mu.RLock()
	queues := s.sorted()
	s.mu.RUnlock()
	queues = slices.DeleteFunc(queues, func(q *queue) bool { return !strings.HasPrefix(q.name, in.QueueNamePrefix) })
	urls, next, err := s.page(queues, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ListQueuesOutput{QueueURLs: urls, NextToken: next}, nil
}

// ListDeadLetterSourceQueuesInput is the input of ListDeadLetterSourceQueues.
type ListDeadLetterSourceQueuesInput struct {
	QueueURL   string `json:"QueueUrl"`
	MaxResults *int   `json:"MaxResults,omitempty"`
	NextToken  string `json:"NextToken,omitempty"`
}

// ListDeadLetterSourceQueuesOutput is the output of ListDeadLetterSourceQueues.
type ListDeadLetterSourceQueuesOutput struct {
	QueueURLs []string `json:"queueUrls"`
	NextToken string   `json:"NextToken,omitempty"`
}

// listDeadLetterSourceQueues lists the queues whose dead-letter queue this is.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html
func (s *Service) listDeadLetterSourceQueues(_ context.Context, _ api.Caller, in *ListDeadLetterSourceQueuesInput) (*ListDeadLetterSourceQueuesOutput, error) {
	target, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	queues := s.sorted()
	s.mu.RUnlock()
	queues = slices.DeleteFunc(queues, func(q *queue) bool {
		redrive := q.settings.Load().redrive
		return redrive == nil || redrive.DeadLetterTargetARN != target.arn
	})
	urls, next, err := s.page(queues, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ListDeadLetterSourceQueuesOutput{QueueURLs: urls, NextToken: next}, nil
}

// sorted returns the queues by name. The caller holds s.mu.
func (s *Service) sorted() []*queue {
	return slices.SortedFunc(maps.Values(s.queues), func(a, b *queue) int { return strings.Compare(a.name, b.name) })
}

// page cuts a page out of sorted queues. A token is the name of the last queue
// on the page before.
func (s *Service) page(queues []*queue, maxResults *int, token string) (urls []string, next string, err error) {
	limit := 1000
	if maxResults != nil {
		limit = *maxResults
		if limit < 1 || limit > 1000 {
			return nil, "", invalidValue(limit, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
		}
	}
	if token != "" {
		last, err := base64.StdEncoding.DecodeString(token)
		if err != nil || maxResults == nil {
			return nil, "", invalidParameter("Invalid or expired next token.")
		}
		queues = slices.DeleteFunc(queues, func(q *queue) bool { return q.name <= string(last) })
	}
	if len(queues) > limit {
		queues = queues[:limit]
		if maxResults != nil {
			next = base64.StdEncoding.EncodeToString([]byte(queues[limit-1].name))
		}
	}
	urls = make([]string, 0, len(queues))
	for _, q := range queues {
		urls = append(urls, s.url(q.name))
	}
	return urls, next, nil
}

// purgeEvery is how long a queue refuses a second PurgeQueue.
const purgeEvery = 60 * time.Second

// purgeQueue deletes every message of a queue, those in flight included.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
func (s *Service) purgeQueue(_ context.Context, _ api.Caller, in *QueueInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	now := q.lock()
	defer q.unlock(now)
	if !q.purged.IsZero() && now.Sub(q.purged) < purgeEvery {
		return nil, purgeInProgress(q.name)
	}
	q.purged = now
	q.clear()
	return &Empty{}, nil
}

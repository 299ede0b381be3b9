package sqs

import (
	"regexp"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// BatchResultErrorEntry says why one entry of a batch failed.
type BatchResultErrorEntry struct {
	ID          string `json:"Id"`
	SenderFault bool   `json:"SenderFault"`
	Code        string `json:"Code"`
	Message     string `json:"Message,omitempty"`
}

// maxBatch is how many entries a batch may have.
const maxBatch = 10

var batchEntryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch validates what fails a batch as a whole. kind is its entries' type.
func checkBatch(kind string, ids []string) error {
	if len(ids) == 0 {
		return batchError("EmptyBatchRequest", "There should be at least one %s in the request.", kind)
	}
	if len(ids) > maxBatch {
		return batchError("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !batchEntryID.MatchString(id) {
			return errInvalidBatchEntryID
		}
		if seen[id] {
			return batchError("BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}

// eachEntry checks a batch as a whole and then does its entries one by one, each
// with its own outcome.
func eachEntry[E any](s *Service, url, kind string, entries []E, id func(E) string, do func(*queue, time.Time, E) error) (done []BatchResultEntry, failed []BatchResultErrorEntry, err error) {
	q, err := s.find(url)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = id(e)
	}
	if err := checkBatch(kind, ids); err != nil {
		return nil, nil, err
	}
	now := q.lock()
	defer q.unlock(now)
	for i, e := range entries {
		if err := do(q, now, e); err != nil {
			failed = append(failed, failedEntry(ids[i], err))
		} else {
			done = append(done, BatchResultEntry{ids[i]})
		}
	}
	return done, failed, nil
}

// failedEntry reports an entry's error. Batches carry the older error codes.
func failedEntry(id string, err error) BatchResultErrorEntry {
	e := api.AsError(err)
	code := e.Code
	if e.QueryCode != "" {
		code = e.QueryCode
	}
	return BatchResultErrorEntry{ID: id, SenderFault: e.HTTPStatus() < 500, Code: code, Message: e.Message}
}

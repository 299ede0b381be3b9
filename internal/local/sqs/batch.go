package sqs

import (
	"regexp"

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

// failedEntry reports an entry's error. Batches carry the older error codes.
func failedEntry(id string, err error) BatchResultErrorEntry {
	e := api.AsError(err)
	code := e.Code
	if e.QueryCode != "" {
		code = e.QueryCode
	}
	return BatchResultErrorEntry{ID: id, SenderFault: e.HTTPStatus() < 500, Code: code, Message: e.Message}
}

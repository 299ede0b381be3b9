package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// everyMessage is the group of messages that name none: they are handled in the
// order of the file.
const everyMessage = "muster"

const groupByHelp = "`ATTRIBUTE` whose value is the message group of a FIFO queue's messages that have no groupId (default one group for all)"

// arrange makes messages fit for the queue. In a FIFO queue each has a group, by
// default that of an attribute's value where groupBy names one, and an ID by
// which SQS knows a repeated send. A standard queue takes no such ID.
func arrange(messages []outgoing, fifo bool, groupBy string) error {
	if !fifo && groupBy != "" {
		return errors.New("--group-by: only a FIFO queue has message groups; add --fifo")
	}
	for i := range messages {
		m := &messages[i]
		if !fifo {
			if m.DeduplicationID != "" {
				return fmt.Errorf("message %d has a \"deduplicationId\", which only a FIFO queue takes", i+1)
			}
			continue
		}
		if m.GroupID == "" {
			m.GroupID = group(m.Attributes[groupBy])
		}
		if m.DeduplicationID == "" {
			m.DeduplicationID = uuid.NewString()
		}
	}
	return nil
}

// group is a group ID for an attribute's value, whatever characters it has.
func group(value string) string {
	switch {
	case value == "":
		return everyMessage
	case fifoID.MatchString(value):
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

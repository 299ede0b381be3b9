package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

// everyMessage is the group of messages that name none: they are handled in the
// order of the file.
const everyMessage = "muster"

// byContent says whether a FIFO queue takes a message's body for its
// deduplication ID.
func byContent(ctx context.Context, client *awssqs.Client, url string) (bool, error) {
	if !strings.HasSuffix(url, ".fifo") {
		return false, nil
	}
	const name = types.QueueAttributeNameContentBasedDeduplication
	out, err := client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		return false, fmt.Errorf("ask how %s deduplicates: %w", url, err)
	}
	return out.Attributes[string(name)] == "true", nil
}

const groupByHelp = "`ATTRIBUTE` whose value is the message group of a FIFO queue's messages that have no groupId (default one group for all)"

// arrange makes messages fit for the queue. In a FIFO queue each has a group, by
// default that of an attribute's value where groupBy names one, and an ID by
// which SQS knows a repeated send. A standard queue takes no such ID.
func arrange(messages []outgoing, fifo, byContent bool, groupBy string) error {
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
		if m.DeduplicationID == "" && !byContent {
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

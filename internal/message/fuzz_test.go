package message_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/message"
)

// Whatever a handler replies, each message of the batch has one end, and no
// other message has any.
func FuzzReplies(f *testing.F) {
	for _, reply := range []string{
		``, `null`, `{}`, `[]`, `done`, `{"batchItemFailures":[{"itemIdentifier":"a","retryAfterSeconds":60}]}`,
		`{"batchItemFailures":[{"itemIdentifier":"c"}]}`, `{"BatchItemFailures":[{"ItemIdentifier":"a"}]}`,
		`{"Records":[{"messageId":"b","body":"new"}],"batchItemFailures":[{"itemIdentifier":"a"}]}`,
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		for id, failure := range message.ProcessReply(batch("a", "b"), reply) {
			assert.Contains(t, []string{"a", "b"}, id)
			assert.NotEmpty(t, failure.Reason)
			if failure.RetryAfter != nil {
				assert.LessOrEqual(t, *failure.RetryAfter, message.MaxVisibility)
				assert.GreaterOrEqual(t, *failure.RetryAfter, time.Duration(0))
			}
		}
		ends := map[string]int{}
		transformed := message.TransformReply(batch("a", "b"), reply)
		for _, r := range transformed.Kept {
			ends[r.MessageID]++
		}
		for _, id := range transformed.Filtered {
			ends[id]++
		}
		for id := range transformed.Failed {
			ends[id]++
		}
		assert.Equal(t, map[string]int{"a": 1, "b": 1}, ends)
		if !json.Valid(reply) {
			assert.Len(t, transformed.Failed, 2)
		}
	})
}

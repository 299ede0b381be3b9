package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArrangeGivesFifoMessagesTheirGroups(t *testing.T) {
	messages := []outgoing{
		{Body: "a", GroupID: "own", DeduplicationID: "1"},
		{Body: "b", Attributes: map[string]string{"kind": "push"}},
		{Body: "c", Attributes: map[string]string{"kind": "two words"}},
		{Body: "d"},
	}
	require.NoError(t, arrange(messages, true, false, "kind"))
	assert.Equal(t, "own", messages[0].GroupID)
	assert.Equal(t, "1", messages[0].DeduplicationID)
	assert.Equal(t, "push", messages[1].GroupID)
	assert.Regexp(t, "^[0-9a-f]{64}$", messages[2].GroupID)
	assert.Equal(t, everyMessage, messages[3].GroupID)
	assert.NotEqual(t, messages[1].DeduplicationID, messages[2].DeduplicationID)
	assert.Len(t, messages[3].DeduplicationID, 36)
}

func TestArrangeLeavesStandardMessagesAsTheyAre(t *testing.T) {
	messages := []outgoing{{Body: "a", GroupID: "fair"}, {Body: "b"}}
	require.NoError(t, arrange(messages, false, false, ""))
	assert.Equal(t, []outgoing{{Body: "a", GroupID: "fair"}, {Body: "b"}}, messages)
}

func TestArrangeLeavesDeduplicationByContentToSQS(t *testing.T) {
	messages := []outgoing{{Body: "a"}, {Body: "a", DeduplicationID: "own"}}
	require.NoError(t, arrange(messages, true, true, ""))
	assert.Equal(t, []outgoing{{Body: "a", GroupID: everyMessage}, {Body: "a", GroupID: everyMessage, DeduplicationID: "own"}}, messages)
}

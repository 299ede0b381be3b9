package message_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
)

func batch(ids ...string) []message.Record {
	var records []message.Record
	for _, id := range ids {
		records = append(records, message.Record{MessageID: id, Body: "body of " + id})
	}
	return records
}

func TestSplitByEncodedSize(t *testing.T) {
	records := batch("a", "b", "c")
	records[1].Body = strings.Repeat(`"`, 600) // 1,200 bytes once escaped
	batches, tooLarge, err := message.Split(records, 1000)
	require.NoError(t, err)
	require.Len(t, tooLarge, 1)
	assert.Equal(t, "b", tooLarge[0].MessageID)
	require.Len(t, batches, 2)
	for _, b := range batches {
		assert.LessOrEqual(t, len(b.Payload), 1000)
		var e message.Event
		require.NoError(t, json.Unmarshal(b.Payload, &e))
		assert.Equal(t, b.Records, e.Records)
	}
}

func TestEventKeepsMarkup(t *testing.T) {
	payload, err := message.Event{Records: []message.Record{{Body: "<a&b>"}}}.Encode()
	require.NoError(t, err)
	assert.Contains(t, string(payload), `"body":"<a&b>"`)
}

func TestReceives(t *testing.T) {
	for count, want := range map[string]int{"": 0, "1": 1, "27": 27, "3x": 3} {
		assert.Equal(t, want, message.Record{Attributes: map[string]string{"ApproximateReceiveCount": count}}.Receives(), count)
	}
}

func TestBackoff(t *testing.T) {
	b := message.Backoff{Base: 2 * time.Second, Max: 15 * time.Second}
	for receives, want := range map[int]time.Duration{0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second, 4: 15 * time.Second, 1000: 15 * time.Second} {
		assert.Equal(t, want, b.Ceiling(receives), receives)
		for range 50 {
			d := b.Delay(receives)
			assert.True(t, d >= 0 && d <= want && d%time.Second == 0, d)
		}
	}
	assert.Equal(t, 12*time.Hour, message.Backoff{Base: time.Hour}.Ceiling(9))
	assert.Zero(t, message.Backoff{}.Delay(5))
}

func TestThrottled(t *testing.T) {
	for receives, c := range map[int]struct{ least, most time.Duration }{
		0:    {time.Minute, 2 * time.Minute},
		1:    {time.Minute, 2 * time.Minute},
		2:    {2 * time.Minute, 4 * time.Minute},
		3:    {4 * time.Minute, 8 * time.Minute},
		4:    {7*time.Minute + 30*time.Second, 15 * time.Minute},
		1000: {7*time.Minute + 30*time.Second, 15 * time.Minute},
	} {
		for range 100 {
			delay := message.Throttled(receives)
			assert.GreaterOrEqual(t, delay, c.least, "%d receives", receives)
			assert.Less(t, delay, c.most, "%d receives", receives)
		}
	}
}

package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/musterq/muster/internal/message"
)

func TestLoadIsTheSizeOfTheEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []message.Record
		var load message.Load
		for _, body := range rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "bodies") {
			value := rapid.String().Draw(t, "value")
			r := message.Record{
				MessageID: "m", Body: body + strings.Repeat("<&>\"\\\n\t\u2028\xff", len(records)),
				Attributes:        map[string]string{"ApproximateReceiveCount": "1"},
				MessageAttributes: map[string]message.Attribute{"name": {StringValue: &value, BinaryValue: []byte(value), DataType: "String"}},
			}
			var err error
			load, err = load.With(r)
			require.NoError(t, err)
			records = append(records, r)
		}
		payload, err := message.Event{Records: records}.Encode()
		require.NoError(t, err)
		assert.Equal(t, len(payload), load.Size())
	})
}

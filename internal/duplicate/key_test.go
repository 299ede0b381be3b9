package duplicate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/message"
)

func TestKey(t *testing.T) {
	text := func(s string) *string { return &s }
	record := func(id, body string) message.Record {
		return message.Record{
			MessageID: id, Body: body, Attributes: map[string]string{"MessageDeduplicationId": "d-" + body},
			MessageAttributes: map[string]message.Attribute{
				"order": {StringValue: text(body), DataType: "String"}, "seal": {BinaryValue: []byte(body), DataType: "Binary"},
			},
		}
	}
	for _, c := range []struct {
		key, a, b string
		same      bool
	}{
		{"messageId", "x", "x", false},
		{"deduplicationId", "x", "x", true},
		{"deduplicationId", "x", "y", false},
		{"attribute:order", "x", "x", true},
		{"attribute:order", "x", "y", false},
		{"attribute:seal", "x", "x", true},
		{"attribute:seal", "x", "y", false},
		{"$.order.id", `{"order":{"id":7,"n":1}}`, `{"n":2,"order":{"id":7}}`, true},
		{"$.order.id", `{"order":{"id":7}}`, `{"order":{"id":8}}`, false},
		{"$.order.id", `{"order":{"id":7}}`, `{"order":{"id":"7"}}`, false},
		{"$.order.id", `{"order":{"id":12345678901234567890}}`, `{"order":{"id":12345678901234567891}}`, false},
		{"$.order", `{"order":{"id":7,"n":1}}`, `{"order":{"n":1,"id":7}}`, true},
		{"$.ids[0]", `{"ids":[1,2]}`, `{"ids":[1,3]}`, true},
		{"$['a b']", `{"a b":1}`, `{"a b":1}`, true},
		// What lacks its key is taken for no other.
		{"attribute:user", "x", "x", false},
		{"$.order.id", `{"order":{}}`, `{"order":{}}`, false},
		{"$.order.id", `{"order":{"id":null}}`, `{"order":{"id":null}}`, false},
		{"$.order.id", `order`, `order`, false},
		{"$.order.id", `[1]`, `[1]`, false},
	} {
		k, err := duplicate.ParseKey(c.key)
		require.NoError(t, err, c.key)
		a, b := record("m1", c.a), record("m2", c.b)
		assert.Equal(t, c.same, k.Of(a) == k.Of(b), "%s of %s and %s", c.key, c.a, c.b)
	}
	k, err := duplicate.ParseKey("$.id")
	require.NoError(t, err)
	assert.NotEqual(t, k.Of(record("m1", "none")), k.Of(record("m2", `{"id":"m1"}`)), "an ID is no value")
}

func TestParseKeyRefuses(t *testing.T) {
	const one = ": the path must name one value, by names and indexes alone, such as $.order.id"
	for spec, want := range map[string]string{
		"":                 `DuplicateKey is "", it must be messageId, deduplicationId, attribute:NAME or a JSONPath into the body such as $.order.id`,
		"order.id":         `DuplicateKey is "order.id", it must be messageId, deduplicationId, attribute:NAME or a JSONPath into the body such as $.order.id`,
		"attribute:":       `DuplicateKey is "attribute:", it must be messageId, deduplicationId, attribute:NAME or a JSONPath into the body such as $.order.id`,
		"$":                `DuplicateKey is "$"` + one,
		"$..id":            `DuplicateKey is "$..id"` + one,
		"$.orders[*].id":   `DuplicateKey is "$.orders[*].id"` + one,
		"$.a[?(@.b == 1)]": `DuplicateKey is "$.a[?(@.b == 1)]"` + one,
	} {
		_, err := duplicate.ParseKey(spec)
		assert.EqualError(t, err, want)
	}
	_, err := duplicate.ParseKey("$.a[")
	assert.ErrorContains(t, err, `DuplicateKey is "$.a[", which is not a JSONPath: `)
}

func FuzzKey(f *testing.F) {
	f.Add("$.order.id", `{"order":{"id":7}}`)
	f.Add("$['a'][0]", `{"a":[1]}`)
	f.Fuzz(func(t *testing.T, spec, body string) {
		k, err := duplicate.ParseKey(spec)
		if err != nil {
			return
		}
		again, err := duplicate.ParseKey(spec)
		require.NoError(t, err)
		r := message.Record{MessageID: "m", Body: body}
		assert.Equal(t, k.Of(r), again.Of(r), "every worker makes the same key of a message")
	})
}

package message_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/message"
)

func TestProcessReply(t *testing.T) {
	const (
		reported = "the handler reported it in batchItemFailures"
		noID     = "batchItemFailures of the handler's reply has an entry without itemIdentifier"
		noList   = `batchItemFailures of the handler's reply is not a list of {"itemIdentifier": ...}`
		misspelt = "the handler's reply has BatchItemFailures: its name is batchItemFailures"
	)
	for reply, want := range map[string]message.Failures{
		``:                           nil,
		`null`:                       nil,
		`{}`:                         nil,
		`"done"`:                     nil,
		`{"statusCode":200}`:         nil,
		`{"batchItemFailures":null}`: nil,
		`{"batchItemFailures":[]}`:   {},
		`{"batchItemFailures":[{"itemIdentifier":"b"}]}`:                        {"b": {Reason: reported}},
		`{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}`: {"b": {Reason: reported}},
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                         message.All(batch("a", "b"), noID),
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:                       message.All(batch("a", "b"), noID),
		`{"batchItemFailures":[{"id":"b"}]}`:                                    message.All(batch("a", "b"), noID),
		`{"batchItemFailures":{"itemIdentifier":"b"}}`:                          message.All(batch("a", "b"), noList),
		`{"batchItemFailures":[{"itemIdentifier":"c"}]}`:                        message.All(batch("a", "b"), `batchItemFailures of the handler's reply names the unknown message "c"`),
		`done`: message.All(batch("a", "b"), "the handler's reply is not JSON"),
		// Members count by their exact names.
		`{"batchitemfailures":[{"itemIdentifier":"b"}]}`:                          nil,
		`{"batchItemFailures":[{"ItemIdentifier":"b"}]}`:                          message.All(batch("a", "b"), noID),
		`{"BatchItemFailures":[{"itemIdentifier":"b"}]}`:                          message.All(batch("a", "b"), misspelt),
		`{"BatchItemFailures":"b"}`:                                               message.All(batch("a", "b"), misspelt),
		`{"BatchItemFailures":[]}`:                                                nil,
		`{"BatchItemFailures":null}`:                                              nil,
		`{"batchItemFailures":[{"itemIdentifier":"b"}],"batchItemFailures":[]}`:   {},
		`{"batchItemFailures":[{"itemIdentifier":1}]}`:                            message.All(batch("a", "b"), "batchItemFailures of the handler's reply has an itemIdentifier that is not a string"),
		`{"batchItemFailures":[{"itemIdentifier":"b","itemIdentifier":"a"}]}`:     {"a": {Reason: reported}},
		`{"batchItemFailures":["b"]}`:                                             message.All(batch("a", "b"), noList),
		`{"batchItemFailures":[null]}`:                                            message.All(batch("a", "b"), noID),
		`{"batchItemFailures":[{"itemIdentifier":"b","retryAfterSeconds":null}]}`: {"b": {Reason: reported}},
	} {
		t.Run(reply, func(t *testing.T) {
			assert.Equal(t, want, plain(message.ProcessReply(batch("a", "b"), []byte(reply))))
		})
	}
}

func TestTransformReply(t *testing.T) {
	ids := func(records []message.Record) (s []string) {
		for _, r := range records {
			s = append(s, r.MessageID+"="+r.Body)
		}
		return s
	}
	for name, c := range map[string]struct {
		reply    string
		kept     []string
		filtered []string
		failed   message.Failures
	}{
		"replaced and filtered": {
			reply: `{"Records":[{"messageId":"b","body":"new"}]}`,
			kept:  []string{"b=new"}, filtered: []string{"a"},
		},
		"the batch's order stays": {
			reply: `{"Records":[{"messageId":"b"},{"messageId":"a","body":""}]}`,
			kept:  []string{"a=", "b=body of b"},
		},
		"all filtered": {reply: `{"Records":[]}`, filtered: []string{"a", "b"}},
		"failed alone": {
			reply: `{"Records":[{"messageId":"a"},{"messageId":"b"}],"batchItemFailures":[{"itemIdentifier":"a"}]}`,
			kept:  []string{"b=body of b"}, failed: message.Failures{"a": {Reason: "the handler reported it in batchItemFailures"}},
		},
		"null filters nothing": {
			reply:  `null`,
			failed: message.All(batch("a", "b"), `the transform handler's reply has no "Records": answer {"Records": []} to filter every message`),
		},
		"no Records, some failed": {
			reply: `{"batchItemFailures":[{"itemIdentifier":"a"}]}`,
			failed: message.Failures{
				"a": {Reason: "the handler reported it in batchItemFailures"},
				"b": {Reason: `the transform handler's reply has no "Records": answer {"Records": []} to filter every message`},
			},
		},
		"Records in another case filter nothing": {
			reply:  `{"records":[]}`,
			failed: message.All(batch("a", "b"), `the transform handler's reply has no "Records": answer {"Records": []} to filter every message`),
		},
		"misspelt failures": {
			reply:  `{"Records":[{"messageId":"a"}],"BatchItemFailures":[{"itemIdentifier":"b"}]}`,
			failed: message.All(batch("a", "b"), "the handler's reply has BatchItemFailures: its name is batchItemFailures"),
		},
		"not an object": {
			reply:  `[]`,
			failed: message.All(batch("a", "b"), "the transform handler's reply is not an SQS event: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"),
		},
		"no list": {
			reply:  `{"Records":"all"}`,
			failed: message.All(batch("a", "b"), "the transform handler's reply is not an SQS event: Records: json: cannot unmarshal string into Go value of type []message.replacement"),
		},
		"unknown": {
			reply:  `{"Records":[{"messageId":"c"}]}`,
			failed: message.All(batch("a", "b"), `the transform handler's reply names the unknown message "c"`),
		},
		"twice": {
			reply:  `{"Records":[{"messageId":"a"},{"messageId":"a"}]}`,
			failed: message.All(batch("a", "b"), `the transform handler's reply names message a twice`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := message.TransformReply(batch("a", "b"), []byte(c.reply))
			assert.Equal(t, c.kept, ids(got.Kept))
			assert.Equal(t, c.filtered, got.Filtered)
			assert.Equal(t, c.failed, plain(got.Failed))
		})
	}
}

func TestRetryAfter(t *testing.T) {
	const reported = "the handler reported it in batchItemFailures"
	fleets := message.Backoff{Base: 5 * time.Second, Max: 5 * time.Second}
	for value, want := range map[string]time.Duration{
		"0": 0, "60": time.Minute, "43200": 12 * time.Hour, "60.0": time.Minute, "6e1": time.Minute,
	} {
		f := message.FailedItems(batch("a"), []byte(`[{"itemIdentifier":"a","retryAfterSeconds":`+value+`}]`))["a"]
		assert.Equal(t, reported, f.Reason, value)
		assert.Equal(t, want, f.Delay(fleets, 3), value)
	}
	for _, value := range []string{"-1", "43201", "1.5", `"60"`, "true", "{}", "1e300"} {
		f := message.FailedItems(batch("a"), []byte(`[{"itemIdentifier":"a","retryAfterSeconds":`+value+`}]`))["a"]
		assert.Equal(t, message.Failure{Reason: reported + ", with retryAfterSeconds " + value + ", which is not whole seconds from 0 to 43200: the fleet's backoff applies"}, plain(message.Failures{"a": f})["a"])
		assert.NotContains(t, f.Redacted().Reason, " "+value+",", value)
		assert.LessOrEqual(t, f.Delay(fleets, 3), 5*time.Second, value)
	}
	f := message.FailedItems(batch("a"), []byte(`[{"itemIdentifier":"a","retryAfterSeconds":1},{"itemIdentifier":"a","retryAfterSeconds":2}]`))
	assert.Equal(t, 2*time.Second, f["a"].Delay(fleets, 1), "the last entry counts")
}

// plain are the failures without what is known of their reasons' quotations.
func plain(failures message.Failures) message.Failures {
	if failures == nil {
		return nil
	}
	all := message.Failures{}
	for id, f := range failures {
		all[id] = message.Failure{Reason: f.Reason, RetryAfter: f.RetryAfter}
	}
	return all
}

func TestRedacted(t *testing.T) {
	const secret = "card 4242-4242"
	for name, failures := range map[string]message.Failures{
		"an identifier":  message.ProcessReply(batch("a"), []byte(`{"batchItemFailures":[{"itemIdentifier":"`+secret+`"}]}`)),
		"a backoff":      message.ProcessReply(batch("a"), []byte(`{"batchItemFailures":[{"itemIdentifier":"a","retryAfterSeconds":"`+secret+`"}]}`)),
		"another record": message.TransformReply(batch("a"), []byte(`{"Records":[{"messageId":"`+secret+`"}]}`)).Failed,
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, failures["a"].Reason, secret)
			redacted := failures.Redacted()["a"].Reason
			assert.NotContains(t, redacted, secret)
			assert.Contains(t, redacted, "redacted (SHA-256 ")
		})
	}
	assert.Equal(t, message.All(batch("a"), "why"), message.All(batch("a"), "why").Redacted())
}

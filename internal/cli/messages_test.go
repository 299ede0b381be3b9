package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadMessages(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []outgoing
	}{
		"empty":       {file: ""},
		"blank lines": {file: "\n  \n\"a\"\r\n\n", want: []outgoing{{Body: "a"}}},
		"a string":    {file: `"say \"hi\" \u00e9\ud83d\ude00"`, want: []outgoing{{Body: `say "hi" é😀`}}},
		"an object": {
			file: `{"body":"b","attributes":{"n":"v","Größe":"1"},"groupId":"tenant-1"}`,
			want: []outgoing{{Body: "b", Attributes: map[string]string{"n": "v", "Größe": "1"}, GroupID: "tenant-1"}},
		},
		"no last newline":           {file: "\"a\"\n{\"body\":\"b\"}", want: []outgoing{{Body: "a"}, {Body: "b"}}},
		"a replacement character":   {file: `{"body":"\ufffd` + "\uFFFD" + `"}`, want: []outgoing{{Body: "\uFFFD\uFFFD"}}},
		"exactly 1 MiB":             {file: `"` + strings.Repeat("x", 1<<20) + `"`, want: []outgoing{{Body: strings.Repeat("x", 1<<20)}}},
		"1 MiB, every byte escaped": {file: `"` + strings.Repeat(`\u0041`, 1<<20) + `"`, want: []outgoing{{Body: strings.Repeat("A", 1<<20)}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readMessages("f.jsonl", strings.NewReader(c.file))
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestReadMessagesRefuses(t *testing.T) {
	for line, want := range map[string]string{
		`{"body":"a","note":"x"}`:            `unknown member "note": there are "body", "attributes", "groupId" and "deduplicationId"`,
		`{"Body":"a"}`:                       `unknown member "Body": there are "body", "attributes", "groupId" and "deduplicationId"`,
		`{"body":"a","body":"b"}`:            `"body" is there twice`,
		`{"attributes":{}}`:                  `"body" is missing`,
		`{"body":1}`:                         `"body": it must be a string`,
		`{"body":null}`:                      `"body": it must be a string`,
		`{"body":""}`:                        `the body is empty: SQS takes no empty message`,
		`""`:                                 `the body is empty: SQS takes no empty message`,
		`{"body":"a"`:                        `not JSON: the line ends too early`,
		`{"body":"a"} {}`:                    `there is more after the message: one line is one message`,
		`{"body" "a"}`:                       `not JSON: expected colon after object key`,
		`["a"]`:                              `a line is an object such as {"body": "..."}, or a JSON string`,
		`12`:                                 `a line is an object such as {"body": "..."}, or a JSON string`,
		`"a" "b"`:                            `not JSON: invalid character '"' after top-level value`,
		`"\ud800"`:                           `it holds half of a surrogate pair, which no text can hold`,
		`{"body":"a\ud83dz"}`:                `"body": it holds half of a surrogate pair, which no text can hold`,
		"\"\xff\"":                           `the line is not UTF-8`,
		`{"body":"a\u0001"}`:                 `"body": it holds the character #x1: SQS takes #x9, #xA, #xD and everything from #x20 but #xFFFE and #xFFFF`,
		`"\uffff"`:                           `"body": it holds the character #xFFFF: SQS takes #x9, #xA, #xD and everything from #x20 but #xFFFE and #xFFFF`,
		`{"body":"a","groupId":""}`:          `"groupId": it can only include alphanumeric and punctuation characters, 1 to 128 of them`,
		`{"body":"a","groupId":"a b"}`:       `"groupId": it can only include alphanumeric and punctuation characters, 1 to 128 of them`,
		`{"body":"a","deduplicationId":" "}`: `"deduplicationId": it can only include alphanumeric and punctuation characters, 1 to 128 of them`,
		`{"body":"a","attributes":["n"]}`:    `"attributes": it must be an object such as {"name": "value"}`,
		`{"body":"a","attributes":null}`:     `"attributes": it must be an object such as {"name": "value"}`,
		`{"body":"a","attributes":{"n":1}}`:  `"attributes": "n": it must be a string`,
		`{"body":"a","attributes":{"n":""}}`: `attribute "n": the value is empty: SQS takes no empty value`,
		`{"body":"a","attributes":{"AWS.n":"v"}}`:                                  `attribute "AWS.n": names that begin with AWS. or Amazon. are reserved`,
		`{"body":"a","attributes":{"a..b":"v"}}`:                                   `attribute "a..b": a period may not begin or end a name, nor follow another`,
		`{"body":"a","attributes":{"a b":"v"}}`:                                    `attribute "a b": a name has letters, digits, periods, hyphens and underscores`,
		`{"body":"a","attributes":{"":"v"}}`:                                       `attribute "": a name has 1 to 256 bytes`,
		`{"body":"a","attributes":{"n":"\u0000"}}`:                                 `attribute "n": it holds the character #x0: SQS takes #x9, #xA, #xD and everything from #x20 but #xFFFE and #xFFFF`,
		`"` + strings.Repeat("x", 1<<20+1) + `"`:                                   `the message has 1048577 bytes with its attributes: SQS takes 1048576`,
		`"` + strings.Repeat("é", 1<<19) + `x"`:                                    `the message has 1048577 bytes with its attributes: SQS takes 1048576`,
		`{"body":"a","attributes":{` + eleven + `}}`:                               `the message has 11 attributes: SQS takes 10`,
		`{"body":"` + strings.Repeat("x", 1<<20-9) + `","attributes":{"ab":"cd"}}`: `the message has 1048577 bytes with its attributes: SQS takes 1048576`,
	} {
		t.Run(line[:min(len(line), 60)], func(t *testing.T) {
			_, err := readMessages("f.jsonl", strings.NewReader("\"good\"\n\n"+line+"\n\"good\"\n"))
			assert.EqualError(t, err, "f.jsonl:3: "+want)
		})
	}
}

const eleven = `"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1","g":"1","h":"1","i":"1","j":"1","k":"1"`

func TestReadMessagesNamesEachBadLine(t *testing.T) {
	_, err := readMessages("-", strings.NewReader("1\n\"a\"\n2\n"))
	assert.EqualError(t, err, "-:1: a line is an object such as {\"body\": \"...\"}, or a JSON string\n"+
		"-:3: a line is an object such as {\"body\": \"...\"}, or a JSON string")

	_, err = readMessages("f", strings.NewReader(strings.Repeat("1\n", 12)))
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 11)
	assert.Equal(t, "f: there are more bad lines", lines[10])
}

func TestReadMessagesBoundsLines(t *testing.T) {
	_, err := readMessages("f", strings.NewReader("\"a\"\n\""+strings.Repeat("x", 8<<20)+"\"\n"))
	assert.EqualError(t, err, "f:2: the line is longer than 8388608 bytes: no message is that large")
}

func FuzzReadMessages(f *testing.F) {
	for _, seed := range []string{
		`"a"`, `{"body":"a"}`, `{"body":"a","attributes":{"n":"v"},"groupId":"g"}`, `{"body":"\ud83d\ude00"}`,
		`{"deduplicationId":"x"}`, `{`, `""`, `[]`, "\"a\"\n\"b\"", `{"body":"a",}`, `"\ud800"`, "\xff", `{"body":{"a":[1]}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		messages, err := readMessages("f", strings.NewReader(file))
		if err != nil {
			assert.Regexp(t, `^f(:\d+)?: `, err.Error())
			return
		}
		for _, m := range messages {
			assert.NotEmpty(t, m.Body)
			assert.True(t, utf8.ValidString(m.Body))
			assert.LessOrEqual(t, m.size(), 1<<20)
		}
	})
}

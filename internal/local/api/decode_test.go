package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type page struct {
	NextToken string `json:"nextToken"`
	Hidden    string `json:"-"`
}

type node struct {
	Name     string
	Children []*node
}

type decoded struct {
	QueueURL   string `json:"QueueUrl"`
	Entries    []struct{ ID string }
	Attributes map[string]struct{ DataType string }
	Names      map[string]string
	Lists      [][]node
	Raw        json.RawMessage
	Any        any
	Since      time.Time
	Tree       *node
	Number     *int
	Small      int8
	Rate       float64
	Exact      json.Number
	Yes        *bool
	Bytes      []byte
	Pair       [2]node
	Few        []string
	ByName     map[string]*node
	page
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct{ input, want string }{
		"nothing":            {"", ""},
		"blanks":             {" \n", ""},
		"null":               {"null", ""},
		"empty":              {" { } ", ""},
		"a member":           {`{"QueueUrl":"q"}`, ""},
		"of another case":    {`{"QueueURL":"q"}`, `ValidationException: The embedded runtime does not know the member "QueueURL" of decoded.`},
		"by its Go name":     {`{"NextToken":"t"}`, `ValidationException: The embedded runtime does not know the member "NextToken" of decoded.`},
		"embedded":           {`{"nextToken":"t"}`, ""},
		"left out":           {`{"Hidden":"t"}`, `ValidationException: The embedded runtime does not know the member "Hidden" of decoded.`},
		"the embedding":      {`{"page":{}}`, `ValidationException: The embedded runtime does not know the member "page" of decoded.`},
		"unknown":            {`{"QueueUrl":"q","Queue":1}`, `ValidationException: The embedded runtime does not know the member "Queue" of decoded.`},
		"within a list":      {`{"Entries":[{"ID":"1"},{"Id":"2"}]}`, `ValidationException: The embedded runtime does not know the member "Id" of decoded.`},
		"within a map":       {`{"Attributes":{"datatype":{"DataType":"x"},"b":{"datatype":"x"}}}`, `ValidationException: The embedded runtime does not know the member "datatype" of decoded.`},
		"keys of a map":      {`{"Names":{"a":"1","A":"2"}}`, ""},
		"lists of lists":     {`{"Lists":[[],[{"Name":"a"},{"name":"b"}]]}`, `ValidationException: The embedded runtime does not know the member "name" of decoded.`},
		"raw":                {`{"Raw":{"a":[{"b":"}]\""}]},"QueueUrl":"q"}`, ""},
		"after raw":          {`{"Raw":{"a":[{"b":"}]\""}]},"queueUrl":"q"}`, `ValidationException: The embedded runtime does not know the member "queueUrl" of decoded.`},
		"any":                {`{"Any":[1,{"x":null}, true ],"Number": -1e3 }`, `SerializationException: json: cannot unmarshal number -1e3 into Go struct field decoded.Number of type int`},
		"a recursive type":   {`{"Tree":{"Name":"a","Children":[null,{"Name":"b","Children":[{"Name":"c"}]}]}}`, ""},
		"deep in it":         {`{"Tree":{"Name":"a","Children":[null,{"Name":"b","Children":[{"nAme":"c"}]}]}}`, `ValidationException: The embedded runtime does not know the member "nAme" of decoded.`},
		"decodes itself":     {`{"Since":"2026-09-01T00:00:00Z"}`, ""},
		"written in escapes": {`{"Queue\u0055rl":"q"}`, ""},
		"escapes that trick": {`{"Names":{"\\":"\\\"", "\"Queue\"":"}"} , "quote\"d":1}`, `ValidationException: The embedded runtime does not know the member "quote\"d" of decoded.`},
		"an empty name":      {`{"Entries":[{"":1}]}`, `ValidationException: The embedded runtime does not know the member "" of decoded.`},
		"another type":       {`{"QueueUrl":1}`, `SerializationException: json: cannot unmarshal number into Go struct field decoded.QueueUrl of type string`},
		"two documents":      {`{} {}`, `SerializationException: invalid character '{' after top-level value`},
		"half a document":    {`{"QueueUrl":`, `SerializationException: unexpected end of JSON input`},
	} {
		t.Run(name, func(t *testing.T) {
			err := Decode([]byte(c.input), new(decoded))
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, c.want)
		})
	}
}

// TestDecodeQuickly has what clients send, which encoding/json is not asked for.
func TestDecodeQuickly(t *testing.T) {
	input := `{ "QueueUrl":"q", "Entries":[{"ID":"1"},null], "Attributes":{"a":{"DataType":"x"}}, "Names":{"a":"\\\"\/\n","b":null},
		"Lists":[[],[{"Name":"é"}],null], "Raw":{"a":[1.5e-3,true,false,null]}, "Any":[{"b":-0}], "Since":"2026-09-01T00:00:00Z",
		"Tree":{"Children":[null,{"Name":"\u0041"}]}, "Number":-12, "Small":127, "Rate":2E+2, "Exact":10.0, "Yes":false, "Bytes":"YWI=",
		"Few":[], "ByName":{"x":null,"y":{}}, "nextToken":"t" }`
	var got, want decoded
	require.True(t, quick([]byte(input), reflect.ValueOf(&got).Elem()))
	require.NoError(t, json.Unmarshal([]byte(input), &want))
	assert.Equal(t, want, got)
}

// TestDecodeCarefully has what is left to encoding/json, and that nothing stays
// of the attempt to do without.
func TestDecodeCarefully(t *testing.T) {
	for name, input := range map[string]string{
		"unknown member":     `{"QueueUrl":"q","Queue":1}`,
		"another case":       `{"QueueUrl":"q","queueUrl":"r"}`,
		"a member twice":     `{"Entries":[{"ID":"1"}],"Entries":[{}]}`,
		"another type":       `{"QueueUrl":"q","Number":"1"}`,
		"too large":          `{"QueueUrl":"q","Small":128}`,
		"names in an array":  `{"QueueUrl":"q","Pair":[{"Name":"a"}]}`,
		"control characters": "{\"QueueUrl\":\"q\",\"nextToken\":\"\n\"}",
		"not JSON":           `{"QueueUrl":"q",}`,
		"a leading zero":     `{"QueueUrl":"q","Number":01}`,
		"no escape":          `{"QueueUrl":"\x"}`,
		"half an escape":     `{"QueueUrl":"\u12"}`,
		"more to come":       `{"QueueUrl":"q"} 1`,
		"too deep":           `{"QueueUrl":"q","Any":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			var got decoded
			assert.False(t, quick([]byte(input), reflect.ValueOf(&got).Elem()))
			assert.Zero(t, got)
		})
	}
}

// FuzzDecode compares Decode with encoding/json, which does not tell upper from
// lower case: it takes nothing more, and what it refuses alone is a name that
// is not spelled as the struct spells it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"QueueUrl":"q","Entries":[{"ID":"1"}],"Attributes":{"a":{"DataType":"x"}}}`,
		`{"queueurl":"\\","Raw":[{"a":"\"]"}],"Lists":[[{"Name":"n","Children":[]}]]}`,
		`{"Small":-1,"Rate":0.5e1,"Exact":10,"Yes":null,"Bytes":"YQ==","Pair":[{"Name":"\ud83d\ude00"}],"Few":["é\/\n"],"ByName":{"\t":{}},"Number":0}`,
		`{"Tree":{"children":[]},"Number":1,"nextToken":"","Any":{"q":[{}]}} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(bytes.TrimSpace(input)) == 0 {
			return
		}
		var got, want decoded
		err := Decode(input, &got)
		var careful decoded
		require.Equal(t, decode(input, &careful), err)
		assert.Equal(t, careful, got)
		d := json.NewDecoder(bytes.NewReader(input))
		d.DisallowUnknownFields()
		expected := d.Decode(&want)
		if err == nil {
			require.NoError(t, expected)
			assert.Equal(t, want, got)
			return
		}
		if expected != nil || d.More() || !json.Valid(input) {
			return
		}
		name, ok := strings.CutPrefix(err.Error(), `ValidationException: The embedded runtime does not know the member "`)
		require.True(t, ok, "%s", err)
		name, _, _ = strings.Cut(name, `" of decoded.`)
		for _, known := range []string{"QueueUrl", "Entries", "ID", "Attributes", "DataType", "Names", "Lists", "Name", "Children", "Raw", "Any", "Since", "Tree", "Number", "Small", "Rate", "Exact", "Yes", "Bytes", "Pair", "Few", "ByName", "nextToken"} {
			assert.NotEqual(t, known, name)
		}
	})
}

// BenchmarkDecode reads a call as state machines and queues make them.
func BenchmarkDecode(b *testing.B) {
	for name, input := range map[string]string{
		"small": `{"QueueUrl":"http://127.0.0.1:4100/123456789012/jobs","Number":20,"nextToken":"abc","Names":{"a":"b"}}`,
		"large": `{"QueueUrl":"http://127.0.0.1:4100/123456789012/jobs","nextToken":"` + strings.Repeat(`{\"id\":1},`, 1000) + `"}`,
		"batch": `{"QueueUrl":"http://127.0.0.1:4100/123456789012/jobs","Entries":[` + strings.Repeat(`{"ID":"0123456789"},`, 9) + `{"ID":"0123456789"}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				if err := Decode([]byte(input), new(decoded)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

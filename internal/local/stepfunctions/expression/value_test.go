package expression

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	tests := map[string]any{
		`null`: nil, `true`: true, `"x"`: "x", `1`: int64(1), `-0`: int64(0), `1.0`: 1.0, `1e2`: 100.0,
		`9223372036854775807`: int64(math.MaxInt64), `9223372036854775808`: float64(1 << 63),
		`[1,2.5,{"a":[]}]`: []any{int64(1), 2.5, map[string]any{"a": []any{}}},
		" {} \n":           map[string]any{},
	}
	for s, want := range tests {
		got, err := Parse([]byte(s))
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{``, ` `, `{`, `{} {}`, `[1,]`, `nul`, `01`, `1e999`, `"` + "\n" + `"`, `{"a" 1}`} {
		_, err := Parse([]byte(s))
		assert.Error(t, err, s)
	}
}

func TestMarshal(t *testing.T) {
	tests := map[string]string{
		`{"b":1,"a":"<&>"}`:    `{"a":"<&>","b":1}`,
		`9007199254740993`:     `9007199254740993`,
		`[1.5, 1e21, 1.0]`:     `[1.5,1e+21,1]`,
		`"\u2028\ud800\u0001"`: `"\u2028�\u0001"`,
	}
	for s, want := range tests {
		got, err := Marshal(parse(t, s))
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	for _, v := range []any{math.NaN(), []any{math.Inf(1)}, map[string]any{"a": make(chan int)}} {
		_, err := Marshal(v)
		assert.Error(t, err)
	}
	got, err := Marshal([]any{struct{ A string }{"<"}})
	require.NoError(t, err)
	assert.Equal(t, `[{"A":"<"}]`, string(got), "what is not a value of this package is encoded all the same")
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true}, {`1.0`, `1`, true}, {`1.5`, `1.5`, true}, {`1`, `2`, false}, {`1`, `"1"`, false}, {`1.5`, `"1"`, false},
		{`null`, `null`, true}, {`null`, `false`, false}, {`"x"`, `"x"`, true}, {`"x"`, `{}`, false}, {`true`, `true`, true},
		{`[1,[2]]`, `[1.0,[2]]`, true}, {`[1]`, `[1,2]`, false}, {`[1]`, `[2]`, false}, {`[]`, `{}`, false}, {`{}`, `[]`, false},
		{`{"a":1,"b":null}`, `{"b":null,"a":1}`, true}, {`{"a":1}`, `{"b":1}`, false}, {`{"a":1}`, `{"a":2}`, false}, {`null`, `{}`, false},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, Equal(parse(t, test.a), parse(t, test.b)), "%s %s", test.a, test.b)
	}
}

func TestSize(t *testing.T) {
	tests := map[string]int{
		`null`: 4, `true`: 4, `false`: 5, `""`: 2, `"é"`: 4, `"😀"`: 6, `-12`: 3, `1.25`: 4, `[]`: 2, `{}`: 2,
		`[1,22]`: 6, `{"a":1,"b":[null]}`: 18, `"\n\u0000"`: 10,
	}
	for s, want := range tests {
		assert.Equal(t, want, Size(parse(t, s)), s)
	}
	assert.Equal(t, 5, Size([]int{1, 2}))
	assert.Equal(t, math.MaxInt32, Size(make(chan int)), "what has no JSON does not pass a limit")
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e-9,1e21,1e20,1e-6,1e-7,0.1,null,true,"\u2028\u2029\ud800\t\u0007\\\"<&>\b\f\u007f"]}`, document,
		"\"\xff\xed\xa0\x80\"", `-0.0`, `1e300`, `[[],{},""]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			return
		}
		assert.True(t, json.Valid(data))
		encoded, err := Marshal(v)
		require.NoError(t, err)
		assert.Equal(t, len(encoded), Size(v), "%s", encoded)
		again, err := Parse(encoded)
		require.NoError(t, err)
		assert.True(t, Equal(v, again), "%s", encoded)
	})
}

// What the package reads and writes itself is what encoding/json reads and
// writes, numbers apart.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e-9,1e21,1e20,1e-6,1e-7,0.1,null,true,false,"\u2028\u2029\ud800\ud83d\ude00\t\u0007\\\"<&>\b\f\u007f"]}`, document,
		"\"\xff\xed\xa0\x80\"", `{"\\":{"\"":[[],{},"\\\\"]},"":-0}`, ` [ 1 , { "a" : "b" } ] `, `{"a":1,"a":2}`, "[\"\x7f\xe2\x80\xa8\"]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse(data)
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		if !json.Valid(data) || d.Decode(&want) != nil {
			assert.Error(t, err)
			return
		}
		if err != nil {
			assert.ErrorIs(t, err, strconv.ErrRange)
			return
		}
		assert.Equal(t, exact(t, want), got)

		encoded, err := Marshal(got)
		require.NoError(t, err)
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(got))
		assert.Equal(t, strings.TrimSuffix(b.String(), "\n"), string(encoded))
	})
}

// exact replaces the numbers of a tree that encoding/json made.
func exact(t *testing.T, v any) any {
	switch v := v.(type) {
	case json.Number:
		n, err := number(string(v))
		require.NoError(t, err)
		return n
	case map[string]any:
		for k, e := range v {
			v[k] = exact(t, e)
		}
	case []any:
		for i, e := range v {
			v[i] = exact(t, e)
		}
	}
	return v
}

func BenchmarkSize(b *testing.B) {
	v := parse(b, document)
	b.ReportAllocs()
	for b.Loop() {
		Size(v)
	}
}

func BenchmarkParse(b *testing.B) {
	data := []byte(document)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := parse(b, document)
	b.SetBytes(int64(Size(v)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}

package expression

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultpath.html
func TestReferenceSet(t *testing.T) {
	tests := []struct{ reference, root, want string }{
		{"$", `{"a":1}`, `"new"`},
		{"$", `null`, `"new"`},
		{"$.a", `{"a":1,"b":2}`, `{"a":"new","b":2}`},
		{"$.c", `{"a":1}`, `{"a":1,"c":"new"}`},
		{"$.c.d.e", `{"a":1}`, `{"a":1,"c":{"d":{"e":"new"}}}`},
		{"$['x y'].z", `{}`, `{"x y":{"z":"new"}}`},
		{"$.a[0]", `{"a":[1,2]}`, `{"a":["new",2]}`},
		{"$.a[-1].b", `{"a":[1,{"c":3}]}`, `{"a":[1,{"b":"new","c":3}]}`},
		{"$.a.b", `{"a":{"b":{"c":1}}}`, `{"a":{"b":"new"}}`},
	}
	for _, test := range tests {
		t.Run(test.reference, func(t *testing.T) {
			r, err := ParseReference(test.reference)
			require.NoError(t, err)
			root := parse(t, test.root)
			got, err := r.Set(root, "new")
			require.NoError(t, err)
			assert.Equal(t, parse(t, test.want), got)
			assert.Equal(t, parse(t, test.root), root, "the root stays as it is")
		})
	}
}

// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func TestReferenceSetFails(t *testing.T) {
	tests := []struct{ reference, root string }{
		{"$.a", `"text"`}, {"$.a", `null`}, {"$.a", `[1]`}, {"$.a.b", `{"a":5}`}, {"$.a.b", `{"a":null}`},
		{"$.a[0]", `{}`}, {"$.a[2]", `{"a":[1,2]}`}, {"$.a[-3]", `{"a":[1,2]}`}, {"$[0]", `{}`}, {"$.a[0].b", `{"a":[1]}`},
	}
	for _, test := range tests {
		t.Run(test.reference+" "+test.root, func(t *testing.T) {
			r, err := ParseReference(test.reference)
			require.NoError(t, err)
			_, err = r.Set(parse(t, test.root), int64(1))
			assert.Equal(t, &Error{"States.ResultPathMatchFailure",
				"Unable to apply ReferencePath " + test.reference + " to input " + test.root}, err)
		})
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, s := range []string{"$.a[*]", "$..a", "$.a[1:2]", "$.a[0,1]", "$.a[?(@.b)]"} {
		_, err := ParseReference(s)
		assert.EqualError(t, err, "invalid reference path '"+s+"': the operators @ .. , : ? * are not supported")
	}
	_, err := ParseReference("$.")
	assert.EqualError(t, err, "invalid path '$.' at character 3: expected a name")
}

func TestReferencePath(t *testing.T) {
	r, err := ParseReference("$.a[0]")
	require.NoError(t, err)
	assert.Equal(t, "$.a[0]", r.String())
	v, ok := r.Path().Get(&Scope{Input: parse(t, `{"a":[7]}`)})
	assert.True(t, ok)
	assert.Equal(t, int64(7), v)
}

func BenchmarkReferenceSet(b *testing.B) {
	r, err := ParseReference("$.car.result")
	require.NoError(b, err)
	root := parse(b, document)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Set(root, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPathGet(b *testing.B) {
	p, err := ParsePath("$.jar[3].d.e[0]")
	require.NoError(b, err)
	scope := &Scope{Input: parse(b, document)}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.Get(scope); !ok {
			b.Fatal("no match")
		}
	}
}

package expression

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t testing.TB, s string) any {
	t.Helper()
	v, err := Parse([]byte(s))
	require.NoError(t, err)
	return v
}

const document = `{
	"foo": 123, "bar": ["a", "b", "c"], "car": {"cdr": true}, "nothing": null,
	"jar": [{"a": 1}, {"a": 5}, {"a": 2, "b-c": "x"}, {"a": 7, "d": {"e": [3]}}, 9],
	"a.b": {"c d": 1, "it's": 2}, "detail-type": "x", "Ж中": 4
}`

// https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
func TestPathGet(t *testing.T) {
	context := `{"Execution": {"Id": "arn"}, "Map": {"Item": {"Index": 2, "Value": {"x": 1}}}}`
	tests := []struct {
		path, want string // want is "" where nothing matches
	}{
		{"$.foo", `123`},
		{"$.bar", `["a","b","c"]`},
		{"$.car.cdr", `true`},
		{"$.nothing", `null`},
		{"$['car']['cdr']", `true`},
		{`$["car"].cdr`, `true`},
		{"$[ 'car' ]", `{"cdr":true}`},
		{"$.bar[0]", `"a"`},
		{"$.bar[-1]", `"c"`},
		{"$.bar[2]", `"c"`},
		{"$['a.b']['c d']", `1`},
		{`$['a.b']['it\'s']`, `2`},
		{"$.detail-type", `"x"`},
		{"$.Ж中", `4`},
		{"$.jar[3].d.e[0]", `3`},
		{"$$.Execution.Id", `"arn"`},
		{"$$.Map.Item.Value.x", `1`},
		{"$$", context},
		{"$", document},
		{"$.none", ""},
		{"$.foo.bar", ""},
		{"$.bar.length", ""},
		{"$.bar[3]", ""},
		{"$.bar[-4]", ""},
		{"$.foo[0]", ""},
		{"$.nothing.x", ""},
		{"$.none[*]", ""},
		{"$.none..x", ""},
		{"$.bar[*]", `["a","b","c"]`},
		{"$.bar.*", `["a","b","c"]`},
		{"$.jar[*].a", `[1,5,2,7]`},
		{"$.jar[*].none", `[]`},
		{"$.car.*", `[true]`},
		{"$['a.b'].*", `[1,2]`},
		{"$.bar[1:]", `["b","c"]`},
		{"$.bar[:2]", `["a","b"]`},
		{"$.bar[1:2]", `["b"]`},
		{"$.bar[-2:]", `["b","c"]`},
		{"$.bar[-9:1]", `["a"]`},
		{"$.bar[2:9]", `["c"]`},
		{"$.bar[2:1]", `[]`},
		{"$.bar[0,2]", `["a","c"]`},
		{"$.bar[0, 7]", `["a"]`},
		{"$..a", `[1,5,2,7]`},
		{"$..e[0]", `[3]`},
		{"$..['b-c']", `["x"]`},
		{"$.jar..e", `[[3]]`},
		{"$..none", `[]`},
		{"$.jar[?(@.a >= 5)]", `[{"a":5},{"a":7,"d":{"e":[3]}}]`},
		{"$.jar[?(@.a == 1)].a", `[1]`},
		{"$.jar[?(@.a==1||@.a==2)].a", `[1,2]`},
		{"$.jar[?(@.a > 1 && @.a < 6)].a", `[5,2]`},
		{"$.jar[?(!(@.a > 1))].a", `[1]`},
		{"$.jar[?(@.d)].a", `[7]`},
		{"$.jar[?(!@.d)].a", `[1,5,2]`},
		{"$.jar[?(@.d.e[0] == 3)].a", `[7]`},
		{"$.jar[?(@['b-c'] == 'x')].a", `[2]`},
		{"$.jar[?(@.b-c == 'x')].a", `[2]`},
		{"$.jar[?('x' == @.b-c)].a", `[2]`},
		{"$.jar[?(@.a == 2.0)].a", `[2]`},
		{"$.jar[?(@.a == '2')].a", `[]`},
		{"$.jar[?(@.a != null)].a", `[1,5,2,7]`},
		{"$.bar[?(@.x == 1)]", `[]`},
	}
	scope := &Scope{Input: parse(t, document), Context: parse(t, context)}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			p, err := ParsePath(test.path)
			require.NoError(t, err)
			assert.Equal(t, test.path, p.String())
			got, ok := p.Get(scope)
			assert.Equal(t, test.want != "", ok)
			if test.want != "" {
				assert.Equal(t, parse(t, test.want), got)
			}
		})
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, s := range []string{
		"", "x", "a.b", "$a", "$.", "$..", "$.a.", "$.a..", "$.a b", "$.a[", "$.a[]", "$.a['x", "$.a['x'", "$.a[x]",
		"$.a[1", "$.a[1,]", "$.a[:]", "$.a[1:2:3]", "$.a['x','y']", "$.a.length()", "$.a]", "$.a[(@.length-1)]",
		"$.a[?()]", "$.a[?(@)]", "$.a[?(@ == 1)]", "$.a[?(1)]", "$.a[?(@.x)", "$.a[?(@.x", "$.a[?@.x]", "$.a[?(@.x =~ /y/)]",
		"$.a[?(@.x in [1])]", "$.a[?(@.x == $.y)]", "$.a[?(@.x == )]", "$.a[?(@[*] == 1)]", "$.a[?(@.x && )]",
		"$.a[?(length(@.x) == 1)]", "$.a[99999999999999999999]", "$.a[-]", "$$$.a", "$.$.a", "$.a[?(@.x]", "$.a[?(@.x == 01)]", "$.a[?(@.x == -)]",
	} {
		t.Run(s, func(t *testing.T) {
			_, err := ParsePath(s)
			assert.ErrorContains(t, err, "invalid path '"+s+"' at character")
		})
	}
}

func TestPathDefinite(t *testing.T) {
	for s, want := range map[string]bool{
		"$": true, "$.a": true, "$.a[0]": true, "$.a[-1]['b']": true, "$$.State": true,
		"$.a[*]": false, "$..a": false, "$.a[0,1]": false, "$.a[0:1]": false, "$.a[?(@.x)].b": false,
	} {
		p, err := ParsePath(s)
		require.NoError(t, err)
		assert.Equal(t, want, p.Definite(), s)
		assert.Equal(t, s == "$$.State", p.UsesContext(), s)
	}
}

// The messages are those of AWS, as recorded from executions.
func TestPathErrors(t *testing.T) {
	scope := &Scope{Input: parse(t, `{"a": {"b": "text", "list": [1]}}`), Context: parse(t, `{"State": {}}`)}
	tests := []struct{ path, selected, evaluated string }{
		{"$.x", "Invalid path '$.x' : No results for path: $['x']",
			`The JSONPath '$.x' specified for the field 'F.$' could not be found in the input '{"a":{"b":"text","list":[1]}}'`},
		{"$.no.such.result.path", "Invalid path '$.no.such.result.path' : Missing property in path $['no']", ""},
		{"$.a.x.y", "Invalid path '$.a.x.y' : Missing property in path $['a']['x']", ""},
		{"$.a.x[*]", "Invalid path '$.a.x[*]' : Missing property in path $['a']['x']", ""},
		{"$.a.b.c", "Invalid path '$.a.b.c' : Expected to find an object with property ['c'] in path $['a']['b'] but found 'string'. This is not a json object.", ""},
		{"$.a.list[1]", "Invalid path '$.a.list[1]' : Index out of bounds when evaluating path $['a']['list'][1]: the array has 1 elements", ""},
		{"$.a[0]", `Invalid path '$.a[0]' : Filter: [0] can only be applied to arrays. Current context is: {"b":"text","list":[1]}`, ""},
		{"$$.State.Name", "Invalid path '$$.State.Name' : No results for path: $['State']['Name']",
			`The JSONPath '$$.State.Name' specified for the field 'F.$' could not be found in the input '{"State":{}}'`},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			p, err := ParsePath(test.path)
			require.NoError(t, err)
			_, err = p.Select(scope)
			assert.Equal(t, &Error{"States.Runtime", test.selected}, err)
			_, err = p.Eval(scope, "F.$")
			if test.evaluated != "" {
				assert.Equal(t, &Error{"States.Runtime", test.evaluated}, err)
			}
			assert.Error(t, err)
		})
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$", "$.a.b[0]", "$$.x['y z'][-1]", "$..a[*]", "$.a[1:2][?(@.x == 'y' && !@.z[0] || @.w < 1e3)].b", "$[0,1]"} {
		f.Add(s)
	}
	root := parse(f, document)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		v, ok := p.Get(&Scope{Input: root, Context: root})
		if ok && !p.Definite() {
			assert.IsType(t, []any{}, v)
		}
		_, err = p.Select(&Scope{Input: root, Context: root})
		assert.Equal(t, ok, err == nil)
		r, err := ParseReference(s)
		assert.Equal(t, p.Definite(), err == nil)
		if err == nil {
			_, _ = r.Set(root, int64(1))
		}
		assert.Equal(t, parse(t, document), root)
	})
}

package pattern

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, event string
		want           bool
	}{
		// Exact values.
		{`{"a":["x"]}`, `{"a":"x","b":1}`, true},
		{`{"a":["x"]}`, `{"a":"X"}`, false},
		{`{"a":["x","y"]}`, `{"a":"y"}`, true},
		{`{"a":["x"],"b":[1]}`, `{"a":"x"}`, false},
		{`{"a":[""]}`, `{"a":""}`, true},
		{`{"a":[null]}`, `{"a":null}`, true},
		{`{"a":[null]}`, `{}`, false},
		{`{"a":[true]}`, `{"a":true}`, true},
		{`{"a":[true]}`, `{"a":"true"}`, false},
		// "For numbers, EventBridge uses string representation."
		{`{"a":[300]}`, `{"a":300}`, true},
		{`{"a":[300]}`, `{"a":300.0}`, false},
		{`{"a":[300]}`, `{"a":"300"}`, false},
		// Nesting and arrays.
		{`{"a":{"b":["x"]}}`, `{"a":{"b":"x"}}`, true},
		{`{"a":{"b":["x"]}}`, `{"a":"x"}`, false},
		{`{"a":["x"]}`, `{"a":["w","x"]}`, true},
		{`{"a":["x"]}`, `{"a":[["w"],["x"]]}`, true},
		{`{"a":["x"]}`, `{"a":[]}`, false},
		{`{"a":["x"]}`, `{"a":{"x":1}}`, false},
		{`{"a":{"b":["x"],"c":[1]}}`, `{"a":[{"b":"x","c":1}]}`, true},
		{`{"a":{"b":["x"],"c":[1]}}`, `{"a":[{"b":"x","c":2},{"b":"y","c":1}]}`, false},
		// Text.
		{`{"a":[{"prefix":"us-"}]}`, `{"a":"us-east-1"}`, true},
		{`{"a":[{"prefix":"us-"}]}`, `{"a":"eu-us-"}`, false},
		{`{"a":[{"prefix":{"equals-ignore-case":"US-"}}]}`, `{"a":"us-east-1"}`, true},
		{`{"a":[{"suffix":".png"}]}`, `{"a":"x.png"}`, true},
		{`{"a":[{"suffix":{"equals-ignore-case":".PNG"}}]}`, `{"a":"x.png"}`, true},
		{`{"a":[{"suffix":{"equals-ignore-case":".PNG"}}]}`, `{"a":"g"}`, false},
		{`{"a":[{"equals-ignore-case":"alice"}]}`, `{"a":"ALICE"}`, true},
		{`{"a":[{"equals-ignore-case":"alice"}]}`, `{"a":"alic"}`, false},
		{`{"a":[{"wildcard":"dir/*.png"}]}`, `{"a":"dir/sub/x.png"}`, true},
		{`{"a":[{"wildcard":"dir/*.png"}]}`, `{"a":"dir/.jpg"}`, false},
		{`{"a":[{"wildcard":"*a*b*"}]}`, `{"a":"xaxbx"}`, true},
		{`{"a":[{"wildcard":"*a*b*"}]}`, `{"a":"ba"}`, false},
		{`{"a":[{"wildcard":"ab*ba"}]}`, `{"a":"aba"}`, false},
		{`{"a":[{"wildcard":"1\\*2\\\\*"}]}`, `{"a":"1*2\\3"}`, true},
		{`{"a":[{"wildcard":"1\\*2"}]}`, `{"a":"1x2"}`, false},
		{`{"a":[{"wildcard":"x"}]}`, `{"a":"x"}`, true},
		// Anything but.
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"y"}`, true},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":["x","y"]}`, true},
		{`{"a":[{"anything-but":["x","y"]}]}`, `{"a":"y"}`, false},
		{`{"a":[{"anything-but":[1,2]}]}`, `{"a":3}`, true},
		{`{"a":[{"anything-but":{"prefix":"in"}}]}`, `{"a":"init"}`, false},
		{`{"a":[{"anything-but":{"prefix":["in","up"]}}]}`, `{"a":"down"}`, true},
		{`{"a":[{"anything-but":{"suffix":".png"}}]}`, `{"a":"x.png"}`, false},
		{`{"a":[{"anything-but":{"equals-ignore-case":["X","Y"]}}]}`, `{"a":"y"}`, false},
		{`{"a":[{"anything-but":{"wildcard":"*/lib/*"}}]}`, `{"a":"a/lib/b"}`, false},
		// Numbers.
		{`{"a":[{"numeric":["=",300]}]}`, `{"a":3.0e2}`, true},
		{`{"a":[{"numeric":[">",10,"<=",20]}]}`, `{"a":20}`, true},
		{`{"a":[{"numeric":[">",10,"<=",20]}]}`, `{"a":10}`, false},
		{`{"a":[{"numeric":["<",0]}]}`, `{"a":"-1"}`, false},
		{`{"a":[{"numeric":[">=",1.5]}]}`, `{"a":1.5}`, true},
		// Addresses.
		{`{"a":[{"cidr":"10.0.0.0/24"}]}`, `{"a":"10.0.0.255"}`, true},
		{`{"a":[{"cidr":"10.0.0.0/24"}]}`, `{"a":"10.0.1.0"}`, false},
		{`{"a":[{"cidr":"10.0.0.0/24"}]}`, `{"a":"host"}`, false},
		// Exists works on leaf nodes only.
		{`{"a":[{"exists":true}]}`, `{"a":null}`, true},
		{`{"a":[{"exists":true}]}`, `{"a":{"b":1}}`, false},
		{`{"a":[{"exists":true}]}`, `{}`, false},
		{`{"a":[{"exists":false}]}`, `{}`, true},
		{`{"a":[{"exists":false}]}`, `{"a":1}`, false},
		{`{"a":[{"exists":false},"x"]}`, `{"a":"x"}`, true},
		{`{"a":{"b":[{"exists":false}]}}`, `{"c":1}`, true},
		{`{"a":{"b":[{"exists":false}]}}`, `{"a":{"b":1}}`, false},
		// Or.
		{`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"y"}`, true},
		{`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"x"}`, false},
		{`{"s":[1],"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"y"}`, false},
		{`{"d":{"$or":[{"a":["x"]},{"b":[{"numeric":["<",5]}]}]}}`, `{"d":{"b":4}}`, true},
	} {
		p, err := Parse([]byte(c.pattern))
		require.NoError(t, err, c.pattern)
		got, err := p.MatchJSON([]byte(c.event))
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%s on %s", c.pattern, c.event)
	}
}

func TestParseRefuses(t *testing.T) {
	for pattern, want := range map[string]string{
		`[]`:                                    `Filter is not an object`,
		`{}`:                                    `Empty objects are not allowed`,
		`{"a":"x"}`:                             `"a" must be an object or an array`,
		`{"a":[]}`:                              `Empty arrays are not allowed`,
		`{"a":{}}`:                              `Empty objects are not allowed`,
		`{"a":[["x"]]}`:                         `Match value must be String, number, true, false, or null`,
		`{"a.b":["x"]}`:                         `Field names are not joined by dots here: nest the parts of "a.b"`,
		`{"a":[{"contains":"x"}]}`:              `Unrecognized match type contains`,
		`{"a":[{"prefix":1}]}`:                  `prefix match pattern must be a string`,
		`{"a":[{"exists":"yes"}]}`:              `exists match pattern must be either true or false.`,
		`{"a":[{}]}`:                            `Only one key allowed in match expression`,
		`{"a":[{"wildcard":"a**"}]}`:            `Consecutive wildcard characters at pos 1`,
		`{"a":[{"wildcard":"a\\b"}]}`:           `Invalid escape character at pos 1`,
		`{"a":[{"numeric":["<"]}]}`:             `Invalid numeric match: it takes one comparison, or a lower and an upper bound`,
		`{"a":[{"numeric":["~",1]}]}`:           `Unrecognized numeric range operator: ~`,
		`{"a":[{"numeric":[">",5,"<",5]}]}`:     `Bottom must be less than top`,
		`{"a":[{"numeric":[">",6000000000]}]}`:  `Value must be between -5.0E9 and 5.0E9, inclusive`,
		`{"a":[{"anything-but":["x",1]}]}`:      `Inside anything but list, either all values are number or string, mixed type is not supported`,
		`{"a":[{"anything-but":{"cidr":"x"}}]}`: `Unsupported anything-but pattern: cidr`,
		`{"a":[{"cidr":"10.0.0.0"}]}`:           `Malformed CIDR, one '/' required`,
		`{"$or":[{"a":["x"]}]}`:                 `There must have at least 2 Objects in $or relationship`,
		`{"$or":["x","y"]}`:                     `Only JSON objects are allowed in $or relationship`,
		`{"a":[1]} x`:                           `unexpected data after the JSON document`,
	} {
		_, err := Parse([]byte(pattern))
		assert.EqualError(t, err, want, pattern)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"a":["x",null,1,{"prefix":"p"}],"$or":[{"b":[{"numeric":[">",1,"<",2]}]},{"c":{"d":[{"exists":false}]}}]}`,
		`{"a":[{"anything-but":{"wildcard":"*x\\**"}},{"suffix":{"equals-ignore-case":"İ"}},{"cidr":"::/0"}]}`,
	} {
		f.Add([]byte(seed), []byte(`{"a":["i̇",{"b":1}],"c":[]}`))
	}
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		p, err := Parse(pattern)
		if err != nil {
			return
		}
		first, err := p.MatchJSON(event)
		if err != nil {
			return
		}
		again, err := Parse(pattern)
		require.NoError(t, err)
		second, err := again.MatchJSON(event)
		require.NoError(t, err)
		assert.Equal(t, first, second, "a pattern means the same however often it is parsed")
	})
}

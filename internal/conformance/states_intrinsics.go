package conformance

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// statesIntrinsicCases are the examples of the guide's page on intrinsic functions.
func statesIntrinsicCases() []Case {
	var cases []dataCase
	for _, test := range []struct{ call, input, output string }{
		{`States.Array($.Id)`, `{"Id":123456}`, `[123456]`},
		{`States.ArrayPartition($.inputArray,4)`, `{"inputArray":[1,2,3,4,5,6,7,8,9]}`, `[[1,2,3,4],[5,6,7,8],[9]]`},
		{`States.ArrayContains($.inputArray, $.lookingFor)`, `{"inputArray":[1,2,3,4,5,6,7,8,9],"lookingFor":5}`, `true`},
		{`States.ArrayRange(1, 9, 2)`, `{}`, `[1,3,5,7,9]`},
		{`States.ArrayGetItem($.inputArray, $.index)`, `{"inputArray":[1,2,3,4,5,6,7,8,9],"index":5}`, `6`},
		{`States.ArrayLength($.inputArray)`, `{"inputArray":[1,2,3,4,5,6,7,8,9]}`, `9`},
		{`States.ArrayUnique($.inputArray)`, `{"inputArray":[1,2,3,3,3,3,3,3,4]}`, `[1,2,3,4]`},
		{`States.Base64Encode($.input)`, `{"input":"Data to encode"}`, `"RGF0YSB0byBlbmNvZGU="`},
		{`States.Base64Decode($.base64)`, `{"base64":"RGF0YSB0byBlbmNvZGU="}`, `"Data to encode"`},
		{`States.Hash($.Data, $.Algorithm)`, `{"Data":"input data","Algorithm":"SHA-1"}`, `"aaff4a450a104cd177d28d18d74485e8cae074b7"`},
		{`States.JsonMerge($.json1, $.json2, false)`, `{"json1":{"a":{"a1":1,"a2":2},"b":2},"json2":{"a":{"a3":1,"a4":2},"c":3}}`,
			`{"a":{"a3":1,"a4":2},"b":2,"c":3}`},
		{`States.StringToJson($.escapedJsonString)`, `{"escapedJsonString":"{\"foo\": \"bar\"}"}`, `{"foo":"bar"}`},
		{`States.JsonToString($.unescapedJson)`, `{"unescapedJson":{"foo":"bar"}}`, `"{\"foo\":\"bar\"}"`},
		{`States.MathAdd($.value1, $.step)`, `{"value1":111,"step":-1}`, `110`},
		{`States.StringSplit($.inputString, $.splitter)`, `{"inputString":"1,2,3,4,5","splitter":","}`, `["1","2","3","4","5"]`},
		{`States.StringSplit($.inputString, $.splitter)`, `{"inputString":"This.is+a,test=string","splitter":".+,="}`, `["This","is","a","test","string"]`},
		{`States.Format('Hello, my name is {}. I am {} years old.', $.name, 7)`, `{"name":"Arnav"}`, `"Hello, my name is Arnav. I am 7 years old."`},
		{`States.Format('\\{braces\\} and \\'quotes\\'')`, `{}`, `"{braces} and 'quotes'"`},
		{`States.ArrayLength(States.StringSplit(States.Format('{},{}', $.a, 'b'), ','))`, `{"a":"x"}`, `2`},
	} {
		cases = append(cases, dataCase{
			name: test.call + " of " + test.input, page: "intrinsic-functions",
			definition: one(`"Type":"Pass","Parameters":{"out.$":"` + test.call + `"},"OutputPath":"$.out"`),
			input:      test.input, output: test.output,
		})
	}
	cases = append(cases, dataCase{
		name: "an intrinsic function that fails is States.IntrinsicFailure", page: "concepts-error-handling",
		definition: one(`"Type":"Pass","Parameters":{"out.$":"States.StringToJson($.text)"}`), input: `{"text":"{not json"}`, failure: "States.IntrinsicFailure",
	})
	return append(dataCases(cases),
		Case{Name: "States.UUID is a version 4 UUID, States.MathRandom lies within its bounds", Page: statesGuide("intrinsic-functions"), Run: statesRandom})
}

func statesRandom(t *testing.T, c *Clients) {
	out := c.execute(t, one(`"Type":"Pass","Parameters":{"uuid.$":"States.UUID()","random.$":"States.MathRandom(5, 7)"}`), `{}`)
	var got struct {
		UUID   string
		Random float64
	}
	require.NoError(t, json.Unmarshal([]byte(aws.ToString(out.Output)), &got))
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, got.UUID)
	assert.Contains(t, []float64{5, 6}, got.Random, "from the start number, up to and without the end number")
}

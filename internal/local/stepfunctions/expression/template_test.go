package expression

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
func TestTemplate(t *testing.T) {
	input := `{"comment":"Example","product":{"details":{"color":"blue","size":"small"},"availability":"in stock"},"list":[1,2]}`
	context := `{"Execution":{"Id":"arn"}}`
	tests := []struct{ template, want string }{
		{`{"comment":"Selecting","MyDetails":{"size.$":"$.product.details.size","exists.$":"$.product.availability","Static":"foo"}}`,
			`{"comment":"Selecting","MyDetails":{"size":"small","exists":"in stock","Static":"foo"}}`},
		{`{"id.$":"$$.Execution.Id","all.$":"$.list[*]","n":1,"none.$":"$..nothing"}`, `{"id":"arn","all":[1,2],"n":1,"none":[]}`},
		{`[1,{"x.$":"$.list[1]"},["$.list"]]`, `[1,{"x":2},["$.list"]]`},
		{`{"a.$":"States.Format('{}-{}', $.comment, $$.Execution.Id)"}`, `{"a":"Example-arn"}`},
		{`{"a":"$.comment","$":"b",".$x":1}`, `{"a":"$.comment","$":"b",".$x":1}`},
		{`{".$":"$.comment"}`, `{"":"Example"}`},
		{`"text"`, `"text"`},
		{`null`, `null`},
		{`{}`, `{}`},
		{`[]`, `[]`},
	}
	for _, test := range tests {
		t.Run(test.template, func(t *testing.T) {
			source := parse(t, test.template)
			template, err := ParseTemplate(source)
			require.NoError(t, err)
			scope := &Scope{Input: parse(t, input), Context: parse(t, context)}
			for range 2 {
				got, err := template.Eval(scope)
				require.NoError(t, err)
				assert.Equal(t, parse(t, test.want), got)
			}
			assert.Equal(t, parse(t, test.template), source)
			assert.Equal(t, parse(t, input), scope.Input)
		})
	}
}

func TestTemplateUsesContext(t *testing.T) {
	for s, want := range map[string]bool{
		`{"a.$":"$.b","c":"$$.d"}`: false, `{"a":[{"b.$":"$$.c"}]}`: true, `{"a.$":"States.Array(1, States.Array($$))"}`: true, `1`: false,
	} {
		template, err := ParseTemplate(parse(t, s))
		require.NoError(t, err)
		assert.Equal(t, want, template.UsesContext(), s)
	}
}

func TestTemplateReads(t *testing.T) {
	for s, want := range map[string]bool{
		`{"a.$":"$.x","b":"$.m"}`:   false,
		`{"a.$":"$.x.m"}`:           false,
		`{"a.$":"$$.m","b.$":"$$"}`: false,
		`{"a":[{"b.$":"$.m.x"}]}`:   true,
		`{"a.$":"$['m']"}`:          true,
		`{"a.$":"$"}`:               true,
		`{"a.$":"$[0]"}`:            true,
		`{"a.$":"$.*"}`:             true,
		`{"a.$":"$..x"}`:            true,
		`{"a.$":"$[*]"}`:            true,
		`{"a.$":"States.Array(1, 'm', States.Array($.x, $$.m))"}`: false,
		`{"a.$":"States.Format('{}', States.Array($.m))"}`:        true,
		`"m"`: false,
	} {
		template, err := ParseTemplate(parse(t, s))
		require.NoError(t, err)
		assert.Equal(t, want, template.Reads("m"), s)
	}
}

func TestTemplateErrors(t *testing.T) {
	tests := []struct{ template, pointer, message, reason string }{
		{`{"a":[0,{"b.$":"x"}]}`, "/a/1/b.$", "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
			`invalid intrinsic function call 'x' at character 1: "x" is not an intrinsic function`},
		{`{"b.$":1}`, "/b.$", "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call", "1 is no string"},
		{`{"b.$":"$."}`, "/b.$", "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
			"invalid path '$.' at character 3: expected a name"},
		{`{"b.$":"$.x","b":1}`, "/b.$", "The field 'b' is duplicated by 'b.$'", ""},
	}
	for _, test := range tests {
		t.Run(test.template, func(t *testing.T) {
			_, err := ParseTemplate(parse(t, test.template))
			var failed *TemplateError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, test.pointer, failed.Pointer)
			assert.EqualError(t, err, test.message)
			if test.reason == "" {
				assert.NoError(t, failed.Unwrap())
			} else {
				assert.EqualError(t, failed.Unwrap(), test.reason)
			}
		})
	}
}

func TestTemplateEvalErrors(t *testing.T) {
	for s, want := range map[string]string{
		`{"x":[{"id.$":"$.none"}]}`: "The JSONPath '$.none' specified for the field 'id.$' could not be found in the input '{}'",
		`{"n.$":"States.ArrayLength($)"}`: "The function 'States.ArrayLength($)' had the following error: " +
			"Invalid arguments in States.ArrayLength: the first argument must be an array, but is {}",
	} {
		template, err := ParseTemplate(parse(t, s))
		require.NoError(t, err)
		_, err = template.Eval(&Scope{Input: map[string]any{}})
		var failed *Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, want, failed.Cause)
	}
}

func FuzzParseTemplate(f *testing.F) {
	for _, s := range []string{
		`{"a.$":"$.foo","b":[{"c.$":"States.Format('{}', $$.foo)"}]}`,
		`{"a.$":"States.JsonMerge($.car, States.StringToJson('{\"x\":[1,2]}'), false)"}`,
		`{"a.$":"States.ArrayPartition(States.ArrayRange(0, 9, 3), 2)","b.$":"States.MathRandom(1, 2, 3)","c.$":"States.UUID()"}`,
		`{"a.$":"States.Hash(States.Base64Encode('it\\'s'), 'SHA-1')","b.$":"States.StringSplit($.bar[0], 'x')"}`,
	} {
		f.Add([]byte(s))
	}
	root := parse(f, document)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			return
		}
		template, err := ParseTemplate(v)
		if err != nil {
			var failed *TemplateError
			require.ErrorAs(t, err, &failed)
			return
		}
		result, err := template.Eval(&Scope{Input: root, Context: root, Random: NewRandom(1)})
		if err != nil {
			var failed *Error
			require.ErrorAs(t, err, &failed)
			return
		}
		encoded, err := Marshal(result)
		require.NoError(t, err)
		assert.Equal(t, len(encoded), Size(result))
	})
}

func BenchmarkTemplate(b *testing.B) {
	template, err := ParseTemplate(parse(b, `{"FunctionName":"f","Payload":{"id.$":"$$.Execution.Id","n.$":"$.foo","list.$":"$.bar",
		"text.$":"States.Format('{}/{}', $.foo, $.detail-type)","fixed":{"a":1,"b":[1,2,3]}}}`))
	require.NoError(b, err)
	scope := &Scope{Input: parse(b, document), Context: parse(b, `{"Execution":{"Id":"arn"}}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := template.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}

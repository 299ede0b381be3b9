package awsquery_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/awsquery"
)

var codec = awsquery.Codec{Namespace: "http://example.com/", Numbers: []string{"Period", "Value"}, Booleans: []string{"Enabled"}, Texts: []string{"Tags"}}

func TestDecode(t *testing.T) {
	operation, input, err := codec.Decode(map[string][]string{
		"Action": {"Put"}, "Version": {"2010"}, "Period": {"60"}, "Enabled": {"true"}, "Name": {"1"},
		"Tags.member.2.Value": {"2"}, "Tags.member.1.Value": {"1"},
		"Attributes.entry.1.key": {"a"}, "Attributes.entry.1.value": {"b"},
		"MessageAttributes.entry.1.Name": {"c"}, "MessageAttributes.entry.1.Value.DataType": {"String"},
	})
	require.NoError(t, err)
	assert.Equal(t, "Put", operation)
	assert.JSONEq(t, `{"Period": 60, "Enabled": true, "Name": "1", "Tags": [{"Value": "1"}, {"Value": "2"}],
		"Attributes": {"a": "b"}, "MessageAttributes": {"c": {"DataType": "String"}}}`, string(input))
}

func TestMalformed(t *testing.T) {
	for _, form := range []map[string][]string{
		{"Period": {"soon"}}, {"Enabled": {"perhaps"}}, {"A.member.2": {"x"}}, {"A.member.x": {"x"}},
		{"A": {"x"}, "A.B": {"y"}}, {"A.entry.1.key": {"x"}}, {"A.entry.1": {"x"}},
	} {
		_, _, err := codec.Decode(form)
		assert.ErrorContains(t, err, "MalformedQueryString", "%v", form)
	}
}

func TestEncode(t *testing.T) {
	text, err := codec.Encode("Get", &struct {
		Attributes awsquery.Map
		Names      []string `xml:"Names>member"`
	}{awsquery.Map{"b": "2", "a": "<1>"}, []string{"x"}}, "r")
	require.NoError(t, err)
	assert.Equal(t, `<GetResponse xmlns="http://example.com/"><GetResult><Attributes><entry><key>a</key><value>&lt;1&gt;</value></entry>`+
		`<entry><key>b</key><value>2</value></entry></Attributes><Names><member>x</member></Names></GetResult>`+
		`<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetResponse>`, string(text))

	text, err = codec.Encode("Delete", &struct{}{}, "r")
	require.NoError(t, err)
	assert.Equal(t, `<DeleteResponse xmlns="http://example.com/"><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DeleteResponse>`, string(text))
	assert.Equal(t, `<ErrorResponse xmlns="http://example.com/"><Error><Type>Sender</Type><Code>NotFound</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
		string(codec.EncodeError(api.Errorf("NotFound", "no"), "r")))
}

func FuzzDecode(f *testing.F) {
	f.Add("Tags.member.1.Name", "n", "Tags.member.1.Value", "1")
	f.Add("a", "1", "a.b", "2")
	f.Add("A.entry.1.key", "x", "A.entry.1.value", "")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		operation, input, err := codec.Decode(map[string][]string{"Action": {"A"}, name1: {value1}, name2: {value2}})
		if err == nil && name1 != "Action" && name2 != "Action" {
			assert.Equal(t, "A", operation)
			assert.True(t, json.Valid(input))
		}
	})
}

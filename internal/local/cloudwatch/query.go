package cloudwatch

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

const namespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"

// codec translates the query protocol, which older AWS CLIs speak.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
type codec struct{}

// numbers and booleans are the members that JSON does not write as strings.
var (
	numbers = []string{
		"Counts", "DatapointsToAlarm", "EvaluationPeriods", "MaxRecords", "Maximum", "Minimum", "Period",
		"SampleCount", "Sum", "Threshold", "Value", "Values",
	}
	booleans = []string{"ActionsEnabled"}
)

// maxMembers bounds the index of a list's member.
const maxMembers = 1000

// Decode turns names such as Dimensions.member.1.Name into JSON.
func (codec) Decode(form map[string][]string) (operation string, input []byte, err error) {
	root := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		switch {
		case len(form[name]) == 0 || name == "Version":
		case name == "Action":
			operation = form[name][0]
		default:
			if err := put(root, strings.Split(name, "."), form[name][0]); err != nil {
				return "", nil, err
			}
		}
	}
	plain, err := lists("", root, false)
	if err != nil {
		return "", nil, err
	}
	input, err = json.Marshal(plain)
	return operation, input, err
}

// put stores a text under a path of names.
func put(node map[string]any, path []string, text string) error {
	for len(path) > 1 {
		child, ok := node[path[0]].(map[string]any)
		if !ok {
			if node[path[0]] != nil {
				return malformed(path[0])
			}
			child = map[string]any{}
			node[path[0]] = child
		}
		node, path = child, path[1:]
	}
	if node[path[0]] != nil {
		return malformed(path[0])
	}
	node[path[0]] = text
	return nil
}

func malformed(name string) error {
	return api.Errorf("MalformedQueryString", "The parameter %s is malformed.", name)
}

// lists turns {"member": {"1": x, "2": y}} into [x, y], and texts into what
// their member is in JSON. The values of dimensions and tags stay texts.
func lists(name string, v any, texts bool) (any, error) {
	node, ok := v.(map[string]any)
	if !ok {
		text, _ := v.(string)
		if texts {
			return text, nil
		}
		return scalar(name, text)
	}
	texts = texts || name == "Dimensions" || name == "Tags"
	if members, ok := node["member"].(map[string]any); ok && len(node) == 1 {
		list := make([]any, len(members))
		for index, member := range members {
			n, err := strconv.Atoi(index)
			if err != nil || n < 1 || n > len(list) || n > maxMembers {
				return nil, malformed(name)
			}
			if list[n-1], err = lists(name, member, texts); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	out := make(map[string]any, len(node))
	for child, v := range node {
		plain, err := lists(child, v, texts)
		if err != nil {
			return nil, err
		}
		out[child] = plain
	}
	return out, nil
}

func scalar(name, text string) (any, error) {
	switch {
	case slices.Contains(numbers, name):
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, malformed(name)
		}
		return n, nil
	case slices.Contains(booleans, name):
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, malformed(name)
		}
		return b, nil
	}
	return text, nil
}

// Encode writes an output as XML.
func (codec) Encode(operation string, output any, requestID string) ([]byte, error) {
	answer := struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    any
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}{XMLName: xml.Name{Local: operation + "Response"}, Namespace: namespace, RequestID: requestID}
	if _, empty := output.(*Empty); !empty {
		answer.Result = result{operation + "Result", output}
	}
	encoded, err := xml.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return encoded, nil
}

// result is an output in an element of its operation's name.
type result struct {
	name   string
	output any
}

// MarshalXML names the element.
func (r result) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(r.output, xml.StartElement{Name: xml.Name{Local: r.name}})
}

// EncodeError writes an error as XML.
func (codec) EncodeError(e *api.Error, requestID string) []byte {
	code := e.QueryCode
	if code == "" {
		code = e.Code
	}
	// Two texts always encode.
	encoded, _ := xml.Marshal(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}{Namespace: namespace, Type: "Sender", Code: code, Message: e.Message, RequestID: requestID})
	return encoded
}

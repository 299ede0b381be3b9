// Package awsquery translates AWS's query protocol, a form in and XML out, from
// and to the JSON shapes of the same operations.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
package awsquery

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Codec is the protocol as one service speaks it.
type Codec struct {
	// Namespace of the service's XML.
	Namespace string
	// Numbers and Booleans are the members that JSON does not write as strings.
	Numbers, Booleans []string
	// Texts are members below which every value is a string.
	Texts []string
}

// maxMembers bounds the index of a list's member.
const maxMembers = 1000

// Decode turns names such as Dimensions.member.1.Name into JSON, lists into
// arrays, and maps (Attributes.entry.1.key) into objects.
func (c Codec) Decode(form map[string][]string) (operation string, input []byte, err error) {
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
	plain, err := c.plain("", root, false)
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

// plain turns {"member": {"1": x, "2": y}} into [x, y], {"entry": {"1": {"key":
// k, "value": v}}} into {k: v}, and texts into what their member is in JSON.
func (c Codec) plain(name string, v any, texts bool) (any, error) {
	node, ok := v.(map[string]any)
	if !ok {
		text, _ := v.(string)
		if texts {
			return text, nil
		}
		return c.scalar(name, text)
	}
	texts = texts || slices.Contains(c.Texts, name)
	if members, ok := node["member"].(map[string]any); ok && len(node) == 1 {
		return c.list(name, members, texts)
	}
	if entries, ok := node["entry"].(map[string]any); ok && len(node) == 1 {
		return c.object(name, entries, texts)
	}
	out := make(map[string]any, len(node))
	for child, v := range node {
		plain, err := c.plain(child, v, texts)
		if err != nil {
			return nil, err
		}
		out[child] = plain
	}
	return out, nil
}

// list reads members that are numbered from 1.
func (c Codec) list(name string, members map[string]any, texts bool) ([]any, error) {
	list := make([]any, len(members))
	for index, member := range members {
		n, err := strconv.Atoi(index)
		if err != nil || n < 1 || n > len(list) || n > maxMembers {
			return nil, malformed(name)
		}
		if list[n-1], err = c.plain(name, member, texts); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// object reads the entries of a map, whose parts are key and value, or Name and
// Value.
func (c Codec) object(name string, entries map[string]any, texts bool) (map[string]any, error) {
	list, err := c.list(name, entries, texts)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	for _, e := range list {
		entry, _ := e.(map[string]any)
		key, ok := entry["key"].(string)
		value := entry["value"]
		if !ok {
			key, ok = entry["Name"].(string)
			value = entry["Value"]
		}
		if !ok || value == nil || len(entry) != 2 {
			return nil, malformed(name)
		}
		object[key] = value
	}
	return object, nil
}

func (c Codec) scalar(name, text string) (any, error) {
	switch {
	case slices.Contains(c.Numbers, name):
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, malformed(name)
		}
		return n, nil
	case slices.Contains(c.Booleans, name):
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, malformed(name)
		}
		return b, nil
	}
	return text, nil
}

// Encode writes an output, a pointer to a struct, as XML. One without members
// has no element of its own.
func (c Codec) Encode(operation string, output any, requestID string) ([]byte, error) {
	answer := struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    any
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}{XMLName: xml.Name{Local: operation + "Response"}, Namespace: c.Namespace, RequestID: requestID}
	if reflect.TypeOf(output).Elem().NumField() > 0 {
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

// Map is a map of texts in an output.
type Map map[string]string

// MarshalXML writes an entry for each key, in order.
func (m Map) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type entry struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	entries := make([]entry, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entries = append(entries, entry{key, m[key]})
	}
	return e.EncodeElement(struct {
		Entries []entry `xml:"entry"`
	}{entries}, start)
}

// EncodeError writes an error as XML.
func (c Codec) EncodeError(e *api.Error, requestID string) []byte {
	code, blame := e.QueryCode, "Sender"
	if code == "" {
		code = e.Code
	}
	if e.HTTPStatus() >= 500 {
		blame = "Receiver"
	}
	// Texts always encode.
	encoded, _ := xml.Marshal(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}{Namespace: c.Namespace, Type: blame, Code: code, Message: e.Message, RequestID: requestID})
	return encoded
}

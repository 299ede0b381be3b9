package cloudformation

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

const (
	version   = "2010-05-15"
	namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
)

// codec translates the query protocol of the operations that are built; all
// others are refused.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
type codec struct{ operations map[string]api.Operation }

// emptyLists are the lists whose absence means something else than their being
// empty, which the protocol writes as an empty value.
var emptyLists = map[string]bool{"Tags": true}

func (c codec) Decode(form map[string][]string) (operation string, input []byte, err error) {
	root := node{}
	for key, values := range form {
		if len(values) != 1 {
			return "", nil, api.Errorf("MalformedQueryString", "%s must be given once", key)
		}
		switch {
		case key == "Action":
			operation = values[0]
		case key == "Version":
			if values[0] != version {
				return "", nil, api.Errorf("InvalidAction", "The embedded runtime does not know version %s of CloudFormation.", values[0])
			}
		case values[0] == "" && emptyLists[key]:
			root[key] = []any{}
		case values[0] == "" && !strings.Contains(key, "."):
			// An empty member of a request is as good as none.
		default:
			if err := root.set(strings.Split(key, "."), values[0]); err != nil {
				return "", nil, api.Errorf("MalformedQueryString", "%s contradicts another parameter", key)
			}
		}
	}
	if _, ok := c.operations[operation]; !ok {
		return "", nil, api.Errorf("InvalidAction", "Could not find operation %s for version %s", operation, version)
	}
	members, err := root.value("")
	if err != nil {
		return "", nil, err
	}
	input, err = json.Marshal(members)
	return operation, input, err
}

// node is a structure, or a list as the protocol has it: a structure whose only
// member is named member and has the elements by their numbers.
type node map[string]any

func (n node) set(path []string, value string) error {
	if len(path) == 1 {
		if _, ok := n[path[0]]; ok {
			return errors.New("given before")
		}
		n[path[0]] = value
		return nil
	}
	if n[path[0]] == nil {
		n[path[0]] = node{}
	}
	inner, ok := n[path[0]].(node)
	if !ok {
		return errors.New("given before")
	}
	return inner.set(path[1:], value)
}

// value is the node as JSON has it.
func (n node) value(name string) (any, error) {
	if elements, ok := n["member"].(node); ok && len(n) == 1 {
		return elements.list(name)
	}
	members := map[string]any{}
	for key, v := range n {
		if inner, ok := v.(node); ok {
			var err error
			if v, err = inner.value(strings.TrimPrefix(name+"."+key, ".")); err != nil {
				return nil, err
			}
		}
		members[key] = v
	}
	return members, nil
}

func (n node) list(name string) (any, error) {
	list := make([]any, len(n))
	for number, v := range n {
		i, err := strconv.Atoi(number)
		if err != nil {
			return nil, api.Errorf("MalformedQueryString", "%s.member.%s is not a list member", name, number)
		}
		if i < 1 || i > len(list) {
			return nil, api.Errorf("MalformedQueryString", "the members of %s are not numbered from 1", name)
		}
		if inner, ok := v.(node); ok {
			if v, err = inner.value(name + ".member." + number); err != nil {
				return nil, err
			}
		}
		list[i-1] = v
	}
	return list, nil
}

func (codec) Encode(operation string, output any, requestID string) ([]byte, error) {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	response := xml.StartElement{
		Name: xml.Name{Local: operation + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}},
	}
	err := e.EncodeToken(response)
	if err == nil {
		err = e.EncodeElement(output, xml.StartElement{Name: xml.Name{Local: operation + "Result"}})
	}
	if err == nil {
		err = e.EncodeElement(struct {
			RequestID string `xml:"RequestId"`
		}{requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	}
	if err == nil {
		err = e.EncodeToken(response.End())
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", operation, err)
	}
	return b.Bytes(), nil
}

func (codec) EncodeError(e *api.Error, requestID string) []byte {
	kind := "Sender"
	if e.HTTPStatus() >= 500 {
		kind = "Receiver"
	}
	code := e.QueryCode
	if code == "" {
		code = e.Code
	}
	var b bytes.Buffer
	b.WriteString(`<ErrorResponse xmlns="` + namespace + `"><Error><Type>` + kind + `</Type>`)
	element(&b, "Code", code)
	element(&b, "Message", e.Message)
	b.WriteString(`</Error>`)
	element(&b, "RequestId", requestID)
	b.WriteString(`</ErrorResponse>`)
	return b.Bytes()
}

// element writes <name>text</name>. A bytes.Buffer does not fail to take it.
func element(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	xml.Escape(b, []byte(text))
	b.WriteString("</" + name + ">")
}

package cloudformation

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

const (
	version   = "2010-05-15"
	namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
)

// codec translates the query protocol.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
type codec struct{}

func (codec) Decode(form map[string][]string) (operation string, input []byte, err error) {
	members, lists := map[string]any{}, map[string]map[int]string{}
	for key, values := range form {
		if len(values) != 1 {
			return "", nil, api.Errorf("MalformedQueryString", "%s must be given once", key)
		}
		name, index, isList := strings.Cut(key, ".member.")
		switch {
		case key == "Action":
			operation = values[0]
		case key == "Version":
			if values[0] != version {
				return "", nil, api.Errorf("InvalidAction", "The embedded runtime does not know version %s of CloudFormation.", values[0])
			}
		case isList:
			i, err := strconv.Atoi(index)
			if err != nil {
				return "", nil, api.Errorf("MalformedQueryString", "%s is not a list member", key)
			}
			if lists[name] == nil {
				lists[name] = map[int]string{}
			}
			lists[name][i] = values[0]
		default:
			members[key] = values[0]
		}
	}
	for name, byIndex := range lists {
		list := make([]string, len(byIndex))
		for i, v := range byIndex {
			if i < 1 || i > len(list) {
				return "", nil, api.Errorf("MalformedQueryString", "the members of %s are not numbered from 1", name)
			}
			list[i-1] = v
		}
		members[name] = list
	}
	if !operations[operation] {
		return "", nil, api.Errorf("InvalidAction", "Could not find operation %s for version %s", operation, version)
	}
	input, err = json.Marshal(members)
	return operation, input, err
}

// operations that are built; all others are refused.
var operations = map[string]bool{
	"DescribeStacks": true, "DescribeStackResources": true, "ListStackResources": true, "ListStacks": true,
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

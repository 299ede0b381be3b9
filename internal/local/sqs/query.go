package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// queryCodec translates the query protocol, which older SDKs and CLIs speak.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests.html
type queryCodec struct{}

// envelope are the form's members that are no operation's input.
var envelope = []string{
	"Action", "Version", "AWSAccessKeyId", "Signature", "SignatureMethod",
	"SignatureVersion", "Timestamp", "SecurityToken", "Expires",
}

// queryMaps are the query protocol's maps: how their member is called in JSON,
// and what the parts of their entries are called.
var queryMaps = map[string]struct{ member, key, value string }{
	"Attribute":              {"Attributes", "Name", "Value"},
	"MessageAttribute":       {"MessageAttributes", "Name", "Value"},
	"MessageSystemAttribute": {"MessageSystemAttributes", "Name", "Value"},
	"Tag":                    {"Tags", "Key", "Value"},
}

// queryLists are the query protocol's lists by their JSON member.
var queryLists = map[string]string{
	"AttributeName":                            "AttributeNames",
	"MessageAttributeName":                     "MessageAttributeNames",
	"MessageSystemAttributeName":               "MessageSystemAttributeNames",
	"TagKey":                                   "TagKeys",
	"StringListValue":                          "StringListValues",
	"BinaryListValue":                          "BinaryListValues",
	"SendMessageBatchRequestEntry":             "Entries",
	"DeleteMessageBatchRequestEntry":           "Entries",
	"ChangeMessageVisibilityBatchRequestEntry": "Entries",
}

var queryNumbers = []string{"DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds", "MaxResults"}

// maxQueryMembers and maxQueryDepth bound what one form can make the codec do.
const (
	maxQueryMembers = 2000
	maxQueryDepth   = 8
)

// Decode turns a form into an operation and its JSON input. Members that it
// does not know stay, so that the operation refuses them.
func (queryCodec) Decode(form map[string][]string) (string, []byte, error) {
	action := form["Action"]
	if len(action) != 1 || action[0] == "" {
		return "", nil, &api.Error{Code: "MissingAction", Message: "The request must contain the parameter Action."}
	}
	if len(form) > maxQueryMembers {
		return "", nil, api.Errorf("MalformedQueryString", "The query string has more than %d members.", maxQueryMembers)
	}
	root := &node{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := form[name]
		if slices.Contains(envelope, name) || strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		path := strings.Split(name, ".")
		if len(values) != 1 || len(path) > maxQueryDepth {
			return "", nil, malformed(name)
		}
		if !root.set(path, values[0]) {
			return "", nil, malformed(name)
		}
	}
	value, err := root.object()
	if err != nil {
		return "", nil, err
	}
	if tags, ok := value["Tags"]; ok && action[0] == "CreateQueue" {
		value["tags"] = tags
		delete(value, "Tags")
	}
	input, err := json.Marshal(value)
	return action[0], input, err
}

func malformed(name string) error {
	return api.Errorf("MalformedQueryString", "The query string is malformed at %s.", name)
}

// node is a member of a form: a leaf with a value, or a branch.
type node struct {
	value    *string
	children map[string]*node
}

// set puts a value at a path. It reports false when a member would have both a
// value and parts.
func (n *node) set(path []string, value string) bool {
	if n.value != nil {
		return false
	}
	if len(path) == 0 {
		n.value = &value
		return n.children == nil
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	child := n.children[path[0]]
	if child == nil {
		child = &node{}
		n.children[path[0]] = child
	}
	return child.set(path[1:], value)
}

// object turns a branch into a JSON object.
func (n *node) object() (map[string]any, error) {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		child := n.children[name]
		member, value, err := child.member(name)
		if err != nil {
			return nil, err
		}
		out[member] = value
	}
	return out, nil
}

// member names and converts one member of an object.
func (n *node) member(name string) (string, any, error) {
	if m, ok := queryMaps[name]; ok && n.value == nil {
		value, err := n.mapOf(name, m.key, m.value)
		return m.member, value, err
	}
	if member, ok := queryLists[name]; ok && n.value == nil {
		value, err := n.list(name)
		return member, value, err
	}
	if n.value != nil && slices.Contains(queryNumbers, name) {
		number, err := strconv.Atoi(*n.value)
		if err != nil {
			return "", nil, invalidValue(*n.value, name, "Must be an integer.")
		}
		return name, number, nil
	}
	value, err := n.any()
	return name, value, err
}

func (n *node) any() (any, error) {
	if n.value != nil {
		return *n.value, nil
	}
	return n.object()
}

// mapOf turns Attribute.1.Name=a, Attribute.1.Value=b into {"a": "b"}.
func (n *node) mapOf(name, keyName, valueName string) (map[string]any, error) {
	entries, err := n.entries(name)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, e := range entries {
		key, value := e.children[keyName], e.children[valueName]
		if key == nil || key.value == nil || value == nil || len(e.children) != 2 {
			return nil, malformed(name)
		}
		v, err := value.any()
		if err != nil {
			return nil, err
		}
		out[*key.value] = v
	}
	return out, nil
}

// list turns AttributeName.1=a, AttributeName.2=b into ["a", "b"].
func (n *node) list(name string) ([]any, error) {
	entries, err := n.entries(name)
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, len(entries))
	for _, e := range entries {
		v, err := e.any()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// entries are a numbered member's parts by their number, which may have gaps.
func (n *node) entries(name string) ([]*node, error) {
	numbers := map[int]*node{}
	for part, child := range n.children {
		i, err := strconv.Atoi(part)
		if err != nil || i < 1 {
			return nil, malformed(name + "." + part)
		}
		numbers[i] = child
	}
	out := make([]*node, 0, len(numbers))
	for _, i := range slices.Sorted(maps.Keys(numbers)) {
		out = append(out, numbers[i])
	}
	return out, nil
}

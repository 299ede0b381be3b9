package sqs

import (
	"crypto/md5" // SQS's digests are MD5; SDKs verify them
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/musterq/muster/internal/local/api"
)

// MessageAttributeValue is a message attribute, or a message system attribute.
type MessageAttributeValue struct {
	DataType         string   `json:"DataType"`
	StringValue      *string  `json:"StringValue,omitempty"`
	BinaryValue      []byte   `json:"BinaryValue,omitempty"`
	StringListValues []string `json:"StringListValues,omitempty"`
	BinaryListValues [][]byte `json:"BinaryListValues,omitempty"`
}

// value is the attribute's value as bytes.
func (v MessageAttributeValue) value() []byte {
	if v.StringValue != nil {
		return []byte(*v.StringValue)
	}
	return v.BinaryValue
}

// maxAttributes is how many attributes a message may have.
const maxAttributes = 10

// checkAttributes validates message attributes.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-message-attributes
func checkAttributes(attributes map[string]MessageAttributeValue) error {
	if len(attributes) > maxAttributes {
		return invalidParameter("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if err := checkAttributeName(name); err != nil {
			return err
		}
		if err := attributes[name].check("user", name); err != nil {
			return err
		}
	}
	return nil
}

func checkAttributeName(name string) error {
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return invalidParameter("Message (user) attribute names must contain at least one character.")
	case len(name) > 256:
		return invalidParameter("Message (user) attribute names must be shorter than 256 Bytes")
	case strings.HasPrefix(lower, "aws."), strings.HasPrefix(lower, "amazon."), name[0] == '.', name[len(name)-1] == '.':
		return invalidParameter("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.")
	case strings.Contains(name, ".."), strings.ContainsFunc(name, notInAttributeName):
		return invalidParameter("Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ")
	}
	return nil
}

// notInAttributeName goes by what AWS accepts: letters beyond ASCII, too.
func notInAttributeName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
}

var number = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)

// check validates an attribute's type and value. kind is "user" or "system".
func (v MessageAttributeValue) check(kind, name string) error {
	if v.DataType == "" {
		return invalidParameter("Message (%s) attribute '%s' must contain a non-empty attribute type.", kind, name)
	}
	if len(v.DataType) > 256 {
		return invalidParameter("Message (%s) attribute types must be shorter than 256 Bytes", kind)
	}
	if v.StringListValues != nil || v.BinaryListValues != nil {
		return unsupported("Message attribute lists in messages are not supported.")
	}
	base, _, _ := strings.Cut(v.DataType, ".")
	switch base {
	case "String", "Number":
		if v.StringValue == nil || *v.StringValue == "" {
			return invalidParameter("Message (%s) attribute '%s' must contain a non-empty value of type 'String'.", kind, name)
		}
		if v.BinaryValue != nil {
			return invalidParameter("Message (%s) attribute '%s' has multiple values.", kind, name)
		}
		if base == "Number" {
			if !number.MatchString(*v.StringValue) {
				return invalidParameter("Can't cast the value of message (%s) attribute '%s' to a number.", kind, name)
			}
		}
		return checkCharacters(*v.StringValue)
	case "Binary":
		if len(v.BinaryValue) == 0 {
			return invalidParameter("Message (%s) attribute '%s' must contain a non-empty value of type 'Binary'.", kind, name)
		}
		if v.StringValue != nil {
			return invalidParameter("Message (%s) attribute '%s' has multiple values.", kind, name)
		}
		return nil
	}
	return invalidParameter("The type of message (%s) attribute '%s' is invalid. You must use only the following supported type prefixes: Binary, Number, String.", kind, name)
}

// checkCharacters refuses what a message must not contain.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func checkCharacters(text string) error {
	for _, r := range text {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return api.Errorf("InvalidMessageContents", "Invalid binary character '#x%X' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].", r)
		}
	}
	return nil
}

// size is a message's size in bytes: body, and names, types and values of its
// attributes.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
func size(body string, attributes map[string]MessageAttributeValue) int {
	n := len(body)
	for name, v := range attributes {
		n += len(name) + len(v.DataType) + len(v.BinaryValue)
		if v.StringValue != nil {
			n += len(*v.StringValue)
		}
	}
	return n
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes is the digest of attributes sorted by name, each as length
// and bytes of name, type and value, with 1 before a string and 2 before a
// binary value. It is empty without attributes.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
func md5OfAttributes(attributes map[string]MessageAttributeValue) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	add := func(field []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		add([]byte(name))
		add([]byte(v.DataType))
		if v.StringValue != nil {
			b = append(b, 1)
		} else {
			b = append(b, 2)
		}
		add(v.value())
	}
	return fmt.Sprintf("%x", md5.Sum(b))
}

// selectAttributes returns the attributes that a receive asked for, by name, by
// prefix ("bar.*"), or all of them ("All", ".*" and, as AWS has it, "*").
func selectAttributes(attributes map[string]MessageAttributeValue, names []string) map[string]MessageAttributeValue {
	if len(attributes) == 0 || len(names) == 0 {
		return nil
	}
	selected := map[string]MessageAttributeValue{}
	for _, wanted := range names {
		if wanted == "All" || wanted == "*" || wanted == ".*" {
			return attributes
		}
		prefix, many := strings.CutSuffix(wanted, ".*")
		for name, v := range attributes {
			if name == wanted || many && strings.HasPrefix(name, prefix) {
				selected[name] = v
			}
		}
	}
	return selected
}

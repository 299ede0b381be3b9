package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quotas of a message.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	// maxMessage is the most bytes of a body with its attributes: 1 MiB.
	maxMessage    = 1 << 20
	maxAttributes = 10
	// maxLine is the longest line: a body of 1 MiB all of whose bytes are
	// written as \u0041, and room for its attributes.
	maxLine = 8 << 20
	// maxFaults is how many bad lines are named.
	maxFaults = 10
)

// outgoing is a message to send.
type outgoing struct {
	Body       string
	Attributes map[string]string
	// GroupID is empty for none.
	GroupID string
	// DeduplicationID is empty for none. Only FIFO queues take one.
	DeduplicationID string
}

// size in bytes as SQS counts it.
func (m outgoing) size() int {
	n := len(m.Body)
	for name, value := range m.Attributes {
		n += len(name) + len(stringType) + len(value)
	}
	return n
}

const stringType = "String"

// readMessages reads one message a line: an object with body, attributes,
// groupId and deduplicationId, all but the body optional, or a bare JSON string.
// Blank lines are skipped. The error names each bad line by file and number.
func readMessages(name string, r io.Reader) ([]outgoing, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var messages []outgoing
	var faults []error
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		m, err := parseMessage(line)
		if err == nil {
			messages = append(messages, m)
			continue
		}
		if len(faults) == maxFaults {
			faults = append(faults, fmt.Errorf("%s: there are more bad lines", name))
			break
		}
		faults = append(faults, fmt.Errorf("%s:%d: %w", name, number, err))
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		faults = append(faults, fmt.Errorf("%s:%d: the line is longer than %d bytes: no message is that large", name, number+1, maxLine))
	case err != nil:
		faults = append(faults, fmt.Errorf("read %s: %w", name, err))
	}
	return messages, errors.Join(faults...)
}

func parseMessage(line []byte) (outgoing, error) {
	var m outgoing
	if !utf8.Valid(line) {
		return m, errors.New("the line is not UTF-8")
	}
	var err error
	switch line[0] {
	case '"':
		m.Body, err = parseString(line)
	case '{':
		err = m.parseObject(line)
	default:
		err = errors.New(`a line is an object such as {"body": "..."}, or a JSON string`)
	}
	if err != nil {
		return m, err
	}
	return m, m.check()
}

// parseObject reads member by member: encoding/json would take "BODY" for body
// and let a second body win over the first.
func (m *outgoing) parseObject(line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil {
		return syntax(err)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return syntax(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return syntax(err)
		}
		name, _ := token.(string) // an object's keys are strings
		if seen[name] {
			return fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if err := m.member(name, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return syntax(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the message: one line is one message")
	}
	if !seen["body"] {
		return errors.New(`"body" is missing`)
	}
	return nil
}

func (m *outgoing) member(name string, value json.RawMessage) (err error) {
	switch name {
	case "body":
		m.Body, err = parseString(value)
	case "groupId":
		m.GroupID, err = parseID(value)
	case "deduplicationId":
		m.DeduplicationID, err = parseID(value)
	case "attributes":
		m.Attributes, err = parseAttributes(value)
	default:
		return fmt.Errorf(`unknown member %q: there are "body", "attributes", "groupId" and "deduplicationId"`, name)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// fifoID is what a message group or deduplication ID looks like.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
var fifoID = regexp.MustCompile("^[!-~]{1,128}$")

func parseID(value json.RawMessage) (string, error) {
	id, err := parseString(value)
	if err == nil && !fifoID.MatchString(id) {
		err = errors.New("it can only include alphanumeric and punctuation characters, 1 to 128 of them")
	}
	return id, err
}

func parseAttributes(value json.RawMessage) (map[string]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(value, &raw); err != nil || raw == nil {
		return nil, errors.New(`it must be an object such as {"name": "value"}`)
	}
	attributes := make(map[string]string, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		text, err := parseString(raw[name])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		attributes[name] = text
	}
	return attributes, nil
}

// parseString reads a JSON string that text can hold: half of a surrogate pair
// would come out as another character than was meant.
func parseString(value []byte) (string, error) {
	var text *string
	if err := json.Unmarshal(value, &text); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return "", errors.New("it must be a string")
		}
		return "", syntax(err)
	}
	if text == nil {
		return "", errors.New("it must be a string")
	}
	const replacement = "\uFFFD"
	meant := strings.Count(string(value), replacement) + strings.Count(strings.ToLower(string(value)), `\ufffd`)
	if strings.Count(*text, replacement) > meant {
		return "", errors.New("it holds half of a surrogate pair, which no text can hold")
	}
	return *text, nil
}

func syntax(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not JSON: the line ends too early")
	}
	return fmt.Errorf("not JSON: %w", err)
}

// check finds what SQS would refuse, before anything is sent.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func (m outgoing) check() error {
	if m.Body == "" {
		return errors.New("the body is empty: SQS takes no empty message")
	}
	if n := m.size(); n > maxMessage {
		return fmt.Errorf("the message has %d bytes with its attributes: SQS takes %d", n, maxMessage)
	}
	if len(m.Attributes) > maxAttributes {
		return fmt.Errorf("the message has %d attributes: SQS takes %d", len(m.Attributes), maxAttributes)
	}
	if err := checkCharacters(m.Body); err != nil {
		return fmt.Errorf(`"body": %w`, err)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		if err := checkAttribute(name, m.Attributes[name]); err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
	}
	return nil
}

func checkAttribute(name, value string) error {
	lower := strings.ToLower(name)
	switch {
	case name == "" || len(name) > 256:
		return errors.New("a name has 1 to 256 bytes")
	case strings.HasPrefix(lower, "aws."), strings.HasPrefix(lower, "amazon."):
		return errors.New("names that begin with AWS. or Amazon. are reserved")
	case name[0] == '.', name[len(name)-1] == '.', strings.Contains(name, ".."):
		return errors.New("a period may not begin or end a name, nor follow another")
	case strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
	}):
		return errors.New("a name has letters, digits, periods, hyphens and underscores")
	case value == "":
		return errors.New("the value is empty: SQS takes no empty value")
	}
	return checkCharacters(value)
}

func checkCharacters(text string) error {
	for _, r := range text {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return fmt.Errorf("it holds the character #x%X: SQS takes #x9, #xA, #xD and everything from #x20 but #xFFFE and #xFFFF", r)
		}
	}
	return nil
}

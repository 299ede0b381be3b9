package eventbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// renderer makes the input that a target gets of an event.
type renderer interface {
	render(occurrence) (string, error)
}

// occurrence is an event that matched a rule.
type occurrence struct {
	event *received
	rule  Rule
}

// whole sends the event as it is.
type whole struct{}

func (whole) render(o occurrence) (string, error) { return string(o.event.encoded), nil }

// constant sends the same JSON always.
type constant string

func (c constant) render(occurrence) (string, error) { return string(c), nil }

// path selects a part of an event: member names and array indices.
type path []any

// parsePath reads "$", "$.detail.names[0]" and the like.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
func parsePath(text string) (path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("the path %q does not begin with $", text)
	}
	p := path{}
	for rest != "" {
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			name := rest[1:end]
			if !isName(name) {
				return nil, fmt.Errorf("the embedded runtime does not know %q in the path %q", name, text)
			}
			p, rest = append(p, name), rest[end:]
		case '[':
			number, after, _ := strings.Cut(rest[1:], "]")
			index, err := strconv.ParseUint(number, 10, 31)
			if err != nil {
				return nil, fmt.Errorf("the embedded runtime does not know [%s] in the path %q", number, text)
			}
			p, rest = append(p, int(index)), after
		default:
			return nil, fmt.Errorf("the path %q is malformed at %q", text, rest)
		}
	}
	return p, nil
}

func isName(name string) bool {
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '/':
		default:
			return false
		}
	}
	return name != ""
}

// get finds the value that the path leads to.
func (p path) get(v any) (any, bool) {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			members, _ := v.(map[string]any)
			member, ok := members[step]
			if !ok {
				return nil, false
			}
			v = member
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil, false
			}
			v = list[step]
		}
	}
	return v, true
}

func (p path) render(o occurrence) (string, error) {
	v, ok := p.get(o.event.tree)
	if !ok {
		return "", errors.New("the event has nothing at the target's InputPath")
	}
	return encode(v)
}

// encode writes JSON as EventBridge does: without escaping < and >.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("encode the target's input: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// transformer is a compiled InputTransformer: pieces of text and variables.
type transformer struct {
	paths  map[string]path
	pieces []piece
}

// piece is text, or the variable that stands there.
type piece struct {
	text     string
	variable string
	// quoted says that the variable stands within a JSON string.
	quoted bool
}

const maxVariables = 100

// predefined are the variables that every template has.
var predefined = map[string]func(occurrence) (any, error){
	"aws.events.rule-arn":             func(o occurrence) (any, error) { return o.rule.Arn, nil },
	"aws.events.rule-name":            func(o occurrence) (any, error) { return o.rule.Name, nil },
	"aws.events.event.ingestion-time": func(o occurrence) (any, error) { return o.event.ingested.Format(ingestionTime), nil },
	"aws.events.event.json":           func(o occurrence) (any, error) { return o.event.tree, nil },
	"aws.events.event": func(o occurrence) (any, error) {
		members, ok := o.event.tree.(map[string]any)
		if !ok {
			return nil, errors.New("the event is no object")
		}
		members = maps.Clone(members)
		delete(members, "detail")
		return members, nil
	},
}

const ingestionTime = "2006-01-02T15:04:05.000Z"

func parseTransformer(in InputTransformer) (*transformer, error) {
	if in.InputTemplate == "" {
		return nil, errors.New("InputTemplate is empty")
	}
	if len(in.InputPathsMap) > maxVariables {
		return nil, fmt.Errorf("it has more than %d variables", maxVariables)
	}
	t := &transformer{paths: map[string]path{}}
	for name, text := range in.InputPathsMap {
		if strings.HasPrefix(strings.ToLower(name), "aws") {
			return nil, fmt.Errorf("the variable name %s is reserved", name)
		}
		p, err := parsePath(text)
		if err != nil {
			return nil, err
		}
		t.paths[name] = p
	}
	t.split(in.InputTemplate)
	// With null for every variable outside of strings the template has to be JSON.
	sample, err := t.fill(func(string) (any, bool, error) { return nil, true, nil })
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(sample)) {
		return nil, errors.New("InputTemplate is no JSON once its variables are replaced")
	}
	return t, nil
}

// split cuts a template into pieces. <name> is a variable if there is one of
// that name, and text otherwise.
func (t *transformer) split(template string) {
	quoted, from := false, 0
	for i := 0; i < len(template); i++ {
		switch template[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '<':
			name, _, ok := strings.Cut(template[i+1:], ">")
			if !ok || !t.has(name) {
				continue
			}
			t.pieces = append(t.pieces, piece{text: template[from:i]}, piece{variable: name, quoted: quoted})
			i += len(name) + 1
			from = i + 1
		}
	}
	t.pieces = append(t.pieces, piece{text: template[from:]})
}

func (t *transformer) has(name string) bool {
	return t.paths[name] != nil || predefined[name] != nil
}

func (t *transformer) render(o occurrence) (string, error) {
	input, err := t.fill(func(name string) (any, bool, error) {
		if f := predefined[name]; f != nil {
			v, err := f(o)
			return v, true, err
		}
		v, ok := t.paths[name].get(o.event.tree)
		return v, ok, nil
	})
	if err != nil {
		return "", err
	}
	if !json.Valid([]byte(input)) {
		return "", errors.New("the target's InputTemplate made no JSON of the event")
	}
	return input, nil
}

// fill replaces variables by their values. Within a string a value stands
// without its quotes, and nothing stands for a value that the event does not
// have; elsewhere that is null.
func (t *transformer) fill(value func(name string) (v any, ok bool, err error)) (string, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.variable == "" {
			b.WriteString(p.text)
			continue
		}
		v, ok, err := value(p.variable)
		if err != nil {
			return "", err
		}
		text, err := encode(v)
		if err != nil {
			return "", err
		}
		switch _, isText := v.(string); {
		case !p.quoted:
		case !ok:
			text = ""
		case isText:
			text = text[1 : len(text)-1]
		default:
			// EventBridge leaves the quotes out so that the string stays valid.
			text = strings.NewReplacer(`"`, "", `\`, `\\`).Replace(text)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

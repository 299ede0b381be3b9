package stepfunctions

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// maxStateName is the length of a state's name in characters.
// See https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html.
const maxStateName = 80

// compiler turns a definition's JSON into a definition, collecting everything
// that is wrong with it.
type compiler struct {
	service *Service
	express bool
	names   map[string]bool
	found   diagnostics
}

// compile reads a definition strictly, as AWS does when a state machine is
// created: unknown fields, unknown resources, missing targets and states that
// cannot be reached are errors. The error is of type diagnostics.
func (s *Service) compile(text string, express bool) (*definition, error) {
	c := &compiler{service: s, express: express, names: map[string]bool{}}
	v, err := expression.Parse([]byte(text))
	if err != nil {
		c.report(codeInvalidJSON, "", "%s", err)
		return nil, c.found
	}
	if name, twice := duplicateKey(text); twice {
		c.report(codeInvalidJSON, "", "Duplicate field '%s'", name)
		return nil, c.found
	}
	fields, ok := v.(map[string]any)
	if !ok {
		c.schema("", "Definition must be a valid JSON object")
		return nil, c.found
	}
	d := c.definition(&object{c: c, at: "/", fields: fields, known: map[string]bool{}})
	if len(c.found) > 0 {
		return nil, c.found
	}
	return d, nil
}

func (c *compiler) definition(o *object) *definition {
	o.get("Comment")
	if version, ok := o.text("Version"); ok && version != "1.0" {
		c.schema(o.child("Version"), "The field 'Version' should have one of these values: [1.0]")
	}
	c.language(o)
	d := &definition{}
	d.timeout, _ = o.seconds("TimeoutSeconds", 1)
	d.flow = c.flow(o)
	o.close()
	return d
}

// language refuses every query language but JSONPath.
func (c *compiler) language(o *object) {
	switch language, ok := o.text("QueryLanguage"); {
	case !ok || language == "JSONPath":
	case language == "JSONata":
		c.schema(o.child("QueryLanguage"), "The embedded runtime supports the query language 'JSONPath' only, not 'JSONata'")
	default:
		c.schema(o.child("QueryLanguage"), "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]")
	}
}

// flow compiles StartAt and States of a machine, a branch or a processor.
func (c *compiler) flow(o *object) *flow {
	complete := o.require("States", "StartAt")
	start, _ := o.text("StartAt")
	v, ok := o.get("States")
	if !complete || !ok {
		return nil
	}
	at := o.child("States")
	states, ok := c.object(v, at)
	if !ok {
		return nil
	}
	if len(states.fields) == 0 {
		c.schema(at, "Value cannot be empty")
		return nil
	}
	f := &flow{states: make(map[string]*state, len(states.fields))}
	l := &links{c: c, flow: f, at: at, reached: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(states.fields)) {
		c.name(name, states.child(name))
		if s, ok := c.object(states.fields[name], states.child(name)); ok {
			f.states[name] = c.state(name, s, l)
		}
	}
	f.start = l.find(start, o.child("StartAt"), "StartAt")
	l.resolve()
	return f
}

func (c *compiler) name(name, at string) {
	if n := utf8.RuneCountInString(name); n == 0 || n > maxStateName {
		c.report(codeInvalidStateName, at, "State name must have 1 to %d characters", maxStateName)
	}
	if c.names[name] {
		c.report(codeDuplicateState, at, "Duplicate State name: %s", name)
	}
	c.names[name] = true
}

// compilerOf is the compiler of a state type. It asks for the fields that the
// type has. It is nil for an unknown type.
func compilerOf(k kind) func(c *compiler, o *object, l *links) action {
	switch k {
	case kindTask:
		return compileTask
	case kindPass:
		return compilePass
	case kindWait:
		return compileWait
	case kindChoice:
		return compileChoice
	case kindSucceed:
		return compileSucceed
	case kindFail:
		return compileFail
	case kindMap:
		return compileMap
	case kindParallel:
		return compileParallel
	}
	return nil
}

func (c *compiler) state(name string, o *object, l *links) *state {
	s := &state{name: name}
	if !o.require("Type") {
		return s
	}
	text, ok := o.text("Type")
	if !ok {
		return s
	}
	compile := compilerOf(kind(text))
	if compile == nil {
		c.schema(o.child("Type"), "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]")
		return s
	}
	s.kind = kind(text)
	s.entered, s.exited = eventKind(text+"StateEntered"), eventKind(text+"StateExited")
	o.get("Comment")
	c.language(o)
	s.action = compile(c, o, l)
	switch s.kind {
	case kindChoice, kindSucceed, kindFail:
	default:
		c.transition(s, o, l)
	}
	o.close()
	return s
}

// transition compiles Next and End, of which a state has one.
func (c *compiler) transition(s *state, o *object, l *links) {
	end := o.boolean("End")
	next, hasNext := o.text("Next")
	switch {
	case end && hasNext:
		o.exclude("Next", "End")
	case hasNext:
		l.to(next, o.child("Next"), "Next", &s.next)
	case !end && !o.has("Next"):
		c.schema(o.at, "One of these fields is required: [Next, End]")
	}
}

// links are the transitions of one flow that are still names.
type links struct {
	c       *compiler
	flow    *flow
	at      string
	open    []link
	reached map[string]bool
}

type link struct {
	name, at, field string
	target          **state
}

// to asks for the state of a name. The target is set once all are compiled.
func (l *links) to(name, at, field string, target **state) {
	l.open = append(l.open, link{name, at, field, target})
}

func (l *links) find(name, at, field string) *state {
	l.reached[name] = true
	s, ok := l.flow.states[name]
	if !ok {
		l.c.report(codeMissingTransition, at, "Missing '%s' target: %s", field, name)
	}
	return s
}

// resolve sets the targets, and reports the states that nothing leads to.
func (l *links) resolve() {
	for _, open := range l.open {
		*open.target = l.find(open.name, open.at, open.field)
	}
	for _, name := range slices.Sorted(maps.Keys(l.flow.states)) {
		if !l.reached[name] {
			l.c.report(codeMissingTransition, l.at+"/"+name, "State \"%s\" is not reachable.", name)
		}
	}
}

// at is the location of an element of a list.
func at(list string, index int) string { return fmt.Sprintf("%s[%d]", list, index) }

package stepfunctions

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// maxSeconds is the most that a field in seconds may say.
const maxSeconds = 99999999

// object is one object of a definition being compiled. It knows which of its
// fields were asked for, so that the others can be refused.
type object struct {
	c      *compiler
	at     string
	fields map[string]any
	known  map[string]bool
}

func (c *compiler) object(v any, at string) (*object, bool) {
	fields, ok := v.(map[string]any)
	if !ok {
		c.schema(at, "Expected value of type Object")
		return nil, false
	}
	return &object{c: c, at: at, fields: fields, known: map[string]bool{}}, true
}

// child is the location of a field. The root's own location is "/".
func (o *object) child(name string) string {
	return strings.TrimSuffix(o.at, "/") + "/" + name
}

func (o *object) get(name string) (any, bool) {
	o.known[name] = true
	v, ok := o.fields[name]
	return v, ok
}

func (o *object) has(name string) bool {
	_, ok := o.fields[name]
	return ok
}

// require reports the fields that are not there.
func (o *object) require(names ...string) bool {
	missing := slices.DeleteFunc(names, o.has)
	if len(missing) > 0 {
		o.c.schema(o.at, "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	return len(missing) == 0
}

// exclude reports two fields of which only one may be there.
func (o *object) exclude(a, b string) {
	if o.has(a) && o.has(b) {
		o.c.schema(o.at, "You cannot use both '%s' and '%s'", a, b)
	}
}

// typed gets a field of type T, reporting one of another type.
func typed[T any](o *object, name, kind string) (T, bool) {
	v, ok := o.get(name)
	if !ok {
		var zero T
		return zero, false
	}
	t, ok := v.(T)
	if !ok {
		o.c.schema(o.child(name), "Expected value of type %s", kind)
	}
	return t, ok
}

func (o *object) text(name string) (string, bool) { return typed[string](o, name, "String") }

func (o *object) boolean(name string) bool {
	b, _ := typed[bool](o, name, "Boolean")
	return b
}

func (o *object) list(name string) ([]any, bool) {
	l, ok := typed[[]any](o, name, "Array")
	if ok && len(l) == 0 {
		o.c.schema(o.child(name), "Value cannot be empty")
		return nil, false
	}
	return l, ok
}

func (o *object) integer(name string, least, most int64) (int64, bool) {
	n, ok := typed[int64](o, name, "Integer")
	if !ok {
		return 0, false
	}
	if n < least {
		o.c.schema(o.child(name), "Minimum value is %d", least)
		return 0, false
	}
	if n > most {
		o.c.schema(o.child(name), "Maximum value is %d", most)
		return 0, false
	}
	return n, true
}

func (o *object) seconds(name string, least int64) (time.Duration, bool) {
	n, ok := o.integer(name, least, maxSeconds)
	return time.Duration(n) * time.Second, ok
}

func (o *object) number(name string, least float64) (float64, bool) {
	v, ok := o.get(name)
	if !ok {
		return 0, false
	}
	f, ok := numeric(v)
	if !ok {
		o.c.schema(o.child(name), "Expected value of type Number")
		return 0, false
	}
	if f < least {
		o.c.schema(o.child(name), "Minimum value is %.1f", least)
		return 0, false
	}
	return f, true
}

func (o *object) path(name string) *expression.Path {
	s, ok := o.text(name)
	if !ok {
		return nil
	}
	p, err := expression.ParsePath(s)
	if err != nil {
		o.c.schema(o.child(name), "Value is not a valid JSONPath: %s", err)
		return nil
	}
	return p
}

func (o *object) reference(name string) *expression.Reference {
	s, ok := o.text(name)
	if !ok {
		return nil
	}
	r, err := expression.ParseReference(s)
	if err != nil {
		o.c.schema(o.child(name), "Value is not a Reference Path: %s", err)
		return nil
	}
	return r
}

// expression compiles a path or an intrinsic function call.
func (o *object) expression(name string) *expression.Expression {
	s, ok := o.text(name)
	if !ok {
		return nil
	}
	e, err := expression.ParseExpression(s)
	if err != nil {
		o.c.schema(o.child(name), "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", name)
		return nil
	}
	return e
}

// template compiles a payload template. It is nil where the field is absent.
func (o *object) template(name string) *expression.Template {
	v, ok := o.get(name)
	if !ok {
		return nil
	}
	t, err := expression.ParseTemplate(v)
	if err != nil {
		at := o.child(name)
		var where *expression.TemplateError
		if errors.As(err, &where) {
			// AWS points at the object that has the field, not at the field.
			at += where.Pointer[:max(0, strings.LastIndexByte(where.Pointer, '/'))]
		}
		o.c.schema(at, "%s", err)
		return nil
	}
	return t
}

// jsonataOnly are the fields that only states in JSONata have.
var jsonataOnly = map[string]bool{"Arguments": true, "Output": true, "Items": true, "Condition": true}

// close reports the fields that nothing asked for.
func (o *object) close() {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		switch {
		case o.known[name]:
		case jsonataOnly[name]:
			o.c.schema(o.at, "The QueryLanguage is set to 'JSONPath', but field '%s' is only supported for the 'JSONata' QueryLanguage", name)
		case name == "Assign":
			o.c.schema(o.at, "The embedded runtime does not support variables: field 'Assign'")
		default:
			o.c.schema(o.at, "Field '%s' is not supported", name)
		}
	}
}

// numeric reads either kind of number.
func numeric(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Template is a compiled payload template: the value of Parameters, ItemSelector
// or ResultSelector. A field whose name ends in ".$" holds a path or a call of
// an intrinsic function; the result has the field without that ending.
// See https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html.
type Template struct {
	root        templateNode
	context     bool
	expressions []*Expression
}

// TemplateError is a template that cannot be compiled.
type TemplateError struct {
	// Pointer leads to the field in the template, as a JSON pointer without
	// escapes: "/Payload/id.$".
	Pointer string
	// Message in AWS's words.
	Message string
	// Reason says what exactly is wrong with the field's value.
	Reason error
}

func (e *TemplateError) Error() string { return e.Message }

func (e *TemplateError) Unwrap() error { return e.Reason }

// ParseTemplate compiles a template as Parse read it. It fails with a
// *TemplateError.
func ParseTemplate(v any) (*Template, error) {
	t := &Template{}
	var err error
	t.root, err = t.compile(v, "")
	return t, err
}

// Eval fills the template in. It fails as Expression.Eval does.
func (t *Template) Eval(scope *Scope) (any, error) { return t.root.fill(scope) }

// UsesContext says whether the template looks into Scope.Context.
func (t *Template) UsesContext() bool { return t.context }

// Reads says whether the template may look at a member of the input. It is
// false only where the result is the same without that member.
func (t *Template) Reads(member string) bool {
	return slices.ContainsFunc(t.expressions, func(e *Expression) bool { return e.node.reads(member) })
}

// templateNode is a compiled part of a template.
type templateNode interface {
	fill(scope *Scope) (any, error)
}

func (t *Template) compile(v any, pointer string) (templateNode, error) {
	switch v := v.(type) {
	case map[string]any:
		return t.compileObject(v, pointer)
	case []any:
		return t.compileArray(v, pointer)
	}
	return constant{v}, nil
}

func (t *Template) compileObject(v map[string]any, pointer string) (templateNode, error) {
	object := make(templateObject, 0, len(v))
	same := true
	for _, key := range slices.Sorted(maps.Keys(v)) {
		at := pointer + "/" + key
		name, dynamic := strings.CutSuffix(key, ".$")
		var field templateField
		var err error
		if dynamic {
			if _, twice := v[name]; twice {
				return nil, &TemplateError{Pointer: at, Message: fmt.Sprintf("The field '%s' is duplicated by '%s'", name, key)}
			}
			field.node, err = t.compileDynamic(key, v[key], at)
		} else {
			field.node, err = t.compile(v[key], at)
		}
		if err != nil {
			return nil, err
		}
		field.name = name
		object = append(object, field)
		_, isConstant := field.node.(constant)
		same = same && isConstant
	}
	if same {
		return constant{v}, nil
	}
	return object, nil
}

func (t *Template) compileDynamic(key string, v any, at string) (templateNode, error) {
	message := fmt.Sprintf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", key)
	source, ok := v.(string)
	if !ok {
		return nil, &TemplateError{Pointer: at, Message: message, Reason: fmt.Errorf("%s is no string", text(v))}
	}
	e, err := ParseExpression(source)
	if err != nil {
		return nil, &TemplateError{Pointer: at, Message: message, Reason: err}
	}
	t.context = t.context || e.UsesContext()
	t.expressions = append(t.expressions, e)
	return dynamic{e, key}, nil
}

func (t *Template) compileArray(v []any, pointer string) (templateNode, error) {
	array := make(templateArray, len(v))
	same := true
	for i, e := range v {
		var err error
		if array[i], err = t.compile(e, fmt.Sprintf("%s/%d", pointer, i)); err != nil {
			return nil, err
		}
		_, isConstant := array[i].(constant)
		same = same && isConstant
	}
	if same {
		return constant{v}, nil
	}
	return array, nil
}

// constant is a part without expressions: every evaluation shares it.
type constant struct{ value any }

func (c constant) fill(*Scope) (any, error) { return c.value, nil }

type dynamic struct {
	expression *Expression
	field      string
}

func (d dynamic) fill(scope *Scope) (any, error) { return d.expression.Eval(scope, d.field) }

type templateField struct {
	name string
	node templateNode
}

type templateObject []templateField

func (o templateObject) fill(scope *Scope) (any, error) {
	result := make(map[string]any, len(o))
	for i := range o {
		v, err := o[i].node.fill(scope)
		if err != nil {
			return nil, err
		}
		result[o[i].name] = v
	}
	return result, nil
}

type templateArray []templateNode

func (a templateArray) fill(scope *Scope) (any, error) {
	result := make([]any, len(a))
	for i, node := range a {
		v, err := node.fill(scope)
		if err != nil {
			return nil, err
		}
		result[i] = v
	}
	return result, nil
}

package stepfunctions

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// form is what a parameter of an optimised integration may be. Members are in
// PascalCase, whatever the service's own API has.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-parameters.html.
type form struct {
	kind formKind
	// required and members are those of an object.
	required []string
	members  map[string]*form
	// element of a list.
	element *form
}

type formKind string

const (
	formText    formKind = "a STRING"
	formNumber  formKind = "a NUMBER"
	formFlag    formKind = "a BOOLEAN"
	formList    formKind = "an ARRAY"
	formObject  formKind = "an OBJECT"
	formEntries formKind = "an OBJECT of STRINGs"
	// formAny is for what the embedded services refuse, whatever it is.
	formAny formKind = ""
)

var (
	aText   = &form{kind: formText}
	aNumber = &form{kind: formNumber}
	aFlag   = &form{kind: formFlag}
	// entries are an object whose names are the user's.
	entries  = &form{kind: formEntries}
	anything = &form{kind: formAny}
	texts    = listOf(aText)
)

func listOf(element *form) *form { return &form{kind: formList, element: element} }

type members = map[string]*form

func objectOf(m members, required ...string) *form {
	return &form{kind: formObject, members: m, required: required}
}

// with is the form of an object that has further members.
func (f *form) with(more members) *form {
	all := maps.Clone(f.members)
	maps.Copy(all, more)
	return objectOf(all, f.required...)
}

// fit says what is wrong with a value, a state machine's own where it is still a
// template: names that end with ".$" then stand for values that are not known.
func (f *form) fit(v any, name string, template bool, report func(problem string)) {
	ok := false
	switch f.kind {
	case formAny:
		return
	case formText:
		_, ok = v.(string)
	case formNumber:
		_, ok = numeric(v)
	case formFlag:
		_, ok = v.(bool)
	case formList:
		var list []any
		list, ok = v.([]any)
		for _, e := range list {
			f.element.fit(e, name, template, report)
		}
	case formObject, formEntries:
		var fields map[string]any
		if fields, ok = v.(map[string]any); ok {
			f.fields(fields, template, report)
		}
	}
	if !ok {
		report(fmt.Sprintf("The value for the field '%s' must be %s", name, f.kind))
	}
}

func (f *form) fields(fields map[string]any, template bool, report func(problem string)) {
	given := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		name, open := key, false
		if template {
			name, open = strings.CutSuffix(key, ".$")
		}
		given[name] = true
		member := aText
		if f.kind == formObject {
			var known bool
			if member, known = f.members[name]; !known {
				report(fmt.Sprintf("The field '%s' is not supported by Step Functions", name))
				continue
			}
		}
		if !open {
			member.fit(fields[key], name, template, report)
		}
	}
	for _, name := range f.required {
		if !given[name] {
			report(fmt.Sprintf("The field '%s' is required but was missing", name))
		}
	}
}

// wire turns a value that fits into the service's own form, in camelCase.
func (f *form) wire(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if f.kind != formObject {
			return v
		}
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[strings.ToLower(name[:1])+name[1:]] = f.members[name].wire(e)
		}
		return out
	case []any:
		if f.kind != formList {
			return v
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = f.element.wire(e)
		}
		return out
	}
	return v
}

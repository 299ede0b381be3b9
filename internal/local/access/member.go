package access

import (
	"reflect"
	"strings"
	"sync"
)

// asked is a call that asks for permission.
type asked struct {
	*Authorizer
	input reflect.Value
	// missing is a member that a fact reads and the input does not have.
	missing string
}

// ask looks at a call's decoded input. An operation without input has none.
func (a *Authorizer) ask(input any) *asked {
	v := reflect.ValueOf(input)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return &asked{Authorizer: a, input: v}
}

type memberOf struct {
	structure reflect.Type
	name      string
}

var indexes sync.Map // of []int by memberOf

// index finds a member by its name in JSON. Nil for none.
func index(t reflect.Type, name string) []int {
	key := memberOf{t, name}
	if i, ok := indexes.Load(key); ok {
		return i.([]int)
	}
	var found []int
	for _, f := range reflect.VisibleFields(t) {
		written, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if written == "" {
			written = f.Name
		}
		if written == name && f.IsExported() {
			found = f.Index
		}
	}
	indexes.Store(key, found)
	return found
}

// member is a member of a struct or a map, at the end of pointers. It is not valid where
// the struct is none, or a pointer on the way is nil.
func (q *asked) member(of reflect.Value, path ...string) reflect.Value {
	for _, name := range path {
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if !of.IsValid() {
			return of
		}
		if of.Kind() == reflect.Map {
			of = of.MapIndex(reflect.ValueOf(name))
			continue
		}
		if of.Kind() != reflect.Struct {
			q.missing = name
			return reflect.Value{}
		}
		at := index(of.Type(), name)
		if at == nil {
			q.missing = name
			return reflect.Value{}
		}
		of = of.FieldByIndex(at)
	}
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	return of
}

// text is a member that is a string. Empty for one that is not there.
func (q *asked) text(path ...string) string { return asText(q.member(q.input, path...)) }

func asText(v reflect.Value) string {
	if v.Kind() != reflect.String {
		return ""
	}
	return v.String()
}

// texts is a member that is a list of strings.
func (q *asked) texts(path ...string) []string {
	var all []string
	for _, v := range q.list(path...) {
		all = append(all, asText(v))
	}
	return all
}

// list is a member that is a list.
func (q *asked) list(path ...string) []reflect.Value {
	v := q.member(q.input, path...)
	if v.Kind() != reflect.Slice {
		return nil
	}
	all := make([]reflect.Value, v.Len())
	for i := range all {
		all[i] = v.Index(i)
	}
	return all
}

// keys are those of a member that is a map by strings.
func (q *asked) keys(path ...string) []string {
	v := q.member(q.input, path...)
	if v.Kind() != reflect.Map {
		return nil
	}
	var all []string
	for _, k := range v.MapKeys() {
		all = append(all, k.String())
	}
	return all
}

package api

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// shape is which names a type's JSON may have. It is nil where any will do: in
// values that decode themselves, and where there are none.
type shape struct {
	// members of a struct, nil for other types.
	members map[string]*shape
	// element of a map or a list.
	element *shape
}

// member finds a member by its name between quotes.
func (s *shape) member(name []byte) (*shape, bool) {
	if m, ok := s.members[string(name)]; ok {
		return m, true
	}
	// A name may be written with escapes.
	var plain string
	if err := json.Unmarshal([]byte(`"`+string(name)+`"`), &plain); err != nil {
		return nil, false
	}
	m, ok := s.members[plain]
	return m, ok
}

var shapes sync.Map // of *shape by reflect.Type

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s, _ := shapes.LoadOrStore(t, shaper{}.of(t))
	return s.(*shape)
}

// shaper makes shapes. It knows the structs that it is within, for types that
// contain themselves.
type shaper map[reflect.Type]*shape

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (made shaper) of(t reflect.Type) *shape {
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return made.of(t.Elem())
	case reflect.Slice, reflect.Array, reflect.Map:
		if element := made.of(t.Elem()); element != nil {
			return &shape{element: element}
		}
	case reflect.Struct:
		if s, ok := made[t]; ok {
			return s
		}
		s := &shape{members: map[string]*shape{}}
		made[t] = s
		made.members(t, s.members)
		return s
	}
	return nil
}

// members adds a struct's own members, then those of the structs that it embeds,
// which its own ones hide.
func (made shaper) members(t reflect.Type, members map[string]*shape) {
	var embedded []reflect.Type
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case f.Anonymous && name == "":
			embedded = append(embedded, f.Type)
		case !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			if _, hidden := members[name]; !hidden {
				members[name] = made.of(f.Type)
			}
		}
	}
	for _, e := range embedded {
		if e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		made.members(e, members)
	}
}

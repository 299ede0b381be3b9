package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// decoder reads one value of its type into v, which is zero.
type decoder func(r *reader, v reflect.Value) bool

var decoders sync.Map // of decoder by reflect.Type

func decoderOf(t reflect.Type) decoder {
	if d, ok := decoders.Load(t); ok {
		return d.(decoder)
	}
	d, _ := decoders.LoadOrStore(t, compiler{}.of(t))
	return d.(decoder)
}

// compiler makes decoders. It knows the structs that it is within, for types
// that contain themselves.
type compiler map[reflect.Type]*structure

func (made compiler) of(t reflect.Type) decoder {
	switch pointer := reflect.PointerTo(t); {
	case pointer.Implements(jsonUnmarshaler):
		return decodeItself
	case t == reflect.TypeFor[map[string]string]():
		return orNull(decodeTexts)
	case t.Kind() == reflect.Struct && !pointer.Implements(textUnmarshaler):
		return orNull(made.structure(t).decode)
	case shapeOf(t) == nil && (t == reflect.TypeFor[json.Number]() || pointer.Implements(textUnmarshaler)):
		return decodeOther
	}
	switch t.Kind() {
	case reflect.String:
		return orNull(decodeString)
	case reflect.Bool:
		return orNull(decodeBool)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return orNull(decodeInt)
	case reflect.Pointer:
		return orNull(pointerTo(t.Elem(), made.of(t.Elem())))
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return orNull(sliceOf(made.of(t.Elem())))
		}
	case reflect.Map:
		if t.Key() == reflect.TypeFor[string]() {
			return orNull(mapOf(t.Elem(), made.of(t.Elem())))
		}
	}
	if shapeOf(t) != nil {
		return giveUp
	}
	return decodeOther
}

// orNull leaves the value zero where the document has null.
func orNull(d decoder) decoder {
	return func(r *reader, v reflect.Value) bool {
		if r.next() == 'n' {
			return r.word("null")
		}
		return d(r, v)
	}
}

func pointerTo(element reflect.Type, d decoder) decoder {
	return func(r *reader, v reflect.Value) bool {
		v.Set(reflect.New(element))
		return d(r, v.Elem())
	}
}

func sliceOf(d decoder) decoder {
	return func(r *reader, v reflect.Value) bool {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return r.array(func() bool {
			v.Grow(1)
			v.SetLen(v.Len() + 1)
			return d(r, v.Index(v.Len()-1))
		})
	}
}

func mapOf(element reflect.Type, d decoder) decoder {
	return func(r *reader, v reflect.Value) bool {
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(element).Elem()
		return r.object(func(name []byte) bool {
			key := reflect.ValueOf(string(name))
			value.SetZero()
			if !d(r, value) {
				return false
			}
			v.SetMapIndex(key, value)
			return true
		})
	}
}

// decodeTexts is mapOf for maps of strings, which are many.
func decodeTexts(r *reader, v reflect.Value) bool {
	texts := map[string]string{}
	v.Set(reflect.ValueOf(texts))
	return r.object(func(name []byte) bool {
		if r.next() == 'n' {
			texts[string(name)] = ""
			return r.word("null")
		}
		s, ok := r.text()
		texts[string(name)] = s
		return ok
	})
}

// maxMembers of a struct, as many as there are bits to tell which were read.
const maxMembers = 64

// structure decodes a struct.
type structure struct {
	members []member
	// irregular structs have members that hide each other or are written in
	// strings, which is for encoding/json to sort out, or too many for bits.
	irregular bool
}

type member struct {
	name   string
	index  []int
	decode decoder
}

// find is the place of a member among the others, -1 for none. Structs have few
// members, which are looked through before their name is hashed.
func (s *structure) find(name []byte) int {
	for i := range s.members {
		if s.members[i].name == string(name) {
			return i
		}
	}
	return -1
}

func (made compiler) structure(t reflect.Type) *structure {
	s, ok := made[t]
	if !ok {
		s = new(structure)
		made[t] = s
		made.members(s, t, nil)
	}
	return s
}

func (made compiler) members(s *structure, t reflect.Type, within []int) {
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		index := append(within[:len(within):len(within)], f.Index...)
		switch {
		case tag == "-":
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct {
				s.irregular = true
				continue
			}
			made.members(s, f.Type, index)
		case !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			hidden, full := s.find([]byte(name)) >= 0, len(s.members) == maxMembers
			s.irregular = s.irregular || hidden || full || strings.Contains(options, "string")
			s.members = append(s.members, member{name, index, made.of(f.Type)})
		}
	}
}

func (s *structure) decode(r *reader, v reflect.Value) bool {
	var read uint64 // a bit for each member
	return !s.irregular && r.object(func(name []byte) bool {
		i := s.find(name)
		if i < 0 || read&(1<<i) != 0 {
			return false
		}
		read |= 1 << i
		return s.members[i].decode(r, v.FieldByIndex(s.members[i].index))
	})
}

package attribute

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
)

// MarshalJSON encodes the attributes, names in order.
func (v Map) MarshalJSON() ([]byte, error) {
	return v.AppendJSON(make([]byte, 0, 64+32*len(v))), nil
}

// AppendJSON is MarshalJSON to the end of b.
func (v Map) AppendJSON(b []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	var few [16]string
	names := slices.AppendSeq(few[:0], maps.Keys(v))
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, name)
		b = append(b, ':')
		b = v[name].appendJSON(b)
	}
	return append(b, '}')
}

func (v Map) appendJSON(b []byte) []byte {
	b = append(b, `{"M":`...)
	return append(v.AppendJSON(b), '}')
}

func (v List) appendJSON(b []byte) []byte {
	b = append(b, `{"L":[`...)
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = x.appendJSON(b)
	}
	return append(b, `]}`...)
}

func (v String) appendJSON(b []byte) []byte {
	b = append(b, `{"S":`...)
	return append(appendText(b, string(v)), '}')
}

func (n Number) appendJSON(b []byte) []byte {
	b = append(b, `{"N":`...)
	return append(appendText(b, string(n)), '}')
}

func (v Binary) appendJSON(b []byte) []byte {
	b = append(b, `{"B":`...)
	return append(appendBase64(b, v), '}')
}

func (v Bool) appendJSON(b []byte) []byte {
	if v {
		return append(b, `{"BOOL":true}`...)
	}
	return append(b, `{"BOOL":false}`...)
}

func (Null) appendJSON(b []byte) []byte { return append(b, `{"NULL":true}`...) }

func (v StringSet) appendJSON(b []byte) []byte {
	return appendSet(b, "SS", v, func(b []byte, s String) []byte { return appendText(b, string(s)) })
}

func (v NumberSet) appendJSON(b []byte) []byte {
	return appendSet(b, "NS", v, func(b []byte, n Number) []byte { return appendText(b, string(n)) })
}

func (v BinarySet) appendJSON(b []byte) []byte { return appendSet(b, "BS", v, appendBase64) }

func appendSet[T any](b []byte, kind string, set []T, element func([]byte, T) []byte) []byte {
	b = append(b, `{"`...)
	b = append(b, kind...)
	b = append(b, `":[`...)
	for i, x := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, x)
	}
	return append(b, `]}`...)
}

func appendBase64(b []byte, v Binary) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, []byte(v))
	return append(b, '"')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // cannot happen: any string encodes
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Package attribute holds DynamoDB's attribute values: their types, order,
// sizes and JSON. Values are immutable: whoever changes one makes another.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
package attribute

import "slices"

// MaxDepth is how deep lists and maps may nest.
const MaxDepth = 32

// Value is one attribute value: a [String], [Number], [Binary], [Bool], [Null],
// [StringSet], [NumberSet], [BinarySet], [List] or [Map].
type Value interface {
	// Type is the name of the type on the wire: S, N, B, BOOL, NULL, SS, NS, BS, L or M.
	Type() string
	// Size is what the value counts towards an item's 400 KB, in bytes.
	Size() int
	appendJSON([]byte) []byte
}

type (
	// String is text in UTF-8 (S).
	String string
	// Binary is raw bytes (B).
	Binary string
	// Bool is true or false (BOOL).
	Bool bool
	// Null is the null of DynamoDB (NULL).
	Null struct{}
	// StringSet has at least one string and none twice (SS).
	StringSet []String
	// NumberSet has at least one number and none twice (NS).
	NumberSet []Number
	// BinarySet has at least one binary and none twice (BS).
	BinarySet []Binary
	// List is ordered, of any types (L).
	List []Value
	// Map has values by name (M). An item is one.
	Map map[string]Value
)

func (String) Type() string    { return "S" }
func (Number) Type() string    { return "N" }
func (Binary) Type() string    { return "B" }
func (Bool) Type() string      { return "BOOL" }
func (Null) Type() string      { return "NULL" }
func (StringSet) Type() string { return "SS" }
func (NumberSet) Type() string { return "NS" }
func (BinarySet) Type() string { return "BS" }
func (List) Type() string      { return "L" }
func (Map) Type() string       { return "M" }

func (v String) Size() int    { return len(v) }
func (v Binary) Size() int    { return len(v) }
func (Bool) Size() int        { return 1 }
func (Null) Size() int        { return 1 }
func (v StringSet) Size() int { return sizes(v) }
func (v NumberSet) Size() int { return sizes(v) }
func (v BinarySet) Size() int { return sizes(v) }

// Size of a list: its elements, one byte for each and three for the list.
func (v List) Size() int { return 3 + len(v) + sizes(v) }

// Size of a map inside an item: names and values, one byte for each pair and
// three for the map.
func (v Map) Size() int { return 3 + len(v) + v.ItemSize() }

// ItemSize is the size of an item: the bytes of its names and of its values.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (v Map) ItemSize() int {
	n := 0
	for name, value := range v {
		n += len(name) + value.Size()
	}
	return n
}

func sizes[V Value](values []V) int {
	n := 0
	for _, v := range values {
		n += v.Size()
	}
	return n
}

// Equal says whether two values are of one type and alike. Sets have no order.
// A missing value (nil) equals nothing.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case StringSet:
		b, ok := b.(StringSet)
		return ok && sameMembers(a, b)
	case NumberSet:
		b, ok := b.(NumberSet)
		return ok && sameMembers(a, b)
	case BinarySet:
		b, ok := b.(BinarySet)
		return ok && sameMembers(a, b)
	case List:
		b, ok := b.(List)
		return ok && slices.EqualFunc(a, b, Equal)
	case Map:
		b, ok := b.(Map)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			if !Equal(value, b[name]) {
				return false
			}
		}
		return true
	case nil:
		return false
	}
	switch b.(type) {
	case StringSet, NumberSet, BinarySet, List, Map:
		return false
	}
	return a == b
}

// Compare orders two values of the same scalar type: strings and binaries by
// their bytes, numbers by value. It is false for any other pair.
func Compare(a, b Value) (order int, ok bool) {
	switch a := a.(type) {
	case String:
		if b, ok := b.(String); ok {
			return compareText(a, b), true
		}
	case Binary:
		if b, ok := b.(Binary); ok {
			return compareText(a, b), true
		}
	case Number:
		if b, ok := b.(Number); ok {
			return a.Compare(b), true
		}
	}
	return 0, false
}

func compareText[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Depth is how deep lists and maps nest, the item itself not counted.
func (v Map) Depth() int {
	deepest := 0
	for _, value := range v {
		deepest = max(deepest, depth(value))
	}
	return deepest
}

func depth(value Value) int {
	switch v := value.(type) {
	case Map:
		return 1 + v.Depth()
	case List:
		deepest := 0
		for _, x := range v {
			deepest = max(deepest, depth(x))
		}
		return 1 + deepest
	}
	return 0
}

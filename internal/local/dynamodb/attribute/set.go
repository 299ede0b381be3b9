package attribute

import "slices"

func members[T comparable](set []T) map[T]struct{} {
	m := make(map[T]struct{}, len(set))
	for _, x := range set {
		m[x] = struct{}{}
	}
	return m
}

func hasDuplicates[T comparable](list []T) bool { return len(members(list)) != len(list) }

func sameMembers[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	in := members(b)
	for _, x := range a {
		if _, ok := in[x]; !ok {
			return false
		}
	}
	return true
}

func union[T comparable](a, b []T) []T {
	in := members(a)
	all := slices.Clone(a)
	for _, x := range b {
		if _, ok := in[x]; !ok {
			all = append(all, x)
		}
	}
	return all
}

func subtract[T comparable](a, b []T) []T {
	out := members(b)
	var left []T
	for _, x := range a {
		if _, ok := out[x]; !ok {
			left = append(left, x)
		}
	}
	return left
}

// Union adds the members of one set to another of the same type.
func Union(a, b Value) (Value, bool) {
	switch a := a.(type) {
	case StringSet:
		if b, ok := b.(StringSet); ok {
			return StringSet(union(a, b)), true
		}
	case NumberSet:
		if b, ok := b.(NumberSet); ok {
			return NumberSet(union(a, b)), true
		}
	case BinarySet:
		if b, ok := b.(BinarySet); ok {
			return BinarySet(union(a, b)), true
		}
	}
	return nil, false
}

// Subtract takes the members of b out of a, a set of the same type. What is
// left is nil when nothing is: DynamoDB has no empty sets.
func Subtract(a, b Value) (left Value, ok bool) {
	switch a := a.(type) {
	case StringSet:
		if b, ok := b.(StringSet); ok {
			if left := subtract(a, b); len(left) > 0 {
				return StringSet(left), true
			}
			return nil, true
		}
	case NumberSet:
		if b, ok := b.(NumberSet); ok {
			if left := subtract(a, b); len(left) > 0 {
				return NumberSet(left), true
			}
			return nil, true
		}
	case BinarySet:
		if b, ok := b.(BinarySet); ok {
			if left := subtract(a, b); len(left) > 0 {
				return BinarySet(left), true
			}
			return nil, true
		}
	}
	return nil, false
}

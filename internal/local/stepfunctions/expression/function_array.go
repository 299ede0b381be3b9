package expression

import (
	"errors"
	"fmt"
	"slices"
)

func array(_ *Scope, arguments []any) (any, error) { return arguments, nil }

func arrayPartition(_ *Scope, arguments []any) (any, error) {
	items, err := arrayArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	size, err := integerArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	if size < 1 {
		return nil, errors.New("the chunk size must be a positive integer")
	}
	chunks := []any{}
	for chunk := range slices.Chunk(items, int(min(size, int64(len(items))+1))) {
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

func arrayContains(_ *Scope, arguments []any) (any, error) {
	items, err := arrayArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	return slices.ContainsFunc(items, func(item any) bool { return Equal(item, arguments[1]) }), nil
}

// maxRange is how many elements States.ArrayRange makes at most.
const maxRange = 1000

func arrayRange(_ *Scope, arguments []any) (any, error) {
	first, err := integerArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	last, err := integerArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	step, err := integerArgument(arguments, 2)
	if err != nil {
		return nil, err
	}
	if step == 0 {
		return nil, errors.New("the third argument must not be 0")
	}
	items := []any{}
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if len(items) == maxRange {
			return nil, fmt.Errorf("the array would have more than %d elements", maxRange)
		}
		items = append(items, i)
		if next := i + step; (step > 0) != (next > i) {
			break // the next one is past the last integer
		}
	}
	return items, nil
}

func arrayGetItem(_ *Scope, arguments []any) (any, error) {
	items, err := arrayArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	i, err := integerArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(items)) {
		return nil, fmt.Errorf("the index %d is out of bounds for an array of length %d", i, len(items))
	}
	return items[i], nil
}

func arrayLength(_ *Scope, arguments []any) (any, error) {
	items, err := arrayArgument(arguments, 0)
	return int64(len(items)), err
}

// arrayUnique keeps the first of equal values.
func arrayUnique(_ *Scope, arguments []any) (any, error) {
	items, err := arrayArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(items))
	unique := make([]any, 0, len(items))
	for _, item := range items {
		key, err := Marshal(item)
		if err != nil {
			return nil, err
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			unique = append(unique, item)
		}
	}
	return unique, nil
}

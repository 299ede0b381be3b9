package expression

import "errors"

func mathAdd(_ *Scope, arguments []any) (any, error) {
	a, err := integerArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	b, err := integerArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return nil, errors.New("the sum is out of range")
	}
	return sum, nil
}

// mathRandom gives a number from the first argument, included, to the second,
// excluded. The same seed as a third argument gives the same number.
func mathRandom(scope *Scope, arguments []any) (any, error) {
	start, err := integerArgument(arguments, 0)
	if err != nil {
		return nil, err
	}
	end, err := integerArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	if start >= end || end-start <= 0 {
		return nil, errors.New("the second argument must be greater than the first, by less than 2^63")
	}
	random := scope.Random
	if len(arguments) == 3 {
		seed, err := integerArgument(arguments, 2)
		if err != nil {
			return nil, err
		}
		random = NewRandom(uint64(seed))
	}
	if random == nil {
		return nil, errNoRandom
	}
	return start + random.Int64N(end-start), nil
}

func newUUID(scope *Scope, _ []any) (any, error) {
	if scope.Random == nil {
		return nil, errNoRandom
	}
	return scope.Random.UUID(), nil
}

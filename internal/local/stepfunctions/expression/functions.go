package expression

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// function is one intrinsic function.
// See https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html.
type function struct {
	name string
	// least and most arguments that it takes.
	least, most int
	apply       func(scope *Scope, arguments []any) (any, error)
	// prepare looks at a call once, when it is compiled. Nil for most.
	prepare func(*call) error
}

var functions = table(
	function{name: "States.Format", least: 1, most: math.MaxInt, apply: formatText, prepare: prepareFormat},
	function{name: "States.StringToJson", least: 1, most: 1, apply: stringToJSON},
	function{name: "States.JsonToString", least: 1, most: 1, apply: jsonToString},
	function{name: "States.JsonMerge", least: 3, most: 3, apply: jsonMerge},
	function{name: "States.StringSplit", least: 2, most: 2, apply: stringSplit},
	function{name: "States.Array", most: math.MaxInt, apply: array},
	function{name: "States.ArrayPartition", least: 2, most: 2, apply: arrayPartition},
	function{name: "States.ArrayContains", least: 2, most: 2, apply: arrayContains},
	function{name: "States.ArrayRange", least: 3, most: 3, apply: arrayRange},
	function{name: "States.ArrayGetItem", least: 2, most: 2, apply: arrayGetItem},
	function{name: "States.ArrayLength", least: 1, most: 1, apply: arrayLength},
	function{name: "States.ArrayUnique", least: 1, most: 1, apply: arrayUnique},
	function{name: "States.Base64Encode", least: 1, most: 1, apply: base64Encode},
	function{name: "States.Base64Decode", least: 1, most: 1, apply: base64Decode},
	function{name: "States.Hash", least: 2, most: 2, apply: hashText},
	function{name: "States.MathRandom", least: 2, most: 3, apply: mathRandom},
	function{name: "States.MathAdd", least: 2, most: 2, apply: mathAdd},
	function{name: "States.UUID", apply: newUUID},
)

func table(all ...function) map[string]function {
	byName := make(map[string]function, len(all))
	for _, f := range all {
		byName[f.name] = f
	}
	return byName
}

var ordinals = [...]string{"first", "second", "third"}

// argument gives the i-th argument as a T, which is called what in messages.
func argument[T any](arguments []any, i int, what string) (T, error) {
	v, ok := arguments[i].(T)
	if !ok {
		return v, fmt.Errorf("the %s argument must be %s, but is %s", ordinals[i], what, text(arguments[i]))
	}
	return v, nil
}

func textArgument(arguments []any, i int) (string, error) {
	return argument[string](arguments, i, "a string")
}

func arrayArgument(arguments []any, i int) ([]any, error) {
	return argument[[]any](arguments, i, "an array")
}

// integerArgument rounds a number half up, as AWS does: -1.5 becomes -1.
func integerArgument(arguments []any, i int) (int64, error) {
	if n, ok := arguments[i].(int64); ok {
		return n, nil
	}
	f, err := argument[float64](arguments, i, "a number")
	if err != nil {
		return 0, err
	}
	f = math.Floor(f + 0.5)
	if f < -1<<63 || f >= 1<<63 {
		return 0, fmt.Errorf("the %s argument is out of range", ordinals[i])
	}
	return int64(f), nil
}

// maxCharacters that the encoding and hashing functions take.
const maxCharacters = 10_000

func checkLength(s string) error {
	// Java counts UTF-16 code units.
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	if n > maxCharacters {
		return fmt.Errorf("the first argument has %d characters, more than %d", n, maxCharacters)
	}
	return nil
}

// prepareFormat compiles a template that is given as text.
func prepareFormat(c *call) error {
	raw, ok := c.arguments[0].(quoted)
	if !ok {
		return nil
	}
	f, err := parseFormat(string(raw))
	if err != nil {
		return err
	}
	c.arguments[0] = f
	return f.check(len(c.arguments) - 1)
}

func (f format) check(values int) error {
	if len(f)-1 != values {
		return fmt.Errorf("the number of arguments does not match the occurrences of {}: %d and %d", values, len(f)-1)
	}
	return nil
}

func formatText(_ *Scope, arguments []any) (any, error) {
	values := arguments[1:]
	f, ok := arguments[0].(format)
	if !ok {
		raw, err := textArgument(arguments, 0)
		if err != nil {
			return nil, err
		}
		if f, err = parseFormat(raw); err != nil {
			return nil, err
		}
		if err = f.check(len(values)); err != nil {
			return nil, err
		}
	}
	var b strings.Builder
	for i, v := range values {
		b.WriteString(f[i])
		writeInterpolated(&b, v)
	}
	b.WriteString(f[len(values)])
	return b.String(), nil
}

var errNoRandom = errors.New("the scope has no source of random numbers")

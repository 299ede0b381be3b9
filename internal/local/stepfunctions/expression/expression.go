// Package expression is the data processing of the Amazon States Language in
// JSONPath mode: paths, reference paths, payload templates and intrinsic
// functions. It knows no AWS calls and has no clock.
//
// Values are trees as encoding/json makes them, except for numbers: a literal
// that is an integer and fits is an int64, every other number is a float64.
// Objects are map[string]any, arrays []any. Values are immutable: nothing here
// changes a value that it was given, and results share parts with them.
//
// See https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
// and https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html.
package expression

import "strings"

// Names of the errors that expressions end in.
// See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html.
const (
	ErrorRuntime                = "States.Runtime"
	ErrorResultPathMatchFailure = "States.ResultPathMatchFailure"
	ErrorIntrinsicFailure       = "States.IntrinsicFailure"
)

// Error is a failed evaluation, as a state machine sees it.
type Error struct {
	// Name is the error name that Retry and Catch match: "States.Runtime".
	Name string
	// Cause says in AWS's words what went wrong.
	Cause string
}

func (e *Error) Error() string { return e.Name + ": " + e.Cause }

// Scope is what an expression sees.
type Scope struct {
	// Input is the value that paths starting with "$" look into.
	Input any
	// Context is the context object, for paths starting with "$$". It may be nil
	// where UsesContext is false.
	Context any
	// Random feeds States.MathRandom and States.UUID.
	Random *Random
}

// Expression is a path or the call of an intrinsic function: the value of a
// field whose name ends in ".$", or of CausePath and ErrorPath.
type Expression struct {
	source string
	node   node
}

// node is one compiled part of an expression.
type node interface {
	// eval gives the node's value. Errors are without what the field adds.
	eval(scope *Scope) (any, error)
	usesContext() bool
	// reads says whether the node may look at a member of the input.
	reads(member string) bool
}

// ParseExpression compiles a path or an intrinsic function's call.
func ParseExpression(s string) (*Expression, error) {
	if strings.HasPrefix(s, "$") {
		path, err := ParsePath(s)
		if err != nil {
			return nil, err
		}
		return &Expression{source: s, node: path}, nil
	}
	call, err := parseCall(s)
	if err != nil {
		return nil, err
	}
	return &Expression{source: s, node: call}, nil
}

// Eval evaluates the expression. Field names the field that holds it
// ("Message.$"), for the text of the *Error that it may return: States.Runtime
// for a path without a match, States.IntrinsicFailure for a function that fails.
func (e *Expression) Eval(scope *Scope, field string) (any, error) {
	if path, ok := e.node.(*Path); ok {
		return path.Eval(scope, field)
	}
	return e.node.eval(scope)
}

// UsesContext says whether the expression looks into Scope.Context.
func (e *Expression) UsesContext() bool { return e.node.usesContext() }

// String is the expression as it was written.
func (e *Expression) String() string { return e.source }

package stepfunctions

import (
	"fmt"
	"strings"
)

// Codes of diagnostics.
// See https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html.
const (
	codeInvalidJSON       = "INVALID_JSON_DESCRIPTION"
	codeSchema            = "SCHEMA_VALIDATION_FAILED"
	codeMissingTransition = "MISSING_TRANSITION_TARGET"
	codeDuplicateState    = "DUPLICATE_STATE_NAME"
	codeInvalidStateName  = "INVALID_STATE_NAME"
)

// diagnostic is one thing wrong with a definition.
type diagnostic struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	// Location such as "/States/Poll/Resource". Empty when there is none.
	Location string `json:"location,omitempty"`
}

// diagnostics is everything wrong with a definition, as an error.
type diagnostics []diagnostic

// Error words the list as CreateStateMachine's InvalidDefinition has it.
func (d diagnostics) Error() string {
	var b strings.Builder
	for i, one := range d {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(one.Code + ": " + one.Message)
		if one.Location != "" {
			b.WriteString(" at " + one.Location)
		}
	}
	return b.String()
}

func (c *compiler) report(code, at, format string, args ...any) {
	c.found = append(c.found, diagnostic{"ERROR", code, fmt.Sprintf(format, args...), at})
}

func (c *compiler) schema(at, format string, args ...any) {
	c.report(codeSchema, at, format, args...)
}

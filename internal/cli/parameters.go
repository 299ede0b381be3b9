package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/spf13/pflag"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// Parameters of the template that name functions. On a laptop --handler and
// --transform stand for them.
const (
	processParameter   = "ProcessHandler"
	transformParameter = "TransformHandler"
)

// fleetTemplate is the fleet's template, as it is deployed.
var fleetTemplate = sync.OnceValues(func() (*cloudformation.Template, error) {
	return cloudformation.Parse("cloudformation/fleet.yaml", embedded.Fleet)
})

// parameters are the values of the template's parameters that a command was
// given. Their flags come from the template: MaxConcurrency is
// --max-concurrency, its Description the help.
type parameters struct {
	template *cloudformation.Template
	values   map[string]string
	// given are those of values that flags gave.
	given map[string]string
}

// addParameters adds a flag for each parameter, in the order of the template's
// groups. defaults override the template's own.
func addParameters(flags *pflag.FlagSet, defaults map[string]string) (*parameters, error) {
	template, err := fleetTemplate()
	if err != nil {
		return nil, err
	}
	p := &parameters{template: template, values: maps.Clone(defaults), given: map[string]string{}}
	if p.values == nil {
		p.values = map[string]string{}
	}
	byName := map[string]cloudformation.Parameter{}
	for _, q := range template.Parameters {
		byName[q.Name] = q
	}
	flags.SortFlags = false
	for _, group := range template.Groups {
		for _, name := range group.Parameters {
			p.flag(flags, byName[name])
			delete(byName, name)
		}
	}
	for _, q := range template.Parameters {
		if _, left := byName[q.Name]; left {
			p.flag(flags, q)
		}
	}
	return p, nil
}

func (p *parameters) flag(flags *pflag.FlagSet, q cloudformation.Parameter) {
	if q.Name == processParameter || q.Name == transformParameter {
		return
	}
	f := flags.VarPF(&parameterFlag{p, q}, flagName(q.Name), "", q.Description)
	if isSwitch(q) {
		f.NoOptDefVal = "true"
	}
}

// get is a parameter's value, its default included.
func (p *parameters) get(name string) string {
	if v, ok := p.values[name]; ok {
		return v
	}
	for _, q := range p.template.Parameters {
		if q.Name == name {
			return q.Default
		}
	}
	return ""
}

// check finds what the template refuses, every value at once.
func (p *parameters) check() error {
	for _, name := range []string{"QueueArn", "DeadLetterQueueArn"} {
		if p.values[name] != "" {
			return usage(fmt.Errorf("--%s is for a fleet that is deployed: here the fleet makes its queue, for there is no other; leave it out", flagName(name)))
		}
	}
	var errs []error
	for _, v := range p.template.Check(p.assumed()) {
		errs = append(errs, p.explain(v))
	}
	if len(errs) > 0 {
		return usage(errors.Join(errs...))
	}
	return nil
}

// assumed are the parameters with what is not the user's to give: the ARNs of
// functions that do not exist yet.
func (p *parameters) assumed() map[string]string {
	given := maps.Clone(p.values)
	given[processParameter] = "arn:aws:lambda:us-east-1:123456789012:function:process"
	if p.get("Target") != "lambda" && given["JobArn"] == "" {
		given["JobArn"] = "arn:aws:states:us-east-1:123456789012:stateMachine:" + jobName
	}
	return given
}

// explain names the flag of a violation, and the values that it allows.
func (p *parameters) explain(v *cloudformation.Violation) error {
	for _, q := range p.template.Parameters {
		if q.Name != v.Parameter {
			continue
		}
		allowed := ""
		if given := p.get(q.Name); len(q.AllowedValues) > 0 && !slices.Contains(q.AllowedValues, given) {
			allowed = ": " + strings.Join(q.AllowedValues, ", ")
		}
		return fmt.Errorf("--%s %q: %w%s", flagName(q.Name), p.get(q.Name), v, allowed)
	}
	return v
}

// parameterFlag is the flag of one parameter.
type parameterFlag struct {
	parameters *parameters
	parameter  cloudformation.Parameter
}

func (f *parameterFlag) String() string {
	if f.parameters == nil { // pflag asks a zero value
		return ""
	}
	return f.parameters.get(f.parameter.Name)
}

func (f *parameterFlag) Set(value string) error {
	f.parameters.values[f.parameter.Name] = value
	f.parameters.given[f.parameter.Name] = value
	return nil
}

// isSwitch says whether a parameter is true or false: --fifo is --fifo=true.
func isSwitch(q cloudformation.Parameter) bool {
	return slices.Equal(slices.Sorted(slices.Values(q.AllowedValues)), []string{"false", "true"})
}

// Type is what the help shows as the flag's value.
func (f *parameterFlag) Type() string {
	switch {
	case isSwitch(f.parameter):
		return "bool"
	case len(f.parameter.AllowedValues) > 0 && len(f.parameter.AllowedValues) <= 4:
		return strings.Join(f.parameter.AllowedValues, "|")
	case f.parameter.Type == "Number":
		return "number"
	}
	return "text"
}

// flagName is a parameter's name as a flag: "max-concurrency".
func flagName(parameter string) string {
	var b strings.Builder
	for i, r := range parameter {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

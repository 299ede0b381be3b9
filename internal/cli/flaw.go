package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/musterq/muster/internal/estate"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// Severities of flaws.
const (
	severe  = "error"
	warning = "warning"
)

// flaw is something that is or may be wrong with a fleet.
type flaw struct {
	Fleet    string `json:"fleet"`
	Severity string `json:"severity"`
	// File and Line where it stands. Empty for what is at AWS.
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	// Remedy says what to do. Empty where the message says it.
	Remedy string `json:"remedy"`
}

func (f flaw) String() string {
	place := ""
	if f.File != "" {
		place = fmt.Sprintf("%s:%d: ", f.File, f.Line)
	}
	text := fmt.Sprintf("%s: %s%s", f.Severity, place, oneLine(f.Message))
	if f.Remedy != "" {
		text += "\n  " + f.Remedy
	}
	return text
}

// flaws are those of one fleet.
type flaws struct {
	fleet string
	// file and line are where the fleet is declared.
	file string
	line int
	// lines of its parameters.
	lines map[string]int
	all   []flaw
}

func newFlaws(h *ships, p shipment) *flaws {
	f := &flaws{fleet: p.name, lines: map[string]int{}}
	if p.declared != nil {
		f.file, f.line = h.estate.File, p.declared.Line
		for name, value := range p.declared.Parameters {
			f.lines[name] = value.Line
		}
	}
	return f
}

// add adds a flaw about a parameter, or about the fleet where it is empty.
func (f *flaws) add(severity, parameter, remedy, format string, args ...any) {
	line := f.line
	if l, ok := f.lines[parameter]; ok {
		line = l
	}
	f.all = append(f.all, flaw{f.fleet, severity, f.file, line, fmt.Sprintf(format, args...), remedy})
}

// refuse adds every error that is joined in err.
func (f *flaws) refuse(err error) {
	if err == nil {
		return
	}
	if joined, many := err.(interface{ Unwrap() []error }); many {
		for _, e := range joined.Unwrap() {
			f.refuse(e)
		}
		return
	}
	if fault, ok := errors.AsType[*estate.Fault](err); ok {
		f.all = append(f.all, flaw{f.fleet, severe, fault.File, fault.Line, fault.Message, ""})
		return
	}
	if resource, ok := errors.AsType[*cloudformation.ResourceError](err); ok {
		f.all = append(f.all, flaw{f.fleet, severe, resource.File, resource.Line, fmt.Sprintf("%s (%s): %v", resource.LogicalID, resource.Type, resource.Err), remedyOf(resource)})
		return
	}
	f.add(severe, "", "", "%v", err)
}

// errors is how many of them are.
func (f *flaws) errors() int {
	n := 0
	for _, k := range f.all {
		if k.Severity == severe {
			n++
		}
	}
	return n
}

func (f *flaws) print(w io.Writer) {
	for _, k := range f.all {
		fmt.Fprintln(w, k)
	}
}

// remedyOf a resource that could not be made. Empty where its error says it.
func remedyOf(r *cloudformation.ResourceError) string {
	if r.Type == "AWS::Lambda::Function" && strings.Contains(r.Err.Error(), "4KB limit") {
		return "Routes, ScaleSchedule and lists are what is long there: shorten them, or make two fleets of one."
	}
	return ""
}

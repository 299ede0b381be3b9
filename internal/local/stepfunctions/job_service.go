package stepfunctions

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// jobService is a service that runs jobs, as its optimised integration sees it.
type jobService struct {
	// service is the router's name of it, and start, describe and stop are its
	// operations.
	service, start, describe, stop string
	contentType                    string
	dialect                        dialect
	// form of the parameters of start.
	form *form
	// callback says that there is ".waitForTaskToken".
	callback bool
	// named are the members of results whose own members' names are the user's,
	// and dates those in seconds, which state machines see in milliseconds.
	named, dates []string
	// mark adds what Step Functions adds to the parameters of a job that it waits
	// for, by which events tell it apart. Nil for nothing.
	mark func(parameters map[string]any) map[string]any
	// rejected is the failure that an answer to start speaks of, for the patterns
	// that wait. Nil for a service that does not answer so.
	rejected func(started map[string]any) *failure
	// job finds the job in the answer to its start.
	job func(started map[string]any) jobNames
	// outcome reads a description. Its result is nil for a job that the
	// service does not know.
	outcome func(described map[string]any) jobOutcome
}

// jobNames are the names of one job.
type jobNames struct {
	// id is what its end is heard of by.
	id string
	// describe and stop are the inputs of the operations, on the wire.
	describe, stop map[string]any
}

type jobOutcome struct {
	ended, succeeded bool
	// result is the job as the task shows it. Nil for none.
	result map[string]any
}

// pascal turns an answer of the service into a state machine's form.
func (s *jobService) pascal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			upper := strings.ToUpper(name[:1]) + name[1:]
			if at, ok := numeric(e); ok && slices.Contains(s.dates, upper) {
				out[upper] = int64(math.Round(at * 1000))
				continue
			}
			if !slices.Contains(s.named, upper) {
				e = s.pascal(e)
			}
			out[upper] = e
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = s.pascal(e)
		}
		return out
	}
	return v
}

// marked is the parameters with the service's mark.
func (s *jobService) marked(parameters any) any {
	fields, ok := parameters.(map[string]any)
	if !ok || s.mark == nil {
		return parameters
	}
	return s.mark(maps.Clone(fields))
}

// first is the first element of a member that is a list of objects. Nil for none.
func first(fields map[string]any, member string) map[string]any {
	list, _ := fields[member].([]any)
	if len(list) == 0 {
		return nil
	}
	object, _ := list[0].(map[string]any)
	return object
}

func textOf(fields map[string]any, member string) string {
	text, _ := fields[member].(string)
	return text
}

package estate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// Check holds every fleet's parameters against the template: names, types,
// patterns and rules. The error joins a *[Fault] for each that is wrong.
func (e *Estate) Check(t *cloudformation.Template) error {
	var errs []error
	for i := range e.Fleets {
		errs = append(errs, e.CheckFleet(t, &e.Fleets[i], nil))
	}
	return errors.Join(errs...)
}

// CheckFleet is [Estate.Check] of one fleet, some of whose parameters are given
// elsewhere. What is wrong with these is a *[cloudformation.Violation].
func (e *Estate) CheckFleet(t *cloudformation.Template, f *Fleet, given map[string]string) error {
	var names []string
	for _, q := range t.Parameters {
		names = append(names, q.Name)
	}
	var errs []error
	var faults []*Fault
	fault := func(line int, message string) { faults = append(faults, &Fault{e.File, line, message}) }
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		value := f.Parameters[name]
		if !slices.Contains(names, name) {
			fault(value.Line, "the template has no parameter "+name+meant(name, names))
			continue
		}
		values[name] = value.Text
	}
	maps.Copy(values, given)
	for _, v := range Violations(t, values) {
		if _, elsewhere := given[v.Parameter]; elsewhere {
			errs = append(errs, v)
			continue
		}
		line := f.Line
		if value, ok := f.Parameters[v.Parameter]; ok {
			line = value.Line
		}
		message := v.Error()
		if v.Parameter != "" {
			for _, q := range t.Parameters {
				if q.Name == v.Parameter && len(q.AllowedValues) > 0 {
					message += ": " + strings.Join(q.AllowedValues, ", ")
				}
			}
		}
		fault(line, "fleet "+f.Name+": "+message)
	}
	return errors.Join(append([]error{joinFaults(faults)}, errs...)...)
}

// Violations are what a template has against parameters: against one by one, or,
// where each is well, against how they go together.
func Violations(t *cloudformation.Template, values map[string]string) []*cloudformation.Violation {
	if found := t.Check(values); len(found) > 0 {
		return found
	}
	providers := map[string]api.Provider{}
	for _, r := range t.Resources {
		providers[r.Type] = api.Provider{Create: func(context.Context, api.ResourceRequest) (api.Resource, error) {
			return api.Resource{}, errors.New("nothing is made here")
		}}
	}
	err := cloudformation.Validate(t, cloudformation.Options{
		StackName: "fleet", Parameters: values, Providers: providers,
		Account: &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws"},
	})
	return violations(err)
}

// violations unfolds joined errors. What is none is told as one.
func violations(err error) []*cloudformation.Violation {
	if err == nil {
		return nil
	}
	if v, ok := errors.AsType[*cloudformation.Violation](err); ok {
		if joined, many := err.(interface{ Unwrap() []error }); many {
			var all []*cloudformation.Violation
			for _, e := range joined.Unwrap() {
				all = append(all, violations(e)...)
			}
			return all
		}
		return []*cloudformation.Violation{v}
	}
	return []*cloudformation.Violation{{Message: err.Error()}}
}

// meant says which name may have been meant. Empty if none is near.
func meant(name string, names []string) string {
	best, least := "", len(name)/2+1
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		if len(names) > 8 {
			return ""
		}
		return ": known are " + strings.Join(names, ", ")
	}
	return ": did you mean " + best + "?"
}

// distance is how many letters have to be added, removed or changed to make b
// of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
)

// flow is a set of states that starts at one: a machine, a branch, an item
// processor.
type flow struct {
	StartAt string
	States  map[string]state
}

// state is what of a state the checks need.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-states.html
type state struct {
	Type          string
	Next, Default string
	Choices       []struct{ Next string }
	Retry         []struct{ ErrorEquals []string }
	Catch         []struct {
		ErrorEquals []string
		Next        string
	}
	ItemProcessor *flow
	Iterator      *flow
	Branches      []flow
}

// flows are the flows inside a state.
func (s state) flows() []flow {
	inner := slices.Clone(s.Branches)
	for _, f := range []*flow{s.ItemProcessor, s.Iterator} {
		if f != nil {
			inner = append(inner, *f)
		}
	}
	return inner
}

// successors are the states that may come next.
func (s state) successors() []string {
	all := []string{s.Next, s.Default}
	for _, c := range s.Choices {
		all = append(all, c.Next)
	}
	for _, c := range s.Catch {
		all = append(all, c.Next)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// violations lists what is wrong with a flow: states that nothing leads to or
// that are not there, choices without a Default, errors of an unknown name.
func (f flow) violations() []string {
	reached, found := f.reach()
	for _, name := range slices.Sorted(maps.Keys(f.States)) {
		s := f.States[name]
		if !reached[name] {
			found = append(found, fmt.Sprintf("nothing leads to %q", name))
		}
		if s.Type == "Choice" && s.Default == "" {
			found = append(found, fmt.Sprintf("the choice %q has no Default", name))
		}
		var errors []string
		for _, r := range s.Retry {
			errors = append(errors, r.ErrorEquals...)
		}
		for _, c := range s.Catch {
			errors = append(errors, c.ErrorEquals...)
		}
		for _, e := range errors {
			if errorSources[e] == "" {
				found = append(found, fmt.Sprintf("%q names the error %s, of which no source is known", name, e))
			}
		}
		for _, inner := range s.flows() {
			found = append(found, inner.violations()...)
		}
	}
	return found
}

func (f flow) reach() (reached map[string]bool, missing []string) {
	reached = map[string]bool{}
	for next := []string{f.StartAt}; len(next) > 0; next = next[1:] {
		name := next[0]
		if reached[name] {
			continue
		}
		reached[name] = true
		s, ok := f.States[name]
		if !ok {
			missing = append(missing, fmt.Sprintf("there is no state %q", name))
			continue
		}
		next = append(next, s.successors()...)
	}
	return reached, missing
}

func machine(t *testing.T, definition string) flow {
	t.Helper()
	var f flow
	require.NoError(t, json.Unmarshal([]byte(definition), &f))
	require.NotEmpty(t, f.States)
	return f
}

func TestMachines(t *testing.T) {
	assert.Empty(t, machine(t, asl.Autoscaler).violations())
	assert.Empty(t, machine(t, asl.Worker).violations())
}

func TestMachinesAreViolated(t *testing.T) {
	for name, c := range map[string]struct{ definition, want string }{
		"an island": {
			`{"StartAt":"A","States":{"A":{"Type":"Succeed"},"B":{"Type":"Succeed"}}}`,
			`nothing leads to "B"`,
		},
		"an island in a map": {
			`{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"},"B":{"Type":"Succeed"}}}}}}`,
			`nothing leads to "B"`,
		},
		"a state that is not there": {
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}`,
			`there is no state "B"`,
		},
		"a choice without a default, in a branch": {
			`{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"C","States":{
				"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"D"}]},"D":{"Type":"Succeed"}}}]}}}`,
			`the choice "C" has no Default`,
		},
		"a misspelt error that is retried": {
			`{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Retry":[{"ErrorEquals":["States.TimeOut"]}]}}}`,
			`"A" names the error States.TimeOut, of which no source is known`,
		},
		"a misspelt error that is caught": {
			`{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Catch":[{"ErrorEquals":["Dynamodb.ConditionalCheckFailedException"],"Next":"B"}]},"B":{"Type":"Fail"}}}`,
			`"A" names the error Dynamodb.ConditionalCheckFailedException, of which no source is known`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, []string{c.want}, machine(t, c.definition).violations())
		})
	}
}

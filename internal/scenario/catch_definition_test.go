package scenario_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// flow is what of a definition says where an execution can go.
type flow struct {
	StartAt string
	States  map[string]struct {
		Type    string
		Comment string
		Next    string
		Default string
		Choices []struct{ Next string }
		Catch   []struct {
			ErrorEquals []string
			Next        string
		}
		ItemProcessor *flow
	}
}

// place is something in a definition that an execution can take: a state, a
// branch of a Choice, a Catch, or the way on after success.
type place struct {
	state string
	// way is "", "choice 2", "default", "catch 0" or "next".
	way string
	// to is the state that the way leads to.
	to string
}

func (p place) String() string {
	if p.way == "" {
		return p.state
	}
	return fmt.Sprintf("%s, %s to %s", p.state, p.way, p.to)
}

func flowOf(t *testing.T, definition string) *flow {
	t.Helper()
	f := new(flow)
	require.NoError(t, json.Unmarshal([]byte(definition), f))
	return f
}

// places lists all that an execution can take.
func (f *flow) places() []place {
	var all []place
	for _, name := range slices.Sorted(maps.Keys(f.States)) {
		s := f.States[name]
		all = append(all, place{state: name})
		if s.Next != "" {
			all = append(all, place{name, "next", s.Next})
		}
		for i, c := range s.Choices {
			all = append(all, place{name, fmt.Sprintf("choice %d", i), c.Next})
		}
		if s.Default != "" {
			all = append(all, place{name, "default", s.Default})
		}
		for i, c := range s.Catch {
			all = append(all, place{name, fmt.Sprintf("catch %d", i), c.Next})
		}
		if s.ItemProcessor != nil {
			all = append(all, s.ItemProcessor.places()...)
		}
	}
	return all
}

// way finds the place that led from one state to another, where caught is the
// error that the first state ended with. Branches of a Choice are told apart by
// where they lead.
func (f *flow) way(from, to, caught string) (place, error) {
	s, ok := f.States[from]
	if !ok {
		for _, outer := range f.States {
			if outer.ItemProcessor != nil {
				return outer.ItemProcessor.way(from, to, caught)
			}
		}
		return place{}, fmt.Errorf("the definition has no state %q", from)
	}
	if caught != "" {
		for i, c := range s.Catch {
			// A missed heartbeat is reported as a time-out.
			silence := caught == "States.Timeout" && c.Next == to && slices.Contains(c.ErrorEquals, "States.HeartbeatTimeout")
			if !silence && !slices.Contains(c.ErrorEquals, caught) && !slices.Contains(c.ErrorEquals, "States.ALL") {
				continue
			}
			if c.Next != to {
				return place{}, fmt.Errorf("%s of %q leads to %q, the execution went to %q", caught, from, c.Next, to)
			}
			return place{from, fmt.Sprintf("catch %d", i), to}, nil
		}
		return place{}, fmt.Errorf("nothing in %q catches %s", from, caught)
	}
	var found []place
	for _, p := range f.places() {
		if p.state == from && p.to == to && p.way != "" && p.way[:2] != "ca" {
			found = append(found, p)
		}
	}
	if len(found) == 0 && len(s.Catch) > 0 {
		// The task succeeded, and its output is too large for state.
		return f.way(from, to, "States.DataLimitExceeded")
	}
	if len(found) != 1 {
		return place{}, fmt.Errorf("from %q to %q lead %v, it must be one way", from, to, found)
	}
	return found[0], nil
}

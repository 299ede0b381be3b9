package explore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterq/muster/internal/scenario"
)

// TestDeliberateBugs takes each slot rule out, at the wire of Muster's own
// functions, and expects the search to notice.
func TestDeliberateBugs(t *testing.T) {
	for _, b := range append(slices.Clone(scenario.Bugs), scenario.ClockBug) {
		t.Run(b.Name, func(t *testing.T) {
			s := newSearch(t, b, 10*time.Second)
			began := time.Now()
			for seed := uint64(0); s.tried < 20_000; seed++ {
				s.world(seed, lives)
				if strings.Contains(s.wrong, "the cap of") {
					t.Logf("schedule %d, after %s: %s", s.tried, time.Since(began).Round(time.Millisecond), s.wrong)
					return
				}
				s.wrong = ""
			}
			t.Error("no schedule notices: the search proves nothing")
		})
	}
}

package explore_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/scenario"
)

var (
	schedules = flag.Int("schedules", 300, "schedules that TestExplore tries")
	from      = flag.Uint64("from", 0, "first seed of TestExplore")
	walks     = flag.Bool("walks", false, "leave the systematic search out of TestExplore: another process makes it")
	hashes    = flag.String("hashes", "", "file that TestExplore writes the hashes of distinct schedules to, a line each, to count those of several processes")
)

// lives of one world: a seed replays them all.
const lives = 25

// search is what a search has seen.
type search struct {
	*testing.T
	bug    scenario.Bug
	clocks time.Duration
	// frontiers of the systematic search, by setting.
	frontiers map[setting]*frontier

	tried, systematic, steps int
	distinct                 map[uint64]bool
	// hashes is told of each of them.
	hashes io.Writer
	// wrong is what went wrong, with its schedule.
	wrong string
}

func newSearch(t *testing.T, b scenario.Bug, clocks time.Duration) *search {
	return &search{T: t, bug: b, clocks: clocks, frontiers: map[setting]*frontier{}, distinct: map[uint64]bool{}, hashes: io.Discard}
}

// world lives the lives of one seed in a world of their own, until one goes
// wrong. Every fourth seed goes on with the systematic search.
func (s *search) world(seed uint64, wanted int) {
	random := rand.New(rand.NewPCG(seed, 1))
	c := setting{lane: []string{"stream", "steps"}[seed%2], cap: 1 + random.IntN(3)}
	if s.bug.Stream {
		c.lane = "stream"
	}
	var f *frontier
	if seed%8 >= 6 && !*walks {
		c.cap = 1
		f = s.frontiers[c]
		if f == nil {
			f = newFrontier(seed)
			s.frontiers[c] = f
		}
	}
	c.parallelism = 1 + random.IntN(c.cap)
	if c.lane == "steps" {
		c.parallelism, c.courier = 1, f == nil && random.IntN(2) == 0
	}
	cryptotest.SetGlobalRandom(s.T, seed)
	synctest.Test(s.T, func(t *testing.T) {
		w := newWorld(t, c, s.bug)
		defer w.Close()
		defer w.gate.open()
		for i := range min(lives, wanted) {
			cryptotest.SetGlobalRandom(s.T, seed*lives+uint64(i)+1)
			walk := newWalk(random)
			l := &life{w: w, seed: random.Uint64(), chooser: walk, setting: c}
			if walk.aim != nil || random.IntN(2) == 0 {
				l.clocks = s.clocks
			}
			var wrong string
			if p := f.take(); p != nil {
				l.chooser, l.seed, l.clocks = p, 1, 0
				wrong = l.live(2)
				f.lived(p)
				s.systematic++
			} else {
				wrong = l.live(1 + random.IntN(4))
			}
			s.tried++
			s.steps += len(l.trace)
			s.count(l.hash())
			if wrong != "" {
				s.wrong = fmt.Sprintf("%s\nseed %d, life %d: %s\n%s", wrong, seed, i, c, strings.Join(l.trace, "\n"))
				return
			}
		}
	})
}

// count counts a schedule that was not tried before.
func (s *search) count(hash uint64) {
	if !s.distinct[hash] {
		s.distinct[hash] = true
		_, err := fmt.Fprintf(s.hashes, "%016x\n", hash)
		require.NoError(s, err)
	}
}

func (s *search) String() string {
	return fmt.Sprintf("%d schedules, %d of them distinct, %d of the systematic search, %d steps", s.tried, len(s.distinct), s.systematic, s.steps)
}

// TestExplore finds no schedule in which the cap is passed, a slot stays taken or
// a message is lost.
func TestExplore(t *testing.T) {
	s := newSearch(t, scenario.Bug{}, 15*time.Second)
	if *hashes != "" {
		file, err := os.Create(*hashes)
		require.NoError(t, err)
		defer file.Close()
		s.hashes = file
	}
	// Memory is cheaper than time here.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began := time.Now()
	for seed := *from; s.tried < *schedules && s.wrong == ""; seed++ {
		s.world(seed, *schedules-s.tried)
		if s.tried%5_000 < lives {
			t.Logf("%s, in %s", s, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%s, in %s", s, time.Since(began).Round(time.Millisecond))
	if s.wrong != "" {
		t.Error(s.wrong)
	}
	assert.GreaterOrEqual(t, len(s.distinct), s.tried*9/10, "schedules that were tried before prove nothing")
}

// TestReplay lives the lives of some seeds twice: the same happens. Where two
// goroutines go on at one instant, as when a caller is killed, their order is the
// Go scheduler's: that a few lives differ by it is allowed for.
func TestReplay(t *testing.T) {
	lived, same := 0, 0
	for seed := range uint64(8) {
		first, again := newSearch(t, scenario.Bug{}, 15*time.Second), newSearch(t, scenario.Bug{}, 15*time.Second)
		first.world(seed, 10)
		again.world(seed, 10)
		for hash := range first.distinct {
			lived++
			if again.distinct[hash] {
				same++
			}
		}
	}
	t.Logf("%d of %d lives were the same", same, lived)
	assert.GreaterOrEqual(t, same, lived*8/10)
}

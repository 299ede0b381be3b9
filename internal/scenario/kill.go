package scenario

import (
	"context"
	"runtime"
	"sync"

	"github.com/musterq/muster/internal/local/lambda"
)

// Killer kills invocations of Muster's own functions as SIGKILL kills their
// processes: their connections break and they say nothing more, while what they
// asked for goes on.
type Killer struct {
	mu    sync.Mutex
	alive map[*mortal]bool
}

// mortal is an invocation that runs.
type mortal struct {
	function string
	kill     context.CancelFunc
}

// NewKiller makes a Killer. Its Wrap is for [Options].Code.
func NewKiller() *Killer { return &Killer{alive: map[*mortal]bool{}} }

// Wrap makes a function's invocations mortal.
func (k *Killer) Wrap(function string, f lambda.Func) lambda.Func {
	type answer struct {
		payload []byte
		err     error
	}
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		ctx, kill := context.WithCancel(ctx)
		defer kill()
		m := &mortal{function, kill}
		k.enter(m, true)
		defer k.enter(m, false)
		answers := make(chan answer, 1)
		go func() {
			out, err := f(ctx, payload)
			answers <- answer{out, err}
		}()
		select {
		case a := <-answers:
			return a.payload, a.err
		case <-ctx.Done():
			runtime.Goexit() // without an answer, as a process that exits
			return nil, ctx.Err()
		}
	}
}

func (k *Killer) enter(m *mortal, alive bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if alive {
		k.alive[m] = true
	} else {
		delete(k.alive, m)
	}
}

// Kill ends a function's invocations and says how many it ended.
func (k *Killer) Kill(function string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for m := range k.alive {
		if m.function == function {
			m.kill()
			delete(k.alive, m)
			n++
		}
	}
	return n
}

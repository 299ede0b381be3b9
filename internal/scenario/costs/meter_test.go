package costs_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/scenario"
)

// How long calls of Muster's own functions take, and what else takes time in the
// bubble, where nothing does by itself. AWS promises no figures: these are what
// muster plan reckons with, or of the same order.
var takes = map[string]time.Duration{"sqs": 15 * time.Millisecond, "dynamodb": 5 * time.Millisecond, "lambda": 5 * time.Millisecond, "s3": 20 * time.Millisecond}

const (
	// thinking is what an invocation of Muster's own short functions computes for.
	thinking = 20 * time.Millisecond
	// starting a function's invocation takes a state so long.
	starting = 30 * time.Millisecond
)

// slow is a transport whose calls take time.
type slow struct{ next http.RoundTripper }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	// The credential's scope names the service.
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "/us-east-1/")
	service, _, _ := strings.Cut(rest, "/")
	time.Sleep(takes[service])
	return s.next.RoundTrip(r)
}

// load is a rate that does not stop, and the fleet for it.
type load struct {
	lane  string
	rate  float64
	takes time.Duration
	// workers that stay, each with so many places. 0 lets them come and go.
	workers, places, batch int
	parameters             map[string]string
}

func (l load) String() string { return fmt.Sprintf("%s, %v/s, %s", l.lane, l.rate, l.takes) }

// metered is what a fleet was billed for within a while.
type metered struct {
	bill     meter.Bill
	messages int
	workers  int
	window   time.Duration
}

func (m metered) perMillion(parts ...meter.Part) float64 {
	return m.bill.Of(parts...).Dollars() / float64(m.messages) * 1e6
}

// run meters a fleet for so long, after a quiet time in which workers that stay
// start and a while in which they get warm.
func (l load) run(t *testing.T, quiet, warm, window time.Duration) (m metered) {
	synctest.Test(t, func(t *testing.T) {
		f := l.start(t)
		defer f.Close()
		time.Sleep(quiet)
		ended := make(chan struct{})
		var producing sync.WaitGroup
		if l.rate > 0 {
			producing.Go(func() { l.produce(f, ended) })
		}
		time.Sleep(warm)
		before, handled := f.Bill(), f.Handled()
		time.Sleep(window)
		m.bill, m.messages = f.Bill().Since(before), f.Handled()-handled
		m.workers, m.window = len(f.Workers()), window
		close(ended)
		producing.Wait()
	})
	return m
}

func (l load) start(t *testing.T) *scenario.Fleet {
	p := map[string]string{
		"Lane": l.lane, "BatchSize": strconv.Itoa(max(1, l.batch)), "ProcessTimeoutSeconds": "60",
		"MaxConcurrency": "50", "Parallelism": "5", "IdleSeconds": "60", "MessagesPerWorker": "0",
		"LambdaConcurrency": "0",
	}
	if l.workers > 0 {
		p["MaxConcurrency"], p["Parallelism"], p["MinWorkers"] = strconv.Itoa(l.workers*l.places), strconv.Itoa(l.places), strconv.Itoa(l.workers)
		p["StepLimit"] = "300"
	}
	maps.Copy(p, l.parameters)
	f := scenario.Start(t, scenario.Options{
		Parameters: p, Process: scenario.Takes(l.takes),
		Wire: func(_ string, next http.RoundTripper) http.RoundTripper { return slow{next} },
		Code: func(name string, f lambda.Func) lambda.Func {
			return func(ctx context.Context, payload []byte) ([]byte, error) {
				time.Sleep(thinking)
				return f(ctx, payload)
			}
		},
		Local: local.Options{Lambda: lambda.Options{Concurrency: 100_000, UnlimitedScaling: true}},
	})
	f.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Delay, For: starting, Match: func(c api.Call) bool { return c.Caller.Execution != "" }})
	return f
}

// produce sends messages as chance has it at the rate: one by one, or where there
// are many those of 10 ms together.
func (l load) produce(f *scenario.Fleet, ended <-chan struct{}) {
	random := rand.New(rand.NewPCG(7, 11))
	const many, together = 50.0, 10 * time.Millisecond
	due := time.Now()
	for {
		n := 1
		if l.rate > many {
			due, n = due.Add(together), 0
			for left := random.ExpFloat64(); left < l.rate*together.Seconds(); left += random.ExpFloat64() {
				n++
			}
		} else {
			due = due.Add(time.Duration(random.ExpFloat64() / l.rate * float64(time.Second)))
		}
		wait := time.NewTimer(time.Until(due))
		select {
		case <-ended:
			wait.Stop()
			return
		case <-wait.C:
		}
		f.SendMany(n)
	}
}

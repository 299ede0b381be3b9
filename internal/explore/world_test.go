package explore_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// setting of a world: a fleet.
type setting struct {
	lane             string
	cap, parallelism int
	// courier lets the steps lane hand events over through its courier.
	courier bool
}

func (s setting) String() string {
	return fmt.Sprintf("%s, cap %d, parallelism %d, courier %t", s.lane, s.cap, s.parallelism, s.courier)
}

const (
	// timeout of the handlers.
	timeout = 10 * time.Second
	// every is how often a tick is scheduled.
	every = 2 * time.Minute
)

// world is a fleet that lives many lives.
type world struct {
	*scenario.Fleet
	t     testing.TB
	cap   int
	gate  *gate
	table *dynamodb.Client

	mu sync.Mutex
	// life is what the running life says of clocks and handlers. Nil between lives.
	life *life
	// running are the invocations of Muster's functions by request ID, names those
	// of callers, counts how many of each kind this life has seen.
	running map[string]*invocation
	names   map[string]string
	counts  map[string]int
}

// invocation of one of Muster's own functions.
type invocation struct {
	name string
	skew time.Duration
	kill context.CancelFunc
}

// newWorld deploys a fleet. It must be called in a bubble, and closed.
func newWorld(t testing.TB, s setting, b scenario.Bug) *world {
	w := &world{t: t, cap: s.cap, running: map[string]*invocation{}, names: map[string]string{}, counts: map[string]int{}}
	w.gate = newGate(w.name)
	bodies := "small"
	if s.courier {
		bodies = "never"
	}
	w.Fleet = scenario.Start(t, scenario.Options{
		Parameters: map[string]string{
			"Lane": s.lane, "MaxConcurrency": fmt.Sprint(s.cap), "Parallelism": fmt.Sprint(s.parallelism),
			"MessagesPerWorker": "1", "BatchSize": "1", "ProcessTimeoutSeconds": fmt.Sprint(int(timeout / time.Second)), "IdleSeconds": "20",
			"LivenessSeconds": "120", "MaxReceiveCount": "1000", "BackoffMaxSeconds": "0", "BodiesInState": bodies,
			"ScheduleExpression": "rate(2 minutes)",
		},
		Process: w.process, Code: w.mortal,
		Wire: func(function string, next http.RoundTripper) http.RoundTripper {
			if b.Wire != nil {
				next = b.Wire(function, next)
			}
			return w.skewed(next)
		},
		Definition: b.Definition,
	})
	w.table = dynamodb.NewFromConfig(w.Config())
	w.Router.Faults.SetGate(w.gate.ask)
	return w
}

// begin prepares the world for a life: as on its first day.
func (w *world) begin(l *life) {
	key := map[string]ddb.AttributeValue{"Fleet": &ddb.AttributeValueMemberS{Value: "jobs"}, "Item": &ddb.AttributeValueMemberS{Value: "control"}}
	_, err := w.table.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: aws.String(w.Output("TableName")), Key: key})
	require.NoError(w.t, err)
	// Halfway between two scheduled ticks.
	time.Sleep(time.Until(time.Now().Truncate(every).Add(every * 3 / 2)))
	w.mu.Lock()
	w.life = l
	clear(w.names)
	clear(w.counts)
	w.mu.Unlock()
}

// heal ends a life's faults: nothing is late any more, clocks are right again.
func (w *world) heal() {
	w.mu.Lock()
	w.life = nil
	for _, i := range w.running {
		i.skew = 0
	}
	w.mu.Unlock()
	w.gate.hurry()
}

// number counts one more of a kind in this life.
func (w *world) number(kind string) int {
	w.counts[kind]++
	return w.counts[kind]
}

// name names a caller by its kind and the order of its first call.
func (w *world) name(c api.Caller) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, kind := c.RequestID, strings.TrimPrefix(c.Function, "jobs-")
	if c.Function == "" {
		id = c.Execution
		kind = "event"
		switch {
		case strings.Contains(id, ":jobs-worker:"):
			kind = "worker"
		case strings.Contains(id, ":jobs-autoscaler:"):
			kind = "tick"
		}
	}
	if id == "" {
		return kind
	}
	if w.names[id] == "" {
		w.names[id] = fmt.Sprintf("%s %d", kind, w.number(kind))
	}
	return w.names[id]
}

// process is the users' handler: it takes as long as the life says.
func (w *world) process(ctx context.Context, e message.Event) (any, error) {
	takes := 100 * time.Millisecond
	w.mu.Lock()
	if w.life != nil {
		takes = w.life.takes(w.number("process"))
	}
	w.mu.Unlock()
	return scenario.Takes(takes)(ctx, e)
}

// mortal lets the scheduler kill an invocation as SIGKILL kills a process: its
// connections break, and it says nothing more.
func (w *world) mortal(function string, f lambda.Func) lambda.Func {
	type answer struct {
		payload []byte
		err     error
	}
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		ctx, kill := context.WithCancel(ctx)
		defer kill()
		i, leave := w.enter(ctx, function, kill)
		defer leave()
		answers := make(chan answer, 1)
		go func() {
			out, err := f(ctx, shifted(payload, -i.skew))
			answers <- answer{shifted(out, i.skew), err}
		}()
		select {
		case a := <-answers:
			return a.payload, a.err
		case <-ctx.Done():
			runtime.Goexit()
			return nil, ctx.Err()
		}
	}
}

// enter notes an invocation and sets its clock.
func (w *world) enter(ctx context.Context, function string, kill context.CancelFunc) (i *invocation, leave func()) {
	id := requestID(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.number(function)
	i = &invocation{name: fmt.Sprintf("%s %d", function, n), kill: kill}
	if w.life != nil {
		i.skew = w.life.skew(function, n)
	}
	w.names[id], w.running[id] = i.name, i
	return i, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, id)
	}
}

// idle says whether none of Muster's functions runs.
func (w *world) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running) == 0
}

// caller is the invocation that made a call. Nil if that was no function, or if
// it has ended.
func (w *world) caller(c api.Call) *invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[c.Caller.RequestID]
}

func requestID(ctx context.Context) string {
	lc, _ := lambdacontext.FromContext(ctx)
	return lc.AwsRequestID
}

// skewed is the way from an invocation whose clock is wrong to the registry. To
// read every time as so much earlier and write it as so much later is what a
// clock does that is so much ahead.
func (w *world) skewed(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		w.mu.Lock()
		i, skew := w.running[requestID(r.Context())], time.Duration(0)
		if i != nil {
			skew = i.skew
		}
		w.mu.Unlock()
		if skew == 0 || !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB") {
			return next.RoundTrip(r)
		}
		body, err := read(r.Body)
		if err != nil {
			return nil, err
		}
		body = shifted(body, skew)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		answer, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if body, err = read(answer.Body); err != nil {
			return nil, err
		}
		body = shifted(body, -skew)
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		answer.Header.Del("Content-Length")
		answer.Header.Del("X-Amz-Crc32")
		return answer, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func read(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	return io.ReadAll(body)
}

// times are those of the year 2000, in which bubbles live: as the registry
// keeps them, and in milliseconds since 1970. The last digits of a message's ID
// can look like these.
var times = regexp.MustCompile(`2000-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|(^|[^-\w])9[4-7]\d{10}\b`)

// shifted moves every time in a text.
func shifted(text []byte, by time.Duration) []byte {
	if by == 0 {
		return text
	}
	return times.ReplaceAllFunc(text, func(found []byte) []byte {
		if found[0] != '2' {
			before, digits := found[:len(found)-len("946684800000")], found[len(found)-len("946684800000"):]
			var ms int64
			for _, digit := range digits {
				ms = 10*ms + int64(digit-'0')
			}
			return fmt.Append(slices.Clone(before), ms+by.Milliseconds())
		}
		at, err := time.Parse(time.RFC3339Nano, string(found))
		if err != nil {
			return found
		}
		fraction := ""
		if digits := len(found) - len("2000-01-01T00:00:00Z"); digits > 0 {
			fraction = "." + strings.Repeat("0", digits-1)
		}
		return []byte(at.Add(by).Format("2006-01-02T15:04:05" + fraction + "Z"))
	})
}

func TestShifted(t *testing.T) {
	got := shifted([]byte(`{"N":"946684800000"} 946684800000,"2000-01-01T00:00:00.5Z" a9aadfbb-ebe1-4f8f-838e-958292541591 99466848000001`), 15*time.Second)
	assert.Equal(t, `{"N":"946684815000"} 946684815000,"2000-01-01T00:00:15.5Z" a9aadfbb-ebe1-4f8f-838e-958292541591 99466848000001`, string(got))
}

package lambda

import (
	"maps"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

const (
	// An asynchronous event counts once for its first 256 KB and once more for
	// each further 64 KB.
	firstChunk = 256 << 10
	// eventOverhead is what CloudWatch Logs counts for a log event beside its text.
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
	eventOverhead = 26
	// platformLines are the bytes of Lambda's own START, END and REPORT lines: an
	// estimate, for their numbers vary in length.
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
	platformLines = 256 + 3*eventOverhead
)

// bill bills an invocation that has ended: the request, and the time by the millisecond from
// the start of the environment's init phase, if it had one, to the end.
//
// https://aws.amazon.com/lambda/pricing/
// https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
func (s *Service) bill(f Function, i *invocation) {
	s.mu.Lock()
	delete(s.unbilled, i)
	since, first := i.billed, i.billed.Equal(i.began)
	s.mu.Unlock()
	arn := s.account.ARN("lambda", "function:"+f.Name)
	requests := 1.0
	if excess := len(i.payload) - firstChunk; i.event && excess > 0 {
		requests += price.Chunks(excess)
	}
	s.router.Bill(api.Usage{Item: price.LambdaRequest, Quantity: requests, Resource: arn, Caller: i.caller})
	milliseconds := (time.Since(since) + time.Millisecond - 1) / time.Millisecond
	if first {
		milliseconds = max(1, milliseconds)
	}
	s.billTime(f, i, milliseconds)
}

func (s *Service) billTime(f Function, i *invocation, milliseconds time.Duration) {
	item := price.LambdaX86Time
	if len(f.Architectures) > 0 && f.Architectures[0] == "arm64" {
		item = price.LambdaArmTime
	}
	s.router.Bill(api.Usage{
		Item: item, Quantity: float64(milliseconds) / 1000 * float64(f.MemorySize) / 1024,
		Resource: s.account.ARN("lambda", "function:"+f.Name), Caller: i.caller,
	})
}

// BillRunning bills the time until now of invocations that run, and of provisioned
// pollers.
func (s *Service) BillRunning() {
	now := time.Now()
	s.mu.Lock()
	running := make(map[*invocation]time.Duration, len(s.unbilled))
	functions := maps.Clone(s.unbilled)
	for i := range s.unbilled {
		running[i] = now.Sub(i.billed) / time.Millisecond
		i.billed = i.billed.Add(running[i] * time.Millisecond)
	}
	for _, m := range s.mappings {
		if m.poller != nil {
			m.poller.bill()
		}
	}
	s.mu.Unlock()
	for i, milliseconds := range running {
		s.billTime(functions[i], i, milliseconds)
	}
}

// logged tells of what an invocation has written.
func (s *Service) logged(in *instance) {
	if s.options.Logged == nil {
		return
	}
	l := in.setting.logs
	l.mu.Lock()
	bytes := platformLines + l.bytes
	l.bytes = 0
	l.mu.Unlock()
	s.options.Logged(in.setting.function.LogGroup, bytes)
}

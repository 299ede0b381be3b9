package lambda

import (
	"context"
	"io"
	"time"
)

// sink is where the lines of a function's environments go: to whoever wants them,
// and to the function's log group. Nil if nowhere.
func (s *Service) sink(logGroup string) func(function, environment string, line []byte) {
	tell, record := s.options.Logs, s.options.Record
	if record == nil {
		return tell
	}
	return func(function, environment string, line []byte) {
		record(logGroup, environment, line)
		if tell != nil {
			tell(function, environment, line)
		}
	}
}

// measure tells of a metric of a function.
func (s *Service) measure(name, function string, value float64) {
	if s.options.Metric != nil {
		s.options.Metric(name, function, value)
	}
}

// measured tells of an invocation that has ended.
func (s *Service) measured(function string, failed bool, took time.Duration) {
	failures := 0.0
	if failed {
		failures = 1
	}
	s.measure("Invocations", function, 1)
	s.measure("Errors", function, failures)
	s.measure("Duration", function, float64(took)/float64(time.Millisecond))
}

// logKey is the context's key of an environment's log.
type logKey struct{}

// Log is where a [Func] writes its log, as a process writes to its output: lines
// of the log group. Elsewhere than in a Func it discards what it is given.
func Log(ctx context.Context) io.Writer {
	if log, ok := ctx.Value(logKey{}).(io.Writer); ok {
		return log
	}
	return io.Discard
}

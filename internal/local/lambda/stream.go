package lambda

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// maxTail is what LogType Tail returns.
const maxTail = 4096

// stream is an environment's log stream: it cuts what is written into lines and
// keeps the end of what the current invocation wrote.
type stream struct {
	sink                  func(function, environment string, line []byte)
	function, environment string
	// version of the function.
	version string

	mu sync.Mutex
	// quiet says that nobody wants to know what the current invocation writes.
	quiet   bool
	partial []byte
	last    []byte
	// bytes that were written since an invocation was last billed.
	bytes int
}

func newStream(sink func(string, string, []byte), function, environment, version string) *stream {
	return &stream{sink: sink, function: function, environment: environment, version: version}
}

// Write never fails.
func (l *stream) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += len(p) + eventOverhead*bytes.Count(p, []byte("\n"))
	l.write(p)
	return len(p), nil
}

func (l *stream) write(p []byte) {
	if l.quiet {
		return
	}
	l.last = append(l.last, p...)
	if excess := len(l.last) - maxTail; excess > 0 {
		l.last = append(l.last[:0], l.last[excess:]...)
	}
	if l.sink == nil {
		return
	}
	l.partial = append(l.partial, p...)
	rest := l.partial
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if !found {
			break
		}
		l.sink(l.function, l.environment, line)
		rest = after
	}
	l.partial = append(l.partial[:0], rest...)
}

// begin opens an invocation's part of the log, as Lambda does. Without a sink
// only an invocation that asks for its tail is logged.
func (l *stream) begin(id string, tail bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = l.last[:0]
	if l.quiet = l.sink == nil && !tail; l.quiet {
		return
	}
	l.write(fmt.Appendf(nil, "START RequestId: %s Version: %s\n", id, l.version))
}

// end closes an invocation's part of the log.
func (l *stream) end(id string, d time.Duration, size, used int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet {
		return
	}
	if len(l.partial) > 0 {
		l.write([]byte("\n"))
	}
	ms := float64(d) / float64(time.Millisecond)
	text := fmt.Appendf(nil, "END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB", id, id, ms, (d+time.Millisecond-1)/time.Millisecond, size)
	if used > 0 {
		text = fmt.Appendf(text, "\tMax Memory Used: %d MB", used)
	}
	l.write(append(text, '\n'))
}

// wanted tells whether anybody wants to know what the current invocation writes.
func (l *stream) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.quiet
}

// platform logs the error that an invocation ended with.
func (l *stream) platform(message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.write([]byte("\n"))
	}
	l.write(append(bytes.Clone(message), '\n'))
}

func (l *stream) tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.last)
}

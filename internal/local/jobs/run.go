package jobs

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/musterq/muster/internal/local/process"
)

// run is something that was started. The service's lock guards what is not set
// from the start.
type run struct {
	name, arn string
	command   Command
	created   time.Time
	started   time.Time
	// stopping and ended are zero until then.
	stopping, ended time.Time
	// stop asks the command to end.
	stop context.CancelFunc
	// done is closed when it has ended.
	done chan struct{}
}

func (r *run) over() time.Time { return r.ended }

// begin makes a run that starts now, and the context that asks it to stop.
func (s *Service) begin(name, arn string, command Command) (*run, context.Context) {
	ctx, stop := context.WithCancel(context.Background())
	now := time.Now()
	return &run{name: name, arn: arn, command: command, created: now, started: now, stop: stop, done: make(chan struct{})}, ctx
}

// launch runs a command on a goroutine of its own and tells after what it came
// to, with the lock held. The lock must be held.
func (s *Service) launch(stop context.Context, r *run, in Run, end func(ending)) {
	s.running.Go(func() {
		came := s.perform(stop, r.command, in)
		s.mu.Lock()
		defer s.mu.Unlock()
		end(came)
	})
}

func (s *Service) perform(stop context.Context, command Command, in Run) ending {
	log := &lines{sink: s.options.Logs, name: in.Name, id: in.ID}
	defer log.flush()
	return command.run(stop, s.ctx, in, log)
}

// finish ends the run. The lock must be held.
func (r *run) finish() {
	r.ended = time.Now()
	if r.stopping.IsZero() {
		r.stopping = r.ended
	}
	r.stop()
	close(r.done)
}

// halt asks the run to end, if it has not already been asked. The lock must be
// held.
func (r *run) halt() bool {
	if !r.stopping.IsZero() {
		return false
	}
	r.stopping = time.Now()
	r.stop()
	return true
}

// environment is what every run finds, below the variables of its service. The
// access key is the run's own, so that its calls can be told from others. The
// lock must be held.
func (s *Service) environment(more ...map[string]string) map[string]string {
	v := map[string]string{
		"AWS_REGION":            s.account.Region,
		"AWS_DEFAULT_REGION":    s.account.Region,
		"AWS_ACCESS_KEY_ID":     "ASIA" + s.letters(16),
		"AWS_SECRET_ACCESS_KEY": s.letters(40),
		"AWS_SESSION_TOKEN":     s.letters(64),
		"PATH":                  process.Path(s.options.Path),
		"HOME":                  process.Home(s.options.Home),
	}
	if s.account.Endpoint != "" {
		v["AWS_ENDPOINT_URL"] = s.account.Endpoint
	}
	for _, m := range more {
		maps.Copy(v, m)
	}
	return v
}

// lines cuts what a command writes into lines.
type lines struct {
	sink     func(name, id string, line []byte)
	name, id string
	partial  []byte
}

// Write never fails.
func (l *lines) Write(p []byte) (int, error) {
	if l.sink == nil {
		return len(p), nil
	}
	l.partial = append(l.partial, p...)
	rest := l.partial
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if !found {
			break
		}
		l.sink(l.name, l.id, line)
		rest = after
	}
	l.partial = append(l.partial[:0], rest...)
	return len(p), nil
}

// flush passes on a last line without an end.
func (l *lines) flush() {
	if len(l.partial) > 0 {
		l.sink(l.name, l.id, l.partial)
	}
}

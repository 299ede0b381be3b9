package lambda

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Quotas and defaults of a function.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	defaultTimeout = 3
	maxTimeout     = 900
	defaultMemory  = 128
	maxMemory      = 10240
	// maxVariables is the most bytes that environment variables may take.
	maxVariables = 4096
)

// Function is a function's configuration.
type Function struct {
	// Name, 1 to 64 letters, digits, hyphens and underscores.
	Name string
	// Code that it runs: a [Process], a [Command] or a [Func].
	Code Code
	// Handler and Runtime as AWS names them. Free text but for [Load].
	Handler, Runtime string
	Description      string
	// Role is the ARN of the role in whose name the function calls AWS.
	Role string
	// Timeout of an invocation in seconds, 1 to 900. Defaults to 3.
	Timeout int
	// MemorySize in MB, 128 to 10,240. Defaults to 128.
	MemorySize int
	// Environment variables, 4 KB at most.
	Environment map[string]string
	// ReservedConcurrency is both the most environments that run at once and
	// what is kept free for them. Nil reserves nothing; 0 stops the function.
	ReservedConcurrency *int
	// DeadLetterTarget is the ARN of the queue for events that failed for good.
	DeadLetterTarget string
	// LogGroup defaults to "/aws/lambda/" and the name.
	LogGroup string
	// Architectures defaults to x86_64. What runs is what the machine runs.
	Architectures []string
	// EphemeralStorage in MB, 512 to 10,240. Defaults to 512. Not enforced: a
	// process uses the machine's own /tmp.
	EphemeralStorage int
	// Tracing is "Active" or "PassThrough", the default.
	Tracing string
	KMSKey  string
	Tags    map[string]string

	// folder that its package was laid out in, with the package's size in bytes and
	// its hash. Empty for code that came otherwise.
	folder string
	size   int64
	sha256 string
}

// Code is what a function runs: a [Process], a [Command] or a [Func].
type Code interface {
	// start makes an environment and returns once it can serve. It gives up
	// when ctx ends.
	start(ctx context.Context, s setting) (environment, *failure)
}

// function is a version of a function with its environments: the one that can
// change, or one that was published. The service's lock guards it.
type function struct {
	config Function
	// version is $LATEST or a number.
	version string
	// root is the version that can change, which knows the others and what counts
	// for all of them together: reservation, scaling, policy.
	root         *function
	arn          string
	revision     string
	lastModified time.Time

	published map[string]*function
	// last is the number of the version that was published last, and lastOf the
	// generation that it was published of.
	last, lastOf int
	aliases      map[string]*alias
	// events are the configurations of asynchronous invocations by qualifier.
	events      map[string]*EventInvokeConfig
	permissions map[string]Permission

	// busy counts environments that serve or start: what quotas count.
	busy int
	// running counts handlers from their start until they returned, timed out
	// or were killed.
	running, peak, invocations int
	// generation tells environments of replaced code or settings.
	generation int
	// idle environments, the most recently used last.
	idle    []*instance
	reaper  *time.Timer
	scaling bucket
}

// Put creates a function, or replaces its code and configuration. Invocations
// that run go on with what they started with.
func (s *Service) Put(f Function) error {
	_, err := s.put(f, true)
	return err
}

func (s *Service) put(f Function, replace bool) (*function, error) {
	f, err := f.complete()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	old := s.functions[f.Name]
	if old != nil && !replace {
		s.mu.Unlock()
		return nil, alreadyExists(f.Name)
	}
	if err := s.checkReservation(f.Name, f.ReservedConcurrency); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	if old == nil {
		old = &function{arn: s.account.ARN("lambda", "function:"+f.Name), version: latest, events: map[string]*EventInvokeConfig{}}
		old.root = old
		s.functions[f.Name] = old
	}
	s.reserve(old, f.ReservedConcurrency)
	same := sameSettings(old.config, f)
	old.config = f
	var evicted []*instance
	if !same {
		evicted = s.modified(old)
	}
	s.mu.Unlock()
	s.stop(evicted)
	return old, nil
}

// sameSettings tells whether an environment of the one function would be as good
// as one of the other: tags and reservations are no matter of environments.
func sameSettings(a, b Function) bool {
	for _, f := range []*Function{&a, &b} {
		f.Tags, f.ReservedConcurrency = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// modified marks a change of code or settings and returns the environments that
// it made stale.
func (s *Service) modified(f *function) []*instance {
	f.generation++
	f.lastModified = time.Now()
	f.revision = s.uuid()
	return f.evictAll()
}

// uuid is a random UUID that the seed decides. The lock must be held.
func (s *Service) uuid() string {
	// ChaCha8 never fails to fill the buffer.
	id, _ := uuid.NewRandomFromReader(s.random)
	return id.String()
}

// find looks a function up by name, partial ARN or ARN. The lock must be held.
func (s *Service) find(name, qualifier string) (*function, error) {
	ref, err := s.parseName(name, qualifier)
	if err != nil {
		return nil, err
	}
	return s.lookup(ref)
}

// lookup finds a function's version, by its number or by an alias. The lock must
// be held.
func (s *Service) lookup(ref reference) (*function, error) {
	f := s.functions[ref.name]
	if f != nil {
		f = f.qualified(ref.qualifier)
	}
	if f == nil {
		return nil, notFound("Function not found: " + s.qualified(ref))
	}
	return f, nil
}

// Concurrency tells how many handlers of a function run now, and the most that
// ever ran at once. A handler counts until it has returned, timed out or been
// killed, even when its caller has gone.
func (s *Service) Concurrency(function string) (now, peak int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.functions[function]; f != nil {
		return f.running, f.peak
	}
	return 0, 0
}

// Stats is what a function did so far.
type Stats struct {
	// Invocations of the handler that were begun.
	Invocations int
	// Running handlers now, and the most at once.
	Running, Peak int
	// Idle environments that wait for an invocation.
	Idle int
}

// Stats of all functions by name.
func (s *Service) Stats() map[string]Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make(map[string]Stats, len(s.functions))
	for name, f := range s.functions {
		stats[name] = Stats{Invocations: f.invocations, Running: f.running, Peak: f.peak, Idle: len(f.idle)}
	}
	return stats
}

// complete checks a configuration and fills in its defaults.
func (f Function) complete() (Function, error) {
	if !namePattern.MatchString(f.Name) || len(f.Name) > 64 {
		return f, invalidName(f.Name)
	}
	if f.Code == nil {
		return f, invalid("Please provide a source for function code.")
	}
	if f.Timeout == 0 {
		f.Timeout = defaultTimeout
	}
	if f.MemorySize == 0 {
		f.MemorySize = defaultMemory
	}
	if f.LogGroup == "" {
		f.LogGroup = "/aws/lambda/" + f.Name
	}
	if len(f.Architectures) == 0 {
		f.Architectures = []string{"x86_64"}
	}
	if f.EphemeralStorage == 0 {
		f.EphemeralStorage = 512
	}
	if f.Tracing == "" {
		f.Tracing = "PassThrough"
	}
	f.Environment = maps.Clone(f.Environment)
	f.Tags = maps.Clone(f.Tags)
	return f, f.validate()
}

func (f Function) validate() error {
	if err := between("timeout", f.Timeout, 1, maxTimeout); err != nil {
		return err
	}
	if err := between("memorySize", f.MemorySize, defaultMemory, maxMemory); err != nil {
		return err
	}
	if err := between("ephemeralStorage.size", f.EphemeralStorage, 512, 10240); err != nil {
		return err
	}
	if f.Tracing != "Active" && f.Tracing != "PassThrough" {
		return constraint("tracingConfig.mode", f.Tracing, "Member must satisfy enum value set: [Active, PassThrough]")
	}
	if f.DeadLetterTarget != "" && !strings.Contains(f.DeadLetterTarget, ":sqs:") {
		return invalid("The embedded runtime delivers dead letters to SQS queues only, not to " + f.DeadLetterTarget + ".")
	}
	return validateVariables(f.Environment)
}

func validateVariables(variables map[string]string) error {
	var reserved []string
	size := 0
	for _, key := range slices.Sorted(maps.Keys(variables)) {
		if !variablePattern.MatchString(key) {
			return constraint("environment.variables", key, "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
		if reservedVariables[key] {
			reserved = append(reserved, key)
		}
		size += len(key) + len(variables[key])
	}
	if len(reserved) > 0 {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: " + strings.Join(reserved, ", "))
	}
	if size > maxVariables {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
	}
	return nil
}

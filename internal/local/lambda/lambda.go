// Package lambda is AWS Lambda within one process: functions are processes that
// speak the Lambda Runtime API, plain commands, or Go functions. An execution
// environment serves one request at a time and is reused; quotas on concurrency
// and scaling hold as they do on AWS; an invocation outlives its caller.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
package lambda

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Options tune a Service. The zero value is an AWS account as it comes.
type Options struct {
	// Concurrency is the account's quota of concurrent executions. Defaults to
	// 1,000. https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
	Concurrency int
	// UnlimitedScaling lifts the limit of 1,000 new environments per function and
	// 10 seconds. Defaults to false.
	// https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
	UnlimitedScaling bool
	// IdleTimeout ends an environment that served nobody for so long. Defaults
	// to five minutes; AWS promises no figure.
	IdleTimeout time.Duration
	// Logs receives each line that an environment writes, without its line end,
	// one call at a time for each environment. The slice is the callee's only
	// during the call. Defaults to nil, which discards the lines.
	Logs func(function, environment string, line []byte)
	// Record keeps each of these lines in the function's log group and the
	// environment's log stream. Defaults to nil, which keeps nothing.
	Record func(logGroup, logStream string, line []byte)
	// Metric is told of Invocations, Errors, Throttles and Duration, as AWS/Lambda
	// has them. It must not call back. Defaults to nil.
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
	Metric func(name, function string, value float64)
	// Logged is told how many bytes of log events an invocation has made, as
	// CloudWatch Logs counts them. It must not call back. Defaults to nil.
	Logged func(logGroup string, bytes int)
	// Resolve finds the code behind the local path that a template gives as a
	// function's Code. Defaults to [Load] with the function's runtime and handler.
	Resolve func(path string) (Code, error)
	// Object reads the packages of code that are in S3. The version may be empty.
	// Defaults to nil: code in S3 is then refused.
	Object func(ctx context.Context, bucket, key, version string) ([]byte, error)
	// Home and Path are the HOME and PATH of processes. Both default to those of
	// this process; nothing else of its environment is passed on.
	Home, Path string
	// Seed drives request IDs and the names of environments.
	Seed uint64
}

// Service is the Lambda of one account and region.
type Service struct {
	account *api.Account
	router  *api.Router
	options Options

	ctx    context.Context
	cancel context.CancelFunc
	// work counts invocations that run, so that Close can wait for them.
	work sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	random    *rand.ChaCha8
	functions map[string]*function
	mappings  map[string]*mapping
	// unreserved counts busy environments of functions without a reservation.
	unreserved int
	events     map[*event]struct{}
	// unbilled are the invocations that run.
	unbilled map[*invocation]Function
	folders  []string
}

// New makes a Lambda service without functions. Close ends what it runs.
func New(account *api.Account, router *api.Router, options Options) *Service {
	if options.Concurrency == 0 {
		options.Concurrency = defaultConcurrency
	}
	if options.IdleTimeout == 0 {
		options.IdleTimeout = 5 * time.Minute
	}
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(options.Seed >> (8 * i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{
		account:   account,
		router:    router,
		options:   options,
		ctx:       ctx,
		cancel:    cancel,
		random:    rand.NewChaCha8(seed),
		functions: map[string]*function{},
		mappings:  map[string]*mapping{},
		events:    map[*event]struct{}{},
		unbilled:  map[*invocation]Function{},
	}
}

// API describes the service to the router.
func (s *Service) API() api.Service {
	return api.Service{
		Name:        "lambda",
		ContentType: "application/json",
		Operations: map[string]api.Operation{
			"Invoke":                          api.Op("lambda", "Invoke", s.invoke),
			"CreateFunction":                  api.Op("lambda", "CreateFunction", s.createFunction),
			"GetFunction":                     api.Op("lambda", "GetFunction", s.getFunction),
			"GetFunctionConfiguration":        api.Op("lambda", "GetFunctionConfiguration", s.getFunctionConfiguration),
			"UpdateFunctionConfiguration":     api.Op("lambda", "UpdateFunctionConfiguration", s.updateFunctionConfiguration),
			"UpdateFunctionCode":              api.Op("lambda", "UpdateFunctionCode", s.updateFunctionCode),
			"PublishVersion":                  api.Op("lambda", "PublishVersion", s.publishVersion),
			"ListVersionsByFunction":          api.Op("lambda", "ListVersionsByFunction", s.listVersionsByFunction),
			"CreateAlias":                     api.Op("lambda", "CreateAlias", s.createAlias),
			"UpdateAlias":                     api.Op("lambda", "UpdateAlias", s.updateAlias),
			"GetAlias":                        api.Op("lambda", "GetAlias", s.getAlias),
			"DeleteAlias":                     api.Op("lambda", "DeleteAlias", s.deleteAlias),
			"ListAliases":                     api.Op("lambda", "ListAliases", s.listAliases),
			"DeleteFunction":                  api.Op("lambda", "DeleteFunction", s.deleteFunction),
			"ListFunctions":                   api.Op("lambda", "ListFunctions", s.listFunctions),
			"GetAccountSettings":              api.Op("lambda", "GetAccountSettings", s.getAccountSettings),
			"PutFunctionConcurrency":          api.Op("lambda", "PutFunctionConcurrency", s.putFunctionConcurrency),
			"GetFunctionConcurrency":          api.Op("lambda", "GetFunctionConcurrency", s.getFunctionConcurrency),
			"DeleteFunctionConcurrency":       api.Op("lambda", "DeleteFunctionConcurrency", s.deleteFunctionConcurrency),
			"PutFunctionEventInvokeConfig":    api.Op("lambda", "PutFunctionEventInvokeConfig", s.putFunctionEventInvokeConfig),
			"UpdateFunctionEventInvokeConfig": api.Op("lambda", "UpdateFunctionEventInvokeConfig", s.updateFunctionEventInvokeConfig),
			"GetFunctionEventInvokeConfig":    api.Op("lambda", "GetFunctionEventInvokeConfig", s.getFunctionEventInvokeConfig),
			"DeleteFunctionEventInvokeConfig": api.Op("lambda", "DeleteFunctionEventInvokeConfig", s.deleteFunctionEventInvokeConfig),
			"CreateEventSourceMapping":        api.Op("lambda", "CreateEventSourceMapping", s.createEventSourceMapping),
			"GetEventSourceMapping":           api.Op("lambda", "GetEventSourceMapping", s.getEventSourceMapping),
			"UpdateEventSourceMapping":        api.Op("lambda", "UpdateEventSourceMapping", s.updateEventSourceMapping),
			"DeleteEventSourceMapping":        api.Op("lambda", "DeleteEventSourceMapping", s.deleteEventSourceMapping),
			"ListEventSourceMappings":         api.Op("lambda", "ListEventSourceMappings", s.listEventSourceMappings),
		},
		REST: s.rest(),
	}
}

// Close kills every environment, drops the events that wait for a retry, and
// returns when nothing of the service runs any more.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	for e := range s.events {
		e.stop()
	}
	clear(s.events)
	for _, m := range s.mappings {
		m.settle.Stop()
		s.halt(m)
	}
	var idle []*instance
	for _, f := range s.functions {
		idle = append(idle, f.evictFamily()...)
	}
	folders := s.folders
	s.folders = nil
	s.mu.Unlock()
	s.stop(idle)
	s.work.Wait()
	removeAll(folders)
}

// stop ends environments, all at once: each may take its grace period.
func (s *Service) stop(instances []*instance) {
	var ending sync.WaitGroup
	for _, i := range instances {
		ending.Go(i.stop)
	}
	ending.Wait()
}

package lambda

import (
	"context"
	"regexp"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

var queuePattern = regexp.MustCompile(`^arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,80}$`)

// EventInvokeConfig says how a function's asynchronous invocations are retried
// and where their records go.
// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
type EventInvokeConfig struct {
	// MaximumRetryAttempts after a function error, 0 to 2. Nil is 2.
	MaximumRetryAttempts *int `json:",omitempty"`
	// MaximumEventAgeInSeconds, 60 to 21,600. Nil is 21,600.
	MaximumEventAgeInSeconds *int               `json:",omitempty"`
	DestinationConfig        *DestinationConfig `json:",omitempty"`

	modified time.Time
}

// DestinationConfig names where the records of events go: SQS queues.
type DestinationConfig struct {
	OnSuccess *Destination `json:",omitempty"`
	OnFailure *Destination `json:",omitempty"`
}

// Destination is the ARN of a queue.
type Destination struct {
	Destination string `json:",omitempty"`
}

func (d *Destination) arn() string {
	if d == nil {
		return ""
	}
	return d.Destination
}

type policy struct {
	retries              int
	age                  time.Duration
	onSuccess, onFailure string
}

// policy is the configuration with its defaults. The service's lock must be held.
func (c *EventInvokeConfig) policy() policy {
	p := policy{retries: maxRetries, age: maxEventAge}
	if c == nil {
		return p
	}
	if c.MaximumRetryAttempts != nil {
		p.retries = *c.MaximumRetryAttempts
	}
	if c.MaximumEventAgeInSeconds != nil {
		p.age = time.Duration(*c.MaximumEventAgeInSeconds) * time.Second
	}
	if d := c.DestinationConfig; d != nil {
		p.onSuccess, p.onFailure = d.OnSuccess.arn(), d.OnFailure.arn()
	}
	return p
}

func (c *EventInvokeConfig) validate() error {
	if n := c.MaximumRetryAttempts; n != nil {
		if err := between("maximumRetryAttempts", *n, 0, maxRetries); err != nil {
			return err
		}
	}
	if n := c.MaximumEventAgeInSeconds; n != nil {
		if err := between("maximumEventAgeInSeconds", *n, 60, int(maxEventAge/time.Second)); err != nil {
			return err
		}
	}
	if d := c.DestinationConfig; d != nil {
		for _, arn := range []string{d.OnSuccess.arn(), d.OnFailure.arn()} {
			if arn != "" && !queuePattern.MatchString(arn) {
				return invalid("The embedded runtime delivers records to SQS queues only, not to " + arn + ".")
			}
		}
	}
	return nil
}

type putEventInvokeConfigInput struct {
	FunctionName string
	Qualifier    string `json:",omitempty"`
	EventInvokeConfig
}

type eventInvokeConfigOutput struct {
	FunctionArn string
	// LastModified is in seconds since 1970.
	LastModified float64
	EventInvokeConfig
}

// eventConfig is the configuration of a qualifier; none is $LATEST's. Nil where
// there is none. The lock must be held.
func (f *function) eventConfig(qualifier string) *EventInvokeConfig {
	if qualifier == "" {
		qualifier = latest
	}
	return f.events[qualifier]
}

// output shows a configuration.
func (c *EventInvokeConfig) output(f *function, qualifier string) *eventInvokeConfigOutput {
	return &eventInvokeConfigOutput{
		FunctionArn:       f.arn + ":" + qualifier,
		LastModified:      float64(c.modified.UnixMilli()) / 1000,
		EventInvokeConfig: *c,
	}
}

func (s *Service) putFunctionEventInvokeConfig(_ context.Context, _ api.Caller, in *putEventInvokeConfigInput) (*eventInvokeConfigOutput, error) {
	return s.setEventConfig(in, false)
}

// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html
func (s *Service) updateFunctionEventInvokeConfig(_ context.Context, _ api.Caller, in *putEventInvokeConfigInput) (*eventInvokeConfigOutput, error) {
	return s.setEventConfig(in, true)
}

// setEventConfig replaces a configuration, or only the members that are given.
func (s *Service) setEventConfig(in *putEventInvokeConfigInput, merge bool) (*eventInvokeConfigOutput, error) {
	config := in.EventInvokeConfig
	if err := config.validate(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.configured(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if old := f.events[qualifier]; merge && old != nil {
		if config.MaximumRetryAttempts == nil {
			config.MaximumRetryAttempts = old.MaximumRetryAttempts
		}
		if config.MaximumEventAgeInSeconds == nil {
			config.MaximumEventAgeInSeconds = old.MaximumEventAgeInSeconds
		}
		if config.DestinationConfig == nil {
			config.DestinationConfig = old.DestinationConfig
		}
	}
	config.modified = time.Now()
	f.events[qualifier] = &config
	return config.output(f, qualifier), nil
}

// configured finds a function and the qualifier whose configuration is meant. The
// lock must be held.
func (s *Service) configured(name, qualifier string) (f *function, as string, err error) {
	ref, err := s.parseName(name, qualifier)
	if err != nil {
		return nil, "", err
	}
	if f, err = s.lookup(ref); err != nil {
		return nil, "", err
	}
	if ref.qualifier == "" {
		ref.qualifier = latest
	}
	return f.root, ref.qualifier, nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html
func (s *Service) getFunctionEventInvokeConfig(_ context.Context, _ api.Caller, in *functionInput) (*eventInvokeConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.findEventConfig(in)
	if err != nil {
		return nil, err
	}
	return f.events[qualifier].output(f, qualifier), nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html
func (s *Service) deleteFunctionEventInvokeConfig(_ context.Context, _ api.Caller, in *functionInput) (*struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.findEventConfig(in)
	if err != nil {
		return nil, err
	}
	delete(f.events, qualifier)
	return &struct{}{}, nil
}

// findEventConfig finds a function that has a configuration. The lock must be held.
func (s *Service) findEventConfig(in *functionInput) (f *function, qualifier string, err error) {
	if f, qualifier, err = s.configured(in.FunctionName, in.Qualifier); err != nil {
		return nil, "", err
	}
	if f.events[qualifier] == nil {
		return nil, "", notFound("The function " + f.arn + ":" + qualifier + " doesn't have an EventInvokeConfig")
	}
	return f, qualifier, nil
}

package lambda

import (
	"fmt"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

// coerced is a number as templates hold it: also in a string, as a parameter's
// value is.
type coerced int

func (c *coerced) UnmarshalJSON(data []byte) error {
	text := string(data)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s is not a whole number", data)
	}
	*c = coerced(n)
	return nil
}

// settings are the members that creating a function, updating it and a
// template's resource have in common. Nil leaves a setting as it is.
type settings[N int | coerced] struct {
	Architectures    []string             `json:",omitempty"`
	DeadLetterConfig *deadLetterConfig    `json:",omitempty"`
	Description      *string              `json:",omitempty"`
	Environment      *environmentConfig   `json:",omitempty"`
	EphemeralStorage *ephemeralStorage[N] `json:",omitempty"`
	Handler          *string              `json:",omitempty"`
	LoggingConfig    *loggingConfig       `json:",omitempty"`
	MemorySize       *N                   `json:",omitempty"`
	Role             *string              `json:",omitempty"`
	Runtime          *string              `json:",omitempty"`
	Timeout          *N                   `json:",omitempty"`
	TracingConfig    *tracingConfig       `json:",omitempty"`
}

type deadLetterConfig struct {
	TargetArn string `json:",omitempty"`
}

type environmentConfig struct{ Variables map[string]string }

type ephemeralStorage[N int | coerced] struct{ Size N }

// loggingConfig takes AWS's default levels and the format Text only: a function
// writes its own lines.
type loggingConfig struct {
	LogFormat string `json:",omitempty"`
	LogGroup  string `json:",omitempty"`
}

type tracingConfig struct{ Mode string }

func (c settings[N]) apply(f *Function) error {
	set(&f.Description, c.Description)
	set(&f.Handler, c.Handler)
	set(&f.Role, c.Role)
	set(&f.Runtime, c.Runtime)
	if c.Architectures != nil {
		f.Architectures = c.Architectures
	}
	if c.DeadLetterConfig != nil {
		f.DeadLetterTarget = c.DeadLetterConfig.TargetArn
	}
	if c.Environment != nil {
		f.Environment = c.Environment.Variables
	}
	// A 0 that is given must not become the default that a 0 stands for.
	if c.Timeout != nil {
		if f.Timeout = int(*c.Timeout); f.Timeout == 0 {
			return between("timeout", 0, 1, maxTimeout)
		}
	}
	if c.MemorySize != nil {
		if f.MemorySize = int(*c.MemorySize); f.MemorySize == 0 {
			return between("memorySize", 0, defaultMemory, maxMemory)
		}
	}
	if c.EphemeralStorage != nil {
		f.EphemeralStorage = int(c.EphemeralStorage.Size)
	}
	if c.TracingConfig != nil {
		f.Tracing = c.TracingConfig.Mode
	}
	if c.LoggingConfig != nil {
		if format := c.LoggingConfig.LogFormat; format != "" && format != "Text" {
			return invalid("The embedded runtime writes logs in the format Text, not " + format + ".")
		}
		f.LogGroup = c.LoggingConfig.LogGroup
	}
	return nil
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// configuration is a function as the API shows it.
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
type configuration struct {
	FunctionName     string
	FunctionArn      string
	Version          string
	Runtime          string `json:",omitempty"`
	Role             string
	Handler          string `json:",omitempty"`
	Description      string
	Timeout          int
	MemorySize       int
	CodeSize         int64
	CodeSha256       string `json:",omitempty"`
	LastModified     string
	RevisionId       string
	State            string
	LastUpdateStatus string
	PackageType      string
	Architectures    []string
	KMSKeyArn        string                 `json:",omitempty"`
	DeadLetterConfig *deadLetterConfig      `json:",omitempty"`
	Environment      *environmentConfig     `json:",omitempty"`
	EphemeralStorage *ephemeralStorage[int] `json:",omitempty"`
	LoggingConfig    *loggingConfig         `json:",omitempty"`
	TracingConfig    *tracingConfig         `json:",omitempty"`
}

// configuration shows a function. The service's lock must be held.
func (f *function) configuration() *configuration {
	c := f.config
	out := &configuration{
		FunctionName: c.Name, FunctionArn: f.arn, Version: f.version,
		Runtime: c.Runtime, Role: c.Role, Handler: c.Handler, Description: c.Description,
		Timeout: c.Timeout, MemorySize: c.MemorySize, CodeSize: c.size, CodeSha256: c.sha256,
		LastModified: f.lastModified.UTC().Format("2006-01-02T15:04:05.000-0700"),
		RevisionId:   f.revision, State: "Active", LastUpdateStatus: "Successful", PackageType: "Zip",
		Architectures:    c.Architectures,
		KMSKeyArn:        c.KMSKey,
		EphemeralStorage: &ephemeralStorage[int]{c.EphemeralStorage},
		LoggingConfig:    &loggingConfig{LogFormat: "Text", LogGroup: c.LogGroup},
		TracingConfig:    &tracingConfig{c.Tracing},
	}
	if c.DeadLetterTarget != "" {
		out.DeadLetterConfig = &deadLetterConfig{c.DeadLetterTarget}
	}
	if len(c.Environment) > 0 {
		out.Environment = &environmentConfig{c.Environment}
	}
	return out
}

func preconditionFailed() error {
	return &api.Error{
		Code: "PreconditionFailedException", Status: 412, Fields: map[string]any{"Type": "User"},
		Message: "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
	}
}

package lambda

import (
	"context"
	"maps"
	"path/filepath"
	"strconv"

	"github.com/musterq/muster/internal/local/process"
)

// reservedVariables cannot be set by a function's configuration.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
var reservedVariables = map[string]bool{
	"_HANDLER": true, "_X_AMZN_TRACE_ID": true, "AWS_DEFAULT_REGION": true, "AWS_REGION": true,
	"AWS_EXECUTION_ENV": true, "AWS_LAMBDA_FUNCTION_NAME": true, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true,
	"AWS_LAMBDA_FUNCTION_VERSION": true, "AWS_LAMBDA_INITIALIZATION_TYPE": true, "AWS_LAMBDA_LOG_GROUP_NAME": true,
	"AWS_LAMBDA_LOG_STREAM_NAME": true, "AWS_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true,
	"AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true, "AWS_LAMBDA_RUNTIME_API": true,
	"LAMBDA_TASK_ROOT": true, "LAMBDA_RUNTIME_DIR": true,
}

// variables is an environment's environment: Lambda's own variables, then the
// function's.
func (s *Service) variables(of *function, logStream, accessKey, secret, token string) map[string]string {
	f := of.config
	v := map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     of.version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemorySize),
		"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      logStream,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_REGION":                      s.account.Region,
		"AWS_DEFAULT_REGION":              s.account.Region,
		"AWS_ACCESS_KEY_ID":               accessKey,
		"AWS_SECRET_ACCESS_KEY":           secret,
		"AWS_SESSION_TOKEN":               token,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"_HANDLER":                        f.Handler,
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"PATH":                            process.Path(s.options.Path),
		"HOME":                            process.Home(s.options.Home),
	}
	if f.Runtime != "" {
		v["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + f.Runtime
	}
	if s.account.Endpoint != "" {
		v["AWS_ENDPOINT_URL"] = s.account.Endpoint
	}
	maps.Copy(v, f.Environment)
	return v
}

// environ lists the variables of an environment whose code is in dir, for a
// process.
func (s setting) environ(dir string, more map[string]string) ([]string, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(s.variables)+len(more)+1)
	list = append(list, "LAMBDA_TASK_ROOT="+root)
	for key, value := range s.variables {
		list = append(list, key+"="+value)
	}
	// The last of several values counts.
	for key, value := range more {
		list = append(list, key+"="+value)
	}
	return list, nil
}

type variablesKey struct{}

// Variables are the environment variables of the environment that runs a [Func],
// the credentials among them. Nil outside of one.
func Variables(ctx context.Context) map[string]string {
	v, _ := ctx.Value(variablesKey{}).(map[string]string)
	return maps.Clone(v)
}

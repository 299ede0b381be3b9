package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/local/lambda"
)

const handlerHelp = `HANDLER is one of
  exec:CMD              run for each event: the event on standard input, the
                        result on standard output; a status but 0 is an error
  runtime:./bootstrap   an executable that speaks the Lambda Runtime API
  python:app.handler    the function handler of app.py
  node:index.handler    the export handler of index.mjs, index.cjs or index.js
  go:./path             a Go package that calls lambda.Start
Without a prefix a file named bootstrap is runtime:, anything else exec:.`

func (o *handlerOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.process, "handler", "", "`HANDLER` that processes messages")
	flags.StringVar(&o.transform, "transform", "", "`HANDLER` that replaces or filters messages before")
	flags.StringArrayVar(&o.functions, "function", nil, "further function that --routes may name, `NAME=HANDLER`; may be repeated")
	flags.IntVar(&o.memory, "memory", 512, "memory of the handlers in `MB`")
	flags.StringArrayVar(&o.environment, "env", nil, "environment variable of the handlers, `NAME=VALUE`; may be repeated")
	flags.BoolVar(&o.logs, "logs", false, "show what the handlers write to their logs")
}

// handlerOptions are the flags of a verb that runs the user's handlers.
type handlerOptions struct {
	process, transform string
	functions          []string
	memory             int
	environment        []string
	logs               bool
}

// variables reads NAME=VALUE pairs.
func (o handlerOptions) variables() (map[string]string, error) {
	variables := map[string]string{}
	for _, pair := range o.environment {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage(fmt.Errorf("--env %q: write NAME=VALUE", pair))
		}
		variables[name] = value
	}
	return variables, nil
}

// parse finds the handlers' code, nil for the one that was not given.
func (o handlerOptions) parse(dir string) (process, transform lambda.Code, err error) {
	if o.process != "" {
		if process, err = lambda.ParseHandler(o.process, dir); err != nil {
			return nil, nil, usage(fmt.Errorf("--handler: %w", err))
		}
	}
	if o.transform == "" {
		return process, nil, nil
	}
	if transform, err = lambda.ParseHandler(o.transform, dir); err != nil {
		return nil, nil, usage(fmt.Errorf("--transform: %w", err))
	}
	return process, transform, nil
}

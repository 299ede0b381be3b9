package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/lambda"
)

// checkEmpty refuses what an account without a fleet has no use for.
func (o *upOptions) checkEmpty(args []string) error {
	switch {
	case len(args) > 0:
		return usage(fmt.Errorf("--empty keeps no fleet: leave out %s, or leave out --empty", args[0]))
	case len(o.parameters.values) > 0:
		name := slices.Min(slices.Collect(maps.Keys(o.parameters.values)))
		return usage(fmt.Errorf("--%s is a setting of a fleet, and --empty keeps none: give it to muster deploy", flagName(name)))
	case o.job.command != "":
		return usage(errors.New("--empty keeps no fleet that could start jobs: leave out --job"))
	case o.handlers.transform != "" && o.handlers.process == "":
		return usage(errors.New("--transform needs --handler"))
	}
	return nil
}

// upEmpty keeps an account without a fleet, with the handlers that are given as
// functions, until it is interrupted. It starts no worker, so there is nothing to
// wait for then.
func upEmpty(ctx context.Context, s *streams, o *upOptions) error {
	functions, err := o.handlers.others(s.dir)
	if err != nil {
		return err
	}
	if functions == nil {
		functions = map[string]lambda.Code{}
	}
	if o.handlers.process != "" {
		process, transform, err := o.handlers.parse(s.dir)
		if err != nil {
			return err
		}
		functions[processFunction] = process
		if transform != nil {
			functions[transformFunction] = transform
		}
	}
	variables, err := o.handlers.variables()
	if err != nil {
		return err
	}
	options := local.Options{Listen: o.listen, IAM: access.Options{Denied: denials(s.err)}}
	if o.handlers.logs {
		options.Lambda.Logs = func(function, _ string, line []byte) { s.showLog(function, line) }
	}
	runtime, err := local.Start(options)
	if err != nil {
		return fmt.Errorf("start the embedded runtime: %w", err)
	}
	for name, code := range functions {
		err := runtime.Lambda.Put(lambda.Function{
			Name: name, Code: code, Handler: "handler", Timeout: longestFunction, MemorySize: o.handlers.memory, Environment: variables,
		})
		if err != nil {
			return errors.Join(usage(fmt.Errorf("the %s handler: %w", name, err)), runtime.Close())
		}
	}
	if err := announceEmpty(s, runtime, functions); err != nil {
		return errors.Join(err, runtime.Close())
	}
	select {
	case <-s.interrupts:
	case <-ctx.Done():
	}
	fmt.Fprintln(s.err, costOf(runtime, 0))
	return runtime.Close()
}

func announceEmpty(s *streams, runtime *local.Runtime, functions map[string]lambda.Code) error {
	if err := announceAccount(s, runtime.Account); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if _, err := fmt.Fprintf(s.err, "Function %s: %s\n", name, runtime.Account.ARN("lambda", "function:"+name)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.err, "Ready: an account without a fleet at %s. Interrupt to end it; what it holds is not kept.\n", runtime.Account.Endpoint)
	return err
}

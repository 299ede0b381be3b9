package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
)

type upOptions struct {
	fleet      string
	listen     string
	handlers   handlerOptions
	job        jobOptions
	empty      bool
	parameters *parameters
}

func newUp(s *streams) *cobra.Command {
	o := new(upOptions)
	c := &cobra.Command{
		Use:   "up [FLEET]",
		Short: "Keep a fleet running on an embedded AWS that any SDK can use",
		Long: `Up deploys the fleet's template into an embedded AWS on this machine's loopback
interface and prints what to export for SDKs and the AWS CLI to use it. It runs
until it is interrupted: it then waits up to ` + timeToDrain.String() + ` for the workers to go home;
interrupted twice it stops at once.

Without --handler messages are handled by the demo's handler. With --empty there
is no fleet at first, only the account: somewhere for muster deploy --local and
the AWS CLI to go. Handlers that are given are then functions of that account.

` + handlerHelp,
		Example: `  muster up --handler ./handle.sh
  muster up --handler python:app.handler --max-concurrency 3
  muster up --empty --handler ./handle.sh`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.StringVar(&o.listen, "listen", localAddress, "loopback `address` to listen on")
	o.handlers.addFlags(flags)
	o.job.addFlags(flags)
	flags.BoolVar(&o.empty, "empty", false, "keep an account without a fleet")
	return withParameters(c, nil, func(p *parameters) {
		o.parameters = p
		c.RunE = verb(func(ctx context.Context, args []string) error {
			if o.empty {
				if err := o.checkEmpty(args); err != nil {
					return err
				}
				return upEmpty(ctx, s, o)
			}
			o.fleet = fleetName(args)
			return up(ctx, s, o)
		})
	})
}

func up(ctx context.Context, s *streams, o *upOptions) error {
	if err := o.parameters.declared(s, o.fleet, &o.handlers); err != nil {
		return err
	}
	others, err := o.handlers.others(s.dir)
	if err != nil {
		return err
	}
	if err := o.parameters.nameRoutes(others); err != nil {
		return err
	}
	if err := o.parameters.check(); err != nil {
		return err
	}
	variables, err := o.handlers.variables()
	if err != nil {
		return err
	}
	f := fleetOptions{
		Name: o.fleet, Listen: o.listen, Parameters: o.parameters,
		Others: others, Memory: o.handlers.memory, Environment: variables,
	}
	if f.Job, err = o.job.parse(s.dir, o.parameters.get("Target")); err != nil {
		return err
	}
	switch {
	case o.handlers.process != "" && f.Job != nil:
		return usage(errors.New("give either --handler or --job: both process the messages"))
	case o.handlers.process != "" || f.Job != nil:
		if f.Process, f.Transform, err = o.handlers.parse(s.dir); err != nil {
			return err
		}
	case o.handlers.transform != "":
		return usage(errors.New("--transform needs --handler"))
	default:
		if f.Process, err = demoCode(); err != nil {
			return err
		}
	}
	if o.handlers.logs {
		f.Logs = s.showLog
	}
	fleet, err := startFleet(ctx, s, f)
	if err != nil {
		return err
	}
	roster := newRoster(fleet.names.Table)
	defer fleet.runtime.Router.Observe(roster.observe)()
	if err := announce(s, fleet); err != nil {
		return errors.Join(err, fleet.Close())
	}
	select {
	case <-s.interrupts:
		err = putDown(ctx, s, fleet, roster)
	case <-ctx.Done():
	}
	fmt.Fprintln(s.err, costOf(fleet.runtime, 0))
	return errors.Join(err, fleet.Close())
}

// announce prints what to export on standard output, the rest beside it.
func announce(s *streams, f *localFleet) error {
	account := f.runtime.Account
	if err := announceAccount(s, account); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "export QUEUE_URL=%s\n", f.names.QueueURL); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.err, "Ready: fleet %s at %s. Interrupt to end it; what it holds is not kept.\n", f.name, account.Endpoint)
	return err
}

// announceAccount prints what leads SDKs and the AWS CLI to an account.
func announceAccount(s *streams, account *api.Account) error {
	_, err := fmt.Fprintf(s.out, `export AWS_ENDPOINT_URL=%[1]s
export AWS_REGION=%[2]s
export AWS_DEFAULT_REGION=%[2]s
export AWS_ACCESS_KEY_ID=%[3]s
export AWS_SECRET_ACCESS_KEY=%[4]s
`, account.Endpoint, account.Region, local.AccessKeyID, local.SecretAccessKey)
	return err
}

// timeToDrain is how long up waits for workers to go home once it is ended.
const timeToDrain = 5 * time.Second

// putDown sends the workers home, waits a little, and no longer than the next
// interrupt.
func putDown(ctx context.Context, s *streams, f *localFleet, roster *roster) error {
	ctx, cancel := context.WithTimeout(ctx, timeToDrain)
	defer cancel()
	ctx, stop := s.untilInterrupted(ctx)
	defer stop()
	if err := errors.Join(f.silence(ctx), f.drain(ctx)); err != nil && ctx.Err() == nil {
		return err
	}
	for {
		if workers, _ := roster.count(); workers == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-roster.changed:
		}
	}
}

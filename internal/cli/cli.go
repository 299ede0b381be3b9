// Package cli is the command muster: one file a verb. Only here the environment
// is read, and only main exits.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit statuses.
const (
	exitWell         = 0
	exitDeadLettered = 1
	exitUsage        = 2
	exitUnfinished   = 3
	exitInterrupted  = 130
)

// streams are what a command reads and writes, and how it is interrupted.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	// terminal is true when err is a terminal, answers when in is one.
	terminal, answers bool
	// dir is the folder that relative paths start from.
	dir        string
	interrupts <-chan os.Signal
}

// Main runs the command with these arguments and returns its exit status: 0
// well, 1 some messages dead-lettered, 2 usage, 3 lost or unfinished, 130
// interrupted.
func Main(args []string) int {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	return execute(context.Background(), &streams{
		in:         os.Stdin,
		out:        os.Stdout,
		err:        os.Stderr,
		terminal:   term.IsTerminal(int(os.Stderr.Fd())),
		answers:    term.IsTerminal(int(os.Stdin.Fd())),
		dir:        ".",
		interrupts: interrupts,
	}, args)
}

func execute(ctx context.Context, s *streams, args []string) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitWell
	}
	var e *exitError
	if !errors.As(err, &e) {
		// What did not come from a verb itself, cobra found in the arguments.
		e = usage(err)
	}
	if e.err != nil {
		fmt.Fprintln(s.err, "muster:", e.err)
	}
	if e.hint != "" {
		fmt.Fprintln(s.err, e.hint)
	}
	return e.status
}

func newRoot(s *streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "muster",
		Short: "Run SQS handlers at exactly the concurrency you choose",
		Long: `Muster runs SQS handlers at exactly the concurrency you choose, holds each
message until its job is really done, and shows the whole fleet on your laptop
before you deploy it.

Exit status: 0 well; 1 some messages were dead-lettered; 2 usage; 3 messages
were lost or left unfinished, or the command could not do its work; 130
interrupted.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.AddCommand(
		newDemo(s), newDemoHandler(), newRun(s), newUp(s), newSend(s), newStatus(s), newExplain(s), newFailures(s), newWhere(s), newDLQ(s), newSimulate(s), newPlan(s),
		newPause(s), newResume(s), newDrain(s), newScale(s), newWake(s), newStop(s), newVersion(s),
		newDeploy(s), newAdopt(s), newUpgrade(s), newDestroy(s), newValidate(s), newInit(s), newLogs(s),
	)
	return root
}

// exitError ends the command with a status.
type exitError struct {
	status int
	// err is what went wrong. Nil where the status says it all.
	err error
	// hint is the next command to try. Empty for none.
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage is an error of whoever called the command.
func usage(err error) *exitError { return &exitError{status: exitUsage, err: err} }

// verb makes a cobra function of a verb's own. An error that does not say its
// status means that the work was not finished.
func verb(run func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := run(c.Context(), args)
		var e *exitError
		if err == nil || errors.As(err, &e) {
			return err
		}
		return &exitError{status: exitUnfinished, err: err}
	}
}

// untilInterrupted returns a context that the first interrupt ends, for verbs
// that have nothing to finish.
func (s *streams) untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.interrupts:
			cancel(&exitError{status: exitInterrupted})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// interrupted returns why a context that [streams.untilInterrupted] made ended,
// if it was an interrupt, and err otherwise.
func interrupted(ctx context.Context, err error) error {
	var e *exitError
	if errors.As(context.Cause(ctx), &e) {
		return e
	}
	return err
}

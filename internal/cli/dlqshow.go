package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

type dlqShowOptions struct {
	fleet, id string
	json      bool
	target    target
}

func newDLQShow(s *streams) *cobra.Command {
	o := new(dlqShowOptions)
	c := &cobra.Command{
		Use:     "show [FLEET] MESSAGE_ID",
		Short:   "Show all of one dead letter, its body and its failures too",
		Example: `  muster dlq show orders 4a8e0d7c-8ba8-4a94-8263-3be23671502b --json | jq -r .body`,
		Args:    cobra.RangeArgs(1, 2),
	}
	flags := c.Flags()
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet, o.id = oneMessage(args)
		ctx, stop, done := s.finishing(ctx, givingBack)
		defer done()
		return interrupted(ctx, showDeadLetter(ctx, stop, s, o))
	})
	return c
}

// wholeLetter is all of a dead letter.
type wholeLetter struct {
	MessageID         string                     `json:"messageId"`
	Attributes        map[string]string          `json:"attributes"`
	MessageAttributes map[string]letterAttribute `json:"messageAttributes"`
	Body              string                     `json:"body"`
	// Failures, the newest first.
	Failures []failureLine `json:"failures"`
}

type letterAttribute struct {
	DataType string `json:"dataType"`
	// Value is Base64 for a binary attribute.
	Value string `json:"value"`
}

func showDeadLetter(ctx context.Context, stop <-chan struct{}, s *streams, o *dlqShowOptions) error {
	d, err := o.target.deadLetters(ctx, o.fleet)
	if err != nil {
		return err
	}
	var found *message.Record
	result, err := d.Look(ctx, deadletter.Scan{Filter: deadletter.Filter{IDs: []string{o.id}}, Stop: stop}, func(r message.Record) { found = &r })
	switch {
	case err != nil:
		return err
	case result.Stopped:
		return &exitError{status: exitInterrupted}
	case found == nil:
		return d.notFound(o.id)
	}
	l := wholeLetter{MessageID: o.id, Attributes: found.Attributes, MessageAttributes: map[string]letterAttribute{}, Body: found.Body, Failures: []failureLine{}}
	for name, a := range found.MessageAttributes {
		value := aws.ToString(a.StringValue)
		if a.BinaryValue != nil {
			value = base64.StdEncoding.EncodeToString(a.BinaryValue)
		}
		l.MessageAttributes[name] = letterAttribute{a.DataType, value}
	}
	for f, err := range d.registry.Failures(ctx, registry.FailureQuery{MessageID: o.id}) {
		if err != nil {
			return err
		}
		l.Failures = append(l.Failures, lineOf(f))
	}
	if o.json {
		return printJSON(s.out, l)
	}
	return l.print(s.out)
}

// notFound says that a message is not where it was looked for.
func (d *deadLetters) notFound(id string) error {
	return &exitError{
		status: exitUnfinished, err: fmt.Errorf("message %s: %w: %s", id, deadletter.ErrNotFound, d.url),
		hint: fmt.Sprintf("'muster where %s %s' looks for it elsewhere.", d.fleet, id),
	}
}

func (l wholeLetter) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "message %s\n", l.MessageID)
	for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
		value := l.Attributes[name]
		if strings.HasSuffix(name, "Timestamp") {
			value += "  " + stamp(deadletter.Sent(message.Record{Attributes: map[string]string{"SentTimestamp": value}}))
		}
		fmt.Fprintf(&b, "  %s: %s\n", name, oneLine(value))
	}
	for _, name := range slices.Sorted(maps.Keys(l.MessageAttributes)) {
		a := l.MessageAttributes[name]
		fmt.Fprintf(&b, "attribute %s (%s): %s\n", name, a.DataType, oneLine(a.Value))
	}
	for _, f := range l.Failures {
		fmt.Fprintf(&b, "failed %s after %d receives, worker %s: %s\n", stamp(f.At), f.Receives, f.Worker, oneLine(f.Reason))
	}
	fmt.Fprintf(&b, "body, %s bytes:\n", thousands(len(l.Body)))
	for line := range strings.Lines(l.Body) {
		fmt.Fprintln(&b, oneLine(strings.TrimRight(line, "\r\n")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type dlqEditOptions struct {
	fleet, id string
	// body is a file, or - for standard input. Empty keeps the body.
	body       string
	set, unset []string
	redrive    bool
	json       bool
	target     target
}

func newDLQEdit(s *streams) *cobra.Command {
	o := new(dlqEditOptions)
	c := &cobra.Command{
		Use:   "edit [FLEET] MESSAGE_ID",
		Short: "Replace the body or attributes of one dead letter",
		Long: `Edit replaces a dead letter by a changed copy: in the dead-letter queue, or with
--redrive in the fleet's queue. The copy is sent first and the old message
deleted then, so that an interruption can leave both. The copy has an ID of its
own, and the time that it is kept begins anew.`,
		Example: `  muster dlq show orders ID --json | jq -r .body | sed s/EURO/EUR/ | muster dlq edit orders ID --body - --redrive
  muster dlq edit orders ID --set retry=no --unset trace`,
		Args: cobra.RangeArgs(1, 2),
	}
	flags := c.Flags()
	flags.StringVar(&o.body, "body", "", "`file` that holds the new body, byte for byte; - is standard input")
	flags.StringArrayVar(&o.set, "set", nil, "message attribute to set, as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&o.unset, "unset", nil, "`name` of a message attribute to take away; may be repeated")
	flags.BoolVar(&o.redrive, "redrive", false, "send the changed message to the fleet's queue")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet, o.id = oneMessage(args)
		ctx, stop, done := s.finishing(ctx, givingBack)
		defer done()
		return interrupted(ctx, editDeadLetter(ctx, stop, s, o))
	})
	return c
}

func editDeadLetter(ctx context.Context, stop <-chan struct{}, s *streams, o *dlqEditOptions) error {
	change, err := o.change(s)
	if err != nil {
		return err
	}
	d, err := o.target.deadLetters(ctx, o.fleet)
	if err != nil {
		return err
	}
	to := d.url
	if o.redrive {
		to = d.source
	}
	if err := d.announce(ctx, s, fmt.Sprintf("to replace message %s of %s by one in %s", o.id, d.url, to)); err != nil {
		return err
	}
	newID, err := d.Replace(ctx, stop, o.id, change, deadletter.OpenTarget(d.cfg, to))
	switch {
	case errors.Is(err, deadletter.ErrNotFound):
		return d.notFound(o.id)
	case errors.Is(err, deadletter.ErrStopped):
		return &exitError{status: exitInterrupted}
	case err != nil && newID == "":
		return err
	}
	if o.json {
		err = errors.Join(err, printJSON(s.out, map[string]string{"replaced": o.id, "messageId": newID, "queue": to}))
	} else {
		_, e := fmt.Fprintf(s.out, "message %s is now message %s of %s\n", o.id, newID, to)
		err = errors.Join(err, e)
	}
	if o.redrive {
		if e := wake(ctx, eventbridge.NewFromConfig(d.cfg), o.fleet); e != nil {
			fmt.Fprintf(s.err, "The message waits for the next scheduled tick: %v\n", e)
		}
	}
	return err
}

// change is what the flags make of a message.
func (o *dlqEditOptions) change(s *streams) (func(message.Record) (message.Record, error), error) {
	if o.body == "" && len(o.set) == 0 && len(o.unset) == 0 {
		return nil, usage(errors.New("say what to change: --body, --set or --unset"))
	}
	set, err := pairs("--set", o.set)
	if err != nil {
		return nil, err
	}
	body, err := o.readBody(s)
	if err != nil {
		return nil, err
	}
	return func(r message.Record) (message.Record, error) {
		if o.body != "" {
			r.Body = body
		}
		r.MessageAttributes = maps.Clone(r.MessageAttributes)
		for _, name := range o.unset {
			if _, ok := r.MessageAttributes[name]; !ok {
				return r, fmt.Errorf("message %s has no attribute %q to take away", r.MessageID, name)
			}
			delete(r.MessageAttributes, name)
		}
		for name, value := range set {
			kind := r.MessageAttributes[name].DataType
			if kind == "" || strings.HasPrefix(kind, "Binary") {
				kind = stringType
			}
			r.MessageAttributes[name] = message.Attribute{DataType: kind, StringValue: &value}
		}
		if n := len(r.MessageAttributes); n > maxAttributes {
			return r, fmt.Errorf("message %s would have %d attributes: SQS takes %d", r.MessageID, n, maxAttributes)
		}
		return r, nil
	}, nil
}

func (o *dlqEditOptions) readBody(s *streams) (string, error) {
	if o.body == "" {
		return "", nil
	}
	read := func() ([]byte, error) { return io.ReadAll(s.in) }
	if o.body != "-" {
		read = func() ([]byte, error) { return os.ReadFile(s.path(o.body)) }
	}
	text, err := read()
	switch {
	case err != nil:
		return "", usage(fmt.Errorf("--body: %w", err))
	case len(text) == 0:
		return "", usage(errors.New("--body: it is empty: SQS takes no empty message"))
	case len(text) > maxMessage:
		return "", usage(fmt.Errorf("--body: it has %d bytes: SQS takes %d", len(text), maxMessage))
	case !utf8.Valid(text):
		return "", usage(errors.New("--body: it is not UTF-8"))
	}
	if err := checkCharacters(string(text)); err != nil {
		return "", usage(fmt.Errorf("--body: %w", err))
	}
	return string(text), nil
}

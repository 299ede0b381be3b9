package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/rollout"
)

// codePrefix is where in the bucket everything is that templates name.
const codePrefix = "code/"

// keepers are the types of resources that hold what nobody wants to lose.
var keepers = []string{"AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket"}

// shipping is the deployment of one fleet under way.
type shipping struct {
	options *shipOptions
	streams *streams
	ships   *ships
	shipment
	cfg    aws.Config
	client *rollout.Client
	store  *rollout.Store
	// stack as it is once the deployment is over.
	stack *rollout.Stack
	// kept is true once what there is to go back to is kept.
	kept bool
	// unhurried is true once it was said that ticks cannot be asked for.
	unhurried bool
}

func (k *shipping) say(format string, args ...any) {
	fmt.Fprintf(k.streams.err, format+"\n", args...)
}

// reach finds the account and region, and says what is about to be done there.
func (k *shipping) reach(ctx context.Context, d *deployment, doing string) (err error) {
	if k.cfg, err = k.options.target.configFor(ctx, k.shipment); err != nil {
		return err
	}
	at := &stack{cfg: k.cfg, fleet: k.name}
	c, err := at.caller(ctx)
	if err != nil {
		return &exitError{status: exitUnfinished, err: err, hint: k.options.target.hint()}
	}
	at.announceTo(k.streams, c, doing)
	d.Account, d.Region = c.account, k.cfg.Region
	k.client = newRollout(k.cfg)
	bucket := k.options.bucket
	if bucket == "" {
		bucket = rollout.BucketName(c.account, k.cfg.Region)
	}
	k.store = rollout.NewStore(k.cfg, c.account, bucket)
	return nil
}

// newRollout is a client that looks more often at an account on this machine,
// where that costs nothing.
func newRollout(cfg aws.Config) *rollout.Client {
	c := &rollout.Client{API: cloudformation.NewFromConfig(cfg)}
	if loopback(cfg) {
		c.Every = 100 * time.Millisecond
	}
	return c
}

// find finds the stack, and waits until nobody else changes it.
func (k *shipping) find(ctx context.Context) (*rollout.Stack, error) {
	s, err := k.client.Find(ctx, k.name)
	if err != nil || s == nil {
		return nil, err
	}
	if s.Changing() {
		k.say("The stack is %s: waiting for the end of that.", s.Status)
		if s, err = k.client.Await(ctx, k.name, k.tell(nil)); err != nil && !k.over(err) {
			return nil, err
		}
	}
	if s != nil && len(s.Outputs) > 0 && s.Output("AutoscalerStateMachineArn") == "" {
		return nil, usage(fmt.Errorf("the stack %q is no Muster fleet: give the fleet another name", k.name))
	}
	return s, nil
}

// over says whether an error is only that of an earlier change.
func (k *shipping) over(err error) bool {
	f, ok := errors.AsType[*rollout.Failure](err)
	if ok {
		k.say("It ended %s.", f.Status)
	}
	return ok
}

// deploy brings one fleet to what it shall be.
func (k *shipping) deploy(ctx context.Context, d *deployment) error {
	if err := k.reach(ctx, d, "deploy"); err != nil {
		return err
	}
	before, err := k.find(ctx)
	if err != nil {
		return err
	}
	return k.ship(ctx, d, before)
}

// ship deploys a fleet whose stack was found, or was not.
func (k *shipping) ship(ctx context.Context, d *deployment, before *rollout.Stack) error {
	values, err := k.look(ctx, d, before)
	if err != nil {
		return err
	}
	b, err := k.bundle(ctx, k.store.Bucket, k.ships.architecture(values))
	if err != nil {
		return err
	}
	d.CodeVersion = b.CodeVersion
	if err := k.upload(ctx, b); err != nil {
		return err
	}
	return k.change(ctx, d, before, k.request(b, before, values))
}

// look checks the settings, here and at AWS, and returns them.
func (k *shipping) look(ctx context.Context, d *deployment, before *rollout.Stack) (map[string]string, error) {
	var previous map[string]string
	queue := ""
	if before != nil {
		previous, queue = before.Parameters, before.Output("QueueArn")
	}
	if err := k.ships.check(k.shipment, previous); err != nil {
		return nil, usage(err)
	}
	values := k.values()
	if k.declared == nil {
		for name, value := range previous {
			if _, given := values[name]; !given && k.ships.has(name) {
				values[name] = value
			}
		}
	}
	if loopback(k.cfg) && k.ships.has(architectureParameter) && values[architectureParameter] == "" {
		values[architectureParameter] = string(bundle.ArchitectureOf(runtime.GOARCH))
	}
	found := newFlaws(k.ships, k.shipment)
	found.refuse(rehearse(ctx, k.ships, k.name, k.cfg.Region, values))
	if found.errors() == 0 {
		inspect(ctx, k.cfg, d.Account, k.ships, values, queue, found)
	}
	d.Flaws = append(d.Flaws, found.all...)
	found.print(k.streams.err)
	if n := found.errors(); n > 0 && !k.options.force {
		return nil, &exitError{
			status: exitUsage, err: fmt.Errorf("fleet %s: %d errors were found, and nothing was changed", k.name, n),
			hint: "To go on in spite of what was found at AWS: --force",
		}
	}
	return values, nil
}

// bundle packages the functions and the template.
func (k *shipping) bundle(ctx context.Context, bucket string, a bundle.Architecture) (*bundle.Bundle, error) {
	zips, err := k.options.zips(ctx, k.streams, a)
	if err != nil {
		return nil, err
	}
	packed := func(path string) ([]byte, error) { return zips[path], nil }
	b, err := bundle.Source{Template: embedded.Fleet, Function: packed, Definition: definition, Bucket: bucket, Prefix: codePrefix}.Pack()
	if err != nil {
		return nil, fmt.Errorf("package the functions: %w", err)
	}
	return b, nil
}

// upload uploads what is not there yet, the template last.
func (k *shipping) upload(ctx context.Context, b *bundle.Bundle) error {
	made, err := k.store.Ensure(ctx)
	if err != nil {
		return err
	}
	if made {
		k.say("Made the bucket %s.", k.store.Bucket)
	}
	t := tabwriter.NewWriter(k.streams.err, 0, 0, 2, ' ', 0)
	for _, f := range append(slices.Clone(b.Files), b.Template) {
		uploaded, err := k.store.Put(ctx, f)
		if err != nil {
			return errors.Join(t.Flush(), err)
		}
		what := "is there"
		if uploaded {
			what = "uploaded"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", f.Key, megabytes(len(f.Data)), what)
	}
	return t.Flush()
}

// request is what CloudFormation is asked for.
func (k *shipping) request(b *bundle.Bundle, before *rollout.Stack, values map[string]string) rollout.Request {
	r := rollout.Request{Stack: k.name, TemplateURL: k.store.URL(b.Template.Key), Parameters: maps.Clone(values), Tags: maps.Clone(k.tags)}
	if k.ships.has(codeVersionParameter) {
		r.Parameters[codeVersionParameter] = b.CodeVersion
	}
	if k.declared == nil && before != nil {
		// Nobody says what the tags shall be: they stay.
		maps.Copy(r.Tags, before.Tags)
	}
	return r
}

// change has CloudFormation propose the changes, asks, and makes them.
func (k *shipping) change(ctx context.Context, d *deployment, before *rollout.Stack, r rollout.Request) error {
	set, err := k.client.Propose(ctx, r)
	if errors.Is(err, rollout.ErrNothing) {
		k.say("fleet %s: nothing to change", k.name)
		d.Outcome, k.stack = "unchanged", before
		d.Outputs = before.Outputs
		return nil
	}
	if err != nil {
		return err
	}
	d.Changes = set.Changes
	if err := k.show(set); err != nil {
		return err
	}
	going, err := k.agree(set)
	if err != nil || !going {
		d.Outcome = "declined"
		discarded := set.Discard(context.WithoutCancel(ctx))
		if err == nil {
			k.say("Nothing was changed.")
		}
		return errors.Join(err, discarded)
	}
	if before != nil && !set.Create && !k.kept {
		now, err := k.client.Current(ctx, before)
		if err != nil {
			return err
		}
		if err := k.store.Keep(ctx, now); err != nil {
			return err
		}
	}
	k.stack, err = set.Apply(ctx, k.tell(d))
	if err != nil {
		return k.failure(ctx, err)
	}
	d.Outcome, d.Outputs = "changed", k.stack.Outputs
	if set.Create {
		d.Outcome = "created"
	}
	return k.done(d)
}

// show prints the changes as a table.
func (k *shipping) show(set *rollout.ChangeSet) error {
	t := tabwriter.NewWriter(k.streams.err, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nACTION\tRESOURCE\tTYPE\tREPLACED\tWHAT")
	for _, c := range set.Changes {
		replaced, what := "no", strings.Join(c.What, ", ")
		switch {
		case c.Action == "Add", c.Action == "Remove":
			replaced, what = "-", "all"
		case c.Replacement == "True":
			replaced = "yes"
		case c.Replacement == "Conditional":
			replaced = "perhaps"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", strings.ToLower(c.Action), c.LogicalID, c.Type, replaced, what)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// agree asks whether the changes shall be made.
func (k *shipping) agree(set *rollout.ChangeSet) (bool, error) {
	var lost []string
	for _, c := range set.Changes {
		if slices.Contains(keepers, c.Type) && (c.Action == "Remove" || c.Replacement == "True") {
			lost = append(lost, c.LogicalID)
		}
	}
	if len(lost) > 0 {
		k.say("Warning: %s would be replaced or removed from the stack. The old one is kept with what is in it, and nobody handles it.", strings.Join(lost, ", "))
		if !k.options.force {
			return false, usage(fmt.Errorf("fleet %s: a queue, table or bucket would be replaced: say so with --force", k.name))
		}
	}
	return k.options.confirm(k.streams, fmt.Sprintf("Make these %d changes to %s?", len(set.Changes), k.name))
}

// tell tells of what happens to resources.
func (k *shipping) tell(d *deployment) func(rollout.Event) {
	return func(e rollout.Event) {
		if d != nil {
			d.Events = append(d.Events, e)
		}
		if strings.HasSuffix(e.Status, "_IN_PROGRESS") && e.LogicalID != k.name {
			return
		}
		reason := ""
		if e.Reason != "" {
			reason = ": " + oneLine(e.Reason)
		}
		k.say("  %-32s %s%s", e.Status, e.LogicalID, reason)
	}
}

// failure says what is left of a change that failed.
func (k *shipping) failure(ctx context.Context, err error) error {
	f, ok := errors.AsType[*rollout.Failure](err)
	if !ok {
		if ctx.Err() != nil {
			k.say("CloudFormation goes on without this command. 'muster deploy %s' waits for it.", k.name)
		}
		return err
	}
	hint := "See what is left: aws cloudformation describe-stack-events --stack-name " + k.name
	switch {
	case f.RolledBack() && f.Status == "ROLLBACK_COMPLETE":
		hint = "All that was made was taken back. Remove what is left of the stack with 'muster destroy " + k.name + "', mend the cause and deploy again."
	case f.RolledBack():
		hint = "Everything was rolled back: the fleet runs as before. Mend the cause and deploy again."
	}
	return &exitError{status: exitUnfinished, err: err, hint: hint}
}

// done prints the stack's outputs.
func (k *shipping) done(d *deployment) error {
	if k.options.json {
		return nil
	}
	t := tabwriter.NewWriter(k.streams.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "fleet %s is %s\n", k.name, d.Outcome)
	for _, o := range d.Outputs {
		fmt.Fprintf(t, "  %s\t%s\n", o.Name, o.Value)
	}
	k.policies()
	return t.Flush()
}

// policies says what queues of another account have to allow the fleet.
func (k *shipping) policies() {
	for _, q := range []struct{ what, url, policy string }{
		{"queue", "QueueUrl", "QueuePolicy"}, {"dead-letter queue", "DeadLetterQueueUrl", "DeadLetterQueuePolicy"},
	} {
		if policy := k.stack.Output(q.policy); policy != "" {
			k.say("The %s is another account's. Until it allows the fleet nothing is handled: add this statement to the policy of %s there.\n  %s", q.what, k.stack.Output(q.url), policy)
		}
	}
}

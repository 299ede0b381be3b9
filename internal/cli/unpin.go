package cli

import (
	"context"
	"slices"
	"time"

	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/rollout"
)

// unpinned readies a fleet for a release that knows no versions of functions. Its
// roles may call none, and roles change at once for executions that run too: so
// first all workers are brought to this release without versions. It returns the
// stack as it is then.
func (k *shipping) unpinned(ctx context.Context, d *deployment, stack *rollout.Stack, now rollout.Release, was *rollout.Release, patience time.Duration) (*rollout.Stack, error) {
	known, err := bundle.Parameters([]byte(was.Template))
	if err != nil || now.Parameters[codeVersionParameter] == "" || slices.Contains(known, codeVersionParameter) {
		return stack, err
	}
	k.say("The roles of that release may call no versions of functions: first all workers are brought to what calls none.")
	template, err := k.template(ctx, now)
	if err != nil {
		return nil, err
	}
	r := k.request(&bundle.Bundle{Template: template}, stack, now.Parameters)
	r.Tags = now.Tags
	// What is between is nothing to go back to.
	k.kept = true
	if err := k.change(ctx, d, stack, r); err != nil || d.Outcome == "declined" {
		return nil, err
	}
	if err := k.settled(ctx, patience); err != nil {
		return nil, err
	}
	return k.stack, k.store.Keep(ctx, now)
}

// template puts a release's template where CloudFormation finds it.
func (k *shipping) template(ctx context.Context, r rollout.Release) (bundle.File, error) {
	f := bundle.TemplateFile(codePrefix, []byte(r.Template))
	_, err := k.store.Put(ctx, f)
	return f, err
}

package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/estate"
	"github.com/musterq/muster/internal/registry"
)

// stack is a fleet's stack, wherever it is.
type stack struct {
	cfg     aws.Config
	fleet   string
	outputs map[string]string
}

// stack finds a fleet's stack, in the region that muster.yaml has it in.
func (t *target) stack(ctx context.Context, fleet string) (*stack, error) {
	e, err := estate.Load(".")
	if err != nil {
		return nil, usage(err)
	}
	cfg, err := t.configFor(ctx, shipment{name: fleet, declared: e.Fleet(fleet)})
	if err != nil {
		return nil, err
	}
	outputs, err := t.outputs(ctx, cfg, fleet)
	if err != nil {
		return nil, err
	}
	return &stack{cfg, fleet, outputs}, nil
}

// output is one output that every fleet's stack has.
func (k *stack) output(name string) (string, error) { return output(k.outputs, k.fleet, name) }

// registry of the fleet.
func (k *stack) registry() (*registry.Registry, error) {
	table, err := k.output("TableName")
	if err != nil {
		return nil, err
	}
	return registry.New(k.cfg, table, k.fleet), nil
}

// announce says what is about to be changed, and whose it is.
func (k *stack) announce(ctx context.Context, s *streams, doing string) error {
	c, err := k.caller(ctx)
	if err != nil {
		return err
	}
	k.announceTo(s, c, doing)
	return nil
}

// announceTo is announce where the caller is known.
func (k *stack) announceTo(s *streams, c caller, doing string) {
	fmt.Fprintf(s.err, "account %s, region %s, fleet %s: %s\n", c.account, k.cfg.Region, k.fleet, doing)
}

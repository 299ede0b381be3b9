package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/estate"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// Parameters that a deployment sets where nobody else does.
const (
	architectureParameter = "Architecture"
	codeVersionParameter  = "CodeVersion"
)

// fleetTag is the tag by which everything of a fleet is known.
const fleetTag = "muster:fleet"

// shipment is a fleet as it shall be deployed.
type shipment struct {
	name string
	// declared is the fleet's entry of muster.yaml. Nil if there is none: what is
	// not given then stays as it is.
	declared *estate.Fleet
	// given are the parameters of flags, which win.
	given map[string]string
	tags  map[string]string
}

// values are the parameters that are set, by muster.yaml or by flags.
func (p shipment) values() map[string]string {
	values := map[string]string{}
	if p.declared != nil {
		values = p.declared.Texts()
	}
	maps.Copy(values, p.given)
	return values
}

// ships are the verbs' way from arguments to fleets.
type ships struct {
	estate   *estate.Estate
	template *cloudformation.Template
}

func newShips(s *streams) (*ships, error) {
	template, err := fleetTemplate()
	if err != nil {
		return nil, err
	}
	e, err := estate.Load(s.dir)
	if err != nil {
		return nil, usage(err)
	}
	return &ships{e, template}, nil
}

// choose finds the fleets that arguments name. Without arguments they are the
// one of muster.yaml, or all where that is asked for; without muster.yaml the one
// that every verb takes for granted.
func (h *ships) choose(names []string, all bool, given map[string]string) ([]shipment, error) {
	switch {
	case all && len(names) > 0:
		return nil, usage(errors.New("give either fleets or --all"))
	case all && h.estate == nil:
		return nil, usage(errors.New("--all are the fleets of muster.yaml, and there is none here"))
	case all:
		names = h.estate.Names()
	case len(names) == 0 && h.estate == nil:
		names = []string{defaultFleet}
	case len(names) == 0 && len(h.estate.Fleets) == 1:
		names = h.estate.Names()
	case len(names) == 0:
		return nil, usage(fmt.Errorf("%s has several fleets: name those you mean, of %s", h.estate.File, strings.Join(h.estate.Names(), ", ")))
	}
	var chosen []shipment
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usage(fmt.Errorf("the fleet %s is named twice", name))
		}
		p := shipment{name: name, declared: h.estate.Fleet(name), given: given, tags: map[string]string{}}
		if p.declared == nil && h.estate != nil && len(given) == 0 {
			return nil, usage(fmt.Errorf("%s has no fleet %s: it has %s", h.estate.File, name, strings.Join(h.estate.Names(), ", ")))
		}
		if p.declared != nil {
			maps.Copy(p.tags, p.declared.Tags)
		}
		p.tags[fleetTag] = name
		chosen = append(chosen, p)
	}
	return chosen, nil
}

// check holds a shipment's parameters against the template. previous are those of
// the stack, which stay where the fleet is not declared.
func (h *ships) check(p shipment, previous map[string]string) error {
	if p.declared != nil {
		return h.worded(h.estate.CheckFleet(h.template, p.declared, p.given), p.given)
	}
	values := map[string]string{}
	for name, value := range previous {
		if h.has(name) {
			values[name] = value
		}
	}
	maps.Copy(values, p.given)
	var errs []error
	for _, v := range estate.Violations(h.template, values) {
		errs = append(errs, v)
	}
	return h.worded(errors.Join(errs...), p.given)
}

// worded names the flags of violations.
func (h *ships) worded(err error, given map[string]string) error {
	joined, many := err.(interface{ Unwrap() []error })
	if many {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, h.worded(e, given))
		}
		return errors.Join(errs...)
	}
	if v, ok := errors.AsType[*cloudformation.Violation](err); ok {
		if _, flag := given[v.Parameter]; flag {
			return (&parameters{template: h.template, values: given}).explain(v)
		}
	}
	return err
}

// has says whether the template has a parameter.
func (h *ships) has(name string) bool {
	return slices.ContainsFunc(h.template.Parameters, func(q cloudformation.Parameter) bool { return q.Name == name })
}

// get is a parameter's value in values, or its default.
func (h *ships) get(values map[string]string, name string) string {
	return (&parameters{template: h.template, values: values}).get(name)
}

// architecture that the fleet's functions run on.
func (h *ships) architecture(values map[string]string) bundle.Architecture {
	if a := h.get(values, architectureParameter); a != "" {
		return bundle.Architecture(a)
	}
	return bundle.ARM64
}

// configFor is the target's configuration for one fleet: its own region, unless
// everything is on this machine.
func (t *target) configFor(ctx context.Context, p shipment) (aws.Config, error) {
	if p.declared == nil || p.declared.Region == "" || t.local {
		return t.config(ctx)
	}
	cfg, err := t.configIn(ctx, p.declared.Region)
	if err == nil && loopback(cfg) {
		// What runs on this machine has one region.
		return t.config(ctx)
	}
	return cfg, err
}

// loopback says whether a configuration leads to this machine.
func loopback(cfg aws.Config) bool {
	endpoint := aws.ToString(cfg.BaseEndpoint)
	return strings.HasPrefix(endpoint, "http://127.0.0.1:") || strings.HasPrefix(endpoint, "http://localhost:") || strings.HasPrefix(endpoint, "http://[::1]:")
}

// addShipFlags adds the flags of verbs that deploy: the template's parameters, of
// which only those that are given count.
func addShipFlags(flags *pflag.FlagSet) (*parameters, error) {
	p, err := addParameters(flags, nil)
	if err != nil {
		return nil, err
	}
	for _, q := range p.template.Parameters {
		if q.Name == processParameter || q.Name == transformParameter {
			flags.VarPF(&parameterFlag{p, q}, flagName(q.Name), "", q.Description)
		}
	}
	return p, nil
}

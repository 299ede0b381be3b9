package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
)

// Options say how a template becomes a stack.
type Options struct {
	// StackName of 1 to 128 letters, digits and hyphens; a letter first.
	StackName string
	// Parameters by name. Those left out have their defaults.
	Parameters map[string]string
	// Tags of the stack and of all its resources that take tags.
	Tags map[string]string
	// Account that the stack belongs to.
	Account *api.Account
	// Providers make the resources, by type.
	Providers map[string]api.Provider
	// Resolve reads the file that a local DefinitionS3Location names, as
	// `aws cloudformation package` would upload it; the path is as the template
	// has it. Nil when there are no such files: local paths are then refused, as
	// they are on AWS.
	Resolve func(path string) ([]byte, error)
	// Object reads an object of S3. Nil when there are none. Defaults, for
	// deployments through a [Service], to that of its backend.
	Object Object

	capabilities []string
}

// Object reads an object of S3. The version may be empty.
type Object func(ctx context.Context, bucket, key, version string) ([]byte, error)

// plan is a template with its parameters, ready to be made.
type plan struct {
	template *Template
	options  Options
	scope    *scope
	// order of the resources to make.
	order []*Resource
	// outputs whose conditions hold.
	outputs []Output
	// given are the parameters' values, defaults included.
	given map[string]string
}

// Validate finds everything about a deployment that can be known before
// resources are made: parameters, rules, conditions, resource types, references
// and their cycles.
// The error joins a *Violation or an *Error for each fault.
func Validate(t *Template, o Options) error {
	_, err := newPlan(t, o, stackID(o, 0))
	return err
}

// Deploy makes the template's resources, each after those that it needs, and
// otherwise in the order of the file.
//
// An error before the first resource is made is that of [Validate], and there
// is no stack. A resource that fails is a *ResourceError: the stack is then
// returned too, CREATE_FAILED, with what was made until then.
func Deploy(ctx context.Context, t *Template, o Options) (*Stack, error) {
	id := stackID(o, 0)
	p, err := newPlan(t, o, id)
	if err != nil {
		return nil, err
	}
	stack := newStack(o.StackName, id)
	stack.onFailure = doNothing
	return stack, p.run(ctx, stack)
}

// run makes the stack and returns when it is made.
func (p *plan) run(ctx context.Context, stack *Stack) error {
	ctx, end, err := stack.begin(ctx, creation, "")
	if err != nil {
		return err
	}
	defer end()
	return p.create(ctx, stack)
}

// stackID is the ARN of a stack; generation tells stacks apart that had the name
// before.
func stackID(o Options, generation int) string {
	id := uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%d", o.StackName, generation))
	return o.Account.ARN("cloudformation", "stack/"+o.StackName+"/"+id.String())
}

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

func checkStackName(name string) error {
	if !stackName.MatchString(name) {
		return api.Errorf("ValidationError", "1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
	}
	return nil
}

// Made are the resources whose conditions hold, in the order of the file.
func Made(t *Template, o Options) ([]Resource, error) {
	p, err := decided(t, o, stackID(o, 0))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(t.Resources), func(r Resource) bool { return !p.holds(r.Condition) }), nil
}

// newPlan prepares the stack with the given ID.
func newPlan(t *Template, o Options, id string) (*plan, error) {
	p, err := decided(t, o, id)
	if err != nil {
		return nil, err
	}
	if err := p.arrange(); err != nil {
		return nil, err
	}
	return p, nil
}

// decided is a plan whose parameters, rules and conditions are known.
func decided(t *Template, o Options, id string) (*plan, error) {
	if err := checkStackName(o.StackName); err != nil {
		return nil, err
	}
	values, violations := t.parameterValues(o.Parameters)
	if len(violations) > 0 {
		return nil, join(violations)
	}
	p := &plan{template: t, options: o, given: maps.Clone(o.Parameters)}
	if p.given == nil {
		p.given = map[string]string{}
	}
	for _, q := range t.Parameters {
		if _, ok := p.given[q.Name]; !ok {
			p.given[q.Name] = q.Default
		}
	}
	maps.Copy(values, map[string]any{
		"AWS::AccountId": o.Account.ID,
		"AWS::NoValue":   noValue{},
		"AWS::Partition": o.Account.Partition,
		"AWS::Region":    o.Account.Region,
		"AWS::StackId":   id,
		"AWS::StackName": o.StackName,
		"AWS::URLSuffix": urlSuffix(o.Account.Partition),
	})
	p.scope = &scope{template: t, values: values, conditions: map[string]bool{}, made: map[string]StackResource{}}
	if err := p.checkRules(); err != nil {
		return nil, err
	}
	if err := p.decide(); err != nil {
		return nil, err
	}
	return p, nil
}

func urlSuffix(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func (p *plan) checkRules() error {
	var all []*Violation
	for _, r := range p.template.rules {
		violations, err := r.check(p.scope)
		if err != nil {
			return err
		}
		all = append(all, violations...)
	}
	return join(all)
}

// decide evaluates the conditions.
func (p *plan) decide() error {
	for _, name := range p.template.conditionOrder {
		c := p.template.conditions[name]
		holds, err := truth(p.scope, c.value, c.line)
		if err != nil {
			return err
		}
		p.scope.conditions[name] = holds
	}
	return nil
}

func (p *plan) holds(condition string) bool { return condition == "" || p.scope.conditions[condition] }

// arrange orders the resources whose conditions hold by what they refer to.
func (p *plan) arrange() error {
	byName := map[string]*Resource{}
	var names []string
	for i := range p.template.Resources {
		r := &p.template.Resources[i]
		if !p.holds(r.Condition) {
			continue
		}
		byName[r.LogicalID] = r
		names = append(names, r.LogicalID)
	}
	var faults []*Error
	for _, name := range names {
		r := byName[name]
		if p.options.Providers[r.Type].Create == nil {
			faults = append(faults, p.scope.fault(r.Line, "Template format error: Unrecognized resource types: [%s]", r.Type))
		}
	}
	needs := map[string][]string{}
	for _, name := range names {
		r := byName[name]
		needed := func(found reference) {
			if byName[found.logicalID] == nil {
				faults = append(faults, p.unresolved(found, inResources))
			}
			needs[name] = append(needs[name], found.logicalID)
		}
		r.properties.references(p.scope, needed)
		r.metadata.references(p.scope, needed)
		// A dependency on a resource that its condition switches off is none.
		for _, other := range r.DependsOn {
			if byName[other] != nil {
				needs[name] = append(needs[name], other)
			}
		}
	}
	for _, o := range p.template.Outputs {
		if !p.holds(o.Condition) {
			continue
		}
		p.outputs = append(p.outputs, o)
		o.value.references(p.scope, func(found reference) {
			if byName[found.logicalID] == nil {
				faults = append(faults, p.unresolved(found, inOutputs))
			}
		})
	}
	if len(faults) > 0 {
		return joinFaults(faults)
	}
	sorted, cycle := order(names, needs)
	if cycle != nil {
		return p.scope.fault(byName[cycle[0]].Line, "Circular dependency between resources: [%s]", strings.Join(cycle, ", "))
	}
	for _, name := range sorted {
		p.order = append(p.order, byName[name])
	}
	return nil
}

func (p *plan) unresolved(r reference, where place) *Error {
	return p.scope.fault(r.line, "Template format error: Unresolved resource dependencies [%s] in the %s block of the template", r.logicalID, where)
}

// parameters are the values that the stack is made with, defaults included.
func (p *plan) parameters() []StackParameter {
	list := make([]StackParameter, 0, len(p.template.Parameters))
	for _, q := range p.template.Parameters {
		list = append(list, StackParameter{Key: q.Name, Value: p.given[q.Name], NoEcho: q.NoEcho})
	}
	return list
}

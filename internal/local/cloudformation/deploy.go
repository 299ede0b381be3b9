package cloudformation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/musterq/muster/internal/local/api"
)

// Options say how a template becomes a stack.
type Options struct {
	// StackName of 1 to 128 letters, digits and hyphens; a letter first.
	StackName string
	// Parameters by name. Those left out have their defaults.
	Parameters map[string]string
	// Account that the stack belongs to.
	Account *api.Account
	// Providers make the resources, by type.
	Providers map[string]api.Provider
	// Resolve reads the file that a local DefinitionS3Location names, as
	// `aws cloudformation package` would upload it; the path is as the template
	// has it. Nil when there are no such files.
	Resolve func(path string) ([]byte, error)
}

// plan is a template with its parameters, ready to be made.
type plan struct {
	template *Template
	options  Options
	scope    *scope
	// order of the resources to make.
	order []*Resource
	// outputs whose conditions hold.
	outputs []Output
	stackID string
	// given are the parameters' values, defaults included.
	given map[string]string
}

// Validate finds everything about a deployment that can be known before
// resources are made: parameters, rules, conditions, resource types, references
// and their cycles.
// The error joins a *Violation or an *Error for each fault.
func Validate(t *Template, o Options) error {
	_, err := newPlan(t, o, 0)
	return err
}

// Deploy makes the template's resources, each after those that it needs, and
// otherwise in the order of the file.
//
// An error before the first resource is made is that of [Validate], and there
// is no stack. A resource that fails is a *ResourceError: the stack is then
// returned too, CREATE_FAILED, with what was made until then.
func Deploy(ctx context.Context, t *Template, o Options) (*Stack, error) {
	p, err := newPlan(t, o, 0)
	if err != nil {
		return nil, err
	}
	stack := newStack(p)
	return stack, p.create(ctx, stack)
}

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// newPlan prepares a stack; generation tells stacks apart that had the name
// before.
func newPlan(t *Template, o Options, generation int) (*plan, error) {
	if !stackName.MatchString(o.StackName) {
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", o.StackName)
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
	id := uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%d", o.StackName, generation))
	p.stackID = o.Account.ARN("cloudformation", "stack/"+o.StackName+"/"+id.String())
	maps.Copy(values, map[string]any{
		"AWS::AccountId": o.Account.ID,
		"AWS::NoValue":   noValue{},
		"AWS::Partition": o.Account.Partition,
		"AWS::Region":    o.Account.Region,
		"AWS::StackId":   p.stackID,
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
	if err := p.arrange(); err != nil {
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
		r.properties.references(p.scope, func(found reference) {
			if byName[found.logicalID] == nil {
				faults = append(faults, p.unresolved(found, inResources))
			}
			needs[name] = append(needs[name], found.logicalID)
		})
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

func (p *plan) create(ctx context.Context, stack *Stack) error {
	for _, r := range p.order {
		made, err := p.make(ctx, r)
		if err != nil {
			made.Status, made.Reason = "CREATE_FAILED", err.Error()
			stack.add(made)
			stack.finish("CREATE_FAILED", fmt.Sprintf("The following resource(s) failed to create: [%s].", r.LogicalID), nil)
			return &ResourceError{File: p.template.File, Line: p.blame(r, err), LogicalID: r.LogicalID, Type: r.Type, Err: err}
		}
		stack.add(made)
		p.scope.made[r.LogicalID] = made
	}
	outputs := make([]StackOutput, 0, len(p.outputs))
	for _, o := range p.outputs {
		v, err := o.value.evaluate(p.scope)
		if err != nil {
			stack.finish("CREATE_FAILED", err.Error(), nil)
			return err
		}
		text, ok := asText(v)
		if !ok {
			err := p.scope.fault(o.Line, "Template format error: The Value field of every Outputs member must evaluate to a String.")
			stack.finish("CREATE_FAILED", err.Message, nil)
			return err
		}
		outputs = append(outputs, StackOutput{Key: o.Name, Value: text, Description: o.Description})
	}
	stack.finish("CREATE_COMPLETE", "", outputs)
	return nil
}

func (p *plan) make(ctx context.Context, r *Resource) (StackResource, error) {
	made := StackResource{LogicalID: r.LogicalID, Type: r.Type, Line: r.Line, DeletionPolicy: r.DeletionPolicy, Timestamp: time.Now()}
	if err := ctx.Err(); err != nil {
		return made, err
	}
	properties, err := p.properties(r)
	if err != nil {
		return made, err
	}
	var encoded bytes.Buffer
	e := json.NewEncoder(&encoded)
	e.SetEscapeHTML(false)
	if err := e.Encode(properties); err != nil {
		return made, fmt.Errorf("encode the properties: %w", err)
	}
	resource, err := p.options.Providers[r.Type].Create(ctx, api.ResourceRequest{
		Stack:      p.options.StackName,
		LogicalID:  r.LogicalID,
		Type:       r.Type,
		Properties: encoded.Bytes(),
		Name:       physicalName(p.stackID, p.options.StackName, r),
	})
	if err != nil {
		return made, err
	}
	made.Resource, made.Status, made.Timestamp = resource, "CREATE_COMPLETE", time.Now()
	return made, nil
}

// properties evaluates a resource's properties into the types of its schema.
func (p *plan) properties(r *Resource) (map[string]any, error) {
	v, err := r.properties.evaluate(p.scope)
	if err != nil {
		return nil, err
	}
	properties, _ := v.(map[string]any)
	if err := inlineDefinition(properties, p.options.Resolve); err != nil {
		return nil, err
	}
	return properties, conform(r, properties)
}

var quoted = regexp.MustCompile(`"(\w+)"`)

// blame finds the line to name for an error: its own, that of the property that
// it quotes, or the resource's.
func (p *plan) blame(r *Resource, err error) int {
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault.Line
	}
	for _, m := range quoted.FindAllStringSubmatch(err.Error(), -1) {
		i := slices.IndexFunc(r.properties, func(q property) bool { return q.name == m[1] })
		if i >= 0 {
			return r.properties[i].line
		}
	}
	return r.Line
}

package cloudformation

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Change is what a plan does to one resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
type Change struct {
	// Action is Add, Modify or Remove.
	Action string
	// PolicyAction is what becomes of the physical resource that goes.
	PolicyAction       string `json:",omitempty" xml:",omitempty"`
	LogicalResourceID  string `json:"LogicalResourceId" xml:"LogicalResourceId"`
	PhysicalResourceID string `json:"PhysicalResourceId,omitempty" xml:"PhysicalResourceId,omitempty"`
	ResourceType       string
	// Replacement of a resource that is modified: True, False or Conditional.
	Replacement string   `json:",omitempty" xml:",omitempty"`
	Scope       []string `xml:"Scope>member"`
	Details     []Detail `xml:"Details>member"`
}

// Detail is one thing that changes of a resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
type Detail struct {
	Target Target
	// Evaluation is Static where the value is known beforehand, else Dynamic.
	Evaluation    string
	ChangeSource  string `json:",omitempty" xml:",omitempty"`
	CausingEntity string `json:",omitempty" xml:",omitempty"`
}

// Target is a property, or another attribute of a resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html
type Target struct {
	// Attribute is Properties, Tags, Metadata, DeletionPolicy or UpdateReplacePolicy.
	Attribute string
	Name      string `json:",omitempty" xml:",omitempty"`
	// RequiresRecreation is Always or Never.
	RequiresRecreation string
}

// cause is a reason for a value to change.
type cause struct{ source, entity string }

// tracker notes what an evaluation makes use of.
type tracker struct {
	parameters []string
	// causes are uses of what is not known before the plan is carried out.
	causes []cause
}

func (t *tracker) parameter(name string) {
	if t != nil {
		t.parameters = append(t.parameters, name)
	}
}

func (t *tracker) cause(source, entity string) {
	if c := (cause{source, entity}); t != nil && !slices.Contains(t.causes, c) {
		t.causes = append(t.causes, c)
	}
}

// preview finds out what a plan would change.
type preview struct {
	plan   *plan
	scope  *scope
	before []StackResource
	// given are the parameters that the stack was last made with.
	given map[string]string
}

// changes lists what the plan would do to the stack's resources, and tells
// whether anything at all would change, outputs included.
func (p *plan) changes(stack *Stack) (list []Change, any bool, err error) {
	scratch := *p.scope
	scratch.made = map[string]StackResource{}
	v := preview{plan: p, scope: &scratch, before: stack.Resources()}
	if previous := stack.current(); previous != nil {
		v.given = previous.given
	}
	for _, r := range p.order {
		c, err := v.resource(r)
		if err != nil {
			return nil, false, err
		}
		if c != nil {
			list = append(list, *c)
		}
	}
	for _, old := range slices.Backward(v.before) {
		if slices.ContainsFunc(p.order, func(r *Resource) bool { return r.LogicalID == old.LogicalID }) {
			continue
		}
		policy := "Delete"
		if strings.HasPrefix(old.DeletionPolicy, "Retain") {
			policy = "Retain"
		}
		list = append(list, Change{
			Action: "Remove", PolicyAction: policy, LogicalResourceID: old.LogicalID, PhysicalResourceID: old.Ref, ResourceType: old.Type,
		})
	}
	if len(list) > 0 {
		return list, true, nil
	}
	outputs, err := p.evaluateOutputs(v.scope)
	return nil, err != nil || !slices.Equal(outputs, stack.Outputs()), err
}

// resource tells what would change of one resource. Nil if nothing would.
func (v *preview) resource(r *Resource) (*Change, error) {
	c := &Change{LogicalResourceID: r.LogicalID, ResourceType: r.Type}
	i := slices.IndexFunc(v.before, func(old StackResource) bool { return old.LogicalID == r.LogicalID })
	if i < 0 {
		c.Action = "Add"
		v.scope.made[r.LogicalID] = StackResource{LogicalID: r.LogicalID, unknown: unknownIdentity}
		return c, nil
	}
	old := v.before[i]
	if old.Type != r.Type {
		return nil, api.Errorf("ValidationError", "Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", r.LogicalID)
	}
	c.Action, c.PhysicalResourceID, c.Replacement = "Modify", old.Ref, "False"
	if err := v.properties(c, r, old); err != nil {
		return nil, err
	}
	v.attributes(c, r, old)
	switch {
	case len(c.Details) == 0:
		v.scope.made[r.LogicalID] = old
		return nil, nil
	case c.Replacement == "False":
		if slices.ContainsFunc(c.Details, func(d Detail) bool { return d.Target.Attribute == "Properties" || d.Target.Attribute == "Tags" }) {
			old.unknown = unknownAttributes
		}
	default:
		c.PolicyAction = "ReplaceAndDelete"
		if r.UpdateReplacePolicy == "Retain" {
			c.PolicyAction = "ReplaceAndRetain"
		}
		old.unknown = unknownIdentity
	}
	v.scope.made[r.LogicalID] = old
	return c, nil
}

// properties adds the properties that change.
func (v *preview) properties(c *Change, r *Resource, old StackResource) error {
	known, uses := map[string]any{}, map[string]*tracker{}
	for _, q := range r.properties {
		v.scope.track = new(tracker)
		value, err := q.value.evaluate(v.scope)
		use := v.scope.track
		v.scope.track = nil
		switch {
		case len(use.causes) > 0:
		case err != nil:
			return err
		case value == (any)(noValue{}):
			continue
		default:
			known[q.name] = value
		}
		uses[q.name] = use
	}
	if err := v.plan.settle(r, known); err != nil {
		return err
	}
	encoded, err := encode(known)
	if err != nil {
		return err
	}
	had, has := members(old.declared), members(encoded)
	for name, use := range uses {
		if len(use.causes) > 0 {
			// It counts as changed whatever it was, so that it is not compared.
			has[name] = json.RawMessage("?")
		}
	}
	for _, name := range changedMembers(had, has) {
		v.detail(c, name, uses[name])
	}
	return nil
}

// detail adds a property that changes, with the reasons.
func (v *preview) detail(c *Change, name string, use *tracker) {
	provider := v.plan.options.Providers[c.ResourceType]
	d := Detail{Target: Target{Attribute: "Properties", Name: name, RequiresRecreation: "Never"}, Evaluation: "Static", ChangeSource: "DirectModification"}
	if name == "Tags" {
		d.Target.Attribute, d.Target.Name = "Tags", ""
	}
	if replaces(provider, []string{name}) {
		d.Target.RequiresRecreation = "Always"
	}
	if !slices.Contains(c.Scope, d.Target.Attribute) {
		c.Scope = append(c.Scope, d.Target.Attribute)
	}
	if use != nil && len(use.causes) > 0 {
		for _, why := range use.causes {
			d.Evaluation, d.ChangeSource, d.CausingEntity = "Dynamic", why.source, why.entity
			c.Details = append(c.Details, d)
		}
		if d.Target.RequiresRecreation == "Always" && c.Replacement == "False" {
			c.Replacement = "Conditional"
		}
		return
	}
	if use != nil {
		for _, parameter := range use.parameters {
			if was, ok := v.given[parameter]; ok && was != v.plan.given[parameter] {
				d.ChangeSource, d.CausingEntity = "ParameterReference", parameter
				break
			}
		}
	}
	c.Details = append(c.Details, d)
	if d.Target.RequiresRecreation == "Always" {
		c.Replacement = "True"
	}
}

// attributes adds what changes of a resource beside its properties.
func (v *preview) attributes(c *Change, r *Resource, old StackResource) {
	add := func(attribute string) {
		c.Scope = append(c.Scope, attribute)
		c.Details = append(c.Details, Detail{
			Target: Target{Attribute: attribute, RequiresRecreation: "Never"}, Evaluation: "Static", ChangeSource: "DirectModification",
		})
	}
	if metadata, err := r.metadata.evaluate(v.scope); err == nil {
		if encoded, err := encode(metadata); err == nil && string(encoded) != string(old.metadata) {
			add("Metadata")
		}
	}
	if r.DeletionPolicy != old.DeletionPolicy {
		add("DeletionPolicy")
	}
	if r.UpdateReplacePolicy != old.UpdateReplacePolicy {
		add("UpdateReplacePolicy")
	}
}

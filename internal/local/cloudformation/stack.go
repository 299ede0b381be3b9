package cloudformation

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Stack is a template's resources, as one.
type Stack struct {
	Name string
	// ID is the stack's ARN.
	ID string
	// Created is when its deployment began.
	Created time.Time

	mu sync.RWMutex
	// plan that the stack was last made or updated by. Nil as long as it is only
	// reviewed.
	plan      *plan
	status    string
	reason    string
	updated   time.Time
	deleted   time.Time
	resources []StackResource
	outputs   []StackOutput
	events    []StackEvent
	// token of the request that the events belong to.
	token      string
	changeSets []*changeSet
	// versions counts the physical resources that each logical ID has had.
	versions map[string]int
	// protected from deletion.
	protected bool
	// onFailure says what becomes of the stack if it cannot be created: ROLLBACK,
	// DELETE or DO_NOTHING.
	onFailure string
	// deleteNew deletes what a creation made that failed, whatever the policy.
	deleteNew bool
	// unfinished is the update whose rollback failed.
	unfinished *update
	// stop ends the operation that is under way, and ended is closed by its end.
	stop  context.CancelFunc
	ended chan struct{}
}

// StackResource is a resource of a stack.
type StackResource struct {
	// Resource is what it became: Ref is its physical ID.
	api.Resource
	LogicalID           string
	Type                string
	DeletionPolicy      string
	UpdateReplacePolicy string
	// Line of the template that declares it.
	Line int
	// Status as CloudFormation names it: "CREATE_COMPLETE".
	Status string
	// Reason of a failure. Empty otherwise.
	Reason    string
	Timestamp time.Time

	// request that it was made or updated by.
	request api.ResourceRequest
	// declared are its properties in JSON as the template has them, so a file in
	// S3 by its name.
	declared []byte
	metadata []byte
	// unknown says what a plan cannot tell before it is carried out.
	unknown unknown
}

// unknown is what may change of a resource when a plan is carried out.
type unknown int

const (
	// unknownAttributes of a resource that is updated.
	unknownAttributes unknown = iota + 1
	// unknownIdentity of a resource that is made, or may be replaced: its Ref too.
	unknownIdentity
)

func (r StackResource) existing() api.Existing {
	return api.Existing{ResourceRequest: r.request, Resource: r.Resource}
}

// StackOutput is an output of a stack.
type StackOutput struct{ Key, Value, Description string }

// StackParameter is a parameter that a stack was made with.
type StackParameter struct {
	Key, Value string
	NoEcho     bool
}

// newStack is a stack that is reviewed, without resources.
func newStack(name, id string) *Stack {
	return &Stack{Name: name, ID: id, Created: time.Now(), status: "REVIEW_IN_PROGRESS", onFailure: rollBack, versions: map[string]int{}}
}

// Status as CloudFormation names it, with the reason of a failure.
func (s *Stack) Status() (status, reason string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.status, s.reason
}

// Description of the template that the stack was last made by.
func (s *Stack) Description() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.plan == nil {
		return ""
	}
	return s.plan.template.Description
}

// Parameters are the values that the stack was made with, defaults included.
func (s *Stack) Parameters() []StackParameter {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.plan == nil {
		return nil
	}
	return s.plan.parameters()
}

// Tags of the stack.
func (s *Stack) Tags() map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.plan == nil {
		return nil
	}
	return maps.Clone(s.plan.options.Tags)
}

// Resources in the order in which they were made.
func (s *Stack) Resources() []StackResource {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := slices.Clone(s.resources)
	for i := range list {
		list[i].Attributes = maps.Clone(list[i].Attributes)
	}
	return list
}

// Resource finds a resource by its logical ID.
func (s *Stack) Resource(logicalID string) (StackResource, bool) {
	for _, r := range s.Resources() {
		if r.LogicalID == logicalID {
			return r, true
		}
	}
	return StackResource{}, false
}

// Outputs in the order of the template. Empty until the stack is complete.
func (s *Stack) Outputs() []StackOutput {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.outputs)
}

// Output is the value of one output.
func (s *Stack) Output(key string) (string, bool) {
	for _, o := range s.Outputs() {
		if o.Key == key {
			return o.Value, true
		}
	}
	return "", false
}

// current is the plan that the stack was last made or updated by.
func (s *Stack) current() *plan {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.plan
}

// put records a resource in the place of the one with its logical ID.
func (s *Stack) put(r StackResource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.resources, func(other StackResource) bool { return other.LogicalID == r.LogicalID })
	if i < 0 {
		s.resources = append(s.resources, r)
		return
	}
	s.resources[i] = r
}

// drop forgets a resource.
func (s *Stack) drop(logicalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources = slices.DeleteFunc(s.resources, func(r StackResource) bool { return r.LogicalID == logicalID })
}

// adopt makes a plan the stack's own, with what came of it.
func (s *Stack) adopt(p *plan, outputs []StackOutput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan, s.outputs = p, outputs
	place := map[string]int{}
	for i, r := range p.order {
		place[r.LogicalID] = i
	}
	// What the plan does not have could not be deleted and is last made.
	of := func(r StackResource) int {
		if i, ok := place[r.LogicalID]; ok {
			return i
		}
		return len(place)
	}
	slices.SortStableFunc(s.resources, func(a, b StackResource) int { return of(a) - of(b) })
}

// nextName is the physical name for a resource that is to be made.
func (s *Stack) nextName(p *plan, r *Resource) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[r.LogicalID]++
	return physicalName(s.ID, p.options.StackName, r, s.versions[r.LogicalID])
}

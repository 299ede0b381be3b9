// Package meter writes the bill of the embedded AWS: what services say was used,
// and what resources cost by being there, at the prices of package price.
package meter

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// Part says whose cost a line is.
type Part string

// The parts of a bill.
const (
	// Fleet is a stack's own resources, whoever of AWS or of the stack used them.
	Fleet Part = "fleet"
	// Handlers are functions, state machines and all else that belongs to no
	// stack, and what they call.
	Handlers Part = "handlers"
	// Callers are those who call from outside, with the account's own credentials:
	// producers and operators.
	Callers Part = "callers"
)

// Meter collects usage.
type Meter struct {
	mu    sync.Mutex
	used  map[use]float64
	owned map[string]string // stack, by the ARN of what it owns
	names map[string]string // stack, by the name of a function that it owns
	there map[thing]*standing
}

// use is what usage is collected by.
type use struct {
	item     price.Item
	resource string
	function string
	outside  bool
}

// thing is a resource of a stack.
type thing struct{ stack, logicalID, ref string }

// standing is a resource that costs something by being there.
type standing struct {
	charge
	resource string
	// since is until when it has been billed.
	since time.Time
}

// New returns a meter that nothing was used by yet.
func New() *Meter {
	return &Meter{used: map[use]float64{}, owned: map[string]string{}, names: map[string]string{}, there: map[thing]*standing{}}
}

// Bill takes usage, as [api.Router.Meter] tells it.
func (m *Meter) Bill(u api.Usage) {
	key := use{item: u.Item, resource: u.Resource, function: u.Caller.Function}
	key.outside = u.Caller.AccessKeyID != "" && u.Caller.RoleARN == "" && u.Caller.Function == "" && u.Caller.Execution == ""
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[key] += u.Quantity
}

// Providers watches providers make and delete resources, so that the meter knows
// whose they are and how long they were there. A type that has no price and is
// not known to be free is refused.
func (m *Meter) Providers(all map[string]api.Provider) map[string]api.Provider {
	watched := make(map[string]api.Provider, len(all))
	for name, p := range all {
		watched[name] = m.watch(p)
	}
	return watched
}

func (m *Meter) watch(p api.Provider) api.Provider {
	create, update, remove := p.Create, p.Update, p.Delete
	p.Create = func(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
		c, err := chargeFor(r.Type, r.Properties)
		if err != nil {
			return api.Resource{}, err
		}
		made, err := create(ctx, r)
		if err == nil {
			m.made(r, made, c)
		}
		return made, err
	}
	if update != nil {
		p.Update = func(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
			c, err := chargeFor(r.Type, r.Properties)
			if err != nil {
				return api.Resource{}, err
			}
			made, err := update(ctx, r, old)
			if err == nil {
				m.gone(old)
				m.made(r, made, c)
			}
			return made, err
		}
	}
	if remove != nil {
		p.Delete = func(ctx context.Context, old api.Existing) error {
			err := remove(ctx, old)
			if err == nil {
				m.gone(old)
			}
			return err
		}
	}
	return p
}

func (m *Meter) made(r api.ResourceRequest, made api.Resource, c charge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	arn := made.Ref
	if !strings.HasPrefix(arn, "arn:") {
		arn = made.Attributes["Arn"]
	}
	if arn != "" {
		m.owned[arn] = r.Stack
	}
	if r.Type == "AWS::Lambda::Function" {
		m.names[made.Ref] = r.Stack
	}
	if c.perMonth > 0 {
		key := thing{r.Stack, r.LogicalID, made.Ref}
		if old := m.there[key]; old != nil {
			m.close(old)
		}
		m.there[key] = &standing{charge: c, resource: cmp.Or(arn, made.Ref), since: time.Now()}
	}
}

// gone notes that a resource is there no more. What it owned stays its stack's:
// what is used late is still its own.
func (m *Meter) gone(old api.Existing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := thing{old.Stack, old.LogicalID, old.Ref}
	if s := m.there[key]; s != nil {
		m.close(s)
		delete(m.there, key)
	}
}

// close bills what a resource has cost until now. The lock must be held.
func (m *Meter) close(s *standing) {
	m.used[use{item: s.item, resource: s.resource}] += s.perMonth * time.Since(s.since).Hours() / price.Month.Hours()
	s.since = time.Now()
}

// Line of a bill.
type Line struct {
	Part Part `json:"part"`
	// Stack that it belongs to. Empty for none.
	Stack string `json:"stack,omitempty"`
	// Service as in ARNs, and the Name of what is billed.
	Service string `json:"service"`
	Name    string `json:"name"`
	// Resource is its ARN.
	Resource string  `json:"resource,omitempty"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Dollars  float64 `json:"dollars"`
}

// Bill of a runtime.
type Bill []Line

// Lines are what was used until now, by part, item and resource. What stands
// counts by the time that it has stood.
func (m *Meter) Lines() Bill {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.there {
		m.close(s)
	}
	merged := map[Line]float64{}
	for u, quantity := range m.used {
		if quantity == 0 {
			continue
		}
		part, stack := m.part(u)
		merged[Line{Part: part, Stack: stack, Service: u.item.Service, Name: u.item.Name, Resource: u.resource, Unit: u.item.Unit, Dollars: u.item.Dollars}] += quantity
	}
	bill := make(Bill, 0, len(merged))
	for l, quantity := range merged {
		l.Quantity, l.Dollars = quantity, quantity*l.Dollars
		bill = append(bill, l)
	}
	slices.SortFunc(bill, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Stack, b.Stack), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Resource, b.Resource))
	})
	return bill
}

// part says whose usage is. The lock must be held.
func (m *Meter) part(u use) (part Part, stack string) {
	owner, own := m.owned[u.resource]
	_, known := m.names[u.function]
	switch {
	case u.outside:
		return Callers, owner
	case u.function != "" && !known:
		return Handlers, ""
	case own:
		return Fleet, owner
	case u.resource == "" && known:
		return Fleet, m.names[u.function]
	}
	return Handlers, ""
}

// Of are the lines of some parts.
func (b Bill) Of(parts ...Part) Bill {
	return slices.DeleteFunc(slices.Clone(b), func(l Line) bool { return !slices.Contains(parts, l.Part) })
}

// Dollars of all lines.
func (b Bill) Dollars() float64 {
	sum := 0.0
	for _, l := range b {
		sum += l.Dollars
	}
	return sum
}

// Sum adds up the quantities of an item.
func (b Bill) Sum(item price.Item) float64 {
	sum := 0.0
	for _, l := range b {
		if l.Name == item.Name {
			sum += l.Quantity
		}
	}
	return sum
}

// Services are the dollars by service, the dearest first.
func (b Bill) Services() []Share {
	shares := map[string]Share{}
	for _, l := range b {
		name, _, _ := strings.Cut(l.Name, ":")
		shares[l.Service] = Share{l.Service, name, shares[l.Service].Dollars + l.Dollars}
	}
	var all []Share
	for _, service := range slices.Sorted(maps.Keys(shares)) {
		all = append(all, shares[service])
	}
	slices.SortStableFunc(all, func(a, b Share) int { return cmp.Compare(b.Dollars, a.Dollars) })
	return all
}

// Share of one service in a bill.
type Share struct {
	Service string `json:"service"`
	// Name of the service for people.
	Name    string  `json:"name"`
	Dollars float64 `json:"dollars"`
}

// Since is what was added to a bill since an earlier one of the same meter.
func (b Bill) Since(earlier Bill) Bill {
	before := map[Line]float64{}
	for _, l := range earlier {
		quantity := l.Quantity
		l.Quantity, l.Dollars = 0, 0
		before[l] = quantity
	}
	var added Bill
	for _, l := range b {
		key := l
		key.Quantity, key.Dollars = 0, 0
		more := l.Quantity - before[key]
		if more <= 0 {
			continue
		}
		l.Dollars *= more / l.Quantity
		l.Quantity = more
		added = append(added, l)
	}
	return added
}

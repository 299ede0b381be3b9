package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/iam"
)

// statement is a line of the template that begins a statement which allows.
var statement = regexp.MustCompile(`^( *)- Effect: Allow$`)

// marked gives each statement of a template an ID that tells its line, so that
// what becomes of it is known again in the account.
func marked(template string) string {
	var out strings.Builder
	for i, line := range strings.SplitAfter(template, "\n") {
		out.WriteString(line)
		if m := statement.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			fmt.Fprintf(&out, "%s  Sid: L%d\n", m[1], i+1)
		}
	}
	return out.String()
}

// asked is a permission that some call of a role needed and had. What differs in
// nothing else is one.
type asked struct{ role, action, resource string }

// permissions are those that a fleet's calls needed.
type permissions struct {
	mu   sync.Mutex
	seen map[asked]access.Decision
	// missed are the statements that were missing.
	missed map[string]bool
}

func (p *permissions) miss(d access.Denial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missed == nil {
		p.missed = map[string]bool{}
	}
	p.missed[d.String()] = true
}

// Denied tells of the permissions that the fleet lacked. Empty if none.
func (f *Fleet) Denied() string {
	f.permissions.mu.Lock()
	defer f.permissions.mu.Unlock()
	var text strings.Builder
	for _, missed := range slices.Sorted(maps.Keys(f.permissions.missed)) {
		text.WriteString("\n" + missed)
	}
	return text.String()
}

func (p *permissions) see(d access.Decision) {
	if d.Requester.RoleARN == "" || !d.Allowed {
		return
	}
	key := asked{d.Requester.RoleARN, d.Request.Action, d.Request.Resource}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.seen[key]; known {
		return
	}
	if p.seen == nil {
		p.seen = map[asked]access.Decision{}
	}
	p.seen[key] = d
}

// Part is one action or one resource of a statement of the template's policies.
type Part struct {
	// Role that has the statement, by its logical ID.
	Role string
	// Statement as it is marked: "L1030", by its line.
	Statement string
	// What it is: an action, or the place of a resource, "resource 2 of s3:GetObject".
	What string
}

func (p Part) String() string {
	return fmt.Sprintf("cloudformation/fleet.yaml:%s: %s: %s", strings.TrimPrefix(p.Statement, "L"), p.Role, p.What)
}

// Needs are the parts of the template's policies, and whether the fleets of this
// process needed them: whether without one of them a call of theirs would have
// been denied.
var Needs = struct {
	sync.Mutex
	Parts map[Part]bool
}{Parts: map[Part]bool{}}

// note takes each action and each resource away in turn, and asks for all that
// the fleet was allowed once more.
func (p *permissions) note(s *iam.Service) {
	p.mu.Lock()
	byRole := map[string][]access.Decision{}
	for key, d := range p.seen {
		byRole[key.role] = append(byRole[key.role], d)
	}
	p.mu.Unlock()
	Needs.Lock()
	defer Needs.Unlock()
	for arn, role := range s.Roles() {
		for i, policy := range role.Policies {
			for j, st := range policy.Document.Statement {
				if role.LogicalID == "" || !strings.HasPrefix(st.SID, "L") {
					continue
				}
				for part, without := range parts(role.LogicalID, st) {
					if Needs.Parts[part] {
						continue
					}
					Needs.Parts[part] = denies(role, i, j, without, byRole[arn])
				}
			}
		}
	}
}

// parts are those of a statement, each with what is left without it. Nil is
// nothing.
func parts(role string, s iam.Statement) map[Part]*iam.Statement {
	all := map[Part]*iam.Statement{}
	for i, action := range s.Action {
		all[Part{role, s.SID, action}] = nil
		if len(s.Action) > 1 {
			left := s
			left.Action = slices.Delete(slices.Clone(s.Action), i, i+1)
			all[Part{role, s.SID, action}] = &left
		}
	}
	for i := range s.Resource {
		part := Part{role, s.SID, fmt.Sprintf("resource %d of %s", i+1, s.Action[0])}
		all[part] = nil
		if len(s.Resource) > 1 {
			left := s
			left.Resource = slices.Delete(slices.Clone(s.Resource), i, i+1)
			all[part] = &left
		}
	}
	return all
}

// denies tells whether a role with another statement would be denied what it was
// allowed.
func denies(role iam.Role, policy, at int, other *iam.Statement, allowed []access.Decision) bool {
	var p iam.Policies
	for i, q := range role.Policies {
		d := q.Document
		if i == policy {
			d.Statement = slices.Delete(slices.Clone(d.Statement), at, at+1)
			if other != nil {
				d.Statement = append(d.Statement, *other)
			}
		}
		p.Identity = append(p.Identity, iam.Compile(d))
	}
	if role.Boundary != nil {
		p.Boundary = iam.Compile(role.Boundary.Document)
	}
	return slices.ContainsFunc(allowed, func(d access.Decision) bool {
		p.Resource = d.Resource
		return !iam.Evaluate(&d.Request, d.Requester, d.Owner, p).Allowed
	})
}

package iam

import (
	"slices"
	"strings"
)

// Context tells the values that a request has for a condition key, which is
// given in lower case. It is false for a key that the request does not have.
type Context func(key string) (values []string, known bool)

// Request is one permission that a call needs.
type Request struct {
	// Action as IAM spells it: "sqs:ReceiveMessage".
	Action string
	// Resource is an ARN, or "*" for an action that knows no resources. Empty for
	// sts:AssumeRole in a trust policy.
	Resource string
	Context  Context
}

// Requester is who makes a request.
type Requester struct {
	// RoleARN and SessionARN of a role's session, both empty for a service.
	RoleARN, SessionARN string
	// Account that the role belongs to.
	Account string
	// Service is the principal of an AWS service: "events.amazonaws.com".
	Service string
}

// Rules are a policy document made ready for evaluation.
type Rules []rule

// rule is a statement made ready.
type rule struct {
	deny      bool
	principal Principal
	// actions in lower case: they are not case-sensitive.
	actions      []string
	notActions   bool
	resources    []string
	notResources bool
	conditions   []condition
	// variables says that policy variables count.
	variables bool
}

// Compile makes a document ready for evaluation.
func Compile(d Document) Rules {
	rules := make(Rules, len(d.Statement))
	for i, s := range d.Statement {
		rules[i] = rule{
			deny: s.Effect == "Deny", principal: s.Principal,
			actions: lower(slices.Concat(s.Action, s.NotAction)), notActions: len(s.NotAction) > 0,
			resources: slices.Concat(s.Resource, s.NotResource), notResources: len(s.NotResource) > 0,
			conditions: conditionsOf(s.Condition), variables: d.Version == version,
		}
	}
	return rules
}

func lower(texts []string) []string {
	for i, t := range texts {
		texts[i] = strings.ToLower(t)
	}
	return texts
}

// applies tells whether the statement speaks of the request.
func (r *rule) applies(q *Request, action string) bool {
	if slices.ContainsFunc(r.actions, func(p string) bool { return glob(p, action) }) == r.notActions {
		return false
	}
	if len(r.resources) > 0 && slices.ContainsFunc(r.resources, func(p string) bool { return r.names(p, q) }) == r.notResources {
		return false
	}
	for i := range r.conditions {
		if !r.conditions[i].holds(q.Context, r.variables) {
			return false
		}
	}
	return true
}

// names tells whether a resource of the statement is the request's.
func (r *rule) names(resource string, q *Request) bool {
	if r.variables && strings.Contains(resource, "${") {
		expanded, known := expand(resource, q.Context)
		if !known {
			return false
		}
		resource = expanded
	}
	return matchARN(resource, q.Resource)
}

// answer is what policies say to a request.
type answer struct{ allow, deny bool }

// ask asks a policy that is attached to who makes the request.
func (rs Rules) ask(q *Request, action string) answer {
	var a answer
	for i := range rs {
		if rs[i].deny && a.deny || !rs[i].deny && a.allow {
			continue
		}
		if rs[i].applies(q, action) {
			a.deny = a.deny || rs[i].deny
			a.allow = a.allow || !rs[i].deny
		}
	}
	return a
}

// grant is how a resource's policy names who it allows.
type grant int

const (
	noGrant grant = iota
	// toAccount leaves it to the account's own policies.
	toAccount
	// toRole names the role, or everybody.
	toRole
	// toSession names the session itself, or the service.
	toSession
)

// askOf asks a policy that is attached to a resource or that trusts.
func (rs Rules) askOf(q *Request, action string, who Requester) (grant, bool) {
	best, denied := noGrant, false
	for i := range rs {
		if g := rs[i].principal.names(who); g != noGrant && rs[i].applies(q, action) {
			if rs[i].deny {
				denied = true
			} else {
				best = max(best, g)
			}
		}
	}
	return best, denied
}

// names says how a principal names who makes a request.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (p Principal) names(who Requester) grant {
	if who.Service != "" {
		if p.Anyone || slices.Contains(p.Service, who.Service) {
			return toSession
		}
		return noGrant
	}
	best := noGrant
	if p.Anyone {
		best = toRole
	}
	for _, name := range p.AWS {
		switch {
		case name == who.SessionARN:
			best = max(best, toSession)
		case name == "*", name == who.RoleARN:
			best = max(best, toRole)
		case name == who.Account, strings.HasSuffix(name, "::"+who.Account+":root"):
			best = max(best, toAccount)
		}
	}
	return best
}

// Policies are all policies that have a say in a request.
type Policies struct {
	// Identity are those attached to the role.
	Identity []Rules
	// Boundary is the role's permissions boundary. Nil when it has none.
	Boundary Rules
	// Resource is the resource's own policy. Nil when it has none.
	Resource Rules
}

// Verdict is IAM's answer.
type Verdict struct {
	Allowed bool
	// Why not, as AWS ends the sentence: "because no identity-based policy allows
	// the sqs:ReceiveMessage action".
	Why string
}

// DeniedByResource is why a request is refused that a resource's policy denies.
const DeniedByResource = "with an explicit deny in a resource-based policy"

// Evaluate decides about a request, whose resource belongs to the account owner.
//
// Within one account the role's policies or the resource's allow, across accounts
// both must, and a service needs the resource's. A permissions boundary limits
// what the role's own policies allow, and the resource's unless they name the
// session. What anybody denies is denied.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Evaluate(q *Request, who Requester, owner string, p Policies) Verdict {
	action := strings.ToLower(q.Action)
	var identity answer
	for _, rules := range p.Identity {
		a := rules.ask(q, action)
		identity = answer{identity.allow || a.allow, identity.deny || a.deny}
	}
	bound := answer{allow: true}
	if p.Boundary != nil {
		bound = p.Boundary.ask(q, action)
	}
	granted, denied := p.Resource.askOf(q, action, who)
	switch {
	case identity.deny:
		return Verdict{Why: "with an explicit deny in an identity-based policy"}
	case denied:
		return Verdict{Why: DeniedByResource}
	case bound.deny:
		return Verdict{Why: "with an explicit deny in a permissions boundary"}
	}
	missing := func(kind string) Verdict {
		return Verdict{Why: "because no " + kind + " allows the " + q.Action + " action"}
	}
	switch {
	case who.Service != "":
		if granted == noGrant {
			return missing("resource-based policy")
		}
		return Verdict{Allowed: true}
	case owner != who.Account:
		if identity.allow && granted == noGrant {
			return missing("resource-based policy")
		}
	case granted == toSession, granted == toRole && bound.allow:
		return Verdict{Allowed: true}
	}
	switch {
	case !identity.allow:
		return missing("identity-based policy")
	case !bound.allow:
		return missing("permissions boundary")
	}
	return Verdict{Allowed: true}
}

// Trusts tells whether a role's trust policy lets a service assume it.
func (rs Rules) Trusts(service string, c Context) bool {
	q := &Request{Action: "sts:AssumeRole", Context: c}
	granted, denied := rs.askOf(q, "sts:assumerole", Requester{Service: service})
	return granted != noGrant && !denied
}

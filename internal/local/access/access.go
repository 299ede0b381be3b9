// Package access enforces IAM: it knows what every call of the embedded AWS asks
// of IAM, and has the policies that the account has decide about it.
package access

import (
	"context"
	"sync"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/iam"
)

// Options of an Authorizer. The zero value enforces.
type Options struct {
	// Off allows everything.
	Off bool
	// Denied is told of what was denied, on the caller's goroutine: it must be
	// quick and must not call back into the runtime. Nil tells nobody.
	Denied func(Denial)
	// Decided is told of every decision, likewise.
	Decided func(Decision)
}

// Resources tells what services know of their resources.
type Resources struct {
	// Policy is the policy that is attached to a resource, in JSON. Empty for none.
	Policy func(arn string) string
	// ObjectExists tells whether a bucket has an object.
	ObjectExists func(bucket, key string) bool
	// TaskRoles are the roles that the tasks of a task definition's family have.
	TaskRoles func(family string) []string
	// Key is the KMS key that encrypts a resource: a queue, a table or a bucket.
	// Empty for none of the account's own.
	Key func(arn string) string
	// KeyUsed is told that a service may use the key of a resource for a call, by an
	// action of KMS. Nil tells nobody.
	KeyUsed func(call api.Call, arn, action string)
	// Expression is how a template names a resource: "!GetAtt Queue.Arn". Empty for
	// a resource of no stack.
	Expression func(arn string) string
}

// Decision is what became of one request for permission.
type Decision struct {
	Call      api.Call
	Requester iam.Requester
	Request   iam.Request
	// Owner is the account that the resource belongs to.
	Owner string
	// Resource is the policy that is attached to the resource. Nil for none.
	Resource iam.Rules
	iam.Verdict
}

// Authorizer decides about calls.
type Authorizer struct {
	account   *api.Account
	iam       *iam.Service
	resources Resources
	options   Options

	// principals by ARN, and resource policies by their text.
	principals sync.Map
	policies   sync.Map
}

// New makes an authorizer of the account's policies.
func New(account *api.Account, service *iam.Service, r Resources, o Options) *Authorizer {
	return &Authorizer{account: account, iam: service, resources: r, options: o}
}

// principal is a role with its policies made ready.
type principal struct {
	iam.Requester
	role     iam.Role
	trust    iam.Rules
	policies iam.Policies
	changes  uint64
}

// role finds a role. Nil for one that does not exist.
func (a *Authorizer) role(arn string) *principal {
	changes := a.iam.Changes()
	if known, ok := a.principals.Load(arn); ok && known.(*principal).changes == changes {
		return known.(*principal)
	}
	role, ok := a.iam.Role(arn)
	if !ok {
		return nil
	}
	p := &principal{
		Requester: iam.Requester{RoleARN: arn, Account: a.owner(arn)}, role: role, trust: iam.Compile(role.Trust), changes: changes,
	}
	for _, policy := range role.Policies {
		p.policies.Identity = append(p.policies.Identity, iam.Compile(policy.Document))
	}
	if role.Boundary != nil {
		p.policies.Boundary = iam.Compile(role.Boundary.Document)
	}
	a.principals.Store(arn, p)
	return p
}

// Authorize decides about a call. The account's own user may do what no policy of
// a resource denies; a role what it is allowed; a service what the resource's
// policy allows it; the runtime itself everything.
func (a *Authorizer) Authorize(_ context.Context, call api.Call) error { return a.authorize(call) }

func (a *Authorizer) authorize(call api.Call) error {
	if err := a.given(call); err != nil {
		return err
	}
	caller := call.Caller
	if caller.AccessKeyID == "" && caller.RoleARN == "" && caller.Principal == "" || call.Service == "events" && call.Operation == "Deliver" {
		return nil
	}
	f, known := facts[operation{call.Service, call.Operation}]
	owned := caller.RoleARN == "" && caller.Principal == ""
	switch {
	case !known && owned:
		return nil
	case !known:
		return a.deny(Denial{Call: call, Why: "because the embedded runtime does not know what it asks of IAM"})
	}
	who, err := a.requester(call)
	if err != nil {
		return err
	}
	var buffer [2]need
	q := a.ask(call.Input)
	for _, n := range q.encrypted(call, f(q, buffer[:0])) {
		d := a.decide(call, who, n, owned)
		if !owned && a.options.Decided != nil {
			a.options.Decided(d)
		}
		if !d.Allowed {
			return a.deny(Denial{Call: call, Role: who.role, Requester: d.Requester, Action: n.action, Resource: n.resource, Why: d.Why})
		}
		if a.resources.KeyUsed != nil && n.encrypts != "" {
			a.resources.KeyUsed(call, n.encrypts, n.action)
		}
	}
	if q.missing != "" {
		return a.deny(Denial{Call: call, Role: who.role, Why: "because its input has no member " + q.missing})
	}
	return nil
}

// requester is who makes a call.
func (a *Authorizer) requester(call api.Call) (*principal, error) {
	caller := call.Caller
	if caller.RoleARN == "" {
		who := &principal{Requester: iam.Requester{Service: caller.Principal}}
		if caller.Principal == "" {
			who.Account, who.SessionARN = a.account.ID, "arn:"+a.account.Partition+":iam::"+a.account.ID+":root"
		}
		return who, nil
	}
	who := a.role(caller.RoleARN)
	if who == nil {
		return nil, a.deny(Denial{Call: call, Why: "because there is no role " + caller.RoleARN})
	}
	if service := assumer(caller); service != "" && !a.trusts(who, service, caller) {
		return nil, a.deny(Denial{Call: call, Role: who.role, Action: assumeRole, Resource: caller.RoleARN, Why: "because no trust policy lets " + service + " assume the role"})
	}
	return who, nil
}

const assumeRole = "sts:AssumeRole"

// assumer is the service that assumed a caller's role. Empty where it is not known.
func assumer(c api.Caller) string {
	switch {
	case c.Principal != "":
		return c.Principal
	case c.Execution != "":
		return "states.amazonaws.com"
	case c.Function != "":
		return "lambda.amazonaws.com"
	}
	return ""
}

// trusts tells whether a role lets a service assume it.
func (a *Authorizer) trusts(who *principal, service string, caller api.Caller) bool {
	source := caller.SourceARN
	if source == "" {
		source = caller.Execution
	}
	if source == "" && caller.Function != "" {
		source = a.account.ARN("lambda", "function:"+caller.Function)
	}
	return who.trust.Trusts(service, a.context(nil, api.Caller{Principal: service, SourceARN: source}, need{}))
}

// decide decides about one need of a call.
func (a *Authorizer) decide(call api.Call, who *principal, n need, owned bool) Decision {
	d := Decision{
		Call: call, Requester: who.Requester, Owner: a.owner(n.resource),
		Request: iam.Request{Action: n.action, Resource: n.resource, Context: a.context(who, call.Caller, n)},
	}
	policies := who.policies
	if text := a.resources.Policy(n.resource); text != "" {
		policies.Resource = a.policy(text)
		d.Resource = policies.Resource
	}
	if who.RoleARN != "" && policies.Resource != nil {
		d.Requester.SessionARN = a.sessionARN(call.Caller)
	}
	d.Verdict = iam.Evaluate(&d.Request, d.Requester, d.Owner, policies)
	if owned && d.Why != iam.DeniedByResource {
		d.Verdict = iam.Verdict{Allowed: true}
	}
	return d
}

// policy makes a resource's policy ready. One that cannot be read allows nothing.
func (a *Authorizer) policy(text string) iam.Rules {
	if known, ok := a.policies.Load(text); ok {
		return known.(iam.Rules)
	}
	rules := iam.Rules{}
	if document, err := iam.ParseResourcePolicy([]byte(text)); err == nil {
		rules = iam.Compile(document)
	}
	a.policies.Store(text, rules)
	return rules
}

// sessionARN is that of a role's session.
func (a *Authorizer) sessionARN(c api.Caller) string {
	role := c.RoleARN[lastSlash(c.RoleARN)+1:]
	return "arn:" + a.account.Partition + ":sts::" + a.owner(c.RoleARN) + ":assumed-role/" + role + "/" + session(c)
}

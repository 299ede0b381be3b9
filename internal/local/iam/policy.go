package iam

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Document is a policy document, parsed and valid.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
type Document struct {
	Version   string
	ID        string `json:"Id"`
	Statement []Statement
}

// Statement is one statement of a policy. Of Action and NotAction, and of
// Resource and NotResource, exactly one is set; a trust policy has no resources
// and an identity policy no principal.
type Statement struct {
	SID         string `json:"Sid"`
	Effect      string
	Principal   Principal
	Action      []string
	NotAction   []string
	Resource    []string
	NotResource []string
	// Condition by operator, key and allowed values:
	// Condition["StringEquals"]["aws:SourceAccount"].
	Condition map[string]map[string][]string
}

// Principal says whom a trust policy trusts.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
type Principal struct {
	// Anyone is the principal "*".
	Anyone    bool
	AWS       []string
	Service   []string
	Federated []string
}

var (
	awsPrincipal     = regexp.MustCompile(`^(\*|[0-9]{12}|arn:[^:]+:(iam|sts)::[0-9]{12}:.+)$`)
	servicePrincipal = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
	anyPrincipal     = regexp.MustCompile(`.`)
)

func (p Principal) check() error {
	for _, kind := range []struct {
		name    string
		names   []string
		pattern *regexp.Regexp
	}{
		{"AWS", p.AWS, awsPrincipal}, {"SERVICE", p.Service, servicePrincipal}, {"FEDERATED", p.Federated, anyPrincipal},
	} {
		for _, name := range kind.names {
			if !kind.pattern.MatchString(name) {
				return malformed("Invalid principal in policy: %q:%q", kind.name, name)
			}
		}
	}
	return nil
}

func (p Principal) isZero() bool {
	return !p.Anyone && len(p.AWS)+len(p.Service)+len(p.Federated) == 0
}

// Words are one string or a list of them.
type words []string

func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// values are condition values: strings, numbers and booleans, one or a list.
type values []string

func (v *values) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		list = []json.RawMessage{data}
	}
	for _, raw := range list {
		var text string
		switch {
		case raw[0] == '{' || raw[0] == '[' || string(raw) == "null":
			return &json.UnmarshalTypeError{Value: string(raw)}
		case raw[0] != '"':
			text = string(raw)
		default:
			if err := json.Unmarshal(raw, &text); err != nil {
				return err
			}
		}
		*v = append(*v, text)
	}
	return nil
}

// UnmarshalJSON reads "*" or an object of principals by their kind.
func (p *Principal) UnmarshalJSON(data []byte) error {
	var star string
	if json.Unmarshal(data, &star) == nil {
		if star != "*" {
			return &json.UnmarshalTypeError{Value: star}
		}
		p.Anyone = true
		return nil
	}
	var kinds struct{ AWS, Service, Federated words }
	if err := decode(data, &kinds, "AWS", "Service", "Federated"); err != nil {
		return err
	}
	*p = Principal{AWS: kinds.AWS, Service: kinds.Service, Federated: kinds.Federated}
	return nil
}

// statement is a Statement as it is written.
type statement struct {
	SID                                      string `json:"Sid"`
	Effect                                   string
	Principal                                *Principal
	Action, NotAction, Resource, NotResource words
	Condition                                map[string]map[string]values
}

// statements are one statement or a list of them.
type statements []statement

func (s *statements) UnmarshalJSON(data []byte) error {
	if data[0] == '{' {
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*s = make(statements, len(list))
	for i, raw := range list {
		err := decode(raw, &(*s)[i], "Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition")
		if err != nil {
			return err
		}
	}
	return nil
}

// decode reads a JSON object that has the given members only, spelled so.
func decode(data []byte, v any, members ...string) error {
	var found map[string]json.RawMessage
	if err := json.Unmarshal(data, &found); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(members, name) {
			return fmt.Errorf("the element %q is not known", name)
		}
	}
	return json.Unmarshal(data, v)
}

// identity reads a policy that is attached to a role here: one whose condition
// keys requests have.
func (s *Service) identity(data []byte) (Document, error) {
	doc, err := ParseIdentityPolicy(data)
	if err == nil {
		err = s.checkKeys(doc)
	}
	return doc, err
}

// checkKeys refuses a policy with condition keys, or variables, that no request
// has here.
func (s *Service) checkKeys(doc Document) error {
	s.mu.RLock()
	knows := s.knows
	s.mu.RUnlock()
	if knows == nil {
		return nil
	}
	for _, key := range doc.keys() {
		if !knows(strings.ToLower(key)) {
			return malformed("The embedded runtime does not know the condition key %s.", key)
		}
	}
	return nil
}

// keys are the condition keys that a document names, in conditions and variables.
func (d Document) keys() []string {
	var keys []string
	for _, s := range d.Statement {
		texts := slices.Concat(s.Resource, s.NotResource)
		for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
			for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
				keys = append(keys, key)
				texts = append(texts, s.Condition[operator][key]...)
			}
		}
		for _, text := range texts {
			if d.Version == version {
				keys = append(keys, variables(text)...)
			}
		}
	}
	return keys
}

func malformed(format string, args ...any) error {
	return api.Errorf("MalformedPolicyDocument", format, args...)
}

// ParseIdentityPolicy reads a policy that is attached to a role. Errors are
// MalformedPolicyDocument.
func ParseIdentityPolicy(data []byte) (Document, error) { return parse(data, checkIdentity) }

// ParseTrustPolicy reads a role's trust policy. Errors are MalformedPolicyDocument.
func ParseTrustPolicy(data []byte) (Document, error) { return parse(data, checkTrust) }

// ParseResourcePolicy reads a policy that is attached to a resource, such as a
// queue's. Errors are MalformedPolicyDocument.
func ParseResourcePolicy(data []byte) (Document, error) { return parse(data, checkResource) }

func parse(data []byte, check func(*statement) error) (Document, error) {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement statements
	}
	if err := decode(data, &raw, "Version", "Id", "Statement"); err != nil {
		return Document{}, malformed("Syntax errors in policy: %s", err)
	}
	if !slices.Contains([]string{"", version, "2008-10-17"}, raw.Version) {
		return Document{}, malformed("Policy document must be version 2012-10-17 or greater.")
	}
	if len(raw.Statement) == 0 {
		return Document{}, malformed("Syntax errors in policy: a policy must have statements.")
	}
	doc := Document{Version: raw.Version, ID: raw.ID}
	seen := map[string]bool{}
	for i := range raw.Statement {
		s := &raw.Statement[i]
		if err := s.check(); err != nil {
			return Document{}, err
		}
		if err := check(s); err != nil {
			return Document{}, err
		}
		if s.SID != "" && seen[s.SID] {
			return Document{}, malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		seen[s.SID] = true
		doc.Statement = append(doc.Statement, s.typed())
	}
	return doc, nil
}

func (s *statement) typed() Statement {
	t := Statement{
		SID: s.SID, Effect: s.Effect, Action: s.Action, NotAction: s.NotAction,
		Resource: s.Resource, NotResource: s.NotResource,
	}
	if s.Principal != nil {
		t.Principal = *s.Principal
	}
	if s.Condition != nil {
		t.Condition = map[string]map[string][]string{}
	}
	for operator, keys := range s.Condition {
		t.Condition[operator] = map[string][]string{}
		for key, allowed := range keys {
			t.Condition[operator][key] = allowed
		}
	}
	return t
}

var (
	sid      = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	action   = regexp.MustCompile(`^([A-Za-z0-9-]+:[A-Za-z0-9*?]+|\*)$`)
	arn      = regexp.MustCompile(`^(arn:[^:]*:[^:]*:[^:]*:[^:]*:.+|\*)$`)
	operator = regexp.MustCompile(`^(For(All|Any)[A-Za-z]*:)?([A-Za-z]+)$`)
)

// check finds what is wrong in any kind of policy.
func (s *statement) check() error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return malformed("Syntax errors in policy: Effect must be Allow or Deny, not %q.", s.Effect)
	}
	if len(s.Action) > 0 && len(s.NotAction) > 0 {
		return malformed("Syntax errors in policy: a statement has either Action or NotAction.")
	}
	if len(s.Resource) > 0 && len(s.NotResource) > 0 {
		return malformed("Syntax errors in policy: a statement has either Resource or NotResource.")
	}
	actions := slices.Concat(s.Action, s.NotAction)
	if len(actions) == 0 {
		return malformed("Policy statement must contain actions.")
	}
	for _, a := range actions {
		if !action.MatchString(a) {
			return malformed(unprefaced)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Condition)) {
		if !knownOperator(name) {
			return malformed("Invalid Condition type : %s.", name)
		}
		for _, key := range slices.Sorted(maps.Keys(s.Condition[name])) {
			if !strings.Contains(key, ":") {
				return malformed(unprefaced)
			}
			if len(s.Condition[name][key]) == 0 {
				return malformed("Syntax errors in policy: the condition key %s has no values", key)
			}
		}
	}
	return nil
}

const unprefaced = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."

// operators of conditions, each of which may end in IfExists.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = []string{
	"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
	"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
	"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike",
}

func knownOperator(name string) bool {
	m := operator.FindStringSubmatch(name)
	if m == nil || m[1] != "" && m[1] != "ForAllValues:" && m[1] != "ForAnyValue:" {
		return false
	}
	base := m[3]
	return base == "Null" || slices.Contains(operators, strings.TrimSuffix(base, "IfExists"))
}

// checkIdentity finds what a policy of a role must not have.
func checkIdentity(s *statement) error {
	if s.Principal != nil {
		return malformed("Policy document should not specify a principal.")
	}
	if !sid.MatchString(s.SID) {
		return malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	return s.checkResources()
}

// checkResource finds what a resource's policy must not have.
func checkResource(s *statement) error {
	if s.Principal == nil || s.Principal.isZero() {
		return malformed("Missing required field Principal")
	}
	if err := s.Principal.check(); err != nil {
		return err
	}
	return s.checkResources()
}

func (s *statement) checkResources() error {
	resources := slices.Concat(s.Resource, s.NotResource)
	if len(resources) == 0 {
		return malformed("Policy statement must contain resources.")
	}
	for _, r := range resources {
		if !arn.MatchString(r) {
			return malformed("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	return nil
}

// checkTrust finds what a trust policy must not have.
func checkTrust(s *statement) error {
	if len(s.Resource)+len(s.NotResource) > 0 {
		return malformed("Has prohibited field Resource")
	}
	if s.Principal == nil || s.Principal.isZero() {
		return malformed("Missing required field Principal")
	}
	if err := s.Principal.check(); err != nil {
		return err
	}
	for _, a := range slices.Concat(s.Action, s.NotAction) {
		if !strings.HasPrefix(a, "sts:") {
			return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
		}
	}
	return nil
}

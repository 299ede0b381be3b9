package access

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/iam"
)

// Denial is a call that was not allowed.
type Denial struct {
	Call api.Call
	// Role that called. Its zero value where a service called by itself.
	Role      iam.Role
	Requester iam.Requester
	// Action that was denied, and the resource: an ARN, or "*".
	Action, Resource string
	// Why, as AWS ends the sentence.
	Why string
	// Expression is how the template names Resource. Empty where it does not.
	Expression string
}

// deny tells of a denial and words it as the service does.
func (a *Authorizer) deny(d Denial) error {
	if d.Action == "" {
		d.Action, d.Resource = d.Call.String(), "*"
	}
	d.Expression = a.expression(d.Resource)
	if a.options.Denied != nil {
		a.options.Denied(d)
	}
	user := "arn:" + a.account.Partition + ":iam::" + a.account.ID + ":root"
	switch c := d.Call.Caller; {
	case c.RoleARN != "":
		user = a.sessionARN(c)
	case c.Principal != "":
		user = c.Principal
	}
	return worded(d, user)
}

// worded is the error of the service that was called. Most share a form; these
// differ in the code, the status, or how they spell an action.
func worded(d Denial, user string) *api.Error {
	e := &api.Error{Code: "AccessDeniedException", Status: http.StatusBadRequest}
	action, on := d.Action, " on resource: "+d.Resource
	why := d.Why
	switch d.Call.Service {
	case "sqs":
		// SQS writes actions in lower case.
		e.QueryCode, e.Status = "AccessDenied", http.StatusForbidden
		action, why = strings.ToLower(action), strings.ReplaceAll(why, action, strings.ToLower(action))
	case "sns":
		// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
		e.Code, e.Status = "AuthorizationError", http.StatusForbidden
		upper := "SNS" + strings.TrimPrefix(action, "sns")
		action, why = upper, strings.ReplaceAll(why, action, upper)
	case "s3":
		e.Code, e.Status = "AccessDenied", http.StatusForbidden
		on = fmt.Sprintf(" on resource: %q", d.Resource)
	case "cloudformation", "cloudwatch", "iam", "sts":
		e.Code, e.Status = "AccessDenied", http.StatusForbidden
	case "lambda", "batch":
		e.Status = http.StatusForbidden
	}
	if d.Resource == "*" {
		on = ""
	}
	e.Message = "User: " + user + " is not authorized to perform: " + action + on + " " + why
	return e
}

// Statement is the statement that is missing, in YAML to be pasted into the
// policy of the role. Empty where no statement would help.
func (d Denial) Statement() string {
	if d.Role.ARN == "" || !strings.HasPrefix(d.Why, "because no identity-based policy") {
		return ""
	}
	resource := d.Expression
	switch {
	case resource != "":
	case d.Resource == "*":
		resource = "'*'"
	default:
		resource = d.Resource
	}
	return "- Effect: Allow\n  Action: " + d.Action + "\n  Resource: " + resource + "\n"
}

// String says what was denied to whom, and what to add to which role.
func (d Denial) String() string {
	who := d.Requester.Service
	if d.Role.ARN != "" {
		who = d.Role.ARN
		if d.Role.LogicalID != "" {
			who = d.Role.LogicalID + " of stack " + d.Role.Stack
		}
	}
	text := fmt.Sprintf("IAM denied %s on %s to %s, %s.", d.Action, d.Resource, who, d.Why)
	if s := d.Statement(); s != "" {
		text += " Its policy lacks:\n" + s
	}
	return text
}

// expression is how a template names a resource, or the bucket of an object.
func (a *Authorizer) expression(resource string) string {
	if a.resources.Expression == nil {
		return ""
	}
	if known := a.resources.Expression(resource); known != "" {
		return known
	}
	s3 := "arn:" + a.account.Partition + ":s3:::"
	if path, ok := strings.CutPrefix(resource, s3); ok {
		name, _, object := strings.Cut(path, "/")
		known := a.resources.Expression(s3 + name)
		if logical, isAttribute := strings.CutPrefix(known, "!GetAtt "); object && isAttribute {
			return "!Sub ${" + logical + "}/*"
		}
	}
	return ""
}

func lastSlash(s string) int { return strings.LastIndexByte(s, '/') }

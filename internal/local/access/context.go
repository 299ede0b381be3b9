package access

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/iam"
)

// keys are the condition keys that requests may have, in lower case: the global
// ones as far as the embedded AWS can tell them, and those that facts give.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var keys = []string{
	"aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn", "aws:principalisawsservice",
	"aws:principalservicename", "aws:principaltype", "aws:requestedregion", "aws:resourceaccount", "aws:securetransport",
	"aws:sourceaccount", "aws:sourcearn", "aws:userid", "aws:viaawsservice", "lambda:sourcefunctionarn",
	"cloudwatch:namespace", "ecs:cluster", "events:detail-type", "events:source", "iam:passedtoservice", "kms:viaservice", "s3:prefix",
}

const principalTag = "aws:principaltag/"

// Knows tells whether requests may have a condition key, given in lower case.
func Knows(key string) bool {
	return slices.Contains(keys, key) || strings.HasPrefix(key, principalTag)
}

// context tells the values of a need's condition keys.
func (a *Authorizer) context(who *principal, caller api.Caller, n need) iam.Context {
	return func(key string) ([]string, bool) {
		if values, ok := n.with[key]; ok {
			return values, len(values) > 0 && values[0] != ""
		}
		value := a.value(who, caller, n, key)
		return []string{value}, value != ""
	}
}

// value of a condition key, empty for one that the request does not have.
func (a *Authorizer) value(who *principal, caller api.Caller, n need, key string) string {
	switch key {
	case "aws:currenttime":
		return time.Now().UTC().Format(time.RFC3339)
	case "aws:epochtime":
		return strconv.FormatInt(time.Now().Unix(), 10)
	case "aws:requestedregion":
		return a.account.Region
	case "aws:resourceaccount":
		return a.owner(n.resource)
	case "aws:securetransport":
		// What comes over loopback stands for what goes to AWS over TLS.
		return "true"
	case "aws:viaawsservice":
		return "false"
	}
	if who == nil || who.RoleARN == "" {
		return a.serviceValue(caller, key)
	}
	switch key {
	case "aws:principalaccount":
		return who.Account
	case "aws:principalarn":
		return who.RoleARN
	case "aws:principalisawsservice":
		return "false"
	case "aws:principaltype":
		return "AssumedRole"
	case "aws:userid":
		return who.role.ID + ":" + session(caller)
	case "lambda:sourcefunctionarn":
		if caller.Function != "" {
			return a.account.ARN("lambda", "function:"+caller.Function)
		}
	}
	if tag, ok := strings.CutPrefix(key, principalTag); ok {
		for name, value := range who.role.Tags {
			if strings.EqualFold(name, tag) {
				return value
			}
		}
	}
	return ""
}

// serviceValue is that of a call that an AWS service makes by itself.
func (a *Authorizer) serviceValue(caller api.Caller, key string) string {
	switch key {
	case "aws:principalisawsservice":
		return strconv.FormatBool(caller.Principal != "")
	case "aws:principalservicename":
		return caller.Principal
	case "aws:sourcearn":
		return caller.SourceARN
	case "aws:sourceaccount":
		if caller.SourceARN != "" {
			return a.owner(caller.SourceARN)
		}
	case "aws:principalaccount":
		if caller.Principal == "" {
			return a.account.ID
		}
	case "aws:principaltype":
		if caller.Principal == "" {
			return "Account"
		}
	}
	return ""
}

// session is the name of a role's session, as Lambda and Step Functions choose it.
func session(c api.Caller) string {
	name := c.Function
	if name == "" {
		name = c.Execution
	}
	if name == "" {
		name = c.SourceARN
	}
	return name[strings.LastIndexAny(name, ":/")+1:]
}

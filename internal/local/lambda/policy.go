package lambda

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Policy is the resource policy of the function of that ARN, in JSON. Empty where
// nobody was given a permission. Lambda itself does not judge: who enforces IAM
// asks for it.
func (s *Service) Policy(arn string) string {
	_, name, found := strings.Cut(arn, ":function:")
	name, _, _ = strings.Cut(name, ":")
	if !found {
		return ""
	}
	permissions := s.Permissions(name)
	if len(permissions) == 0 {
		return ""
	}
	type statement struct {
		Sid, Effect, Action, Resource string
		Principal                     map[string]string
		Condition                     map[string]map[string]string `json:",omitempty"`
	}
	var statements []statement
	for _, id := range slices.Sorted(maps.Keys(permissions)) {
		p := permissions[id]
		kind := "AWS"
		if strings.Contains(p.Principal, ".amazonaws.com") {
			kind = "Service"
		}
		one := statement{Sid: id, Effect: "Allow", Action: p.Action, Resource: s.account.ARN("lambda", "function:"+name), Principal: map[string]string{kind: p.Principal}}
		one.Condition = map[string]map[string]string{}
		if p.SourceArn != "" {
			one.Condition["ArnLike"] = map[string]string{"AWS:SourceArn": p.SourceArn}
		}
		if p.SourceAccount != "" {
			one.Condition["StringEquals"] = map[string]string{"AWS:SourceAccount": p.SourceAccount}
		}
		statements = append(statements, one)
	}
	// Strings always encode.
	policy, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Id": "default", "Statement": statements})
	return string(policy)
}

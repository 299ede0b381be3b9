package lambda

import (
	"fmt"
	"regexp"

	"github.com/musterq/muster/internal/local/api"
)

// latest is the version of a function that can still change.
const latest = "$LATEST"

var (
	namePattern     = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	variablePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	// referencePattern is AWS's own for FunctionName, with the parts captured.
	// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
	referencePattern = regexp.MustCompile(`^(?:arn:(aws[a-zA-Z-]*)?:lambda:)?(?:([a-z]{2}(?:-gov)?-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_]+)(?::(\$LATEST|[a-zA-Z0-9-_]+))?$`)
)

const awsReferencePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

type reference struct{ name, qualifier string }

// parseName reads a function's name, partial ARN or ARN.
func (s *Service) parseName(text, qualifier string) (reference, error) {
	m := referencePattern.FindStringSubmatch(text)
	if m == nil || len(text) > 170 {
		return reference{}, invalidName(text)
	}
	region, account, ref := m[2], m[3], reference{name: m[4], qualifier: m[5]}
	if region != "" && region != s.account.Region {
		return ref, notFound(fmt.Sprintf("Functions from '%s' are not reachable in this region ('%s')", region, s.account.Region))
	}
	if account != "" && account != s.account.ID {
		return ref, &api.Error{Code: "AccessDeniedException", Message: "The embedded runtime has no account " + account + ".", Status: 403}
	}
	if qualifier != "" {
		if ref.qualifier != "" && ref.qualifier != qualifier {
			return ref, invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		ref.qualifier = qualifier
	}
	return ref, nil
}

func (s *Service) qualified(r reference) string {
	arn := s.account.ARN("lambda", "function:"+r.name)
	if r.qualifier != "" {
		arn += ":" + r.qualifier
	}
	return arn
}

func invalidName(name string) error {
	return constraint("functionName", name, "Member must satisfy regular expression pattern: "+awsReferencePattern)
}

func notFound(message string) *api.Error {
	return &api.Error{Code: "ResourceNotFoundException", Message: message, Status: 404, Fields: map[string]any{"Type": "User"}}
}

func invalid(message string) *api.Error {
	return &api.Error{Code: "InvalidParameterValueException", Message: message, Fields: map[string]any{"Type": "User"}}
}

// constraint words a broken constraint as AWS's front end does.
func constraint(member, value, rule string) *api.Error {
	return api.Errorf("ValidationException", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, rule)
}

func between(member string, value, low, high int) error {
	switch {
	case value < low:
		return constraint(member, fmt.Sprint(value), fmt.Sprintf("Member must have value greater than or equal to %d", low))
	case value > high:
		return constraint(member, fmt.Sprint(value), fmt.Sprintf("Member must have value less than or equal to %d", high))
	}
	return nil
}

package dynamodb

import (
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("ValidationException", format, args...)
}

func invalidParameter(format string, args ...any) *api.Error {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

// constraint is the error of AWS's request validation.
func constraint(value, member, rule string) *api.Error {
	return invalid("1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value, member, rule)
}

func missing(member string) *api.Error {
	return constraint("null", member, "Member must not be null")
}

// oneOf checks an enumeration that may be left out.
func oneOf(value, member string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return constraint("'"+value+"'", member, "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
}

// checkTableName checks the name's length and characters.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
func checkTableName(name string) error {
	switch {
	case name == "":
		return invalid("The parameter 'TableName' is required but was not present in the request")
	case len(name) < 3 || len(name) > 255:
		return invalid("TableName must be at least 3 characters long and at most 255 characters long")
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "":
		return constraint("'"+name+"'", "tableName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	return nil
}

// table finds a table by its name or ARN, for operations on items.
func (s *Service) table(nameOrARN string) (*table, error) {
	name := s.tableName(nameOrARN)
	s.mu.RLock()
	t := s.tables[name]
	s.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	if err := checkTableName(name); err != nil {
		return nil, err
	}
	return nil, api.Errorf("ResourceNotFoundException", "Requested resource not found")
}

// tableByName is table for operations on tables, whose error names the table.
func (s *Service) tableByName(nameOrARN string) (*table, error) {
	t, err := s.table(nameOrARN)
	if err == nil {
		return t, nil
	}
	if e := api.AsError(err); e.Code == "ResourceNotFoundException" {
		return nil, api.Errorf(e.Code, "Requested resource not found: Table: %s not found", s.tableName(nameOrARN))
	}
	return nil, err
}

// tableName takes the name out of an ARN of this account.
func (s *Service) tableName(nameOrARN string) string {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN
	}
	return strings.TrimPrefix(nameOrARN, s.account.ARN("dynamodb", "table/"))
}

package dynamodb

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// KeyCondition is one entry of Query's older member KeyConditions. It is the
// one legacy parameter that is understood: guregu/dynamo sends it.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.KeyConditions.html
type KeyCondition struct {
	AttributeValueList []json.RawMessage
	ComparisonOperator string
}

// keyOperators by their legacy names, with how many values each takes.
var keyOperators = map[string]struct {
	operator string
	values   int
}{
	"EQ":          {"=", 1},
	"LE":          {"<=", 1},
	"LT":          {"<", 1},
	"GE":          {">=", 1},
	"GT":          {">", 1},
	"BEGINS_WITH": {"begins_with", 1},
	"BETWEEN":     {"BETWEEN", 2},
}

// keyTerms translates KeyConditions into the terms of a key condition expression.
func keyTerms(conditions map[string]KeyCondition) ([]expression.KeyTerm, error) {
	var terms []expression.KeyTerm
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		c := conditions[name]
		op, ok := keyOperators[c.ComparisonOperator]
		if !ok {
			return nil, invalid("Unsupported operator on KeyCondition: %s", c.ComparisonOperator)
		}
		if len(c.AttributeValueList) != op.values {
			return nil, invalid("One or more parameter values were invalid: Invalid number of argument(s) for the %s ComparisonOperator", c.ComparisonOperator)
		}
		term := expression.KeyTerm{Name: name, Operator: op.operator}
		for _, raw := range c.AttributeValueList {
			var d attribute.Document
			if err := json.Unmarshal([]byte(`{"value":`+string(raw)+`}`), &d); err != nil {
				return nil, err
			}
			if err := d.Err(); err != nil {
				return nil, err
			}
			term.Values = append(term.Values, d.Map["value"])
		}
		terms = append(terms, term)
	}
	return terms, nil
}

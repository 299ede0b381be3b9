package expression

import "github.com/musterq/muster/internal/local/dynamodb/attribute"

// KeyTerm is one condition of a key condition expression on one attribute:
// Operator is =, <, <=, >, >=, BETWEEN (two values) or begins_with.
type KeyTerm struct {
	Name     string
	Operator string
	Values   []attribute.Value
}

// Holds says whether a value of the attribute fulfils the term.
func (t KeyTerm) Holds(v attribute.Value) bool {
	if t.Operator == "begins_with" {
		return beginsWith(v, t.Values[0])
	}
	order, ok := attribute.Compare(v, t.Values[0])
	switch {
	case !ok:
		return false
	case t.Operator == "=":
		return order == 0
	case t.Operator == "<":
		return order < 0
	case t.Operator == "<=":
		return order <= 0
	case t.Operator == ">":
		return order > 0
	case t.Operator == ">=":
		return order >= 0
	}
	high, ok := attribute.Compare(v, t.Values[1])
	return ok && order >= 0 && high <= 0
}

// KeyTerms reads a condition as a key condition. Errors are worded as AWS words
// them, whole.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
func (c *Condition) KeyTerms(scope Scope) ([]KeyTerm, error) {
	return keyTerms(nil, c.root, scope)
}

func keyTerms(terms []KeyTerm, n node, scope Scope) ([]KeyTerm, error) {
	switch n := n.(type) {
	case and:
		terms, err := keyTerms(terms, n.left, scope)
		if err != nil {
			return nil, err
		}
		return keyTerms(terms, n.right, scope)
	case or:
		return nil, invalidKeyOperator("OR")
	case not:
		return nil, invalidKeyOperator("NOT")
	case in:
		return nil, invalidKeyOperator("IN")
	case comparison:
		if n.operator == "<>" {
			return nil, invalidKeyOperator("<>")
		}
		return comparisonTerm(terms, n, scope)
	case between:
		if _, ok := n.operand.(reference); ok {
			return nil, keyNotFirst("BETWEEN")
		}
		return addTerm(terms, "BETWEEN", n.operand, []operand{n.low, n.high}, scope)
	case predicate:
		if n.name != "begins_with" {
			return nil, invalidKeyOperator(n.name)
		}
		if _, ok := n.args[0].(reference); ok {
			return nil, keyNotFirst("begins_with")
		}
		return addTerm(terms, "begins_with", n.args[0], n.args[1:], scope)
	}
	return nil, invalid("Invalid operator used in KeyConditionExpression: %T", n)
}

// mirrored operators, for conditions with the value in front.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func comparisonTerm(terms []KeyTerm, n comparison, scope Scope) ([]KeyTerm, error) {
	if _, ok := n.left.(reference); ok {
		return addTerm(terms, mirrored[n.operator], n.right, []operand{n.left}, scope)
	}
	return addTerm(terms, n.operator, n.left, []operand{n.right}, scope)
}

func addTerm(terms []KeyTerm, operator string, key operand, values []operand, scope Scope) ([]KeyTerm, error) {
	term := KeyTerm{Operator: operator}
	switch key := key.(type) {
	case call:
		return nil, invalid("KeyConditionExpressions cannot contain nested operations")
	case reference:
		return nil, invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
	case Path:
		if len(key) > 1 {
			return nil, invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		}
		term.Name = key.resolve(scope.Names)[0].Name
	}
	for _, v := range values {
		switch v := v.(type) {
		case call:
			return nil, invalid("KeyConditionExpressions cannot contain nested operations")
		case Path:
			return nil, invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case reference:
			term.Values = append(term.Values, scope.Values[string(v)])
		}
	}
	for _, t := range terms {
		if t.Name == term.Name {
			return nil, invalid("KeyConditionExpressions must only contain one condition per key")
		}
	}
	return append(terms, term), nil
}

func invalidKeyOperator(operator string) error {
	return invalid("Invalid operator used in KeyConditionExpression: %s", operator)
}

func keyNotFirst(operator string) error {
	return invalid("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", operator)
}

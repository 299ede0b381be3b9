package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Condition is a parsed condition, filter or key condition.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
type Condition struct {
	root node
	refs refs
}

// node is a condition or a part of one.
type node interface {
	holds(item attribute.Map, scope Scope) bool
	// check finds errors that depend on the names and values of the request.
	check(scope Scope) error
}

type (
	and        struct{ left, right node }
	or         struct{ left, right node }
	not        struct{ inner node }
	comparison struct {
		operator    string
		left, right operand
	}
	between struct{ operand, low, high operand }
	in      struct {
		operand operand
		list    []operand
	}
	predicate struct{ call }
)

var conditionKeywords = []string{"AND", "OR", "NOT", "BETWEEN", "IN"}

// maxIn is how many operands IN may have.
const maxIn = 100

// ParseCondition parses a condition expression. Errors are worded as AWS words
// them after "Invalid ConditionExpression: ".
func ParseCondition(text string) (*Condition, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	root, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	c, err := p.condition(root)
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return &Condition{root: c, refs: p.refs}, nil
}

// phrase is what stands between operators: a condition, or an operand that an
// operator must follow.
type phrase struct {
	node    node
	operand operand
	// wrapped says that parentheses are around it.
	wrapped bool
}

func (p *parser) disjunction() (phrase, error) {
	return p.chain("OR", p.conjunction, func(l, r node) node { return or{l, r} })
}

func (p *parser) conjunction() (phrase, error) {
	return p.chain("AND", p.negation, func(l, r node) node { return and{l, r} })
}

func (p *parser) chain(keyword string, part func() (phrase, error), join func(l, r node) node) (phrase, error) {
	left, err := part()
	if err != nil {
		return phrase{}, err
	}
	for p.atKeyword(keyword) {
		l, err := p.condition(left)
		if err != nil {
			return phrase{}, err
		}
		p.at++
		right, err := part()
		if err != nil {
			return phrase{}, err
		}
		r, err := p.condition(right)
		if err != nil {
			return phrase{}, err
		}
		left = phrase{node: join(l, r)}
	}
	return left, nil
}

func (p *parser) negation() (phrase, error) {
	if !p.keyword("NOT") {
		return p.comparison()
	}
	inner, err := p.negation()
	if err != nil {
		return phrase{}, err
	}
	n, err := p.condition(inner)
	return phrase{node: not{n}}, err
}

// condition takes a phrase for a condition. A lone operand is none, except that
// a function is parsed as an operand first.
func (p *parser) condition(ph phrase) (node, error) {
	if ph.node != nil {
		return ph.node, nil
	}
	c, ok := ph.operand.(call)
	if !ok {
		return nil, p.unexpected()
	}
	if c.name == "size" {
		note(&p.faults.misuse, "The function is not allowed to be used this way in an expression; function: size")
	}
	return predicate{c}, nil
}

// comparison parses an operand with what an operator makes of it.
func (p *parser) comparison() (phrase, error) {
	left, err := p.primary()
	if err != nil || left.node != nil {
		return left, err
	}
	for _, operator := range []string{"=", "<>", "<", "<=", ">", ">="} {
		if p.accept(operator) {
			right, err := p.operand()
			p.misused(left.operand, right)
			return phrase{node: comparison{operator, left.operand, right}}, err
		}
	}
	switch {
	case p.keyword("BETWEEN"):
		low, err := p.operand()
		if err != nil {
			return phrase{}, err
		}
		if !p.keyword("AND") {
			return phrase{}, p.unexpected()
		}
		high, err := p.operand()
		p.misused(left.operand, low, high)
		return phrase{node: between{left.operand, low, high}}, err
	case p.keyword("IN"):
		list, err := p.list()
		p.misused(append(list, left.operand)...)
		return phrase{node: in{left.operand, list}}, err
	}
	return left, nil
}

func (p *parser) list() ([]operand, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list []operand
	for {
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
		if p.accept(")") {
			return list, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

// primary parses what stands alone: an operand, or anything in parentheses.
func (p *parser) primary() (phrase, error) {
	if !p.accept("(") {
		o, err := p.simpleOperand()
		return phrase{operand: o}, err
	}
	inner, err := p.disjunction()
	if err != nil {
		return phrase{}, err
	}
	if err := p.expect(")"); err != nil {
		return phrase{}, err
	}
	if inner.wrapped {
		note(&p.faults.parentheses, "The expression has redundant parentheses;")
	}
	inner.wrapped = true
	return inner, nil
}

// operand parses an operand behind an operator or in a list of arguments.
func (p *parser) operand() (operand, error) {
	if !p.accept("(") {
		return p.simpleOperand()
	}
	redundant := p.peek().is("(")
	o, err := p.operand()
	if err != nil {
		return nil, err
	}
	if redundant {
		note(&p.faults.parentheses, "The expression has redundant parentheses;")
	}
	return o, p.expect(")")
}

func (p *parser) simpleOperand() (operand, error) {
	t := p.peek()
	switch {
	case t.kind == placeholder:
		p.at++
		p.refs.values = append(p.refs.values, t.text)
		return reference(t.text), nil
	case p.startsCall() && !isKeyword(t.text):
		c, err := p.call(p.operand)
		if err != nil {
			return nil, err
		}
		if _, ok := predicates[c.name]; !ok {
			note(&p.faults.function, "Invalid function name; function: %s", c.name)
		}
		p.misused(c.args...)
		return c, nil
	}
	return p.path(conditionKeywords...)
}

func isKeyword(text string) bool {
	return slices.ContainsFunc(conditionKeywords, func(k string) bool { return strings.EqualFold(k, text) })
}

// misused notes functions other than size() that stand as operands.
func (p *parser) misused(operands ...operand) {
	for _, o := range operands {
		if c, ok := o.(call); ok && c.name != "size" {
			note(&p.faults.misuse, "The function is not allowed to be used this way in an expression; function: %s", c.name)
		}
	}
}

func (n and) check(scope Scope) error {
	if err := n.left.check(scope); err != nil {
		return err
	}
	return n.right.check(scope)
}

func (n or) check(scope Scope) error { return and(n).check(scope) }

func (n not) check(scope Scope) error { return n.inner.check(scope) }

func (n comparison) check(scope Scope) error {
	args := []operand{n.left, n.right}
	if err := firstUndefined(scope, args); err != nil {
		return err
	}
	if err := samePath(n.operator, args, scope); err != nil {
		return err
	}
	if err := checkCalls(scope, args); err != nil || n.operator == "=" || n.operator == "<>" {
		return err
	}
	for _, o := range args {
		if v := literalOf(o, scope); v != nil && !isOrdered(v) {
			return wrongType(n.operator, v.Type())
		}
	}
	return nil
}

func (n between) check(scope Scope) error {
	args := []operand{n.operand, n.low, n.high}
	if err := firstUndefined(scope, args); err != nil {
		return err
	}
	if err := checkCalls(scope, args); err != nil {
		return err
	}
	low, high := literalOf(n.low, scope), literalOf(n.high, scope)
	if low == nil || high == nil {
		return nil
	}
	order, same := attribute.Compare(low, high)
	switch {
	case low.Type() != high.Type():
		return fmt.Errorf("The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: %s, upper bound operand: %s", bound(low), bound(high))
	case !same:
		return wrongType("BETWEEN", low.Type())
	case order > 0:
		return fmt.Errorf("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: %s, upper bound operand: %s", bound(low), bound(high))
	}
	return nil
}

func bound(v attribute.Value) string { return fmt.Sprintf("AttributeValue: {%s:%v}", v.Type(), v) }

func (n in) check(scope Scope) error {
	args := append([]operand{n.operand}, n.list...)
	if err := firstUndefined(scope, args); err != nil {
		return err
	}
	if len(n.list) > maxIn {
		return wrongCount("IN", len(args))
	}
	return checkCalls(scope, args)
}

func isOrdered(v attribute.Value) bool {
	_, ok := attribute.Compare(v, v)
	return ok
}

func checkCalls(scope Scope, operands []operand) error {
	for _, o := range operands {
		if c, ok := o.(call); ok {
			if err := c.check(scope); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n and) holds(item attribute.Map, scope Scope) bool {
	return n.left.holds(item, scope) && n.right.holds(item, scope)
}

func (n or) holds(item attribute.Map, scope Scope) bool {
	return n.left.holds(item, scope) || n.right.holds(item, scope)
}

func (n not) holds(item attribute.Map, scope Scope) bool { return !n.inner.holds(item, scope) }

func (n comparison) holds(item attribute.Map, scope Scope) bool {
	a, b := valueOf(n.left, item, scope), valueOf(n.right, item, scope)
	switch n.operator {
	case "=":
		return attribute.Equal(a, b)
	case "<>":
		return !attribute.Equal(a, b)
	}
	order, ok := attribute.Compare(a, b)
	if !ok {
		return false
	}
	switch n.operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func (n between) holds(item attribute.Map, scope Scope) bool {
	v := valueOf(n.operand, item, scope)
	low, okLow := attribute.Compare(v, valueOf(n.low, item, scope))
	high, okHigh := attribute.Compare(v, valueOf(n.high, item, scope))
	return okLow && okHigh && low >= 0 && high <= 0
}

func (n in) holds(item attribute.Map, scope Scope) bool {
	v := valueOf(n.operand, item, scope)
	for _, o := range n.list {
		if attribute.Equal(v, valueOf(o, item, scope)) {
			return true
		}
	}
	return false
}

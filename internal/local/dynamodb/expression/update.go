package expression

import "fmt"

// Update is a parsed update expression.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
type Update struct {
	actions []action
	refs    refs
}

// action is one change. Operand is nil for REMOVE.
type action struct {
	section string
	path    Path
	operand operand
}

// arithmetic is a sum or a difference.
type arithmetic struct {
	operator    string
	left, right operand
}

var sections = []string{"SET", "REMOVE", "ADD", "DELETE"}

// updateFunctions with their numbers of operands.
var updateFunctions = map[string]int{"if_not_exists": 2, "list_append": 2}

// ParseUpdate parses an update expression. Errors are worded as AWS words them
// after "Invalid UpdateExpression: ".
func ParseUpdate(text string) (*Update, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var update Update
	seen := map[string]bool{}
	for p.peek().kind != endOfText || len(seen) == 0 {
		section := p.section()
		if section == "" {
			return nil, p.unexpected()
		}
		if seen[section] {
			note(&p.faults.section, "The %q section can only be used once in an update expression;", section)
		}
		seen[section] = true
		for {
			a, err := p.action(section)
			if err != nil {
				return nil, err
			}
			update.actions = append(update.actions, a)
			if !p.accept(",") {
				break
			}
		}
	}
	update.refs = p.refs
	return &update, p.end()
}

func (p *parser) section() string {
	for _, s := range sections {
		if p.keyword(s) {
			return s
		}
	}
	return ""
}

func (p *parser) action(section string) (action, error) {
	path, err := p.path(sections...)
	if err != nil {
		return action{}, err
	}
	a := action{section: section, path: path}
	switch section {
	case "SET":
		if err = p.expect("="); err == nil {
			a.operand, err = p.assigned()
		}
	case "ADD", "DELETE":
		if p.peek().kind != placeholder {
			return action{}, p.unexpected()
		}
		a.operand, err = p.updateOperand()
	}
	return a, err
}

// assigned parses what stands behind the = of SET: an operand, a sum or a
// difference, in parentheses or not.
func (p *parser) assigned() (operand, error) {
	left, err := p.updateOperand()
	if err != nil {
		return nil, err
	}
	for _, operator := range []string{"+", "-"} {
		if p.accept(operator) {
			right, err := p.updateOperand()
			return arithmetic{operator, left, right}, err
		}
	}
	return left, nil
}

func (p *parser) updateOperand() (operand, error) {
	t := p.peek()
	switch {
	case p.accept("("):
		o, err := p.assigned()
		if err != nil {
			return nil, err
		}
		return o, p.expect(")")
	case t.kind == placeholder:
		p.at++
		p.refs.values = append(p.refs.values, t.text)
		return reference(t.text), nil
	case p.startsCall():
		c, err := p.call(p.updateOperand)
		if err != nil {
			return nil, err
		}
		if _, ok := updateFunctions[c.name]; !ok {
			note(&p.faults.function, "Invalid function name; function: %s", c.name)
		}
		return c, nil
	}
	return p.path(sections...)
}

// Paths are the paths that the update changes, names resolved.
func (u *Update) Paths(scope Scope) []Path {
	paths := make([]Path, len(u.actions))
	for i, a := range u.actions {
		paths[i] = a.path.resolve(scope.Names)
	}
	return paths
}

// check finds errors that depend on the names and values of the request. Paths
// are the update's.
func (u *Update) check(scope Scope, paths []Path) error {
	for _, a := range u.actions {
		if err := a.path.undefined(scope); err != nil {
			return err
		}
		if a.operand != nil {
			if err := a.operand.undefined(scope); err != nil {
				return err
			}
		}
	}
	if err := checkDistinct(paths); err != nil {
		return err
	}
	for _, a := range u.actions {
		if err := a.check(scope); err != nil {
			return err
		}
	}
	return nil
}

var longTypeNames = map[string]string{
	"S": "STRING", "N": "NUMBER", "B": "BINARY", "NULL": "NULL", "BOOL": "BOOLEAN", "L": "LIST", "M": "MAP",
}

func (a action) check(scope Scope) error {
	switch a.section {
	case "SET":
		return checkOperand(a.operand, scope)
	case "ADD", "DELETE":
		kind := literalOf(a.operand, scope).Type()
		if long, scalar := longTypeNames[kind]; scalar && (a.section == "DELETE" || kind != "N") {
			return fmt.Errorf("Incorrect operand type for operator or function; operator: %s, operand type: %s", a.section, long)
		}
	}
	return nil
}

func checkOperand(o operand, scope Scope) error {
	switch o := o.(type) {
	case arithmetic:
		return checkArguments(o.operator, "N", []operand{o.left, o.right}, scope)
	case call:
		if len(o.args) != updateFunctions[o.name] {
			return wrongCount(o.name, len(o.args))
		}
		if o.name == "list_append" {
			return checkArguments(o.name, "L", o.args, scope)
		}
		if _, ok := o.args[0].(Path); !ok {
			return needsPath(o.name)
		}
		return checkOperand(o.args[1], scope)
	}
	return nil
}

func checkArguments(name, kind string, args []operand, scope Scope) error {
	for _, arg := range args {
		if v := literalOf(arg, scope); v != nil && v.Type() != kind {
			return wrongType(name, v.Type())
		}
		if err := checkOperand(arg, scope); err != nil {
			return err
		}
	}
	return nil
}

func (a arithmetic) undefined(scope Scope) error {
	return firstUndefined(scope, []operand{a.left, a.right})
}

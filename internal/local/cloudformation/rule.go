package cloudformation

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// rule checks a combination of parameter values.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
type rule struct {
	name string
	line int
	// condition under which the assertions count. Nil is always.
	condition  expression
	assertions []assertion
}

type assertion struct {
	line        int
	assert      expression
	description string
}

func (p *parser) rules(n *yaml.Node) {
	p.place = inRules
	for _, m := range p.members(n, "Template format error: the Rules section must be an object.") {
		p.logicalName(m, "Rule")
		r := rule{name: m.name, line: m.key.Line}
		for _, a := range p.members(m.value, "Template format error: Every Rules member must be an object.") {
			switch a.name {
			case "RuleCondition":
				r.condition = p.ruleFunction(a.value)
			case "Assertions":
				for _, item := range p.items(a.value, "Template format error: Assertions of rule %s must be a list.", m.name) {
					r.assertions = append(r.assertions, p.assertion(item, m.name))
				}
			default:
				p.fault(a.key, "Invalid template rule property '%s'", a.name)
			}
		}
		if len(r.assertions) == 0 {
			p.fault(m.key, "Template format error: rule %s must contain Assertions.", m.name)
		}
		p.template.rules = append(p.template.rules, r)
	}
}

func (p *parser) assertion(n *yaml.Node, rule string) assertion {
	a := assertion{line: n.Line}
	for _, m := range p.members(n, "Template format error: Every assertion of rule %s must be an object.", rule) {
		switch m.name {
		case "Assert":
			a.assert = p.ruleFunction(m.value)
		case "AssertDescription":
			a.description = p.text(m.value)
		default:
			p.fault(m.key, "Invalid template assertion property '%s'", m.name)
		}
	}
	if a.assert == nil {
		p.fault(n, "Template format error: Every assertion of rule %s must contain Assert.", rule)
	}
	return a
}

func (p *parser) ruleFunction(n *yaml.Node) expression {
	if _, _, ok := callOf(n); !ok {
		p.fault(n, "Template format error: a rule-specific intrinsic function is expected here.")
	}
	return p.expression(n)
}

// check finds the assertions that do not hold.
func (r rule) check(s *scope) ([]*Violation, error) {
	if r.condition != nil {
		applies, err := truth(s, r.condition, r.line)
		if err != nil || !applies {
			return nil, err
		}
	}
	var violations []*Violation
	for _, a := range r.assertions {
		holds, err := truth(s, a.assert, a.line)
		if err != nil {
			return nil, err
		}
		if holds {
			continue
		}
		message := a.description
		if message == "" {
			message = fmt.Sprintf("Template error: an assertion of rule %s is not met", r.name)
		}
		violations = append(violations, &Violation{Rule: r.name, Message: message})
	}
	return violations, nil
}

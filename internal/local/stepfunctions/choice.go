package stepfunctions

// choice is a Choice state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html.
type choice struct {
	input, output selection
	rules         []branchRule
	otherwise     *state
}

// branchRule is one element of Choices.
type branchRule struct {
	rule rule
	next *state
}

func compileChoice(c *compiler, o *object, l *links) action {
	a := &choice{input: o.selection("InputPath"), output: o.selection("OutputPath")}
	if name, ok := o.text("Default"); ok {
		l.to(name, o.child("Default"), "Default", &a.otherwise)
	}
	if !o.require("Choices") {
		return a
	}
	list, _ := o.list("Choices")
	// Links point into the list, so it must not grow after.
	a.rules = make([]branchRule, len(list))
	for i, e := range list {
		r, ok := c.object(e, at(o.child("Choices"), i))
		if !ok {
			continue
		}
		if r.require("Next") {
			name, _ := r.text("Next")
			l.to(name, r.child("Next"), "Next", &a.rules[i].next)
		}
		a.rules[i].rule = c.rule(r)
	}
	return a
}

func (a *choice) run(t *thread, s *state, input any) (any, *state, *failure) {
	selected, f := a.input.apply(t, input)
	if f != nil {
		return nil, nil, f
	}
	next := a.otherwise
	for i := range a.rules {
		matched, f := a.rules[i].rule.matches(t, selected)
		if f != nil {
			return nil, nil, f
		}
		if matched {
			next = a.rules[i].next
			break
		}
	}
	if next == nil {
		return nil, nil, failed(errorNoChoiceMatched, "%s", t.during("Failed to transition out of the state. The state does not point to a next state."))
	}
	output, f := a.output.apply(t, selected)
	if f != nil {
		return nil, nil, f
	}
	t.exit(s, output)
	return output, next, nil
}

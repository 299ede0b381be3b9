package stepfunctions

import "github.com/musterq/muster/internal/local/stepfunctions/expression"

// fail is a Fail state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html.
type fail struct {
	name, cause         *string
	namePath, causePath *expression.Expression
}

func compileFail(_ *compiler, o *object, _ *links) action {
	a := &fail{namePath: o.expression("ErrorPath"), causePath: o.expression("CausePath")}
	if name, ok := o.text("Error"); ok {
		a.name = &name
	}
	if cause, ok := o.text("Cause"); ok {
		a.cause = &cause
	}
	o.exclude("Error", "ErrorPath")
	o.exclude("Cause", "CausePath")
	return a
}

func (a *fail) run(t *thread, _ *state, input any) (any, *state, *failure) {
	name, f := a.text(t, a.name, a.namePath, input, "ErrorPath")
	if f != nil {
		return nil, nil, f
	}
	cause, f := a.text(t, a.cause, a.causePath, input, "CausePath")
	if f != nil {
		return nil, nil, f
	}
	return nil, nil, &failure{name: name, cause: cause}
}

func (a *fail) text(t *thread, literal *string, path *expression.Expression, input any, field string) (*string, *failure) {
	if path == nil {
		return literal, nil
	}
	v, err := path.Eval(t.scoped(input, path.UsesContext()), field)
	if err != nil {
		return nil, t.evaluation(err)
	}
	text, ok := v.(string)
	if !ok {
		return nil, t.runtime("The %s parameter does not reference a string value: %s", field, path)
	}
	return &text, nil
}

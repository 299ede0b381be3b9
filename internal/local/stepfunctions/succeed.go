package stepfunctions

// succeed is a Succeed state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html.
type succeed struct{ input, output selection }

func compileSucceed(_ *compiler, o *object, _ *links) action {
	return &succeed{o.selection("InputPath"), o.selection("OutputPath")}
}

func (a *succeed) run(t *thread, s *state, input any) (any, *state, *failure) {
	selected, f := a.input.apply(t, input)
	if f != nil {
		return nil, nil, f
	}
	output, f := a.output.apply(t, selected)
	if f != nil {
		return nil, nil, f
	}
	t.exit(s, output)
	return output, nil, nil
}

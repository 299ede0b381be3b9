package stepfunctions

import "github.com/musterq/muster/internal/local/stepfunctions/expression"

// pass is a Pass state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html.
type pass struct {
	input      selection
	parameters *expression.Template
	result     any
	hasResult  bool
	place      placement
	output     selection
}

func compilePass(_ *compiler, o *object, _ *links) action {
	p := &pass{
		input:      o.selection("InputPath"),
		parameters: o.template("Parameters"),
		place:      o.placement("ResultPath"),
		output:     o.selection("OutputPath"),
	}
	p.result, p.hasResult = o.get("Result")
	return p
}

func (p *pass) run(t *thread, s *state, input any) (any, *state, *failure) {
	result, f := p.input.apply(t, input)
	if f != nil {
		return nil, nil, f
	}
	if p.parameters != nil {
		if result, f = t.fill(p.parameters, result); f != nil {
			return nil, nil, f
		}
		if expression.Size(result) > maxPayload {
			return nil, nil, tooLarge(s.name)
		}
	}
	if p.hasResult {
		result = p.result
	}
	placed, f := p.place.apply(t, input, result)
	if f != nil {
		return nil, nil, f
	}
	output, f := p.output.apply(t, placed)
	if f != nil {
		return nil, nil, f
	}
	t.exit(s, output)
	return output, s.next, nil
}

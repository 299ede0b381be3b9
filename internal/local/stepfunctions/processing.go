package stepfunctions

import "github.com/musterq/muster/internal/local/stepfunctions/expression"

// maxPayload is the size of a state's input, output or result in bytes of UTF-8.
// See https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
const maxPayload = 262144

// selection is InputPath or OutputPath: a path, everything, or with null nothing.
type selection struct {
	path *expression.Path
	none bool
}

func (o *object) selection(name string) selection {
	if v, ok := o.get(name); ok && v == nil {
		return selection{none: true}
	}
	p := o.path(name)
	if p != nil && p.String() == "$" {
		p = nil
	}
	return selection{path: p}
}

func (s selection) apply(t *thread, v any) (any, *failure) {
	if s.none {
		return map[string]any{}, nil
	}
	if s.path == nil {
		return v, nil
	}
	selected, err := s.path.Select(t.scoped(v, s.path.UsesContext()))
	if err != nil {
		return nil, t.evaluation(err)
	}
	return selected, nil
}

// placement is ResultPath: where a result goes in the state's input. With null
// the result is discarded.
type placement struct {
	reference *expression.Reference
	discard   bool
}

func (o *object) placement(name string) placement {
	if v, ok := o.get(name); ok && v == nil {
		return placement{discard: true}
	}
	r := o.reference(name)
	if r != nil && r.String() == "$" {
		r = nil
	}
	if r != nil && r.Path().UsesContext() {
		o.c.schema(o.child(name), "Value is not a Reference Path: the context object cannot be written")
		return placement{}
	}
	return placement{reference: r}
}

// apply gives the state's input with the result in its place. It measures what
// it makes: a result that replaces the input was measured where it came from.
func (p placement) apply(t *thread, input, result any) (any, *failure) {
	if p.discard {
		return input, nil
	}
	if p.reference == nil {
		return result, nil
	}
	output, err := p.reference.Set(input, result)
	if err != nil {
		return nil, t.evaluation(err)
	}
	if expression.Size(output) > maxPayload {
		return nil, tooLarge(t.state.name)
	}
	return output, nil
}

// fill evaluates a template on an input, nil for no template.
func (t *thread) fill(template *expression.Template, input any) (any, *failure) {
	if template == nil {
		return input, nil
	}
	v, err := template.Eval(t.scoped(input, template.UsesContext()))
	if err != nil {
		return nil, t.evaluation(err)
	}
	return v, nil
}

// outcome is what Task, Map and Parallel do with a result: ResultSelector, then
// ResultPath on the raw input, then OutputPath.
// See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html.
type outcome struct {
	selector *expression.Template
	place    placement
	output   selection
	// whole is for an outcome that may show metadata.
	whole bool
}

func (o *object) outcome() outcome {
	p := outcome{selector: o.template("ResultSelector"), place: o.placement("ResultPath"), output: o.selection("OutputPath")}
	if p.selector == nil {
		p.whole = !p.place.discard
	} else {
		p.whole = p.selector.Reads(sdkHTTP) || p.selector.Reads(sdkResponse)
	}
	return p
}

func (p *outcome) apply(t *thread, input any, result answer) (any, *failure) {
	selected := result.value
	if p.whole {
		selected = result.whole()
	}
	selected, f := t.fill(p.selector, selected)
	if f != nil && !p.whole {
		// The failure shows what there was to select from.
		_, f = t.fill(p.selector, result.whole())
	}
	if f != nil {
		return nil, f
	}
	if p.selector != nil && expression.Size(selected) > maxPayload {
		return nil, tooLarge(t.state.name)
	}
	placed, f := p.place.apply(t, input, selected)
	if f != nil {
		return nil, f
	}
	return p.output.apply(t, placed)
}

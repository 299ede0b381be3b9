// Package route tells which handler a message goes to.
package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/musterq/muster/internal/filter"
	"github.com/musterq/muster/internal/message"
)

const (
	// Stage is where a message fails that matches no route.
	Stage = "route"
	// Unmatched is why.
	Unmatched = "no route matches it"
)

// Routes of a fleet, in order. Immutable.
type Routes struct{ routes []route }

type route struct {
	handler  string
	criteria *filter.Criteria
}

// definition of a route, as the template's parameter Routes spells it.
type definition struct {
	Handler        string
	FilterCriteria struct {
		Filters []struct{ Pattern *string }
	}
}

// handlerARN is that of a Lambda function, with or without a version or alias.
var handlerARN = regexp.MustCompile(`^arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9-_]+(:[a-zA-Z0-9-_$]+)?$`)

// Parse reads routes: a JSON array of objects with a Handler, the ARN of a
// Lambda function, and FilterCriteria as Lambda's CreateEventSourceMapping takes
// them. Empty text is no routes. An error names the route and the filter, both
// counted from 1.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_FilterCriteria.html
func Parse(text string) (*Routes, error) {
	r := &Routes{}
	if text == "" {
		return r, nil
	}
	definitions, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf(`Routes is not a JSON array such as [{"Handler": "arn:...", "FilterCriteria": {"Filters": [{"Pattern": "{...}"}]}}]: %w`, err)
	}
	if len(definitions) == 0 {
		return nil, errors.New("Routes is an empty list: leave it empty for no routes")
	}
	for i, d := range definitions {
		parsed, err := d.parse()
		if err != nil {
			return nil, fmt.Errorf("route %d of Routes: %w", i+1, err)
		}
		if !parsed.criteria.Is() && i < len(definitions)-1 {
			return nil, fmt.Errorf("route %d of Routes: it has no filters and takes every message, those behind it get none: give it filters or put it last", i+1)
		}
		r.routes = append(r.routes, parsed)
	}
	return r, nil
}

// decode reads the definitions, and nothing but them.
func decode(text string) ([]definition, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	var definitions []definition
	if err := d.Decode(&definitions); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the array")
	}
	return definitions, nil
}

func (d definition) parse() (route, error) {
	if !handlerARN.MatchString(d.Handler) {
		return route{}, fmt.Errorf("its Handler is %q, it must be the ARN of a Lambda function, with or without a version or alias", d.Handler)
	}
	var patterns []string
	for i, f := range d.FilterCriteria.Filters {
		if f.Pattern == nil {
			return route{}, fmt.Errorf("filter %d has no Pattern", i+1)
		}
		patterns = append(patterns, *f.Pattern)
	}
	criteria, err := filter.Parse(patterns)
	if err != nil {
		return route{}, err
	}
	return route{d.Handler, criteria}, nil
}

// Is says whether there are routes.
func (r *Routes) Is() bool { return len(r.routes) > 0 }

// Handlers are the routes' handlers, each once, in the routes' order.
func (r *Routes) Handlers() []string {
	var handlers []string
	for _, route := range r.routes {
		if !slices.Contains(handlers, route.handler) {
			handlers = append(handlers, route.handler)
		}
	}
	return handlers
}

// Permit refuses a route whose handler is not among those that the fleet may
// invoke: the template's parameter RouteHandlers.
func (r *Routes) Permit(handlers []string) error {
	for i, route := range r.routes {
		if !slices.Contains(handlers, route.handler) {
			return fmt.Errorf("route %d of Routes: its Handler %s is not in RouteHandlers, so the fleet may not invoke it: name it there too", i+1, route.handler)
		}
	}
	return nil
}

// Handler is the ARN of the handler that a message goes to: that of the first
// route that matches. False when none does.
func (r *Routes) Handler(record message.Record) (string, bool) {
	m := filter.On(record)
	for _, route := range r.routes {
		if route.criteria.Match(m) {
			return route.handler, true
		}
	}
	return "", false
}

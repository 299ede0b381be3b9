package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/lambda"
)

var functionPattern = regexp.MustCompile("^[A-Za-z0-9-_]{1,64}$")

// others finds the code of the functions that routes may name.
func (o handlerOptions) others(dir string) (map[string]lambda.Code, error) {
	functions := map[string]lambda.Code{}
	for _, pair := range o.functions {
		name, handler, ok := strings.Cut(pair, "=")
		if !ok || !functionPattern.MatchString(name) {
			return nil, usage(fmt.Errorf("--function %q: write NAME=HANDLER, the name in letters, digits, hyphens and underscores", pair))
		}
		if name == processFunction || name == transformFunction || name == jobName || functions[name] != nil {
			return nil, usage(fmt.Errorf("--function %q: the name %s is taken", pair, name))
		}
		code, err := lambda.ParseHandler(handler, dir)
		if err != nil {
			return nil, usage(fmt.Errorf("--function %s: %w", name, err))
		}
		functions[name] = code
	}
	return functions, nil
}

// nameRoutes lets routes name the functions that are there by their names alone:
// they become ARNs, and what the fleet may invoke.
func (p *parameters) nameRoutes(functions map[string]lambda.Code) error {
	if len(functions) == 0 {
		return nil
	}
	var routes []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(p.get("Routes")), &routes); err != nil {
		return usage(fmt.Errorf("--function needs --routes, a JSON array that names the functions: %w", err))
	}
	const prefix = "arn:aws:lambda:us-east-1:123456789012:function:"
	for _, r := range routes {
		var handler string
		if json.Unmarshal(r["Handler"], &handler) != nil {
			continue // the routes' own check says what is wrong
		}
		if functions[handler] != nil || handler == processFunction {
			r["Handler"] = json.RawMessage(`"` + prefix + handler + `"`)
		}
	}
	named, err := json.Marshal(routes)
	if err != nil {
		return usage(fmt.Errorf("--routes: %w", err))
	}
	p.values["Routes"] = string(named)
	if p.get("RouteHandlers") == "" {
		arns := []string{prefix + processFunction}
		for _, name := range slices.Sorted(maps.Keys(functions)) {
			arns = append(arns, prefix+name)
		}
		p.values["RouteHandlers"] = strings.Join(arns, ",")
	}
	return nil
}

package expression

import "fmt"

// Projection is a parsed projection expression: the paths to return.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
type Projection struct {
	paths []Path
	refs  refs
}

// ParseProjection parses a projection expression. Errors are worded as AWS
// words them after "Invalid ProjectionExpression: ".
func ParseProjection(text string) (*Projection, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var projection Projection
	for {
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		projection.paths = append(projection.paths, path)
		if !p.accept(",") {
			break
		}
	}
	projection.refs = p.refs
	return &projection, p.end()
}

// Paths are the paths to return, names resolved.
func (p *Projection) Paths(scope Scope) []Path { return resolveAll(p.paths, scope) }

func (p *Projection) check(scope Scope) error {
	for _, path := range p.paths {
		if err := path.undefined(scope); err != nil {
			return err
		}
	}
	return checkDistinct(p.Paths(scope))
}

func resolveAll(paths []Path, scope Scope) []Path {
	resolved := make([]Path, len(paths))
	for i, path := range paths {
		resolved[i] = path.resolve(scope.Names)
	}
	return resolved
}

// checkDistinct reports paths of one expression that lead into each other.
func checkDistinct(paths []Path) error {
	for i, path := range paths {
		for _, earlier := range paths[:i] {
			switch earlier.relate(path) {
			case overlap:
				return fmt.Errorf("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", earlier, path)
			case conflict:
				return fmt.Errorf("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", earlier, path)
			}
		}
	}
	return nil
}

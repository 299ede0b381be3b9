// Package expression parses and evaluates DynamoDB's expressions: conditions,
// filters, key conditions, updates and projections.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
package expression

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Request is the expressions of one request as they came. Nil is absent.
type Request struct {
	Update, Condition, KeyCondition, Filter, Projection *string

	Names  map[string]string
	Values attribute.Document
	// Takes names the expressions that the operation takes and that can have
	// values, as AWS lists them in errors.
	Takes []string
}

// Parsed is the expressions of one request, checked. Nil is absent.
type Parsed struct {
	Scope
	Update *Update
	// Changed are the paths that the update changes, names resolved.
	Changed      []Path
	Condition    *Condition
	KeyCondition *Condition
	Filter       *Condition
	Projection   *Projection
}

// Holds says whether an item fulfils a condition of the request. Without a
// condition it does. A nil item has no attributes.
func (p *Parsed) Holds(c *Condition, item attribute.Map) bool {
	return c == nil || c.root.holds(item, p.Scope)
}

// Mentions says whether a condition names a top-level attribute.
func (c *Condition) Mentions(name string, scope Scope) bool {
	return mentions(c.root, name, scope)
}

// Parser parses requests and remembers what it parsed. Its zero value is ready.
type Parser struct {
	updates     cache[*Update]
	conditions  cache[*Condition]
	projections cache[*Projection]
}

// cache remembers parsed expressions by their text. A program has few different
// ones; one that builds them with literals inside meets the bound.
type cache[T any] struct {
	mu     sync.RWMutex
	parsed map[string]T
}

const maxCached = 1024

func (c *cache[T]) get(text string, parse func(string) (T, error)) (T, error) {
	c.mu.RLock()
	found, ok := c.parsed[text]
	c.mu.RUnlock()
	if ok {
		return found, nil
	}
	made, err := parse(text)
	if err != nil {
		return made, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil || len(c.parsed) >= maxCached {
		c.parsed = map[string]T{}
	}
	c.parsed[text] = made
	return made, nil
}

// Parse parses and checks the expressions of a request. Errors are
// ValidationExceptions worded as AWS words them.
func (p *Parser) Parse(r Request) (*Parsed, error) {
	if err := r.checkPresence(); err != nil {
		return nil, err
	}
	if err := r.checkPlaceholders(); err != nil {
		return nil, err
	}
	out := &Parsed{Scope: Scope{Names: r.Names, Values: r.Values.Map}}
	var used [5]refs
	if r.Update != nil {
		u, err := p.updates.get(*r.Update, ParseUpdate)
		if err == nil {
			out.Changed = u.Paths(out.Scope)
			err = u.check(out.Scope, out.Changed)
		}
		if err != nil {
			return nil, invalid("Invalid UpdateExpression: %w", err)
		}
		out.Update, used[0] = u, u.refs
	}
	for i, c := range []struct {
		name string
		text *string
		into **Condition
	}{
		{"ConditionExpression", r.Condition, &out.Condition},
		{"KeyConditionExpression", r.KeyCondition, &out.KeyCondition},
		{"FilterExpression", r.Filter, &out.Filter},
	} {
		if c.text == nil {
			continue
		}
		parsed, err := p.conditions.get(*c.text, ParseCondition)
		if err == nil {
			err = parsed.root.check(out.Scope)
		}
		if err != nil {
			return nil, invalid("Invalid "+c.name+": %w", err)
		}
		*c.into, used[1+i] = parsed, parsed.refs
	}
	if r.Projection != nil {
		projection, err := p.projections.get(*r.Projection, ParseProjection)
		if err == nil {
			err = projection.check(out.Scope)
		}
		if err != nil {
			return nil, invalid("Invalid ProjectionExpression: %w", err)
		}
		out.Projection, used[4] = projection, projection.refs
	}
	return out, r.checkUnused(used[:])
}

func invalid(format string, args ...any) error {
	return api.Errorf("ValidationException", "%s", fmt.Errorf(format, args...))
}

func (r Request) checkPresence() error {
	valued := r.Update != nil || r.Condition != nil || r.KeyCondition != nil || r.Filter != nil
	if r.Names != nil && !valued && r.Projection == nil {
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	}
	if r.Values.Map != nil && !valued {
		verb := "is"
		if len(r.Takes) > 1 {
			verb = "are"
		}
		return invalid("ExpressionAttributeValues can only be specified when using expressions: %s %s null", strings.Join(r.Takes, " and "), verb)
	}
	return nil
}

func (r Request) checkPlaceholders() error {
	if r.Names != nil && len(r.Names) == 0 {
		return invalid("ExpressionAttributeNames must not be empty")
	}
	if r.Values.Map != nil && len(r.Values.Map) == 0 {
		return invalid("ExpressionAttributeValues must not be empty")
	}
	if key, ok := malformed(r.Names, '#'); ok {
		return invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: \"%s\"", key)
	}
	if key, ok := malformed(r.Values.Map, ':'); ok {
		return invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: \"%s\"", key)
	}
	if v := r.Values.Invalid; v != nil {
		return invalid("ExpressionAttributeValues contains invalid value: %s for key %s", v.Reason, v.Name)
	}
	return nil
}

// malformed returns the first key that is not a sign and a word.
func malformed[V any](placeholders map[string]V, sign byte) (string, bool) {
	bad, found := "", false
	for key := range placeholders {
		ok := len(key) > 1 && key[0] == sign && run(key, 1, isWordPart) == len(key)
		if !ok && (!found || key < bad) {
			bad, found = key, true
		}
	}
	return bad, found
}

func (r Request) checkUnused(used []refs) error {
	if unused := unusedKeys(r.Names, used, func(u refs) []string { return u.names }); unused != nil {
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	if unused := unusedKeys(r.Values.Map, used, func(u refs) []string { return u.values }); unused != nil {
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	return nil
}

func unusedKeys[V any](placeholders map[string]V, used []refs, of func(refs) []string) []string {
	var unused []string
next:
	for key := range placeholders {
		for i := range used {
			if slices.Contains(of(used[i]), key) {
				continue next
			}
		}
		unused = append(unused, key)
	}
	slices.Sort(unused)
	return unused
}

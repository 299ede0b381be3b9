package iam

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one key under one operator.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	// key in lower case: condition keys are not case-sensitive.
	key string
	// set is "ForAllValues", "ForAnyValue" or empty.
	set      string
	ifExists bool
	// null is the operator Null.
	null    bool
	compare comparison
	values  []string
}

// comparison compares a request's value with one of the policy's.
type comparison struct {
	matches func(policy, request string) bool
	// negated operators ask that none of the policy's values matches.
	negated bool
	// patterns says that wildcards of the policy's values count.
	patterns bool
}

func equal(policy, request string) bool { return policy == request }

// comparisons by the operator's name. Those that begin with Not, or have it
// within, are made of their opposites below.
var comparisons = map[string]comparison{
	"StringEquals":             {matches: equal},
	"StringEqualsIgnoreCase":   {matches: strings.EqualFold},
	"StringLike":               {matches: glob, patterns: true},
	"NumericEquals":            {matches: numbers(func(p, r float64) bool { return r == p })},
	"NumericLessThan":          {matches: numbers(func(p, r float64) bool { return r < p })},
	"NumericLessThanEquals":    {matches: numbers(func(p, r float64) bool { return r <= p })},
	"NumericGreaterThan":       {matches: numbers(func(p, r float64) bool { return r > p })},
	"NumericGreaterThanEquals": {matches: numbers(func(p, r float64) bool { return r >= p })},
	"DateEquals":               {matches: dates(func(p, r time.Time) bool { return r.Equal(p) })},
	"DateLessThan":             {matches: dates(func(p, r time.Time) bool { return r.Before(p) })},
	"DateLessThanEquals":       {matches: dates(func(p, r time.Time) bool { return !r.After(p) })},
	"DateGreaterThan":          {matches: dates(func(p, r time.Time) bool { return r.After(p) })},
	"DateGreaterThanEquals":    {matches: dates(func(p, r time.Time) bool { return !r.Before(p) })},
	"Bool":                     {matches: strings.EqualFold},
	"BinaryEquals":             {matches: equal},
	"IpAddress":                {matches: within},
	"ArnEquals":                {matches: matchARN, patterns: true},
	"ArnLike":                  {matches: matchARN, patterns: true},
}

func comparisonOf(operator string) (comparison, bool) {
	if c, ok := comparisons[operator]; ok {
		return c, true
	}
	c, ok := comparisons[strings.Replace(operator, "Not", "", 1)]
	c.negated = true
	return c, ok && strings.Contains(operator, "Not")
}

func numbers(compare func(policy, request float64) bool) func(string, string) bool {
	return func(policy, request string) bool {
		p, err := strconv.ParseFloat(policy, 64)
		if err != nil {
			return false
		}
		r, err := strconv.ParseFloat(request, 64)
		return err == nil && compare(p, r)
	}
}

func dates(compare func(policy, request time.Time) bool) func(string, string) bool {
	return func(policy, request string) bool {
		p, ok := date(policy)
		if !ok {
			return false
		}
		r, ok := date(request)
		return ok && compare(p, r)
	}
}

// date reads a W3C form of ISO 8601, or seconds since 1970.
func date(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

func within(policy, request string) bool {
	address, err := netip.ParseAddr(request)
	if err != nil {
		return false
	}
	if prefix, err := netip.ParsePrefix(policy); err == nil {
		return prefix.Contains(address)
	}
	one, err := netip.ParseAddr(policy)
	return err == nil && one == address
}

// conditionsOf makes a statement's conditions ready. Their operators are known.
func conditionsOf(block map[string]map[string][]string) []condition {
	var all []condition
	for _, name := range slices.Sorted(maps.Keys(block)) {
		set, base, qualified := strings.Cut(name, ":")
		if !qualified {
			set, base = "", name
		}
		base, ifExists := strings.CutSuffix(base, "IfExists")
		compare, _ := comparisonOf(base)
		for _, key := range slices.Sorted(maps.Keys(block[name])) {
			all = append(all, condition{
				key: strings.ToLower(key), set: set, ifExists: ifExists, null: base == "Null", compare: compare, values: block[name][key],
			})
		}
	}
	return all
}

// holds tells whether a request meets the condition. Variables says that policy
// variables count, which is so since version 2012-10-17.
func (c *condition) holds(of Context, variables bool) bool {
	have, exists := of(c.key)
	if c.null {
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") != exists })
	}
	if !exists || len(have) == 0 {
		switch c.set {
		case "ForAllValues":
			return true
		case "ForAnyValue":
			return c.ifExists
		}
		return c.ifExists || c.compare.negated
	}
	holds := func(value string) bool { return c.allows(value, of, variables) }
	if c.set == "ForAllValues" {
		return !slices.ContainsFunc(have, func(v string) bool { return !holds(v) })
	}
	return slices.ContainsFunc(have, holds)
}

// allows compares one of the request's values with all of the policy's.
func (c *condition) allows(value string, of Context, variables bool) bool {
	for _, wanted := range c.values {
		if variables && strings.Contains(wanted, "${") {
			expanded, known := expand(wanted, of)
			if !known {
				continue
			}
			if wanted = expanded; !c.compare.patterns {
				wanted = expose.Replace(expanded)
			}
		}
		if c.compare.matches(wanted, value) {
			return !c.compare.negated
		}
	}
	return c.compare.negated
}

package expression

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
func TestReservedWords(t *testing.T) {
	require.Len(t, reserved, 573)
	for _, word := range []string{"ABORT", "name", "Status", "ttl", "ZONE", "items", "hash", "count", "state"} {
		require.True(t, isReserved(word), word)
	}
	for _, word := range []string{"Fleet", "ReportedAt", "id", "Holder"} {
		require.False(t, isReserved(word), word)
	}
}

func TestCacheIsBounded(t *testing.T) {
	var p Parser
	for i := range 3 * maxCached {
		text := "a = " + strings.Repeat("b", 1+i%500) + strings.Repeat("c", i/500)
		_, err := p.Parse(Request{Condition: &text})
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(p.conditions.parsed), maxCached)
}

var scope = Scope{
	Names:  map[string]string{"#a": "a", "#b": "b"},
	Values: attribute.Map{":a": attribute.Number("1"), ":b": attribute.String("x"), ":l": attribute.List{}, ":s": attribute.StringSet{"x"}},
}

// item that fuzzed expressions meet.
var item = attribute.Map{
	"a": attribute.Number("1"), "b": attribute.String("x"), "s": attribute.StringSet{"x"},
	"l": attribute.List{attribute.Null{}, attribute.Map{"k": attribute.Bool(true)}},
}

// respaced puts blanks between the tokens, which changes nothing.
func respaced(text string) string {
	var b strings.Builder
	for _, t := range lex(text) {
		if t.kind != endOfText {
			b.WriteString(t.text + " \t\n")
		}
	}
	return b.String()
}

func FuzzParseCondition(f *testing.F) {
	for _, text := range []string{
		"a = :a AND NOT (b <> :b OR attribute_exists(l[1].k))", "size(b) BETWEEN :a AND :a", "a IN (:a, :b, #a)", "begins_with(#b, :b)",
		"contains(s, :b) or attribute_type(a, :b)", "((a = b))", "a-b", "(a) = :a", "NOT NOT a = b", "size(size(a)) = :a",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text)
		if err != nil {
			return
		}
		spaced := respaced(text)
		if len(spaced) <= maxLength {
			again, err := ParseCondition(spaced)
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
		if c.root.check(scope) == nil {
			holds := c.root.holds(item, scope)
			require.Equal(t, !holds, not{c.root}.holds(item, scope))
			c.root.holds(nil, scope)
		}
		_, _ = c.KeyTerms(scope)
	})
}

func FuzzParseUpdate(f *testing.F) {
	for _, text := range []string{
		"SET a = :a, l[1].k = if_not_exists(x, :a) + :a", "REMOVE l[0], #b ADD a :a DELETE s :s", "SET x = list_append(:l, l)", "SET a = (a - (:a))", "SET", "set #a = b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseUpdate(text)
		if err != nil {
			return
		}
		spaced := respaced(text)
		if len(spaced) <= maxLength {
			again, err := ParseUpdate(spaced)
			require.NoError(t, err)
			require.Equal(t, u, again)
		}
		if u.check(scope, u.Paths(scope)) != nil {
			return
		}
		updated, err := u.Apply(item, scope, u.Paths(scope))
		if err == nil {
			Project(updated, u.Paths(scope))
		}
		require.Len(t, item, 4, "an update changed the item itself")
		require.Len(t, item["l"], 2)
	})
}

func FuzzParseProjection(f *testing.F) {
	for _, text := range []string{"a, l[1].k, #b", "l[0], l[1]", "a.b.c[1][2].d", "a[99999999999999999999]", "a,", "#a.#b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProjection(text)
		if err != nil || p.check(scope) != nil {
			return
		}
		for name, value := range Project(item, p.Paths(scope)) {
			require.Equal(t, item[name].Type(), value.Type())
		}
	})
}

package route_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/route"
)

const (
	orders = "arn:aws:lambda:eu-west-1:000000000000:function:orders"
	mails  = "arn:aws:lambda:eu-west-1:000000000000:function:mails:live"
)

func TestFirstMatchDecides(t *testing.T) {
	r, err := route.Parse(`[
		{"Handler": "` + orders + `", "FilterCriteria": {"Filters": [{"Pattern": "{\"body\":{\"type\":[\"order\"]}}"}, {"Pattern": "{\"body\":{\"type\":[\"refund\"]}}"}]}},
		{"Handler": "` + mails + `", "FilterCriteria": {"Filters": [{"Pattern": "{\"body\":{\"mail\":[{\"exists\":true}]}}"}]}},
		{"Handler": "` + orders + `", "FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"flush\"]}"}]}}
	]`)
	require.NoError(t, err)
	assert.True(t, r.Is())
	assert.Equal(t, []string{orders, mails}, r.Handlers())
	for body, want := range map[string]string{
		`{"type":"order"}`:            orders,
		`{"type":"refund"}`:           orders,
		`{"type":"order","mail":"a"}`: orders,
		`{"type":"other","mail":"a"}`: mails,
		`flush`:                       orders,
		`{"type":"other"}`:            "",
		`other`:                       "",
	} {
		handler, matched := r.Handler(message.Record{Body: body})
		assert.Equal(t, want, handler, body)
		assert.Equal(t, want != "", matched, body)
	}
}

func TestLastRouteMayTakeAll(t *testing.T) {
	r, err := route.Parse(`[{"Handler":"` + orders + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"x\"]}"}]}},{"Handler":"` + mails + `"}]`)
	require.NoError(t, err)
	handler, matched := r.Handler(message.Record{Body: "y"})
	assert.True(t, matched)
	assert.Equal(t, mails, handler)
}

func TestNoRoutes(t *testing.T) {
	r, err := route.Parse("")
	require.NoError(t, err)
	assert.False(t, r.Is())
	assert.Empty(t, r.Handlers())
	_, matched := r.Handler(message.Record{Body: "x"})
	assert.False(t, matched)
}

func TestPermit(t *testing.T) {
	r, err := route.Parse(`[{"Handler":"` + orders + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"x\"]}"}]}},{"Handler":"` + mails + `"}]`)
	require.NoError(t, err)
	assert.NoError(t, r.Permit([]string{mails, orders, "another"}))
	assert.EqualError(t, r.Permit([]string{orders}), "route 2 of Routes: its Handler "+mails+" is not in RouteHandlers, so the fleet may not invoke it: name it there too")
}

func TestParseRefuses(t *testing.T) {
	const noArray = `Routes is not a JSON array such as [{"Handler": "arn:...", "FilterCriteria": {"Filters": [{"Pattern": "{...}"}]}}]: `
	filters := func(filters string) string {
		return `[{"Handler":"` + orders + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"x\"]}"}]}},{"Handler":"` + orders + `","FilterCriteria":{"Filters":` + filters + `}}]`
	}
	for text, want := range map[string]string{
		`{`:                      noArray + "unexpected EOF",
		`{}`:                     noArray + "json: cannot unmarshal object into Go value of type []route.definition",
		`[]`:                     "Routes is an empty list: leave it empty for no routes",
		`[{}] []`:                noArray + "something stands behind the array",
		`[{}]`:                   `route 1 of Routes: its Handler is "", it must be the ARN of a Lambda function, with or without a version or alias`,
		`[{"Arn":""}]`:           noArray + `json: unknown field "Arn"`,
		`[{"Handler":"orders"}]`: `route 1 of Routes: its Handler is "orders", it must be the ARN of a Lambda function, with or without a version or alias`,
		`[{"Handler":"` + orders + `"},{"Handler":"` + mails + `"}]`:              "route 1 of Routes: it has no filters and takes every message, those behind it get none: give it filters or put it last",
		filters(`[{"pattern":"{}","Name":"a"}]`):                                  noArray + `json: unknown field "Name"`,
		filters(`[{}]`):                                                           "route 2 of Routes: filter 1 has no Pattern",
		filters(`[{"Pattern":"{\"body\":[\"x\"]}"},{"Pattern":"{\"body\":[]}"}]`): "route 2 of Routes: filter 2: the pattern is not valid: Empty arrays are not allowed",
	} {
		_, err := route.Parse(text)
		assert.EqualError(t, err, want, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`[{"Handler":"`+orders+`","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"a\":[1]}}"}]}}]`, `{"a":1}`)
	f.Fuzz(func(t *testing.T, text, body string) {
		r, err := route.Parse(text)
		if err != nil {
			return
		}
		handler, matched := r.Handler(message.Record{Body: body})
		assert.Equal(t, matched, handler != "")
		if matched {
			assert.Contains(t, r.Handlers(), handler)
		}
	})
}

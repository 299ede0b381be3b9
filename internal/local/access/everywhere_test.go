package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What may be allowed on every resource only is what calls ask for on every
// resource.
func TestEverywhere(t *testing.T) {
	asked := map[string]bool{}
	for o := range facts {
		asked[strings.ToLower(o.service+":"+o.name)] = true
	}
	for action, page := range everywhere {
		service, name, _ := strings.Cut(action, ":")
		assert.Regexp(t, `^https://docs\.aws\.amazon\.com/`, page)
		assert.True(t, asked[action], action)
		if action == "cloudwatch:describealarms" || action == "cloudwatch:putmetricdata" {
			// These ask by what is in the call.
			continue
		}
		for o, needs := range facts {
			if o.service == service && strings.EqualFold(o.name, name) {
				assert.Equal(t, []need{{action: o.service + ":" + o.name, resource: "*"}}, needs(nil, nil))
			}
		}
	}
	page, forced := Everywhere("states:sendTaskHeartbeat")
	assert.True(t, forced)
	assert.Contains(t, page, "list_awsstepfunctions")
	_, forced = Everywhere("sqs:SendMessage")
	assert.False(t, forced)
}

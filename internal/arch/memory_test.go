package arch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/pump"
)

// What the pump holds at once is measured against the memory that the template
// gives it.
func TestThePumpKnowsItsMemory(t *testing.T) {
	var properties struct {
		MemorySize yaml.Node `yaml:"MemorySize"`
	}
	parsed := parseTemplate(t, fleet.Fleet)
	node := parsed.Resources["PumpFunction"].Properties
	require.NoError(t, node.Decode(&properties))
	assert.Equal(t, "!Ref PumpMemory", properties.MemorySize.Tag+" "+properties.MemorySize.Value)
	assert.Equal(t, fmt.Sprint(pump.Memory>>20), *parsed.Parameters["PumpMemory"].Default)
}

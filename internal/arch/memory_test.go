package arch

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/pump"
)

// What the pump holds at once is measured against the memory that the template
// gives it.
func TestThePumpKnowsItsMemory(t *testing.T) {
	var properties struct {
		MemorySize int `yaml:"MemorySize"`
	}
	node := parseTemplate(t, fleet.Fleet).Resources["PumpFunction"].Properties
	require.NoError(t, node.Decode(&properties))
	assert.Equal(t, pump.Memory, properties.MemorySize<<20)
}

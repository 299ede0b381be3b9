package cli

import (
	"context"

	"github.com/musterq/muster/internal/adopt"
)

// sharing finds the event source mappings that take messages of the fleet's queue.
func (k *stack) sharing(ctx context.Context) ([]adopt.Mapping, error) {
	queue, err := k.output("QueueArn")
	if err != nil {
		return nil, err
	}
	return adopt.Sharing(ctx, k.cfg, queue)
}

// sharingWarnings are what is to be said of them, or of why they are not known.
func (k *stack) sharingWarnings(ctx context.Context) []string {
	found, err := k.sharing(ctx)
	if err != nil {
		return []string{"whether event source mappings take messages of the queue is not known: " + reasonOf(err)}
	}
	if len(found) == 0 {
		return nil
	}
	// A fleet that is not enabled is meant to stand beside its mapping.
	enabled, err := k.parameter(ctx, "Enabled")
	var warnings []string
	for _, m := range found {
		if err == nil && enabled == "false" {
			warnings = append(warnings, "the fleet is not enabled: the event source mapping "+m.UUID+" ("+m.State+") has "+m.Function+" handle the queue's messages")
		} else {
			warnings = append(warnings, m.Warning())
		}
	}
	return warnings
}

// findMappings is the check for event source mappings on the fleet's queue.
func findMappings(_ context.Context, e *evidence) *cause {
	if len(e.mappings) == 0 || e.enabled == "false" {
		return nil
	}
	c := &cause{Says: "an event source mapping takes messages of the same queue, past the fleet", Next: "muster adopt " + e.fleet + " --switch"}
	c.Evidence = e.mappingLines()
	return c
}

func (e *evidence) mappingLines() []string {
	var lines []string
	for _, m := range e.mappings {
		lines = append(lines, "event source mapping "+m.UUID+" is "+m.State+", for "+m.Function)
	}
	return lines
}

// findDisabled is the check for a fleet whose stack says that it is not enabled.
func findDisabled(_ context.Context, e *evidence) *cause {
	if e.enabled != "false" {
		return nil
	}
	c := &cause{Says: "it is not enabled: no tick looks at the queue", Evidence: append([]string{"the stack's parameter Enabled is false"}, e.mappingLines()...), Next: "deploy it with Enabled true"}
	if len(e.mappings) > 0 {
		c.Next = "muster adopt " + e.fleet + " --switch"
	}
	return c
}

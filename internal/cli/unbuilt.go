package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// unbuilt are the verbs of the design that nobody has built yet.
var unbuilt = []string{
	"logs",
}

// newUnbuilt refuses them, so that nobody takes one for a misspelling.
func newUnbuilt() []*cobra.Command {
	var commands []*cobra.Command
	for _, name := range unbuilt {
		commands = append(commands, &cobra.Command{
			Use:                name,
			Hidden:             true,
			DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error {
				return &exitError{
					status: exitUsage,
					err:    fmt.Errorf("muster %s is not built yet", name),
					hint:   "Run 'muster --help' for what there is.",
				}
			},
		})
	}
	return commands
}

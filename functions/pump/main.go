// Command pump is one shift of a worker of the stream lane: the Pump state.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/musterq/muster/internal/function"
)

func main() {
	debug.SetMemoryLimit(function.PumpMemoryLimit(os.LookupEnv))
	if err := function.Start(os.LookupEnv, function.Pump); err != nil {
		fmt.Fprintln(os.Stderr, "pump:", err)
		os.Exit(1)
	}
}

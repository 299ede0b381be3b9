// Command autoscaler is one tick of a fleet: the Assess state of the autoscaler.
package main

import (
	"fmt"
	"os"

	"github.com/musterq/muster/internal/function"
)

func main() {
	if err := function.Start(os.LookupEnv, function.Autoscaler); err != nil {
		fmt.Fprintln(os.Stderr, "autoscaler:", err)
		os.Exit(1)
	}
}

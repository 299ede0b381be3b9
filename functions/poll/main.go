// Command poll is the Poll state of the steps lane: it reports home and receives a batch.
package main

import (
	"fmt"
	"os"

	"github.com/musterq/muster/internal/function"
)

func main() {
	if err := function.Start(os.LookupEnv, function.Poll); err != nil {
		fmt.Fprintln(os.Stderr, "poll:", err)
		os.Exit(1)
	}
}

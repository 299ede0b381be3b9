// Command settle is the Settle state of the steps lane: it deletes what was handled and returns what failed.
package main

import (
	"fmt"
	"os"

	"github.com/musterq/muster/internal/function"
)

func main() {
	if err := function.Start(os.LookupEnv, function.Settle); err != nil {
		fmt.Fprintln(os.Stderr, "settle:", err)
		os.Exit(1)
	}
}

// Command courier is the Transform and Process large states of the steps lane: it hands a batch to a handler whole.
package main

import (
	"fmt"
	"os"

	"github.com/musterq/muster/internal/function"
)

func main() {
	if err := function.Start(os.LookupEnv, function.Courier); err != nil {
		fmt.Fprintln(os.Stderr, "courier:", err)
		os.Exit(1)
	}
}

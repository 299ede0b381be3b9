// Command beat takes the reports of tasks that do not speak to Step Functions and SQS themselves.
package main

import (
	"fmt"
	"os"

	"github.com/musterq/muster/internal/function"
)

func main() {
	if err := function.Start(os.LookupEnv, function.Beat); err != nil {
		fmt.Fprintln(os.Stderr, "beat:", err)
		os.Exit(1)
	}
}

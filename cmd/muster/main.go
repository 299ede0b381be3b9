// Command muster runs SQS handlers at exactly the concurrency you choose.
package main

import (
	"os"

	"github.com/musterq/muster/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }

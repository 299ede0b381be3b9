// Command nothing is a handler that does nothing.
package main

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(func(events.SQSEvent) error { return nil }) }

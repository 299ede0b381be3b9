// Orders is a handler in Go: it ships orders, some of them later.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type order struct {
	Order int    `json:"order"`
	Stock string `json:"stock"`
}

// failure is an entry of batchItemFailures with what Muster reads beside the
// identifier. A handler that does not use it returns events.SQSEventResponse.
type failure struct {
	events.SQSBatchItemFailure
	RetryAfterSeconds *int `json:"retryAfterSeconds,omitempty"`
}

type reply struct {
	BatchItemFailures []failure `json:"batchItemFailures"`
}

var errLater = errors.New("out of stock for now")

func ship(o order, attempt int) error {
	if o.Stock == "later" && attempt == 1 {
		return errLater
	}
	log.Println("order", o.Order, "at attempt", attempt)
	return nil
}

func handle(_ context.Context, event events.SQSEvent) (reply, error) {
	var r reply
	for _, record := range event.Records {
		attempt, err := strconv.Atoi(record.Attributes["ApproximateReceiveCount"])
		var o order
		if err == nil {
			err = json.Unmarshal([]byte(record.Body), &o)
		}
		if err == nil {
			err = ship(o, attempt)
		}
		if err != nil {
			log.Println("message", record.MessageId, "failed:", err)
			f := failure{SQSBatchItemFailure: events.SQSBatchItemFailure{ItemIdentifier: record.MessageId}}
			if errors.Is(err, errLater) {
				seconds := 2
				f.RetryAfterSeconds = &seconds
			}
			r.BatchItemFailures = append(r.BatchItemFailures, f)
		}
	}
	return r, nil
}

func main() { lambda.Start(handle) }

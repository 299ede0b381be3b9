package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

var testEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// BenchmarkCycle sends, receives and deletes one message through the router, in
// a queue that holds others.
func BenchmarkCycle(b *testing.B) {
	for _, held := range []int{0, 1_000_000} {
		b.Run(fmt.Sprint(held), func(b *testing.B) {
			router := api.NewRouter(1)
			service := New(&api.Account{ID: "123456789012", Region: "eu-central-1", Partition: "aws"}, router, 1)
			router.Add(service.API())
			defer service.Close()
			ctx := context.Background()
			call := func(operation, input string) any {
				out, err := router.Call(ctx, "sqs", operation, api.Caller{}, []byte(input))
				if err != nil {
					b.Fatal(err)
				}
				return out
			}
			call("CreateQueue", `{"QueueName":"q"}`)
			_, err := service.named("q").send(make([]content, held), make([]time.Duration, held))
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				call("SendMessage", `{"QueueUrl":"q","MessageBody":"a message of a few bytes"}`)
				out := call("ReceiveMessage", `{"QueueUrl":"q"}`).(*ReceiveMessageOutput)
				handle, err := json.Marshal(out.Messages[0].ReceiptHandle)
				if err != nil {
					b.Fatal(err)
				}
				call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":`+string(handle)+`}`)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

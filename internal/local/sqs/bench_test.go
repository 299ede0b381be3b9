package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

var testEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const fifoQueue = `{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true"}}`

// BenchmarkCycle sends, receives and deletes one message through the router, in
// a queue that holds others. A FIFO queue holds them in 1,000 groups.
func BenchmarkCycle(b *testing.B) {
	for _, kind := range []struct {
		name, queue string
		held        int
	}{
		{"0", `{"QueueName":"q"}`, 0},
		{"1000000", `{"QueueName":"q"}`, 1_000_000},
		{"fifo/0", fifoQueue, 0},
		{"fifo/1000000", fifoQueue, 1_000_000},
	} {
		b.Run(kind.name, func(b *testing.B) {
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
			url := call("CreateQueue", kind.queue).(*CreateQueueOutput).QueueURL
			q, err := service.find(url)
			require.NoError(b, err)
			contents := make([]content, kind.held)
			for i := range contents {
				contents[i].groupID, contents[i].deduplicationID = strconv.Itoa(i%1000), strconv.Itoa(i)
			}
			_, err = q.send(contents, make([]time.Duration, kind.held))
			require.NoError(b, err)
			queue := `{"QueueUrl":"` + url + `"`
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				send := `,"MessageBody":"a message of a few bytes"}`
				if q.fifo != nil {
					n++
					send = fmt.Sprintf(`,"MessageBody":"a message of a few bytes","MessageGroupId":"%d","MessageDeduplicationId":"n%d"}`, n%1000, n)
				}
				call("SendMessage", queue+send)
				out := call("ReceiveMessage", queue+"}").(*ReceiveMessageOutput)
				handle, err := json.Marshal(out.Messages[0].ReceiptHandle)
				if err != nil {
					b.Fatal(err)
				}
				call("DeleteMessage", queue+`,"ReceiptHandle":`+string(handle)+`}`)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

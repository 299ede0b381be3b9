package scenario_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/adopt"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// orderly notes in which order the messages of each group are handled.
type orderly struct {
	mu     sync.Mutex
	groups map[string][]int
}

func (o *orderly) handle(ctx context.Context, e message.Event) (any, error) {
	for _, r := range e.Records {
		n, err := strconv.Atoi(r.Body)
		if err != nil {
			return nil, err
		}
		o.mu.Lock()
		group := r.Attributes["MessageGroupId"]
		o.groups[group] = append(o.groups[group], n)
		o.mu.Unlock()
	}
	return scenario.Takes(500*time.Millisecond)(ctx, e)
}

// The groups of a FIFO queue stay in order through both switches.
func TestAdoptKeepsGroupsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const groups, messages = 3, 1200
		o := &orderly{groups: map[string][]int{}}
		queue := aws.String("orders.fifo")
		f := scenario.Start(t, scenario.Options{
			Process: o.handle,
			Prepare: func(f *scenario.Fleet) map[string]string {
				cfg := f.Config()
				for name, attributes := range map[string]map[string]string{
					"orders-dead.fifo": {"FifoQueue": "true"}, *queue: {"FifoQueue": "true", "VisibilityTimeout": "60", "ContentBasedDeduplication": "true"},
				} {
					_, err := sqs.NewFromConfig(cfg).CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
					require.NoError(t, err)
				}
				made, err := lambda.NewFromConfig(cfg).CreateEventSourceMapping(context.Background(), &lambda.CreateEventSourceMappingInput{
					EventSourceArn: aws.String("arn:aws:sqs:us-east-1:123456789012:orders.fifo"), FunctionName: aws.String("process"),
				})
				require.NoError(t, err)
				plan, err := adopt.FromMapping(context.Background(), cfg, adopt.Source{UUID: *made.UUID}, "jobs")
				require.NoError(t, err)
				return plan.Parameters
			},
		})
		defer f.Close()
		var sending sync.WaitGroup
		sending.Go(func() {
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			for n := range messages {
				<-ticker.C
				_, err := f.SQS.SendMessage(context.Background(), &sqs.SendMessageInput{
					QueueUrl: aws.String(f.Output("QueueUrl")), MessageBody: aws.String(strconv.Itoa(n)), MessageGroupId: aws.String(fmt.Sprint("g", n%groups)),
				})
				assert.NoError(t, err)
			}
		})
		s := &adopt.Switch{Config: f.Config(), Fleet: "jobs", Who: "alice"}
		time.Sleep(5 * time.Minute)
		require.NoError(t, s.On(t.Context()))
		time.Sleep(5 * time.Minute)
		require.NoError(t, s.Back(t.Context()))
		sending.Wait()
		time.Sleep(5 * time.Minute)
		for g := range groups {
			var want []int
			for n := g; n < messages; n += groups {
				want = append(want, n)
			}
			assert.Equal(t, want, o.groups[fmt.Sprint("g", g)], "group %d: all of it, once, and in order", g)
		}
	})
}

package scenario_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/scenario"
)

// TestRoutes sends four kinds of messages through filters on bodies and on
// attributes, with faults, in both lanes: each handler gets its own and nothing
// else, large bodies included.
func TestRoutes(t *testing.T) {
	const each = 12
	routes := `[{"Handler":"` + scenario.ARN("refunds") + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"type\":[\"refund\"],\"amount\":[{\"numeric\":[\">\",10]}]}}"}]}},` +
		`{"Handler":"` + scenario.ARN("mails") + `","FilterCriteria":{"Filters":[{"Pattern":"{\"messageAttributes\":{\"channel\":{\"stringValue\":[\"mail\"]}}}"},{"Pattern":"{\"body\":[\"mail\"]}"}]}}]`
	for _, lane := range []string{"stream", "steps"} {
		for unmatched, where := range map[string]string{"handler": "process", "drop": "", "dead-letter": "dead"} {
			t.Run(lane+", "+unmatched, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var mu sync.Mutex
					got := map[string]map[string]bool{}
					gets := func(name string) scenario.Handler {
						return func(_ context.Context, e message.Event) (any, error) {
							mu.Lock()
							defer mu.Unlock()
							for _, r := range e.Records {
								if got[name] == nil {
									got[name] = map[string]bool{}
								}
								got[name][r.MessageID] = true
							}
							return nil, nil
						}
					}
					f := scenario.Start(t, scenario.Options{
						Seed: 7, Process: gets("process"), Others: map[string]scenario.Handler{"refunds": gets("refunds"), "mails": gets("mails")},
						Parameters: map[string]string{
							"Lane": lane, "Routes": routes, "RouteHandlers": scenario.ARN("refunds") + "," + scenario.ARN("mails"), "Unmatched": unmatched,
							"MaxReceiveCount": "1000", "BackoffMaxSeconds": "5",
						},
					})
					defer f.Close()
					unavailable := &api.Error{Code: "ServiceUnavailable", Message: "Please try again.", Status: 503}
					f.Router.Faults.Add(api.Fault{Match: fromMuster, Kind: api.Fail, Error: unavailable, Probability: 0.03})
					f.Router.Faults.Add(api.Fault{Match: fromMuster, Kind: api.LoseReply, Probability: 0.03})

					want := map[string]map[string]bool{}
					url := f.Output("QueueUrl")
					send := func(to, body string, attributes map[string]string) {
						in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageAttributes: attributesOf(attributes)}
						out, err := f.SQS.SendMessage(t.Context(), in)
						require.NoError(t, err)
						if want[to] == nil {
							want[to] = map[string]bool{}
						}
						want[to][*out.MessageId] = true
					}
					for n := range each {
						large := strings.Repeat("x", 60_000*(n%4))
						send("refunds", fmt.Sprintf(`{"note":"%s","amount":%d,"type":"refund"}`, large, 11+n), nil)
						send("mails", "letter "+large, map[string]string{"channel": "mail"})
						send("mails", "mail", nil)
						send(where, fmt.Sprintf(`{"type":"refund","amount":%d,"note":"%s"}`, n%11, large), map[string]string{"channel": "post"})
					}
					f.Wake()
					f.UntilDone(2 * time.Hour)
					if where == "dead" {
						dead := map[string]bool{}
						q := queue.New(f.Config(), f.Output("DeadLetterQueueUrl"), "")
						for {
							records, err := q.Receive(t.Context(), 10, 0, time.Hour)
							require.NoError(t, err)
							if len(records) == 0 {
								break
							}
							for _, r := range records {
								dead[r.MessageID] = true
							}
						}
						mu.Lock()
						got["dead"] = dead
						mu.Unlock()
					}
					delete(want, "")
					mu.Lock()
					defer mu.Unlock()
					for name, ids := range want {
						assert.Equal(t, ids, got[name], name)
					}
					assert.Len(t, got, len(want))
				})
			})
		}
	}
}

func attributesOf(values map[string]string) map[string]sqstypes.MessageAttributeValue {
	attributes := map[string]sqstypes.MessageAttributeValue{}
	for name, value := range values {
		attributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	return attributes
}

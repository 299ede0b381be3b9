package scenario_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// workerTurns are the turns of the worker that both lanes have.
func workerTurns() []turn {
	return []turn{
		{
			name:   "reports home and finds its item gone",
			faults: []api.Fault{reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1})},
			during: freed(10 * time.Second),
			path:   "Report home > Relieved",
			status: "FAILED", failure: "Muster.Relieved",
			cause: "This execution no longer holds its worker's item in the registry: it was replaced or its slot was freed. Nothing is lost; the messages it held become visible again.",
		},
		{
			name:   "reports home and finds its successor",
			faults: []api.Fault{reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1})},
			during: replaced(10*time.Second, 1),
			path:   "Report home > Relieved",
			status: "FAILED", failure: "Muster.Relieved",
		},
		{
			name:   "cannot report home: throttled",
			faults: []api.Fault{reportHome(fails(400, "ThrottlingException", "Rate exceeded"))},
			path:   "Report home > Leave after failure > Worker failed",
			status: "FAILED", failure: "DynamoDB.ThrottlingException",
		},
		{
			name:   "cannot report home: conflicts",
			faults: []api.Fault{reportHome(fails(400, "TransactionConflictException", "Transaction is ongoing for the item"))},
			path:   "Report home > Leave after failure > Worker failed",
			status: "FAILED", failure: "DynamoDB.TransactionConflictException",
		},
		{
			name:   "cannot report home: replies are lost",
			faults: []api.Fault{reportHome(api.Fault{Kind: api.LoseReply})},
			path:   "Report home > Leave after failure > Worker failed",
			status: "FAILED", failure: "DynamoDB.SdkClientException",
		},
		{
			name:   "cannot report home: replies come too late",
			faults: []api.Fault{reportHome(api.Fault{Kind: api.DelayReply, For: 90 * time.Second})},
			path:   "Report home > Leave after failure > Worker failed",
			status: "FAILED", failure: "States.Timeout",
		},
		{
			name: "cannot report home, nor give its slot back",
			faults: []api.Fault{
				reportHome(fails(500, "InternalServerError", "The request could not be processed")),
				leave(fails(400, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded.")),
			},
			path:   "Report home > Leave after failure > Worker failed",
			status: "FAILED", failure: "DynamoDB.InternalServerErrorException",
		},
		{
			name:   "reports home to the order to drain",
			faults: []api.Fault{reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1})},
			during: order(registry.Drain, 10*time.Second),
			path:   "Report home > Orders? > Go home > Home",
			status: "SUCCEEDED",
		},
		{
			name:   "reports home to the order to hand over",
			faults: []api.Fault{reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1})},
			during: order(registry.HandOver, 10*time.Second),
			path:   "Report home > Orders? > Hand over > Start successor > Handed over",
			status: "SUCCEEDED",
		},
		{
			name:   "goes home and finds its successor",
			faults: []api.Fault{leave(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1})},
			during: replaced(25*time.Second, 1),
			path:   "Report home > Orders? > Pump > Idle? > Go home > Relieved",
			status: "FAILED", failure: "Muster.Relieved",
		},
		{
			name:   "cannot go home",
			faults: []api.Fault{leave(fails(400, "AccessDeniedException", "not authorized to perform: dynamodb:DeleteItem"))},
			path:   "Report home > Orders? > Pump > Idle? > Go home > Worker failed",
			status: "FAILED", failure: "DynamoDB.AmazonDynamoDBException",
		},
		{
			name:   "goes home though the reply is lost",
			faults: []api.Fault{leave(api.Fault{Kind: api.LoseReply, Times: 3})},
			path:   "Report home > Orders? > Pump > Idle? > Go home > Home",
			status: "SUCCEEDED",
		},
		{
			// To find its own successor, reserved, is well: it has been here before.
			name: "hands over and finds a later generation",
			faults: []api.Fault{
				reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1}),
				handOver(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1}),
			},
			during: func(f *trial) {
				order(registry.HandOver, 10*time.Second)(f)
				replaced(30*time.Second, 2)(f)
			},
			path:   "Report home > Orders? > Hand over > Relieved",
			status: "FAILED", failure: "Muster.Relieved",
		},
		{
			name: "cannot hand over",
			faults: []api.Fault{
				reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1}),
				handOver(fails(400, "RequestLimitExceeded", "Throughput exceeds the current throughput limit for your account.")),
			},
			during: order(registry.HandOver, 10*time.Second),
			path:   "Report home > Orders? > Hand over > Worker failed",
			status: "FAILED", failure: "DynamoDB.RequestLimitExceededException",
		},
		{
			name: "hands over though the reply is lost",
			faults: []api.Fault{
				reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1}),
				handOver(api.Fault{Kind: api.LoseReply, Times: 3}),
				startSuccessor(api.Fault{Kind: api.LoseReply, Times: 3}),
			},
			during: order(registry.HandOver, 10*time.Second),
			path:   "Report home > Orders? > Hand over > Start successor > Handed over",
			status: "SUCCEEDED",
		},
		{
			name: "cannot start its successor",
			faults: []api.Fault{
				reportHome(api.Fault{Kind: api.Delay, For: 30 * time.Second, Times: 1}),
				startSuccessor(fails(400, "ThrottlingException", "Rate exceeded")),
			},
			during: order(registry.HandOver, 10*time.Second),
			path:   "Report home > Orders? > Hand over > Start successor > Worker failed",
			status: "FAILED", failure: "Sfn.ThrottlingException",
		},
		{
			name: "was started for a lane of another release",
			before: func(f *trial) {
				w := registry.NewWorker(time.Now().Add(-time.Hour))
				w.Lane, w.Parallelism = "stream", 1
				w.Input = `{"fleet":"jobs","worker":"` + w.ID() + `","lane":"express","timeouts":{"transform":1,"process":1,"processLarge":1},"pump":{"shift":0},"batch":{"seq":0,"empty":0}}`
				require.NoError(f.t, f.Registry.Commit(context.Background(), registry.Control{}, registry.Change{Reserve: []registry.Worker{w}}))
			},
			path:   "Report home > Orders? > Unknown next step",
			status: "FAILED", failure: "Muster.UnknownNextStep",
			cause: "A function answered with a next step, or the input named a lane, that this definition does not know. Deploy functions and state machines of the same release.",
		},
	}
}

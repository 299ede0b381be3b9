package scenario_test

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// streamTurns are the turns of the stream lane.
func streamTurns() []turn {
	return []turn{
		{
			name:   "works a shift and goes home",
			path:   "Report home > Orders? > Pump > Idle? > Go home > Home",
			status: "SUCCEEDED",
		},
		{
			name:   "the pump cannot be invoked",
			faults: []api.Fault{invoke("jobs-pump", fails(500, "ServiceException", "The AWS Lambda service encountered an internal error."))},
			path:   "Report home > Orders? > Pump > Worker failed",
			status: "FAILED", failure: "Lambda.ServiceException",
		},
		{
			name:   "the pump is throttled",
			faults: []api.Fault{invoke("jobs-pump", throttled())},
			path:   "Report home > Orders? > Pump > Worker failed",
			status: "FAILED", failure: "Lambda.TooManyRequestsException",
		},
		{
			name:   "the pump cannot receive",
			faults: []api.Fault{within("jobs-pump", "sqs", "ReceiveMessage", fails(403, "AccessDenied", "Access to the resource is denied."))},
			path:   "Report home > Orders? > Pump > Worker failed",
			status: "FAILED", failure: "AccessDenied",
		},
		{
			name:   "the pump's first receives fail",
			faults: []api.Fault{within("jobs-pump", "sqs", "ReceiveMessage", times(4, fails(403, "AccessDenied", "Access to the resource is denied.")))},
			path:   "Report home > Orders? > Pump > Idle? > Go home > Home",
			status: "SUCCEEDED",
		},
		{
			name:    "a shift is over before the worker is idle",
			options: scenario.Options{Parameters: map[string]string{"ProcessTimeoutSeconds": "600", "IdleSeconds": "600"}},
			path:    "Report home > Orders? > Pump > Idle? > Report home > Orders? > Pump > Idle? > Go home > Home",
			status:  "SUCCEEDED",
		},
		{
			name:   "the order to hand over comes in a shift",
			during: order(registry.HandOver, 3*time.Second),
			// Idle for longer than until the next report.
			options: scenario.Options{Parameters: map[string]string{"IdleSeconds": "120"}},
			path:    "Report home > Orders? > Pump > Idle? > Hand over > Start successor > Handed over",
			status:  "SUCCEEDED",
		},
		{
			name: "an earlier pump may still run",
			// The end of the first shift never reaches the registry.
			faults: []api.Fault{times(6, endShift(fails(500, "InternalServerError", "The request could not be processed")))},
			path:   "Report home > Orders? > Pump > Idle? > Wait out the earlier pump > Pump > Idle? > Go home > Home",
			status: "SUCCEEDED",
		},
		{
			name:    "is relieved in a shift",
			options: scenario.Options{Parameters: map[string]string{"IdleSeconds": "120"}},
			during:  freed(3 * time.Second),
			path:    "Report home > Orders? > Pump > Idle? > Relieved",
			status:  "FAILED", failure: "Muster.Relieved",
		},
		{
			name:   "the pump is of another release",
			before: otherRelease("pump", `{"next":"take a break","shift":1,"waitUntil":""}`),
			path:   "Report home > Orders? > Pump > Idle? > Unknown next step",
			status: "FAILED", failure: "Muster.UnknownNextStep",
		},
	}
}

// endShift is the fault of the pump's last write.
func endShift(fault api.Fault) api.Fault {
	fault = within("jobs-pump", "dynamodb", "UpdateItem", fault)
	fault.Match = func(c api.Call) bool {
		in, ok := c.Input.(*dynamodb.UpdateItemInput)
		return ok && c.Caller.Function == "jobs-pump" && strings.Contains(aws.ToString(in.UpdateExpression), "REMOVE")
	}
	return fault
}

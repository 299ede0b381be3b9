package stepfunctions

// StatusEvent is the detail of EventBridge's "Step Functions Execution Status
// Change", source "aws.states", whose resource is the execution's ARN.
// See https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html.
type StatusEvent struct {
	ExecutionARN    string `json:"executionArn"`
	StateMachineARN string `json:"stateMachineArn"`
	Name            string `json:"name"`
	Status          string `json:"status"`
	// StartDate and StopDate are in milliseconds since the epoch.
	StartDate              int64        `json:"startDate"`
	StopDate               *int64       `json:"stopDate"`
	Input                  *string      `json:"input"`
	Output                 *string      `json:"output"`
	StateMachineVersionARN *string      `json:"stateMachineVersionArn"`
	StateMachineAliasARN   *string      `json:"stateMachineAliasArn"`
	RedriveCount           int          `json:"redriveCount"`
	RedriveDate            *int64       `json:"redriveDate"`
	RedriveStatus          string       `json:"redriveStatus"`
	RedriveStatusReason    *string      `json:"redriveStatusReason"`
	InputDetails           dataDetails  `json:"inputDetails"`
	OutputDetails          *dataDetails `json:"outputDetails"`
	Error                  *string      `json:"error"`
	Cause                  *string      `json:"cause"`
}

type dataDetails struct {
	Included bool `json:"included"`
}

// maxStatusEvent is how much input and output together an event carries.
const maxStatusEvent = 248 * 1024

// notify tells OnStatus of a Standard execution's status.
func (x *execution) notify() {
	if x.machine.express || x.service.options.OnStatus == nil {
		return
	}
	x.service.options.OnStatus(x.statusEvent())
}

func (x *execution) statusEvent() StatusEvent {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := StatusEvent{
		ExecutionARN:    x.arn,
		StateMachineARN: x.machine.arn,
		Name:            x.name,
		Status:          string(x.status),
		StartDate:       x.started.UnixMilli(),
		RedriveStatus:   notRedrivable,
	}
	reason := x.redriveReason()
	e.RedriveStatusReason = &reason
	if x.status != statusRunning {
		stopped := x.stopped.UnixMilli()
		e.StopDate = &stopped
	}
	output := ""
	if x.status == statusSucceeded {
		output = encoded(x.output)
		e.OutputDetails = &dataDetails{}
	}
	if len(x.inputText)+len(output) <= maxStatusEvent {
		e.Input, e.InputDetails.Included = &x.inputText, true
		if e.OutputDetails != nil {
			e.Output, e.OutputDetails.Included = &output, true
		}
	}
	if f := x.failure; f != nil && x.status != statusTimedOut {
		e.Error, e.Cause = f.name, f.cause
	}
	return e
}

// notRedrivable is the redrive status of every execution: the embedded runtime
// does not redrive any.
const notRedrivable = "NOT_REDRIVABLE"

// redriveReason is why RedriveExecution does not take the execution.
// Execution.mu must be held.
func (x *execution) redriveReason() string {
	switch x.status {
	case statusRunning, statusSucceeded:
		return "Execution is " + string(x.status) + " and cannot be redriven"
	}
	return "The embedded runtime does not redrive executions"
}

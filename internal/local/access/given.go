package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/iam"
)

// Services that assume roles.
const (
	lambdaService = "lambda.amazonaws.com"
	statesService = "states.amazonaws.com"
	eventsService = "events.amazonaws.com"
)

// Actions that services take in a role's name, besides what its calls need.
var (
	// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
	logDelivery = []string{
		"CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries",
		"PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups",
	}
	// https://docs.aws.amazon.com/xray/latest/devguide/security_iam_id-based-policy-examples.html
	tracing = []string{"PutTraceSegments", "PutTelemetryRecords"}
	// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
	sampling = []string{"GetSamplingRules", "GetSamplingTargets"}
	// https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-iam-sync-async
	managedRule = []string{"PutTargets", "PutRule", "DescribeRule"}
)

// managedRules are the rules by which Step Functions hears of the end of jobs,
// by the integration that runs them.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
var managedRules = map[string]string{
	":states:startExecution.sync": "StepFunctionsGetEventsForStepFunctionsExecutionRule",
	":ecs:runTask.sync":           "StepFunctionsGetEventsForECSTaskRule",
	":batch:submitJob.sync":       "StepFunctionsGetEventsForBatchJobsRule",
	":codebuild:startBuild.sync":  "StepFunctionsGetEventForCodeBuildStartBuildRule",
}

// given looks at the roles that a call gives to what it makes: AWS refuses a role
// that the service cannot assume, or that lacks what the service needs at once.
func (a *Authorizer) given(call api.Call) error {
	switch call.Service {
	case "lambda":
		if call.Operation == "CreateFunction" || call.Operation == "UpdateFunctionConfiguration" {
			q := a.ask(call.Input)
			return a.Function(q.text("Role"), q.text("TracingConfig", "Mode") == "Active")
		}
	case "states":
		if call.Operation == "CreateStateMachine" || call.Operation == "UpdateStateMachine" {
			return a.machine(a.ask(call.Input))
		}
	case "events":
		if call.Operation == "PutTargets" {
			q := a.ask(call.Input)
			for _, target := range q.list("Targets") {
				role := asText(q.member(target, "RoleArn"))
				if !a.assumable(role, eventsService) {
					return api.Errorf("ValidationException", "Provided role '%s' cannot be assumed by principal '%s'.", role, eventsService)
				}
			}
		}
	case "sqs":
		if call.Operation == "CreateQueue" || call.Operation == "SetQueueAttributes" {
			return a.queuePolicy(call)
		}
	}
	return nil
}

// queuePolicy refuses a policy that SQS cannot read.
func (a *Authorizer) queuePolicy(call api.Call) error {
	q := a.ask(call.Input)
	policy := q.text("Attributes", "Policy")
	if policy == "" {
		return nil
	}
	if _, err := iam.ParseResourcePolicy([]byte(policy)); err != nil {
		return &api.Error{Code: "InvalidAttributeValue", Message: "Invalid value for the parameter Policy. " + api.AsError(err).Message}
	}
	return nil
}

// assumable tells whether a service may assume a role. None needs not be assumed.
func (a *Authorizer) assumable(role, service string) bool {
	if role == "" {
		return true
	}
	who := a.role(role)
	return who != nil && a.trusts(who, service, api.Caller{})
}

// Function refuses a function's role as Lambda does. Empty is none.
// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
func (a *Authorizer) Function(role string, traced bool) error {
	refused := func(message string) error {
		return &api.Error{Code: "InvalidParameterValueException", Message: message, Fields: map[string]any{"Type": "User"}}
	}
	if role == "" {
		return nil
	}
	if !a.assumable(role, lambdaService) {
		return refused("The role defined for the function cannot be assumed by Lambda.")
	}
	if !traced {
		return nil
	}
	if a.lacks(role, lambdaService, "xray", tracing[:1], nil) != nil {
		return refused("The provided execution role does not have permissions to call PutTraceSegments on XRAY")
	}
	// Lambda finds out about the rest when it traces; the invocations run on.
	_ = a.lacks(role, lambdaService, "xray", tracing[1:], nil)
	return nil
}

// machine refuses a state machine's role as Step Functions does.
func (a *Authorizer) machine(q *asked) error {
	role := q.text("roleArn")
	if role == "" {
		return nil
	}
	if !a.assumable(role, statesService) {
		return api.Errorf("AccessDeniedException", "Neither the global service principal %s, nor the regional one is authorized to assume the provided role.", statesService)
	}
	definition := q.text("definition")
	for _, integration := range slices.Sorted(maps.Keys(managedRules)) {
		if !strings.Contains(definition, integration) {
			continue
		}
		rule := managedRules[integration]
		input := &struct{ Name, Rule, EventBusName string }{Name: rule, Rule: rule}
		if a.lacks(role, statesService, "events", managedRule, input) != nil {
			return api.Errorf("AccessDeniedException", "'%s' is not authorized to create managed-rule.", role)
		}
	}
	if level := q.text("loggingConfiguration", "level"); level != "" && level != "OFF" {
		if a.lacks(role, statesService, "logs", logDelivery, nil) != nil {
			return api.Errorf("AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination")
		}
	}
	if traced := q.member(q.input, "tracingConfiguration", "enabled"); traced.IsValid() && traced.Bool() {
		// Step Functions finds out when it sends traces; the executions run on.
		_ = a.lacks(role, statesService, "xray", slices.Concat(tracing, sampling), nil)
	}
	return nil
}

// lacks is the first denial of operations that a service makes in a role's name.
// Nil where the role has all that they need.
func (a *Authorizer) lacks(role, service, of string, operations []string, input any) error {
	for _, name := range operations {
		call := api.Call{Service: of, Operation: name, Caller: api.Caller{RoleARN: role, Principal: service}, Input: input}
		if err := a.authorize(call); err != nil {
			return err
		}
	}
	return nil
}

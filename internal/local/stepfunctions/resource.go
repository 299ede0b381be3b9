package stepfunctions

import (
	"maps"
	"slices"
	"strings"
)

// pattern is what a task waits for.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html.
type pattern int

const (
	requestResponse pattern = iota
	// runJob waits until the job has ended: ".sync".
	runJob
	// runJobJSON is ".sync:2": the job's output is JSON, not a string of it.
	runJobJSON
	// callback waits for the task's token: ".waitForTaskToken".
	callback
)

// target is what a Task calls.
type target struct {
	// arn is Resource as it was written.
	arn string
	// resource and kind are how events name it: "invoke.waitForTaskToken", "lambda".
	resource, kind string
	pattern        pattern
	// function marks a Resource that is a function's own ARN.
	function bool
	call     integration
	// form of the parameters. Nil for what is not checked.
	form *form
	// job is the service that the target runs a job on. Nil for another target.
	job *jobService
}

// prepare checks the parameters, and marks those of a job that is waited for.
func (g *target) prepare(t *thread, parameters any) (any, *failure) {
	if g.form == nil {
		return parameters, nil
	}
	var problems []string
	g.form.fit(parameters, "Parameters", false, func(problem string) { problems = append(problems, problem) })
	if len(problems) > 0 {
		return nil, t.runtime("The Parameters '%s' could not be used to start the Task: [%s]", encoded(parameters), strings.Join(problems, ", "))
	}
	if g.job != nil && g.pattern == runJob {
		return g.job.marked(parameters), nil
	}
	return parameters, nil
}

// what names the target where its result is too large.
func (g *target) what() string {
	if g.function {
		return g.arn
	}
	return g.kind
}

// optimised is an optimised integration of one action.
// See https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html.
type optimised struct {
	required []string
	fields   []string
	jobs     bool
	callback bool
	make     func(s *Service) integration
}

// jobActions are the optimised integrations that run jobs.
var jobActions = map[string]*jobService{
	"ecs:runTask": ecsTask, "batch:submitJob": batchJob, "codebuild:startBuild": codeBuild,
}

var optimisedActions = map[string]optimised{
	"lambda:invoke": {
		required: []string{"FunctionName"},
		fields:   []string{"Payload", "InvocationType", "LogType", "ClientContext", "Qualifier"},
		callback: true,
		make:     func(s *Service) integration { return invokeFunction{s} },
	},
	"states:startExecution": {
		required: []string{"StateMachineArn"},
		fields:   []string{"Input", "Name", "TraceHeader"},
		jobs:     true, callback: true,
		make: func(s *Service) integration {
			return &routed{s: s, service: "states", operation: "StartExecution", dialect: statesDialect, camel: true, metadata: true, texts: []string{"Input"}}
		},
	},
	"sqs:sendMessage": {
		required: []string{"QueueUrl", "MessageBody"},
		fields:   []string{"DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId", "MessageSystemAttributes"},
		callback: true,
		make: func(s *Service) integration {
			return &routed{s: s, service: "sqs", operation: "SendMessage", dialect: sqsDialect, metadata: true, texts: []string{"MessageBody"}}
		},
	},
	"events:putEvents": {
		required: []string{"Entries"},
		callback: true,
		make:     func(s *Service) integration { return putEvents{s} },
	},
	"dynamodb:getItem": dynamodbAction("GetItem",
		[]string{"TableName", "Key"},
		"AttributesToGet", "ConsistentRead", "ExpressionAttributeNames", "ProjectionExpression", "ReturnConsumedCapacity"),
	"dynamodb:putItem": dynamodbAction("PutItem",
		[]string{"TableName", "Item"},
		"ConditionalOperator", "ConditionExpression", "Expected", "ExpressionAttributeNames", "ExpressionAttributeValues",
		"ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ReturnValues", "ReturnValuesOnConditionCheckFailure"),
	"dynamodb:deleteItem": dynamodbAction("DeleteItem",
		[]string{"TableName", "Key"},
		"ConditionalOperator", "ConditionExpression", "Expected", "ExpressionAttributeNames", "ExpressionAttributeValues",
		"ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ReturnValues", "ReturnValuesOnConditionCheckFailure"),
	"dynamodb:updateItem": dynamodbAction("UpdateItem",
		[]string{"TableName", "Key"},
		"AttributeUpdates", "ConditionalOperator", "ConditionExpression", "Expected", "ExpressionAttributeNames", "ExpressionAttributeValues",
		"ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ReturnValues", "ReturnValuesOnConditionCheckFailure", "UpdateExpression"),
}

func dynamodbAction(operation string, required []string, fields ...string) optimised {
	return optimised{required: required, fields: fields, make: func(s *Service) integration {
		return &routed{s: s, service: "dynamodb", operation: operation, dialect: dynamodbDialect, metadata: true}
	}}
}

// target compiles a Task's Resource and checks the names of its Parameters.
func (c *compiler) target(o *object) *target {
	arn, ok := o.text("Resource")
	if !ok {
		o.require("Resource")
		return nil
	}
	partition := "arn:" + c.service.account.Partition + ":"
	rest, ok := strings.CutPrefix(arn, partition)
	switch {
	case !ok:
	case strings.HasPrefix(rest, "lambda:"):
		if part := strings.Split(rest, ":"); len(part) >= 5 && part[3] == "function" && part[4] != "" {
			return &target{arn: arn, function: true, call: functionARN{c.service, arn}}
		}
	case strings.HasPrefix(rest, "states:::aws-sdk:"):
		if g := c.sdkTarget(o, arn, strings.TrimPrefix(rest, "states:::aws-sdk:")); g != nil {
			return g
		}
	case strings.HasPrefix(rest, "states:::"):
		if g := c.optimisedTarget(o, arn, strings.TrimPrefix(rest, "states:::")); g != nil {
			return g
		}
	case strings.HasPrefix(rest, "states:") && strings.Contains(rest, ":activity:"):
		c.schema(o.child("Resource"), "The embedded runtime does not support activities")
		return nil
	}
	c.schema(o.child("Resource"), "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", arn)
	return nil
}

// suffixes of Resource, and the patterns they ask for.
var suffixes = map[string]pattern{
	"": requestResponse, ".sync": runJob, ".sync:2": runJobJSON, ".waitForTaskToken": callback,
}

// cut takes "service:action.pattern" apart.
func cut(name string) (action string, p pattern, ok bool) {
	action = name
	suffix := ""
	if i := strings.IndexByte(name, '.'); i >= 0 {
		action, suffix = name[:i], name[i:]
	}
	p, ok = suffixes[suffix]
	return action, p, ok
}

// pattern refuses the patterns that Express does not have.
func (c *compiler) pattern(o *object, p pattern) {
	if !c.express {
		return
	}
	switch p {
	case runJob, runJobJSON:
		c.schema(o.child("Resource"), "Express state machine does not support '.sync' service integration")
	case callback:
		// AWS's message has that second blank too.
		c.schema(o.child("Resource"), "Express state machine does not support '.waitForTaskToken' service integration ")
	}
}

func (c *compiler) optimisedTarget(o *object, arn, name string) *target {
	action, p, ok := cut(name)
	if service, found := jobActions[action]; ok && found {
		return c.jobTarget(o, service, arn, action, name, p)
	}
	known, found := optimisedActions[action]
	if !ok || !found || p == callback && !known.callback || (p == runJob || p == runJobJSON) && !known.jobs {
		return nil
	}
	c.pattern(o, p)
	c.parameters(o, known)
	kind, _, _ := strings.Cut(action, ":")
	g := &target{arn: arn, kind: kind, resource: strings.TrimPrefix(name, kind+":"), pattern: p, call: known.make(c.service)}
	if p == runJob || p == runJobJSON {
		g.call = &runExecution{g.call, c.service, p == runJobJSON}
	}
	return g
}

func (c *compiler) jobTarget(o *object, service *jobService, arn, action, name string, p pattern) *target {
	if p == runJobJSON || p == callback && !service.callback {
		return nil
	}
	c.pattern(o, p)
	c.fit(o, service.form)
	kind, _, _ := strings.Cut(action, ":")
	g := &target{arn: arn, kind: kind, resource: strings.TrimPrefix(name, kind+":"), pattern: p, form: service.form, job: service}
	start := startJob{c.service, service, p}
	if g.call = start; p == runJob {
		g.call = runJobOf{start}
	}
	return g
}

// fit checks Parameters, as far as they are known before they are filled.
func (c *compiler) fit(o *object, f *form) {
	v, _ := o.get("Parameters")
	if v == nil {
		v = map[string]any{}
	}
	f.fit(v, "Parameters", true, func(problem string) { c.schema(o.child("Parameters"), "%s", problem) })
}

// parameters checks the names that an optimised integration takes.
func (c *compiler) parameters(o *object, known optimised) {
	v, _ := o.get("Parameters")
	fields, _ := v.(map[string]any)
	at := o.child("Parameters")
	given := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		name := strings.TrimSuffix(key, ".$")
		given[name] = true
		if !slices.Contains(known.fields, name) && !slices.Contains(known.required, name) {
			c.schema(at, "The field '%s' is not supported by Step Functions", name)
		}
	}
	for _, name := range known.required {
		if !given[name] {
			c.schema(at, "The field '%s' is required but was missing", name)
		}
	}
}

package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/eventbridge"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/logs"
	"github.com/musterq/muster/internal/local/s3"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// stepFunctionsOptions joins Step Functions to its neighbours: it invokes
// functions, hears of jobs, and tells EventBridge, CloudWatch and logs of executions.
func (r *Runtime) stepFunctionsOptions() stepfunctions.Options {
	o := r.options.StepFunctions
	o.Seed = r.options.Seed
	o.Invoke = r.invoke
	o.JobEnded = r.Jobs.Ended
	count := o.Metric
	o.Metric = func(name, machine string, value float64) {
		r.CloudWatch.Count("AWS/States", name, "StateMachineArn", machine, value)
		if count != nil {
			count(name, machine, value)
		}
	}
	o.Log = r.vendedLog
	tell := o.OnStatus
	o.OnStatus = func(e stepfunctions.StatusEvent) {
		r.publishStatus(e)
		if tell != nil {
			tell(e)
		}
	}
	return o
}

func (r *Runtime) invoke(ctx context.Context, caller api.Caller, in stepfunctions.InvokeInput) (stepfunctions.InvokeOutput, error) {
	out, err := r.Lambda.Invoke(ctx, caller, &lambda.InvokeInput{
		FunctionName: in.FunctionName, InvocationType: in.InvocationType, LogType: in.LogType,
		ClientContext: in.ClientContext, Qualifier: in.Qualifier, Payload: in.Payload,
	})
	if err != nil {
		return stepfunctions.InvokeOutput{}, err
	}
	return stepfunctions.InvokeOutput{
		StatusCode: out.StatusCode, FunctionError: out.FunctionError, LogResult: out.LogResult,
		ExecutedVersion: out.ExecutedVersion, Payload: out.Payload,
	}, nil
}

// objects reads objects of S3 for who makes stacks and functions of them. There
// are no versions here: only the one that S3 calls null can be asked for.
func objects(router *api.Router) cloudformation.Object {
	return func(ctx context.Context, bucket, key, version string) ([]byte, error) {
		if version != "" && version != "null" {
			return nil, &api.Error{Code: "NoSuchVersion", Message: "The specified version does not exist.", Status: http.StatusNotFound}
		}
		input, err := json.Marshal(map[string]string{"Bucket": bucket, "Key": key})
		if err != nil {
			return nil, err
		}
		out, err := router.Call(ctx, "s3", "GetObject", api.Caller{}, input)
		if err != nil {
			return nil, err
		}
		object, ok := out.(*s3.GetObjectOutput)
		if !ok {
			return nil, fmt.Errorf("s3:GetObject answered a %T", out)
		}
		return object.Body, nil
	}
}

// publishStatus is best effort, as it is on AWS.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
func (r *Runtime) publishStatus(e stepfunctions.StatusEvent) {
	detail, err := json.Marshal(e)
	if err != nil {
		return
	}
	_ = r.Events.Publish(context.Background(), eventbridge.Event{
		Source: "aws.states", DetailType: "Step Functions Execution Status Change",
		Resources: []string{e.ExecutionARN}, Detail: detail,
	})
}

// embedded takes the metrics out of a log event that has some. What breaks the
// format is counted, as it is on AWS.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
func (r *Runtime) embedded(logGroup string, message []byte) {
	if err := r.CloudWatch.Embedded(message); err != nil {
		r.CloudWatch.Count("AWS/Logs", "EMFParsingErrors", "LogGroupName", logGroup, 1)
		r.Router.Emit(api.Call{Service: "logs", Operation: "EmbeddedMetrics", Input: logGroup}, api.AsError(err))
	}
}

// vendedLog takes what Step Functions logs of executions.
func (r *Runtime) vendedLog(logGroup, logStream string, message []byte) {
	r.Logs.Write(logGroup, logStream, message)
	r.Logs.Ingest(logGroup, len(message)+logs.Overhead)
}

// functionMetric is what Lambda tells CloudWatch of a function.
func (r *Runtime) functionMetric(name, function string, value float64) {
	r.CloudWatch.Count("AWS/Lambda", name, "FunctionName", function, value)
}

// queueMetric answers CloudWatch for the metrics of SQS queues.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func (r *Runtime) queueMetric(metric string, dimensions map[string]string) (float64, bool) {
	d, ok := r.SQS.Depth(dimensions["QueueName"])
	if !ok {
		return 0, false
	}
	switch metric {
	case "ApproximateNumberOfMessagesVisible":
		return float64(d.Visible), true
	case "ApproximateNumberOfMessagesNotVisible":
		return float64(d.NotVisible), true
	case "ApproximateNumberOfMessagesDelayed":
		return float64(d.Delayed), true
	case "ApproximateAgeOfOldestMessage":
		return d.OldestAge.Seconds(), true
	}
	return 0, false
}

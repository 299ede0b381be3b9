package stepfunctions

import (
	"maps"
	"slices"
)

// batchJob is arn:aws:states:::batch:submitJob, which has no
// ".waitForTaskToken": that is for the SDK integration.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html.
var batchJob = &jobService{
	service: "batch", start: "SubmitJob", describe: "DescribeJobs", stop: "TerminateJob",
	contentType: "application/json",
	dialect:     dialect{prefix: "Batch", base: "AWSBatchException", label: "AWSBatch", modelled: batchCodes},
	named:       []string{"Parameters", "Tags"},
	form: objectOf(members{
		"ArrayProperties": anything,
		"ContainerOverrides": objectOf(members{
			"Command": texts, "Environment": listOf(nameAndValue), "InstanceType": aText, "Memory": aNumber,
			"ResourceRequirements": listOf(typeAndValue), "Vcpus": aNumber,
		}),
		"DependsOn":     anything,
		"JobDefinition": aText,
		"JobName":       aText,
		"JobQueue":      aText,
		"Parameters":    entries,
		"PropagateTags": aFlag,
		"RetryStrategy": objectOf(members{
			"Attempts": aNumber,
			"EvaluateOnExit": listOf(objectOf(members{
				"Action": aText, "OnExitCode": aText, "OnReason": aText, "OnStatusReason": aText,
			})),
		}),
		"SchedulingPriorityOverride": aNumber,
		"ShareIdentifier":            aText,
		"Tags":                       entries,
		"Timeout":                    objectOf(members{"AttemptDurationSeconds": aNumber}),
	}, "JobDefinition", "JobName", "JobQueue"),
	mark: func(parameters map[string]any) map[string]any {
		// Recordings made on AWS show it in the container's environment.
		overrides, _ := parameters["ContainerOverrides"].(map[string]any)
		if overrides = maps.Clone(overrides); overrides == nil {
			overrides = map[string]any{}
		}
		environment, _ := overrides["Environment"].([]any)
		overrides["Environment"] = append(slices.Clone(environment), map[string]any{"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"})
		parameters["ContainerOverrides"] = overrides
		return parameters
	},
	job: func(started map[string]any) jobNames {
		id := textOf(started, "JobId")
		return jobNames{
			id:       id,
			describe: map[string]any{"jobs": []any{id}},
			stop:     map[string]any{"jobId": id, "reason": "Terminated by AWS Step Functions"},
		}
	},
	outcome: func(described map[string]any) jobOutcome {
		job := first(described, "Jobs")
		status := textOf(job, "Status")
		return jobOutcome{ended: status == "SUCCEEDED" || status == "FAILED", succeeded: status == "SUCCEEDED", result: job}
	},
}

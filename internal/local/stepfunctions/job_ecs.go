package stepfunctions

var nameAndValue = objectOf(members{"Name": aText, "Value": aText})

var typeAndValue = objectOf(members{"Type": aText, "Value": aText})

// ecsTask is arn:aws:states:::ecs:runTask. Without a pattern an answer with
// failures is a result, with one it fails the task.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html.
var ecsTask = &jobService{
	service: "ecs", start: "RunTask", describe: "DescribeTasks", stop: "StopTask",
	contentType: "application/x-amz-json-1.1",
	dialect:     dialect{prefix: "ECS", base: "AmazonECSException", label: "AmazonECS", modelled: ecsCodes},
	callback:    true,
	dates: []string{
		"ConnectivityAt", "CreatedAt", "ExecutionStoppedAt", "PullStartedAt", "PullStoppedAt", "StartedAt", "StoppedAt", "StoppingAt",
	},
	form: objectOf(members{
		"CapacityProviderStrategy": listOf(objectOf(members{"CapacityProvider": aText, "Base": aNumber, "Weight": aNumber})),
		"Cluster":                  aText,
		"EnableExecuteCommand":     aFlag,
		"Group":                    aText,
		"LaunchType":               aText,
		"NetworkConfiguration": objectOf(members{"AwsvpcConfiguration": objectOf(members{
			"AssignPublicIp": aText, "SecurityGroups": texts, "Subnets": texts,
		})}),
		"Overrides": objectOf(members{
			"ContainerOverrides": listOf(objectOf(members{
				"Command": texts, "Cpu": aNumber, "Environment": listOf(nameAndValue), "EnvironmentFiles": listOf(typeAndValue),
				"Memory": aNumber, "MemoryReservation": aNumber, "Name": aText, "ResourceRequirements": listOf(typeAndValue),
			})),
			"Cpu":                           aText,
			"EphemeralStorage":              objectOf(members{"SizeInGiB": aNumber}),
			"InferenceAcceleratorOverrides": listOf(objectOf(members{"DeviceName": aText, "DeviceType": aText})),
			"Memory":                        aText,
		}),
		"PlacementConstraints": listOf(objectOf(members{"Expression": aText, "Type": aText})),
		"PlacementStrategy":    listOf(objectOf(members{"Field": aText, "Type": aText})),
		"PlatformVersion":      aText,
		"PropagateTags":        aText,
		"TaskDefinition":       aText,
	}, "TaskDefinition"),
	mark: func(parameters map[string]any) map[string]any {
		// Recordings made on AWS show it among the scheduled parameters.
		parameters["StartedBy"] = "AWS Step Functions"
		return parameters
	},
	rejected: func(started map[string]any) *failure {
		if failures, _ := started["Failures"].([]any); len(failures) > 0 {
			return failed("AmazonECS.Unknown", "%s", encoded(started))
		}
		return nil
	},
	job: func(started map[string]any) jobNames {
		task := first(started, "Tasks")
		arn, cluster := textOf(task, "TaskArn"), textOf(task, "ClusterArn")
		return jobNames{
			id:       arn,
			describe: map[string]any{"cluster": cluster, "tasks": []any{arn}},
			stop:     map[string]any{"cluster": cluster, "task": arn},
		}
	},
	outcome: func(described map[string]any) jobOutcome {
		task := first(described, "Tasks")
		return jobOutcome{ended: textOf(task, "LastStatus") == "STOPPED", succeeded: exitedWell(task), result: task}
	},
}

// exitedWell tells whether every container of a task has run and exited with 0.
func exitedWell(task map[string]any) bool {
	containers, _ := task["Containers"].([]any)
	for _, c := range containers {
		container, _ := c.(map[string]any)
		if code, ok := numeric(container["ExitCode"]); !ok || code != 0 {
			return false
		}
	}
	return len(containers) > 0
}

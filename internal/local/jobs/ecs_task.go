package jobs

import (
	"maps"
	"slices"
	"time"
)

// task is a task of ECS.
type task struct {
	*run
	in                 *runTaskInput
	cluster, container string
	// clusterArn, definitionArn and containerArn name what it belongs to.
	clusterArn, definitionArn, containerArn string
	overrides                               taskOverride
	// What follows changes, with the service's lock held.
	version                 int
	stopCode, stoppedReason string
	exit                    *int
	reason                  string
}

func (t *task) id() string { return t.arn }

// newTask starts a task. The lock must be held.
func (s *Service) newTask(in *runTaskInput, cluster, family, container string, command Command) *task {
	r, stop := s.begin(family, s.account.ARN("ecs", "task/"+cluster+"/"+s.hex()), command)
	t := &task{
		run: r, in: in, cluster: cluster, container: container, version: 1,
		clusterArn:    s.account.ARN("ecs", "cluster/"+cluster),
		definitionArn: s.account.ARN("ecs", "task-definition/"+family+":1"),
		containerArn:  s.account.ARN("ecs", "container/"+cluster+"/"+r.arn[len(r.arn)-32:]+"/"+s.uuid()),
	}
	if in.Overrides != nil {
		t.overrides = *in.Overrides
	}
	t.overrides.ContainerOverrides = slices.Clone(t.overrides.ContainerOverrides)
	if len(t.overrides.ContainerOverrides) == 0 {
		t.overrides.ContainerOverrides = []containerOverride{{Name: container}}
	}
	var args []string
	env := map[string]string{}
	for i := range t.overrides.ContainerOverrides {
		o := &t.overrides.ContainerOverrides[i]
		args = o.Command
		maps.Copy(env, variables(o.Environment))
		o.Command, o.Environment = orEmpty(o.Command), orEmpty(o.Environment)
		o.EnvironmentFiles, o.ResourceRequirements = orEmpty(o.EnvironmentFiles), orEmpty(o.ResourceRequirements)
	}
	t.overrides.InferenceAcceleratorOverrides = orEmpty(t.overrides.InferenceAcceleratorOverrides)
	s.tasks.add(t)
	s.launch(stop, t.run, Run{
		Service: "ecs", Name: family, ID: t.arn, Args: args,
		Env: s.environment(map[string]string{"AWS_EXECUTION_ENV": executionEnv(in.LaunchType)}, env),
	}, t.end)
	return t
}

// executionEnv is what AWS_EXECUTION_ENV says in a container.
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func executionEnv(launchType string) string {
	if launchType == "FARGATE" {
		return "AWS_ECS_FARGATE"
	}
	return "AWS_ECS_EC2"
}

// end takes what the container came to. The lock must be held.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
func (t *task) end(e ending) {
	t.version++
	t.reason = e.reason
	switch {
	case e.unstarted:
		t.stopCode, t.stoppedReason = "TaskFailedToStart", e.reason
		t.started = time.Time{}
	default:
		t.exit = &e.exit
		if t.stopCode == "" {
			t.stopCode, t.stoppedReason = "EssentialContainerExited", "Essential container in task exited"
		}
	}
	t.finish()
}

// orEmpty is a list that is never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// shape describes the task as it is now. The lock must be held.
func (t *task) shape(withTags bool) taskShape {
	status, desired := "RUNNING", "RUNNING"
	switch {
	case !t.ended.IsZero():
		status, desired = "STOPPED", "STOPPED"
	case !t.stopping.IsZero():
		desired = "STOPPED"
	}
	shape := taskShape{
		Attachments: []struct{}{}, Attributes: []struct{}{}, InferenceAccelerators: []struct{}{}, Tags: []tag{},
		ClusterArn:   t.clusterArn,
		Connectivity: "CONNECTED", ConnectivityAt: seconds(t.created),
		Containers: []containerShape{{
			ContainerArn: t.containerArn, CPU: "0", ExitCode: t.exit, GpuIDs: []string{}, LastStatus: status,
			ManagedAgents: []struct{}{}, Name: t.container, NetworkBindings: []struct{}{}, NetworkInterfaces: []struct{}{},
			Reason: t.reason, TaskArn: t.arn,
		}},
		CPU: t.overrides.CPU, Memory: t.overrides.Memory,
		CreatedAt: seconds(t.created), StartedAt: seconds(t.started),
		DesiredStatus: desired, LastStatus: status,
		EnableExecuteCommand: t.in.EnableExecuteCommand, EphemeralStorage: t.overrides.EphemeralStorage,
		Group: t.in.Group, LaunchType: t.in.LaunchType, Overrides: t.overrides,
		PlatformVersion: t.in.PlatformVersion, StartedBy: t.in.StartedBy,
		StopCode: t.stopCode, StoppedReason: t.stoppedReason,
		StoppingAt: seconds(t.stopping), ExecutionStoppedAt: seconds(t.ended), StoppedAt: seconds(t.ended),
		TaskArn: t.arn, TaskDefinitionArn: t.definitionArn, Version: t.version,
	}
	if shape.Group == "" {
		shape.Group = "family:" + t.name
	}
	if shape.LaunchType == "" && len(t.in.CapacityProviderStrategy) == 0 {
		shape.LaunchType = "EC2"
	}
	if withTags && t.in.Tags != nil {
		shape.Tags = t.in.Tags
	}
	return shape
}

package jobs

import (
	"context"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// ECS's limits.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
const (
	maxTasks     = 10
	maxDescribed = 100
)

// invalid is ECS's answer to parameters that it cannot take.
func invalid(format string, args ...any) error {
	return api.Errorf("InvalidParameterException", format, args...)
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
func (s *Service) runTask(_ context.Context, _ api.Caller, in *runTaskInput) (*runTaskOutput, error) {
	cluster, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if in.TaskDefinition == "" {
		return nil, invalid("TaskDefinition can not be blank.")
	}
	family, command, ok := s.definition("ecs", "task-definition/", in.TaskDefinition)
	if !ok {
		return nil, api.Errorf("ClientException", "TaskDefinition not found.")
	}
	container := s.options.Containers[family]
	if container == "" {
		container = family
	}
	if err := in.check(container); err != nil {
		return nil, err
	}
	count := 1
	if in.Count != nil {
		count = *in.Count
	}
	if count < 1 || count > maxTasks {
		return nil, invalid("Count must be between 1 and %d, not %d.", maxTasks, count)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.closed(); err != nil {
		return nil, err
	}
	out := &runTaskOutput{Failures: []failure{}}
	for range count {
		shape := s.newTask(in, cluster, family, container, command).shape(true)
		shape.LastStatus, shape.StartedAt, shape.Containers[0].LastStatus = "PROVISIONING", nil, "PENDING"
		shape.Connectivity, shape.ConnectivityAt = "", nil
		out.Tasks = append(out.Tasks, shape)
	}
	return out, nil
}

// check refuses what the embedded ECS can tell to be wrong.
func (in *runTaskInput) check(container string) error {
	switch {
	case !oneOf(in.LaunchType, "EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"):
		return invalid("launchType should be one of [EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES], not %s.", in.LaunchType)
	case !oneOf(in.PropagateTags, "TASK_DEFINITION", "NONE"):
		return invalid("propagateTags should be one of [TASK_DEFINITION, NONE], not %s.", in.PropagateTags)
	case in.LaunchType != "" && len(in.CapacityProviderStrategy) > 0:
		return invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case in.LaunchType == "FARGATE" && in.NetworkConfiguration == nil:
		return invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case in.NetworkConfiguration != nil && len(in.NetworkConfiguration.AwsvpcConfiguration.Subnets) == 0:
		return invalid("subnets can not be empty.")
	case in.NetworkConfiguration != nil && !oneOf(in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIP, "ENABLED", "DISABLED"):
		return invalid("assignPublicIp should be one of [ENABLED, DISABLED], not %s.", in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIP)
	case len(in.StartedBy) > 128:
		return invalid("startedBy must be at most 128 characters.")
	case in.Overrides == nil:
		return nil
	}
	if n, err := characters(in.Overrides.compact()); err != nil {
		return err
	} else if n > maxOverrides {
		return invalid(tooLongOverrides)
	}
	for _, o := range in.Overrides.ContainerOverrides {
		if o.Name != container {
			return invalid("Override for container named %s is not a container in the TaskDefinition.", o.Name)
		}
		if len(o.EnvironmentFiles) > 0 {
			return invalid("The embedded runtime does not read environment files: give the variables themselves.")
		}
	}
	return nil
}

// compact is an override as a client writes it, without the lists that it has
// not given, for its length.
func (o *taskOverride) compact() any {
	type override struct {
		Command              []string      `json:"command,omitempty"`
		CPU                  *int          `json:"cpu,omitempty"`
		Environment          []pair        `json:"environment,omitempty"`
		Memory               *int          `json:"memory,omitempty"`
		MemoryReservation    *int          `json:"memoryReservation,omitempty"`
		Name                 string        `json:"name,omitempty"`
		ResourceRequirements []requirement `json:"resourceRequirements,omitempty"`
	}
	all := make([]override, len(o.ContainerOverrides))
	for i, c := range o.ContainerOverrides {
		all[i] = override{c.Command, c.CPU, c.Environment, c.Memory, c.MemoryReservation, c.Name, c.ResourceRequirements}
	}
	return map[string]any{"containerOverrides": all}
}

// cluster is a cluster's name. There is no list of clusters.
func (s *Service) cluster(name string) (string, error) {
	if name == "" {
		return "default", nil
	}
	cluster, ok := s.own("ecs", "cluster/", name)
	if !ok {
		return "", api.Errorf("ClusterNotFoundException", "Cluster not found.")
	}
	return cluster, nil
}

// taskNamed finds a task by its ID or its ARN. The lock must be held.
func (s *Service) taskNamed(cluster, name string) (*task, string, bool) {
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = s.account.ARN("ecs", "task/"+cluster+"/"+name)
	}
	t, ok := s.tasks.find(arn)
	return t, arn, ok && t.cluster == cluster
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
func (s *Service) describeTasks(_ context.Context, _ api.Caller, in *describeTasksInput) (*runTaskOutput, error) {
	cluster, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) == 0 {
		return nil, invalid("Tasks cannot be empty.")
	}
	if len(in.Tasks) > maxDescribed {
		return nil, invalid("Tasks can have at most %d items.", maxDescribed)
	}
	withTags := false
	for _, field := range in.Include {
		if field != "TAGS" {
			return nil, invalid("include should be one of [TAGS], not %s.", field)
		}
		withTags = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &runTaskOutput{Failures: []failure{}, Tasks: []taskShape{}}
	for _, name := range in.Tasks {
		t, arn, ok := s.taskNamed(cluster, name)
		if !ok {
			out.Failures = append(out.Failures, failure{Arn: arn, Reason: "MISSING"})
			continue
		}
		out.Tasks = append(out.Tasks, t.shape(withTags))
	}
	return out, nil
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
func (s *Service) stopTask(_ context.Context, _ api.Caller, in *stopTaskInput) (*stopTaskOutput, error) {
	cluster, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Reason) > 1024 {
		return nil, invalid("reason must be at most 1024 characters.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, _, ok := s.taskNamed(cluster, in.Task)
	if !ok {
		return nil, invalid("The referenced task was not found.")
	}
	if t.halt() {
		t.stopCode, t.stoppedReason = "UserInitiated", in.Reason
		t.version++
	}
	return &stopTaskOutput{Task: t.shape(true)}, nil
}

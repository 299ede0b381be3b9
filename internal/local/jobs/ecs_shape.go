package jobs

// runTaskInput is without what would have an effect that is not there: volumes,
// client tokens, reference IDs.
type runTaskInput struct {
	CapacityProviderStrategy []struct {
		CapacityProvider string `json:"capacityProvider"`
		Base             int    `json:"base"`
		Weight           int    `json:"weight"`
	} `json:"capacityProviderStrategy"`
	Cluster              string                `json:"cluster"`
	Count                *int                  `json:"count"`
	EnableECSManagedTags bool                  `json:"enableECSManagedTags"`
	EnableExecuteCommand bool                  `json:"enableExecuteCommand"`
	Group                string                `json:"group"`
	LaunchType           string                `json:"launchType"`
	NetworkConfiguration *networkConfiguration `json:"networkConfiguration"`
	Overrides            *taskOverride         `json:"overrides"`
	PlacementConstraints []struct {
		Expression string `json:"expression"`
		Type       string `json:"type"`
	} `json:"placementConstraints"`
	PlacementStrategy []struct {
		Field string `json:"field"`
		Type  string `json:"type"`
	} `json:"placementStrategy"`
	PlatformVersion string `json:"platformVersion"`
	PropagateTags   string `json:"propagateTags"`
	StartedBy       string `json:"startedBy"`
	Tags            []tag  `json:"tags"`
	TaskDefinition  string `json:"taskDefinition"`
}

type networkConfiguration struct {
	AwsvpcConfiguration struct {
		AssignPublicIP string   `json:"assignPublicIp"`
		SecurityGroups []string `json:"securityGroups"`
		Subnets        []string `json:"subnets"`
	} `json:"awsvpcConfiguration"`
}

type taskOverride struct {
	ContainerOverrides            []containerOverride `json:"containerOverrides"`
	CPU                           string              `json:"cpu,omitempty"`
	EphemeralStorage              *ephemeralStorage   `json:"ephemeralStorage,omitempty"`
	ExecutionRoleArn              string              `json:"executionRoleArn,omitempty"`
	InferenceAcceleratorOverrides []struct {
		DeviceName string `json:"deviceName"`
		DeviceType string `json:"deviceType"`
	} `json:"inferenceAcceleratorOverrides"`
	Memory      string `json:"memory,omitempty"`
	TaskRoleArn string `json:"taskRoleArn,omitempty"`
}

type ephemeralStorage struct {
	SizeInGiB int `json:"sizeInGiB"`
}

type containerOverride struct {
	Command              []string      `json:"command"`
	CPU                  *int          `json:"cpu,omitempty"`
	Environment          []pair        `json:"environment"`
	EnvironmentFiles     []requirement `json:"environmentFiles"`
	Memory               *int          `json:"memory,omitempty"`
	MemoryReservation    *int          `json:"memoryReservation,omitempty"`
	Name                 string        `json:"name,omitempty"`
	ResourceRequirements []requirement `json:"resourceRequirements"`
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type runTaskOutput struct {
	Failures []failure   `json:"failures"`
	Tasks    []taskShape `json:"tasks"`
}

// failure is what could not be done for one of several.
type failure struct {
	Arn    string `json:"arn,omitempty"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// taskShape has the members that ECS gives of a task, empty lists included. What
// belongs to an image, a network or a host is empty: there is none.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
type taskShape struct {
	Attachments           []struct{}        `json:"attachments"`
	Attributes            []struct{}        `json:"attributes"`
	ClusterArn            string            `json:"clusterArn"`
	Connectivity          string            `json:"connectivity,omitempty"`
	ConnectivityAt        *float64          `json:"connectivityAt,omitempty"`
	Containers            []containerShape  `json:"containers"`
	CPU                   string            `json:"cpu,omitempty"`
	CreatedAt             *float64          `json:"createdAt"`
	DesiredStatus         string            `json:"desiredStatus"`
	EnableExecuteCommand  bool              `json:"enableExecuteCommand"`
	EphemeralStorage      *ephemeralStorage `json:"ephemeralStorage,omitempty"`
	ExecutionStoppedAt    *float64          `json:"executionStoppedAt,omitempty"`
	Group                 string            `json:"group"`
	InferenceAccelerators []struct{}        `json:"inferenceAccelerators"`
	LastStatus            string            `json:"lastStatus"`
	LaunchType            string            `json:"launchType,omitempty"`
	Memory                string            `json:"memory,omitempty"`
	Overrides             taskOverride      `json:"overrides"`
	PlatformVersion       string            `json:"platformVersion,omitempty"`
	PullStartedAt         *float64          `json:"pullStartedAt,omitempty"`
	PullStoppedAt         *float64          `json:"pullStoppedAt,omitempty"`
	StartedAt             *float64          `json:"startedAt,omitempty"`
	StartedBy             string            `json:"startedBy,omitempty"`
	StopCode              string            `json:"stopCode,omitempty"`
	StoppedAt             *float64          `json:"stoppedAt,omitempty"`
	StoppedReason         string            `json:"stoppedReason,omitempty"`
	StoppingAt            *float64          `json:"stoppingAt,omitempty"`
	Tags                  []tag             `json:"tags"`
	TaskArn               string            `json:"taskArn"`
	TaskDefinitionArn     string            `json:"taskDefinitionArn"`
	Version               int               `json:"version"`
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html
type containerShape struct {
	ContainerArn      string     `json:"containerArn"`
	CPU               string     `json:"cpu"`
	ExitCode          *int       `json:"exitCode,omitempty"`
	GpuIDs            []string   `json:"gpuIds"`
	LastStatus        string     `json:"lastStatus"`
	ManagedAgents     []struct{} `json:"managedAgents"`
	Name              string     `json:"name"`
	NetworkBindings   []struct{} `json:"networkBindings"`
	NetworkInterfaces []struct{} `json:"networkInterfaces"`
	Reason            string     `json:"reason,omitempty"`
	TaskArn           string     `json:"taskArn"`
}

type describeTasksInput struct {
	Cluster string   `json:"cluster"`
	Include []string `json:"include"`
	Tasks   []string `json:"tasks"`
}

type stopTaskInput struct {
	Cluster string `json:"cluster"`
	Reason  string `json:"reason"`
	Task    string `json:"task"`
}

type stopTaskOutput struct {
	Task taskShape `json:"task"`
}

package jobs

// submitJobInput is without what would have an effect that is not there: arrays,
// dependencies, conditions of retries, nodes, pods.
type submitJobInput struct {
	ContainerOverrides         *jobOverrides     `json:"containerOverrides,omitempty"`
	JobDefinition              string            `json:"jobDefinition"`
	JobName                    string            `json:"jobName"`
	JobQueue                   string            `json:"jobQueue"`
	Parameters                 map[string]string `json:"parameters,omitempty"`
	PropagateTags              bool              `json:"propagateTags,omitempty"`
	RetryStrategy              *retryStrategy    `json:"retryStrategy,omitempty"`
	SchedulingPriorityOverride *int              `json:"schedulingPriorityOverride,omitempty"`
	ShareIdentifier            string            `json:"shareIdentifier,omitempty"`
	Tags                       map[string]string `json:"tags,omitempty"`
	Timeout                    *jobTimeout       `json:"timeout,omitempty"`
}

type jobOverrides struct {
	Command              []string      `json:"command,omitempty"`
	Environment          []pair        `json:"environment,omitempty"`
	InstanceType         string        `json:"instanceType,omitempty"`
	Memory               int           `json:"memory,omitempty"`
	ResourceRequirements []requirement `json:"resourceRequirements,omitempty"`
	Vcpus                int           `json:"vcpus,omitempty"`
}

type retryStrategy struct {
	Attempts int `json:"attempts"`
}

type jobTimeout struct {
	AttemptDurationSeconds int `json:"attemptDurationSeconds"`
}

type submitJobOutput struct {
	JobArn  string `json:"jobArn"`
	JobID   string `json:"jobId"`
	JobName string `json:"jobName"`
}

type describeJobsInput struct {
	Jobs []string `json:"jobs"`
}

type describeJobsOutput struct {
	Jobs []jobDetail `json:"jobs"`
}

// jobDetail has the members that Batch gives of a container job. What belongs to
// an image or a host is empty: there is none.
// https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html
type jobDetail struct {
	Attempts           []attemptDetail   `json:"attempts"`
	Container          containerDetail   `json:"container"`
	CreatedAt          *int64            `json:"createdAt"`
	DependsOn          []struct{}        `json:"dependsOn"`
	IsCancelled        bool              `json:"isCancelled"`
	IsTerminated       bool              `json:"isTerminated"`
	JobArn             string            `json:"jobArn"`
	JobDefinition      string            `json:"jobDefinition"`
	JobID              string            `json:"jobId"`
	JobName            string            `json:"jobName"`
	JobQueue           string            `json:"jobQueue"`
	Parameters         map[string]string `json:"parameters"`
	PropagateTags      bool              `json:"propagateTags"`
	RetryStrategy      retryStrategy     `json:"retryStrategy"`
	SchedulingPriority *int              `json:"schedulingPriority,omitempty"`
	ShareIdentifier    string            `json:"shareIdentifier,omitempty"`
	StartedAt          *int64            `json:"startedAt,omitempty"`
	Status             string            `json:"status"`
	StatusReason       string            `json:"statusReason,omitempty"`
	StoppedAt          *int64            `json:"stoppedAt,omitempty"`
	Tags               map[string]string `json:"tags"`
	Timeout            *jobTimeout       `json:"timeout,omitempty"`
}

// https://docs.aws.amazon.com/batch/latest/APIReference/API_AttemptDetail.html
type attemptDetail struct {
	Container    attemptContainer `json:"container"`
	StartedAt    *int64           `json:"startedAt,omitempty"`
	StatusReason string           `json:"statusReason,omitempty"`
	StoppedAt    *int64           `json:"stoppedAt,omitempty"`
}

type attemptContainer struct {
	ExitCode          *int       `json:"exitCode,omitempty"`
	LogStreamName     string     `json:"logStreamName,omitempty"`
	NetworkInterfaces []struct{} `json:"networkInterfaces"`
	Reason            string     `json:"reason,omitempty"`
}

// https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerDetail.html
type containerDetail struct {
	Command              []string      `json:"command"`
	Environment          []pair        `json:"environment"`
	ExitCode             *int          `json:"exitCode,omitempty"`
	LogStreamName        string        `json:"logStreamName,omitempty"`
	Memory               int           `json:"memory,omitempty"`
	MountPoints          []struct{}    `json:"mountPoints"`
	NetworkInterfaces    []struct{}    `json:"networkInterfaces"`
	Reason               string        `json:"reason,omitempty"`
	ResourceRequirements []requirement `json:"resourceRequirements"`
	Secrets              []struct{}    `json:"secrets"`
	Ulimits              []struct{}    `json:"ulimits"`
	Vcpus                int           `json:"vcpus,omitempty"`
	Volumes              []struct{}    `json:"volumes"`
}

type terminateJobInput struct {
	JobID  string `json:"jobId"`
	Reason string `json:"reason"`
}

type emptyOutput struct{}

package jobs

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// build is a build of CodeBuild.
type build struct {
	*run
	in         *startBuildInput
	buildID    string
	number     int64
	minutes    int
	initiator  string
	projectArn string
	// What follows changes, with the service's lock held.
	stopped bool
	status  string
	context phaseContext
}

func (b *build) id() string { return b.buildID }

// newBuild starts a build. The lock must be held.
func (s *Service) newBuild(in *startBuildInput, project string, command Command, minutes int, initiator string) *build {
	id := project + ":" + s.uuid()
	r, stop := s.begin(project, s.account.ARN("codebuild", "build/"+id), command)
	s.numbers[project]++
	b := &build{
		run: r, in: in, buildID: id, number: s.numbers[project], minutes: minutes, initiator: initiator,
		projectArn: s.account.ARN("codebuild", "project/"+project), status: "IN_PROGRESS",
	}
	env := map[string]string{}
	if in.SourceVersion != "" {
		env["CODEBUILD_SOURCE_VERSION"] = in.SourceVersion
	}
	for _, v := range in.EnvironmentVariablesOverride {
		env[v.Name] = v.Value
	}
	s.builds.add(b)
	limited, late := context.WithTimeout(stop, time.Duration(minutes)*time.Minute)
	// https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
	s.launch(limited, r, Run{
		Service: "codebuild", Name: project, ID: id,
		Env: s.environment(map[string]string{
			"CODEBUILD_BUILD_ARN":        r.arn,
			"CODEBUILD_BUILD_ID":         id,
			"CODEBUILD_BUILD_NUMBER":     strconv.FormatInt(b.number, 10),
			"CODEBUILD_BUILD_SUCCEEDING": "1",
			"CODEBUILD_INITIATOR":        initiator,
			"CODEBUILD_PROJECT_ARN":      b.projectArn,
			"CODEBUILD_START_TIME":       strconv.FormatInt(r.created.UnixMilli(), 10),
		}, env),
	}, func(e ending) {
		timedOut := limited.Err() == context.DeadlineExceeded
		late()
		b.end(e, timedOut)
	})
	return b
}

// end takes what the build came to. The lock must be held.
func (b *build) end(e ending, timedOut bool) {
	switch {
	case b.stopped:
		b.status = "STOPPED"
	case timedOut:
		b.status, b.context = "TIMED_OUT", phaseContext{"BUILD_TIMED_OUT", "Build has timed out. "}
	case e.unstarted:
		b.status, b.context = "FAILED", phaseContext{"COMMAND_EXECUTION_ERROR", e.reason}
	case e.exit != 0:
		reason := fmt.Sprintf("exit status %d", e.exit)
		if e.reason != "" {
			reason += ": " + e.reason
		}
		b.status, b.context = "FAILED", phaseContext{"COMMAND_EXECUTION_ERROR", "Error while executing command: " + b.name + ". Reason: " + reason}
	default:
		b.status = "SUCCEEDED"
	}
	b.finish()
}

// buildShape has the members that CodeBuild gives of a build. What belongs to a
// source, an image or an artifact is left out: there is none.
// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
type buildShape struct {
	Arn                    string           `json:"arn"`
	BuildComplete          bool             `json:"buildComplete"`
	BuildNumber            int64            `json:"buildNumber"`
	BuildStatus            string           `json:"buildStatus"`
	CurrentPhase           string           `json:"currentPhase"`
	EndTime                *float64         `json:"endTime,omitempty"`
	Environment            buildEnvironment `json:"environment"`
	ID                     string           `json:"id"`
	Initiator              string           `json:"initiator"`
	Phases                 []phase          `json:"phases"`
	ProjectName            string           `json:"projectName"`
	QueuedTimeoutInMinutes int              `json:"queuedTimeoutInMinutes"`
	SourceVersion          string           `json:"sourceVersion,omitempty"`
	StartTime              *float64         `json:"startTime"`
	TimeoutInMinutes       int              `json:"timeoutInMinutes"`
}

type buildEnvironment struct {
	EnvironmentVariables []variable `json:"environmentVariables"`
}

// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BuildPhase.html
type phase struct {
	Contexts          []phaseContext `json:"contexts,omitempty"`
	DurationInSeconds *int64         `json:"durationInSeconds,omitempty"`
	EndTime           *float64       `json:"endTime,omitempty"`
	PhaseStatus       string         `json:"phaseStatus,omitempty"`
	PhaseType         string         `json:"phaseType"`
	StartTime         *float64       `json:"startTime"`
}

type phaseContext struct {
	StatusCode string `json:"statusCode"`
	Message    string `json:"message"`
}

// shape describes the build as it is now. The lock must be held.
func (b *build) shape() buildShape {
	shape := buildShape{
		Arn: b.arn, BuildComplete: !b.ended.IsZero(), BuildNumber: b.number, BuildStatus: b.status, CurrentPhase: "BUILD",
		EndTime: seconds(b.ended), Environment: buildEnvironment{EnvironmentVariables: []variable{}},
		ID: b.buildID, Initiator: b.initiator, ProjectName: b.name, QueuedTimeoutInMinutes: defaultQueuedMinutes,
		SourceVersion: b.in.SourceVersion, StartTime: seconds(b.created), TimeoutInMinutes: b.minutes,
	}
	for _, v := range b.in.EnvironmentVariablesOverride {
		if v.Type == "" {
			v.Type = "PLAINTEXT"
		}
		shape.Environment.EnvironmentVariables = append(shape.Environment.EnvironmentVariables, v)
	}
	running := phase{PhaseType: "BUILD", StartTime: seconds(b.created)}
	if !b.ended.IsZero() {
		took := int64(b.ended.Sub(b.created).Seconds())
		running.DurationInSeconds, running.EndTime, running.PhaseStatus = &took, seconds(b.ended), b.status
		if b.context.StatusCode != "" {
			running.Contexts = []phaseContext{b.context}
		}
	}
	shape.Phases = []phase{running}
	if shape.BuildComplete {
		shape.CurrentPhase = "COMPLETED"
		shape.Phases = append(shape.Phases, phase{PhaseType: "COMPLETED", StartTime: seconds(b.ended)})
	}
	return shape
}

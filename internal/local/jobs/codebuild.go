package jobs

import (
	"context"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// CodeBuild's limits.
// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
const (
	defaultBuildMinutes  = 60
	minBuildMinutes      = 5
	maxBuildMinutes      = 2160
	defaultQueuedMinutes = 480
	maxBuilds            = 100
)

// startBuildInput is without what would have an effect that is not there:
// sources, images, buildspecs, artifacts, tokens.
type startBuildInput struct {
	EnvironmentVariablesOverride []variable `json:"environmentVariablesOverride"`
	ProjectName                  string     `json:"projectName"`
	SourceVersion                string     `json:"sourceVersion"`
	TimeoutInMinutesOverride     *int       `json:"timeoutInMinutesOverride"`
}

type variable struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

type startBuildOutput struct {
	Build buildShape `json:"build"`
}

type batchGetBuildsInput struct {
	IDs []string `json:"ids"`
}

type batchGetBuildsOutput struct {
	Builds         []buildShape `json:"builds"`
	BuildsNotFound []string     `json:"buildsNotFound"`
}

type stopBuildInput struct {
	ID string `json:"id"`
}

func badInput(format string, args ...any) error {
	return api.Errorf("InvalidInputException", format, args...)
}

// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
func (s *Service) startBuild(_ context.Context, caller api.Caller, in *startBuildInput) (*startBuildOutput, error) {
	if in.ProjectName == "" {
		return nil, badInput("Project name is required")
	}
	// Projects have no revisions; names of ARNs are taken, as CodeBuild takes them.
	name, ok := s.own("codebuild", "project/", in.ProjectName)
	command := s.options.Commands[name]
	if !ok || command == nil {
		arn := in.ProjectName
		if !strings.HasPrefix(arn, "arn:") {
			arn = s.account.ARN("codebuild", "project/"+arn)
		}
		return nil, api.Errorf("ResourceNotFoundException", "Project cannot be found: %s", arn)
	}
	minutes := defaultBuildMinutes
	if in.TimeoutInMinutesOverride != nil {
		minutes = *in.TimeoutInMinutesOverride
	}
	if minutes < minBuildMinutes || minutes > maxBuildMinutes {
		return nil, badInput("Invalid timeoutInMinutes: must be between %d and %d", minBuildMinutes, maxBuildMinutes)
	}
	if err := checkVariables(in.EnvironmentVariablesOverride); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.closed(); err != nil {
		return nil, err
	}
	return &startBuildOutput{Build: s.newBuild(in, name, command, minutes, initiator(caller)).shape()}, nil
}

func checkVariables(all []variable) error {
	var names []string
	for _, v := range all {
		switch {
		case v.Name == "":
			return badInput("Environment variable name is required")
		case !oneOf(v.Type, "PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"):
			return badInput("Invalid environment variable type: %s", v.Type)
		case v.Type != "" && v.Type != "PLAINTEXT":
			return badInput("The embedded runtime has no %s: give the variable %s as PLAINTEXT.", v.Type, v.Name)
		case slices.Contains(names, v.Name):
			return badInput("Duplicate environment variable name: %s", v.Name)
		}
		names = append(names, v.Name)
	}
	return nil
}

// initiator is who started a build: a role's session or the account's own user.
func initiator(c api.Caller) string {
	if c.RoleARN == "" {
		return "root"
	}
	return c.RoleARN[strings.LastIndexByte(c.RoleARN, '/')+1:]
}

// buildNamed finds a build by its ID or its ARN. The lock must be held.
func (s *Service) buildNamed(name string) (*build, bool) {
	return s.builds.find(strings.TrimPrefix(name, s.account.ARN("codebuild", "build/")))
}

// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetBuilds.html
func (s *Service) batchGetBuilds(_ context.Context, _ api.Caller, in *batchGetBuildsInput) (*batchGetBuildsOutput, error) {
	if n := len(in.IDs); n < 1 || n > maxBuilds {
		return nil, badInput("Invalid number of build IDs: must be between 1 and %d", maxBuilds)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &batchGetBuildsOutput{Builds: []buildShape{}, BuildsNotFound: []string{}}
	for _, id := range in.IDs {
		if b, ok := s.buildNamed(id); ok {
			out.Builds = append(out.Builds, b.shape())
		} else {
			out.BuildsNotFound = append(out.BuildsNotFound, id)
		}
	}
	return out, nil
}

// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StopBuild.html
func (s *Service) stopBuild(_ context.Context, _ api.Caller, in *stopBuildInput) (*startBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buildNamed(in.ID)
	if !ok {
		return nil, api.Errorf("ResourceNotFoundException", "Build cannot be found: %s", in.ID)
	}
	if b.halt() {
		b.stopped = true
	}
	return &startBuildOutput{Build: b.shape()}, nil
}

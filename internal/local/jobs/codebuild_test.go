package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/jobs"
)

func (r *rig) build(more string) string {
	r.t.Helper()
	return r.must("codebuild:StartBuild", `{"projectName":"work"`+more+`}`)["build"].(map[string]any)["id"].(string)
}

func TestBuildEnvironment(t *testing.T) {
	runs := make(chan jobs.Run, 1)
	work := func(_ context.Context, r jobs.Run) (int, string) { runs <- r; return 0, "" }
	bubble(t, work, func(t *testing.T, r *rig) {
		id := r.build(`,"sourceVersion":"v1","environmentVariablesOverride":[{"name":"N","value":"v"}]`)
		in := <-runs
		for name, value := range map[string]string{
			"N": "v", "CODEBUILD_BUILD_ID": id, "CODEBUILD_BUILD_ARN": "arn:aws:codebuild:eu-west-1:123456789012:build/" + id,
			"CODEBUILD_BUILD_NUMBER": "1", "CODEBUILD_INITIATOR": "states", "CODEBUILD_SOURCE_VERSION": "v1",
		} {
			assert.Equal(t, value, in.Env[name], name)
		}
	})
}

func TestBuildEnds(t *testing.T) {
	for name, c := range map[string]struct {
		after  time.Duration
		code   int
		more   string
		stop   bool
		status string
	}{
		"well":                  {after: time.Minute, status: "SUCCEEDED"},
		"badly":                 {after: time.Minute, code: 2, status: "FAILED"},
		"when it is stopped":    {after: time.Hour, stop: true, status: "STOPPED"},
		"when its time is over": {after: 10 * time.Minute, more: `,"timeoutInMinutesOverride":5`, status: "TIMED_OUT"},
		"after an hour":         {after: 3 * time.Hour, status: "TIMED_OUT"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, exits(c.code, c.after), func(t *testing.T, r *rig) {
				id := r.build(c.more)
				assert.Equal(t, "IN_PROGRESS", r.describeBuild(id)["buildStatus"])
				if c.stop {
					r.must("codebuild:StopBuild", `{"id":"`+id+`"}`)
				}
				time.Sleep(61 * time.Minute)
				build := r.describeBuild(id)
				assert.Equal(t, []any{c.status, true, "COMPLETED"}, []any{build["buildStatus"], build["buildComplete"], build["currentPhase"]})
			})
		})
	}
}

func TestBuildsThatCodeBuildRefuses(t *testing.T) {
	for input, want := range map[string]string{
		`{"projectName":"other"}`: "ResourceNotFoundException: Project cannot be found: arn:aws:codebuild:eu-west-1:123456789012:project/other",
		`{"projectName":"work","environmentVariablesOverride":[{"name":"N","value":"v","type":"SECRETS_MANAGER"}]}`: "InvalidInputException: The embedded runtime has no SECRETS_MANAGER: give the variable N as PLAINTEXT.",
		`{"projectName":"work","timeoutInMinutesOverride":4}`:                                                       "InvalidInputException: Invalid timeoutInMinutes: must be between 5 and 2160",
		`{"projectName":"work","buildspecOverride":"x"}`:                                                            `ValidationException: The embedded runtime does not know the member "buildspecOverride" of startBuildInput.`,
	} {
		bubble(t, exits(0, 0), func(t *testing.T, r *rig) {
			_, err := r.call("codebuild:StartBuild", input)
			assert.EqualError(t, err, want)
		})
	}
}

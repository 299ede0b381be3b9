package jobs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/jobs"
)

func (r *rig) job(more string) string {
	r.t.Helper()
	return r.must("batch:SubmitJob", `{"jobName":"j","jobQueue":"arn:aws:batch:eu-west-1:123456789012:job-queue/q","jobDefinition":"work"`+more+`}`)["jobId"].(string)
}

// https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
func TestJobIsRetried(t *testing.T) {
	var attempts []string
	work := func(_ context.Context, r jobs.Run) (int, string) {
		attempts = append(attempts, r.Env["AWS_BATCH_JOB_ATTEMPT"]+" "+strings.Join(r.Args, " "))
		<-time.After(time.Minute)
		if len(attempts) == 1 {
			return 1, "out of luck"
		}
		return 0, ""
	}
	bubble(t, work, func(t *testing.T, r *rig) {
		id := r.job(`,"retryStrategy":{"attempts":3},"parameters":{"x":"y"},"containerOverrides":{"command":["a","Ref::x","Ref::z"]}`)
		time.Sleep(time.Second)
		assert.Equal(t, "RUNNING", r.describeJob(id)["status"])
		time.Sleep(3 * time.Minute)
		job := r.describeJob(id)
		assert.Equal(t, []any{"SUCCEEDED", 2}, []any{job["status"], len(job["attempts"].([]any))})
		assert.Equal(t, map[string]any{"exitCode": 1.0, "reason": "out of luck", "networkInterfaces": []any{}}, one(job, "attempts")["container"])
		assert.Equal(t, []string{"1 a y Ref::z", "2 a y Ref::z"}, attempts)
	})
}

func TestJobEnds(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		code  int
		more  string
		end   func(r *rig, id string)
		want  []any
	}{
		"with a failure": {time.Minute, 2, "", nil, []any{"FAILED", "Essential container in task exited", 2.0}},
		"when its time is over": {
			time.Hour, 0, `,"timeout":{"attemptDurationSeconds":60},"retryStrategy":{"attempts":2}`, nil,
			[]any{"FAILED", "Job attempt duration exceeded timeout", 143.0},
		},
		"when it is terminated": {
			time.Hour, 0, `,"retryStrategy":{"attempts":2}`,
			func(r *rig, id string) { r.must("batch:TerminateJob", `{"jobId":"`+id+`","reason":"enough"}`) },
			[]any{"FAILED", "enough", 143.0},
		},
		"with overrides that ECS refuses": {
			time.Minute, 0, `,"containerOverrides":{"command":["` + strings.Repeat("x", 8192) + `"]}`, nil,
			[]any{"FAILED", "Container Overrides length must be at most 8192", nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, exits(c.code, c.after), func(t *testing.T, r *rig) {
				id := r.job(c.more)
				time.Sleep(time.Second)
				if c.end != nil {
					c.end(r, id)
				}
				time.Sleep(2 * time.Minute)
				job := r.describeJob(id)
				assert.Equal(t, c.want, []any{job["status"], job["statusReason"], job["container"].(map[string]any)["exitCode"]})
			})
		})
	}
}

func TestJobsThatBatchRefuses(t *testing.T) {
	const rest = `"jobName":"j","jobQueue":"q"`
	for input, want := range map[string]string{
		`{` + rest + `,"jobDefinition":"other"}`:                                                                          "JobDefinition other not found.",
		`{"jobName":"-","jobQueue":"q","jobDefinition":"work"}`:                                                           "Job name should match valid pattern",
		`{` + rest + `,"jobDefinition":"work","parameters":{"x":"` + strings.Repeat("x", 30<<10) + `"}}`:                  "Job size must be less than 30 KiB, got 31 KiB",
		`{` + rest + `,"jobDefinition":"work","timeout":{"attemptDurationSeconds":59}}`:                                   "Job timeout must be at least 60 seconds.",
		`{` + rest + `,"jobDefinition":"work","containerOverrides":{"environment":[{"name":"AWS_BATCH_X","value":"1"}]}}`: "Environment variable AWS_BATCH_X cannot start with AWS_BATCH.",
		`{` + rest + `,"jobDefinition":"work","arrayProperties":{"size":2}}`:                                              `does not know the member "arrayProperties"`,
	} {
		bubble(t, exits(0, 0), func(t *testing.T, r *rig) {
			_, err := r.call("batch:SubmitJob", input)
			assert.ErrorContains(t, err, want)
		})
	}
}

package steps_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// Each mode and target goes to a state of its own, and hides its message for as
// long as that takes.
func TestPollGoesTo(t *testing.T) {
	const huge = 200_000
	task := func(s *fleet.Settings) {
		s.Mode, s.Process.Timeout, s.Heartbeat = fleet.Callback, 24*time.Hour, 5*time.Minute
	}
	never := func(s *fleet.Settings) { s.BodiesInState = fleet.NoBodies }
	runs := func(target fleet.Target) func(*fleet.Settings) {
		return func(s *fleet.Settings) { s.Target, s.Process = target, handler.Target{Timeout: time.Hour} }
	}
	transforms := func(mode fleet.Mode) func(*fleet.Settings) {
		return func(s *fleet.Settings) {
			s.Transform, s.TransformMode = handler.Target{ARN: "arn:transform", Timeout: 20 * time.Second}, mode
		}
	}
	for name, c := range map[string]struct {
		change []func(*fleet.Settings)
		size   int
		next   string
		// hidden is how long the message stays invisible.
		hidden time.Duration
		object bool
	}{
		"sync":                     {nil, 10, "process", 85 * time.Second, false},
		"sync, large":              {nil, huge, "process large", 85 * time.Second, true},
		"sync, no bodies":          {[]func(*fleet.Settings){never}, 10, "process large", 85 * time.Second, true},
		"async":                    {[]func(*fleet.Settings){func(s *fleet.Settings) { s.Mode = fleet.Async }}, 10, "process async", 55 * time.Second, false},
		"async, large":             {[]func(*fleet.Settings){func(s *fleet.Settings) { s.Mode = fleet.Async }}, huge, "process large", 55 * time.Second, true},
		"callback":                 {[]func(*fleet.Settings){task}, 10, "process callback", 345 * time.Second, false},
		"callback, large":          {[]func(*fleet.Settings){task}, 70_000, "process callback large", 345 * time.Second, true},
		"callback, no bodies":      {[]func(*fleet.Settings){task, never}, 10, "process callback large", 345 * time.Second, true},
		"execution":                {[]func(*fleet.Settings){runs(fleet.Execution)}, 10, "run execution", 75 * time.Second, true},
		"execution with a token":   {[]func(*fleet.Settings){runs(fleet.Execution), task}, 10, "run execution with token", 345 * time.Second, true},
		"ECS task":                 {[]func(*fleet.Settings){runs(fleet.ECS)}, 10, "run ecs task", 75 * time.Second, true},
		"ECS task with a token":    {[]func(*fleet.Settings){runs(fleet.ECS), task}, 10, "run ecs task with token", 345 * time.Second, true},
		"Batch job":                {[]func(*fleet.Settings){runs(fleet.Batch)}, 10, "run batch job", 75 * time.Second, true},
		"build":                    {[]func(*fleet.Settings){runs(fleet.CodeBuild)}, 10, "run build", 75 * time.Second, true},
		"transform":                {[]func(*fleet.Settings){transforms(fleet.Sync)}, 10, "transform", 75 * time.Second, false},
		"transform, then a task":   {[]func(*fleet.Settings){task, transforms(fleet.Sync)}, 10, "transform", 75 * time.Second, false},
		"transform callback":       {[]func(*fleet.Settings){transforms(fleet.Callback)}, 10, "transform callback", 75 * time.Second, false},
		"transform callback large": {[]func(*fleet.Settings){transforms(fleet.Callback)}, 70_000, "transform callback large", 75 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				r.job.ARN = "arn:work"
				for _, change := range c.change {
					change(&r.config)
				}
				r.send(strings.Repeat("x", c.size))
				b, err := r.poll(0, 0)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, c.next, b.Next)
				assert.Equal(r, c.object, b.Object != "")
				assert.Equal(r, c.object, len(b.Event.Records) == 0)
				time.Sleep(c.hidden - time.Second)
				assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
				time.Sleep(time.Second)
				assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
			})
		})
	}
}

// A poll that took its time hides its message once more.
func TestASlowPollHidesAnew(t *testing.T) {
	slow := api.Fault{Service: "dynamodb", Operation: "PutItem", Kind: api.Delay, For: 15 * time.Second, Times: 1}
	inBubble(t, slot(), func(r *rig) {
		r.inCallback()
		r.send("one")
		r.runtime.Router.Faults.Add(slow)
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		assert.Equal(r, "process callback", b.Next)
		assert.Equal(r, 15*time.Second, time.Since(midnight))
		time.Sleep(345*time.Second - time.Second)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
		time.Sleep(time.Second)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
	})
	inBubble(t, slot(), func(r *rig) {
		r.inCallback()
		r.config.Heartbeat = 10 * time.Second
		r.send("one")
		slow.For = time.Minute
		r.runtime.Router.Faults.Add(slow)
		// Another worker has it by then.
		time.AfterFunc(58*time.Second, func() {
			q := queue.New(r.runtime.Config(), r.url, "")
			records, err := q.Receive(r.Context(), 10, 0, time.Minute)
			assert.NoError(r, err)
			assert.NoError(r, q.Delete(r.Context(), queue.Hold(records)))
		})
		_, err := r.poll(0, 0)
		assert.ErrorContains(r, err, "the poll took 1m0s after its receive, and 1 of its messages are visible again")
	})
}

func TestPollTellsTheJobOfItsMessage(t *testing.T) {
	for name, c := range map[string]struct {
		target     fleet.Target
		body, want string
		bodies     fleet.Bodies
	}{
		"small":                          {fleet.Batch, `a "b"`, `a "b"`, fleet.SmallBodies},
		"as large as may be":             {fleet.Batch, strings.Repeat("x", 4094), strings.Repeat("x", 4094), fleet.SmallBodies},
		"too large":                      {fleet.Batch, strings.Repeat("x", 4095), "", fleet.SmallBodies},
		"too large once it is escaped":   {fleet.Batch, strings.Repeat(`"`, 2048), "", fleet.SmallBodies},
		"as large as may be for a build": {fleet.CodeBuild, strings.Repeat("x", 2046), strings.Repeat("x", 2046), fleet.SmallBodies},
		"too large for a build":          {fleet.CodeBuild, strings.Repeat("x", 2047), "", fleet.SmallBodies},
		"not in state":                   {fleet.CodeBuild, "a", "", fleet.NoBodies},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				r.config.Target, r.config.Process, r.config.BodiesInState = c.target, handler.Target{Timeout: time.Hour}, c.bodies
				r.config.Heartbeat = 5 * time.Minute
				r.job = fleet.Job{ARN: "arn:aws:codebuild:us-east-1:123456789012:project/work", Subnets: []string{}, SecurityGroups: []string{}}
				ids := r.send(c.body)
				b, err := r.poll(6, 0)
				require.NoError(r, err)
				assert.Equal(r, &steps.Job{
					Job: r.job, Project: "work", Name: ids[0] + "-1-a-7", MessageID: ids[0], ReceiptHandle: b.Messages[0].ReceiptHandle,
					Receives: "1", Event: "s3://bodies/bodies/jobs/worker-a-1/request-1.json", Body: c.want, Heartbeat: "300",
				}, b.Job)
				assert.Equal(r, r.job.ARN, b.Handler)
				assert.Equal(r, c.body, r.kept(b.Object)[0].Body)
			})
		})
	}
}

func TestBodiesOfLongTasksAreKeptLonger(t *testing.T) {
	for days, key := range map[int]string{14: "bodies/jobs/worker-a-1/request-1.json", 15: "tasks/jobs/worker-a-1/request-1.json"} {
		inBubble(t, slot(), func(r *rig) {
			r.config.Mode, r.config.Process.Timeout = fleet.Callback, time.Duration(days)*24*time.Hour
			r.send(strings.Repeat("x", 100_000))
			b, err := r.poll(0, 0)
			require.NoError(r, err)
			assert.Equal(r, key, b.Object)
		})
	}
}

// An execution of an older definition, or with an older input, gets only what it
// can do: it goes home instead, and the autoscaler starts another.
func TestPollOfAnOlderExecution(t *testing.T) {
	modes := map[string]struct {
		change func(*fleet.Settings)
		next   string
	}{
		"sync":               {func(*fleet.Settings) {}, "process"},
		"async":              {func(s *fleet.Settings) { s.Mode = fleet.Async }, "go home"},
		"callback":           {func(s *fleet.Settings) { s.Mode = fleet.Callback }, "go home"},
		"transform callback": {func(s *fleet.Settings) { s.TransformMode, s.Transform.ARN = fleet.Callback, "arn:transform" }, "go home"},
		"job":                {func(s *fleet.Settings) { s.Target = fleet.ECS }, "go home"},
		"routes": {func(s *fleet.Settings) {
			s.Routes = `[{"Handler":"arn:aws:lambda:us-east-1:123456789012:function:process"}]`
		}, "go home"},
	}
	for of, timeouts := range map[string]*steps.Timeouts{"definition": nil, "input": {Transform: 90, Process: 60, ProcessLarge: 120}} {
		for name, c := range modes {
			t.Run(of+", "+name, func(t *testing.T) {
				inBubble(t, slot(), func(r *rig) {
					c.change(&r.config)
					r.send("one")
					b, err := r.lane().Poll(r.Context(), "request-1", steps.PollInput{Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Timeouts: timeouts})
					require.NoError(r, err)
					assert.Equal(r, c.next, b.Next)
					assert.Equal(r, c.next == "go home", r.depth().Visible == 1, "it takes no message that it cannot handle")
				})
			})
		}
	}
}

// The batch of an older definition has no handler: its states name theirs.
func TestTransformForAnOlderExecution(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Transform = r.put("transform", 20*time.Second, unchanged)
		r.config.Mode = fleet.Async
		b := batchOf(record("m1", "a"))
		b.Handler = ""
		b, err := r.deliver(handler.Transform, b)
		require.NoError(r, err)
		assert.Equal(r, "process", b.Next)
	})
}

func TestConcludeWhatATaskCameTo(t *testing.T) {
	for name, c := range map[string]struct {
		stage, state string
		outcome      steps.Outcome
		// visible says that the message is back at once.
		visible bool
		reason  string
	}{
		"success":          {"process callback", `"reply":{"failures":[]}`, steps.Handled, false, ""},
		"silence":          {"process callback", `"silence":{"Error":"States.Timeout","Cause":""}`, steps.Failed, true, "process|process handler: the task sent no heartbeat in time"},
		"time-out":         {"process callback", `"error":{"Error":"States.Timeout","Cause":""}`, steps.Failed, false, "process|process handler: States.Timeout"},
		"failure":          {"process callback", `"error":{"Error":"Full","Cause":"the disk is full"}`, steps.Failed, false, "process|process handler: Full: the disk is full"},
		"failure, no name": {"process callback", `"error":{"Error":"","Cause":"the disk is full"}`, steps.Failed, false, "process|process handler: the disk is full"},
		"no words":         {"process callback", `"error":{"Error":null,"Cause":null}`, steps.Failed, false, "process|process handler: it failed without saying why"},
		"failure, backoff": {"process callback", `"error":{"Error":"Full","Cause":"{\"errorMessage\":\"the disk is full\",\"retryAfterSeconds\":0}"}`, steps.Failed, true, "process|process handler: Full: the disk is full"},
		"not started":      {"process callback large", `"error":{"Error":"Muster.NotStarted","Cause":"{}"}`, steps.Unstarted, true, ""},
		"throttled":        {"run ecs task", `"error":{"Error":"ECS.ThrottlingException","Cause":"Rate exceeded"}`, steps.Throttled, false, ""},
		"transform":        {"transform callback", `"error":{"Error":"Full","Cause":""}`, steps.Failed, false, "transform|transform handler: Full"},
		"job":              {"run build", `"error":{"Error":"CodeBuild.InvalidInputException","Cause":"no such project"}`, steps.Failed, false, "process|job: CodeBuild.InvalidInputException: no such project"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Backoff.Base, r.config.Backoff.Max = time.Hour, time.Hour
				var in steps.SettleInput
				require.NoError(r, json.Unmarshal([]byte(`{"stage":"`+c.stage+`",`+c.state+`}`), &in))
				for _, h := range queue.Hold(r.take("job")) {
					in.Messages = append(in.Messages, steps.Item{Held: h})
				}
				_, err := r.settle(in)
				require.NoError(r, err)
				d := r.depth()
				assert.Equal(r, c.visible, d.Visible == 1)
				assert.Equal(r, c.outcome == steps.Handled, d == queue.Depth{})
				reason := ""
				for _, text := range r.reasons() {
					worker, rest, _ := strings.Cut(text, "|")
					stage, rest, _ := strings.Cut(rest, "|")
					_, words, _ := strings.Cut(rest, "|")
					assert.Equal(r, "worker-a-1", worker)
					reason = stage + "|" + words
				}
				assert.Equal(r, c.reason, reason)
			})
		})
	}
}

func TestReasonsOfJobs(t *testing.T) {
	for name, c := range map[string]struct{ cause, want string }{
		"an ECS task": {
			`{"TaskArn":"arn:task","StoppedReason":"Essential container in task exited","Containers":[{"Name":"log","ExitCode":0},{"Name":"main","ExitCode":137,"Reason":"OutOfMemoryError: Container killed due to memory usage"}]}`,
			"container main exit code 137, OutOfMemoryError: Container killed due to memory usage; Essential container in task exited; arn:task",
		},
		"an ECS task that never ran": {
			`{"TaskArn":"arn:task","StoppedReason":"CannotPullContainerError: no such image","Containers":[{"Name":"main"}]}`,
			"container main; CannotPullContainerError: no such image; arn:task",
		},
		"a Batch job": {
			`{"JobId":"j-1","Status":"FAILED","StatusReason":"Essential container in task exited","Container":{"ExitCode":3}}`,
			"exit code 3; Essential container in task exited; Batch job j-1",
		},
		"a build": {
			`{"Build":{"Id":"work:1","BuildStatus":"FAILED","Phases":[{"PhaseType":"INSTALL","PhaseStatus":"SUCCEEDED"},{"PhaseType":"BUILD","PhaseStatus":"FAILED","Contexts":[{"Message":"Error while executing command: make. Reason: exit status 2"}]},{"PhaseType":"COMPLETED"}]}}`,
			"build FAILED; phase BUILD FAILED; Error while executing command: make. Reason: exit status 2; work:1",
		},
		"an execution": {
			`{"ExecutionArn":"arn:execution","Status":"FAILED","Error":"Full","Cause":"the disk is full"}`,
			"execution FAILED; Full: the disk is full; arn:execution",
		},
		"an execution that was aborted": {`{"ExecutionArn":"arn:execution","Status":"ABORTED"}`, "execution ABORTED; arn:execution"},
		"other JSON":                    {`{"Status":"FAILED"}`, `States.TaskFailed: {"Status":"FAILED"}`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				in := steps.SettleInput{Stage: "run ecs task", Error: &steps.StateError{Error: "States.TaskFailed", Cause: c.cause}}
				in.Messages = []steps.Item{{Held: queue.Hold(r.take("job"))[0]}}
				_, err := r.settle(in)
				require.NoError(r, err)
				assert.Equal(r, map[string]string{in.Messages[0].MessageID: "worker-a-1|process|1|job: " + c.want}, r.reasons())
			})
		})
	}
}

func TestSettleNamesTheHandlerOfTheBatch(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		in := steps.SettleInput{Stage: "process", Handler: "arn:route", Error: &steps.StateError{Error: "Oops"}}
		in.Messages = []steps.Item{{Held: queue.Hold(r.take("job"))[0]}}
		_, err := r.settle(in)
		require.NoError(r, err)
		for f, err := range r.registry.Failures(r.Context(), registry.FailureQuery{}) {
			require.NoError(r, err)
			assert.Equal(r, "arn:route", f.Handler)
		}
	})
}

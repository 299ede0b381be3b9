package scenario_test

import (
	"context"
	"errors"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// program is a fleet's job as it behaves first, and after that.
func program(first, then scenario.Job) scenario.Options {
	called := false
	job := func(ctx context.Context, env map[string]string) (int, string) {
		if !called {
			called = true
			return first(ctx, env)
		}
		return then(ctx, env)
	}
	handler := func(ctx context.Context, e message.Event) (any, error) {
		exit, reason := job(ctx, map[string]string{"MUSTER_MESSAGE_ID": e.Records[0].MessageID})
		if exit != 0 {
			return nil, errors.New(reason)
		}
		return nil, nil
	}
	// Step Functions stops the execution that takes too long, not the function that
	// it waits for: it ends before a second one starts.
	return scenario.Options{Job: job, Process: handler, ProcessTimeout: "200"}
}

func worksWell(context.Context, map[string]string) (int, string) { return 0, "" }

func crashes(context.Context, map[string]string) (int, string) { return 3, "the disk is full" }

func hangs(ctx context.Context, _ map[string]string) (int, string) {
	<-ctx.Done()
	return 1, ""
}

// Programs that report with a token.

func reportsWell(ctx context.Context, _ map[string]string) (int, string) {
	_ = scenario.TaskOf(ctx).Succeed(`"done"`) // may be refused
	return 0, ""
}

func reportsFailure(ctx context.Context, _ map[string]string) (int, string) {
	_ = scenario.TaskOf(ctx).Fail("Full", "the disk is full") // may be refused
	return 0, ""
}

func beats(ctx context.Context, _ map[string]string) (int, string) {
	goesOn(scenario.TaskOf(ctx), message.Event{})
	return 1, ""
}

// jobTurns are the turns of the states that run jobs.
func jobTurns() []turn {
	var turns []turn
	for _, target := range []struct {
		target, service, start, state string
		status                        int
		code                          string
	}{
		{"execution", "states", "StartExecution", "Run execution", 400, "ThrottlingException"},
		{"ecs", "ecs", "RunTask", "Run ECS task", 400, "ThrottlingException"},
		{"batch", "batch", "SubmitJob", "Run Batch job", 429, "TooManyRequestsException"},
		{"codebuild", "codebuild", "StartBuild", "Run build", 400, "AccountLimitExceededException"},
	} {
		start := func(fault api.Fault) api.Fault {
			fault.Service, fault.Operation, fault.Match = target.service, target.start, ofWorker
			return fault
		}
		for mode, programs := range map[string]struct {
			suffix           string
			well, bad, hangs scenario.Job
		}{
			"sync":     {"", worksWell, crashes, hangs},
			"callback": {" with token", reportsWell, reportsFailure, beats},
		} {
			state := target.state + programs.suffix
			again := state + " > Settle > Poll > Messages? > " + state + " > " + lastly
			waits := state + " > A task may still run > Settle > Poll > Messages? > " + state + " > " + lastly
			lost := 1
			if state == "Run execution" {
				// Its start is tried three times more, under the same name.
				lost = 4
			}
			group := []turn{
				{name: "ends well", options: program(programs.well, programs.well), path: state + " > " + lastly},
				{name: "fails", options: program(programs.bad, programs.well), path: again},
				{name: "takes too long", options: program(programs.hangs, programs.well), path: waits},
				{
					name: "is throttled", options: program(programs.well, programs.well), path: state + " > " + lastly,
					faults: []api.Fault{start(times(5, fails(target.status, target.code, "Too many")))},
				},
				{
					name: "has a start whose request is lost", options: program(programs.well, programs.well), path: waits,
					faults: []api.Fault{start(api.Fault{Kind: api.Drop, Times: lost})},
				},
			}
			if mode == "callback" {
				group = append(group, turn{name: "falls silent", options: program(worksWell, programs.well), path: again})
			}
			for _, c := range group {
				c.name, c.path, c.status = "a job of "+state+" "+c.name, toPoll+c.path, "SUCCEEDED"
				c.options.Parameters = map[string]string{
					"Target": target.target, "Mode": mode, "HeartbeatSeconds": "70", "ProcessTimeoutSeconds": "120",
				}
				turns = append(turns, c)
			}
		}
	}
	return turns
}

package lambda

import (
	"context"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/local/process"
)

const (
	// grace is what a process gets between SIGTERM and SIGKILL.
	grace = 500 * time.Millisecond
	// memoryCheck is how often a process's memory is looked at.
	memoryCheck = time.Second
)

// Process is an executable that speaks the Lambda Runtime API: a bootstrap built
// with aws-lambda-go, or a runtime of another language.
//
// Each environment is one process, the leader of a process group that ends with
// it. MemorySize is enforced on the leader's resident memory, looked at once a
// second where /proc has it: a limit on address space would hit runtimes that
// reserve more than they use.
type Process struct {
	// Command and its arguments. A command without a slash is looked up in PATH.
	Command []string
	// Dir is the working directory and LAMBDA_TASK_ROOT. Defaults to the current one.
	Dir string
	// Env is added to Lambda's and the function's variables.
	Env map[string]string
}

type processEnvironment struct {
	api    *runtimeAPI
	child  *process.Child
	output *output
	logs   *stream
	limit  int
}

func (p Process) start(ctx context.Context, s setting) (environment, *failure) {
	runtime, err := newRuntimeAPI()
	if err != nil {
		return nil, &failure{kind: "Runtime.InitError", message: err.Error()}
	}
	e := &processEnvironment{api: runtime, logs: s.logs, limit: s.function.MemorySize}
	if err := e.launch(p, s); err != nil {
		// Nobody has been told of the listener yet.
		_ = runtime.listener.Close()
		return nil, &failure{kind: "Runtime.InvalidEntrypoint", message: err.Error()}
	}
	go e.serve()
	select {
	case <-runtime.polled:
		return e, nil
	case payload := <-runtime.broken:
		e.kill()
		return nil, &failure{payload: payload}
	case <-e.child.Exited:
		return nil, e.exit()
	case <-ctx.Done():
		e.kill()
		return nil, &failure{kind: "Sandbox.Timedout", message: "the init phase timed out"}
	}
}

// launch starts the process with its log.
func (e *processEnvironment) launch(p Process, s setting) error {
	env, err := s.environ(p.Dir, p.Env)
	if err != nil {
		return err
	}
	env = append(env, "AWS_LAMBDA_RUNTIME_API="+e.api.address())
	// The session token is random and the environment's own.
	if e.output, err = newOutput(s.logs, s.variables["AWS_SESSION_TOKEN"]); err != nil {
		return err
	}
	e.child, err = process.Program{
		Command: p.Command, Dir: p.Dir, Env: env,
		Stdout: e.output.writer, Stderr: e.output.writer, Ended: e.output.close,
	}.Start()
	if err != nil {
		e.output.close()
	}
	return err
}

// serve ends the process when its Runtime API fails: nothing could reach it.
func (e *processEnvironment) serve() {
	if err := e.api.serve(); err != nil {
		e.child.Kill()
	}
}

func (e *processEnvironment) invoke(ctx context.Context, i *invocation) outcome {
	e.api.expect(i.id)
	check := time.NewTicker(memoryCheck)
	defer check.Stop()
	work, polled := e.api.work, (<-chan struct{})(nil)
	var answer *outcome
	for {
		select {
		case work <- i:
			work = nil
		case out := <-e.api.answers:
			// The invocation ends when the runtime asks for the next one.
			answer, polled = &out, e.api.polled
		case <-polled:
			answer.memory = e.child.Memory()
			if e.logs.wanted() {
				e.output.flush()
			}
			return *answer
		case <-e.child.Exited:
			return e.died(answer)
		case <-check.C:
			if used := e.child.Memory(); used > e.limit {
				e.kill()
				return outcome{failure: outOfMemory, memory: used}
			}
		case <-ctx.Done():
			e.kill()
			if answer != nil {
				answer.reusable = false
				return *answer
			}
			return outcome{failure: &failure{kind: "Sandbox.Timedout"}}
		}
	}
}

// died is the outcome of a process that ended during an invocation. One that
// had answered has answered.
func (e *processEnvironment) died(answer *outcome) outcome {
	if answer == nil {
		select {
		case out := <-e.api.answers:
			answer = &out
		default:
			return outcome{failure: e.exit()}
		}
	}
	answer.reusable = false
	return *answer
}

// exit words the end of a process that nobody asked to end.
func (e *processEnvironment) exit() *failure {
	e.kill()
	message := "Runtime exited without providing a reason"
	if err := e.child.Err(); err != nil {
		message = fmt.Sprintf("Runtime exited with error: %v", err)
	}
	return &failure{kind: "Runtime.ExitError", message: message}
}

func (e *processEnvironment) kill() {
	e.child.Kill()
	// The connections of a dead process have nothing left to lose.
	_ = e.api.close()
}

func (e *processEnvironment) alive() bool { return e.child.Alive() }

func (e *processEnvironment) stop() {
	e.child.End(grace)
	_ = e.api.close()
}

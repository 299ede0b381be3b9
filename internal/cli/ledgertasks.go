package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/musterq/muster/internal/local/api"
)

// task is a job or a task of callback mode: what works on one message.
type task struct {
	// message that it works on. Nil until that is known: a handler may report its
	// token before its invocation has ended, which tells of both.
	message *entry
	// ended once it was known how: well, or for a reason.
	ended  bool
	reason string
	// job is true of one that runs elsewhere than in Lambda.
	job bool
}

// taskCalls is what a ledger reads in the inputs and outputs of the calls that
// start, report and look up tasks, whichever service they are of.
type taskCalls struct {
	// Of what starts one.
	Overrides struct {
		ContainerOverrides []struct {
			Environment []variable `json:"environment"`
		} `json:"containerOverrides"`
	} `json:"overrides"`
	ContainerOverrides struct {
		Environment []variable `json:"environment"`
	} `json:"containerOverrides"`
	EnvironmentVariablesOverride []variable `json:"environmentVariablesOverride"`
	// Of what reports one.
	TaskToken string `json:"taskToken"`
	Error     string `json:"error"`
	Cause     string `json:"cause"`
	// Of answers.
	Tasks []struct {
		TaskArn       string `json:"taskArn"`
		LastStatus    string `json:"lastStatus"`
		StoppedReason string `json:"stoppedReason"`
		Containers    []struct {
			ExitCode *int `json:"exitCode"`
		} `json:"containers"`
	} `json:"tasks"`
	JobID  string          `json:"jobId"`
	Jobs   json.RawMessage `json:"jobs"`
	Build  startedBuild    `json:"build"`
	Builds []startedBuild  `json:"builds"`
}

type startedBuild struct {
	ID          string `json:"id"`
	BuildStatus string `json:"buildStatus"`
}

type batchJob struct {
	JobID        string `json:"jobId"`
	Status       string `json:"status"`
	StatusReason string `json:"statusReason"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// seeTask follows tasks from their start to their end.
func (l *ledger) seeTask(e api.Event) {
	switch e.Operation {
	case "RunTask", "SubmitJob", "StartBuild", "DescribeTasks", "DescribeJobs", "BatchGetBuilds", "SendTaskSuccess", "SendTaskFailure":
	default:
		return
	}
	// A lost reply is lost after what it answers was done.
	done := e.Err == nil || errors.Is(e.Err, api.ErrReplyLost)
	in, out := decodeTask(e.Input), decodeTask(e.Output)
	if !done {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Operation {
	case "SendTaskSuccess":
		l.taskEnded(in.TaskToken, "")
	case "SendTaskFailure":
		l.taskEnded(in.TaskToken, fmt.Sprintf("%s: %s", in.Error, in.Cause))
	case "RunTask":
		for _, t := range out.Tasks {
			l.taskStarted(t.TaskArn, in.variables())
		}
	case "SubmitJob":
		l.taskStarted(out.JobID, in.variables())
	case "StartBuild":
		l.taskStarted(out.Build.ID, in.variables())
	default:
		l.looked(out)
	}
}

// looked reads what a service says of the tasks that it runs.
func (l *ledger) looked(out taskCalls) {
	for _, t := range out.Tasks {
		if t.LastStatus != "STOPPED" {
			continue
		}
		reason := ""
		for _, c := range t.Containers {
			switch {
			case c.ExitCode == nil:
				reason = t.StoppedReason
			case *c.ExitCode != 0:
				reason = fmt.Sprintf("exit status %d", *c.ExitCode)
			}
		}
		l.taskEnded(t.TaskArn, reason)
	}
	var jobs []batchJob
	if json.Unmarshal(out.Jobs, &jobs) == nil {
		for _, j := range jobs {
			switch j.Status {
			case "SUCCEEDED":
				l.taskEnded(j.JobID, "")
			case "FAILED":
				l.taskEnded(j.JobID, "the job failed: "+j.StatusReason)
			}
		}
	}
	for _, b := range out.Builds {
		switch b.BuildStatus {
		case "IN_PROGRESS":
		case "SUCCEEDED":
			l.taskEnded(b.ID, "")
		default:
			l.taskEnded(b.ID, "the build ended as "+b.BuildStatus)
		}
	}
}

func decodeTask(call any) taskCalls {
	var t taskCalls
	if encoded, err := json.Marshal(call); err == nil {
		// A call of another shape leaves it empty.
		_ = json.Unmarshal(encoded, &t)
	}
	return t
}

// variables are those that a job is started with.
func (t taskCalls) variables() map[string]string {
	all := map[string]string{}
	for _, list := range [][]variable{t.ContainerOverrides.Environment, t.EnvironmentVariablesOverride} {
		for _, v := range list {
			all[v.Name] = v.Value
		}
	}
	for _, c := range t.Overrides.ContainerOverrides {
		for _, v := range c.Environment {
			all[v.Name] = v.Value
		}
	}
	return all
}

// taskStarted notes a job, known by its own ID or, where it reports one, by its
// task token. The lock must be held.
func (l *ledger) taskStarted(id string, variables map[string]string) {
	if token := variables["MUSTER_TASK_TOKEN"]; token != "" {
		id = token
	}
	if name := variables["MUSTER_MESSAGE_ID"]; name != "" && id != "" {
		t := l.task(id)
		t.message, t.job = l.entry(name), true
		l.jobs++
		l.jobsStarted++
		l.conclude(t)
	}
}

// taskEnded notes how a task ended: well, or for a reason. Of several reports the
// first counts. The lock must be held.
func (l *ledger) taskEnded(id, reason string) {
	if t := l.task(id); !t.ended {
		t.ended, t.reason = true, reason
		l.conclude(t)
	}
}

// task by its ID or token, made when it is first heard of. The lock must be held.
func (l *ledger) task(id string) *task {
	t := l.tasks[id]
	if t == nil {
		t = &task{}
		l.tasks[id] = t
	}
	return t
}

// conclude settles a task of which both is known, whose it is and how it ended.
// Its message may have been deleted before. The lock must be held.
func (l *ledger) conclude(t *task) {
	if t.job && t.ended {
		l.jobs--
	}
	switch {
	case t.message == nil || !t.ended:
	case t.reason != "":
		l.failed(t.message, "process: "+t.reason)
	default:
		l.process(t.message)
		if t.message.released {
			l.end(t.message, handled)
		}
	}
}

// failed counts a failed attempt. The lock must be held.
func (l *ledger) failed(r *entry, reason string) {
	r.reason = reason
	l.totals.Failed++
	l.reasons[reason]++
}

package table_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/musterq/muster/internal/local/api"
)

// arm arms the cell's fault where it strikes at the runtime's door. What goes
// wrong in the work itself is the work's to show.
func (l *lab) arm() {
	var f api.Fault
	switch l.cell.fault {
	case throttledOnce:
		f = api.Fault{Match: l.atMost(2, l.startsWork), Kind: api.Fail, Error: l.throttling()}
	case throttledLong:
		f = api.Fault{Match: l.atMost(1<<20, func(c api.Call) bool { return l.startsWork(c) && l.firstReceive() }), Kind: api.Fail, Error: l.throttling()}
	case replyLost:
		f = api.Fault{Match: l.atMost(1, l.startsWork), Kind: api.LoseReply}
	case bodyMissing:
		f = api.Fault{
			Match: l.atMost(1, func(c api.Call) bool { return c.String() == "s3:GetObject" }),
			Kind:  api.Fail, Error: &api.Error{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: http.StatusNotFound},
		}
	case workerDies:
		// Its last word before it dies is not heard.
		f = api.Fault{Match: l.atMost(1, l.settles), Kind: api.Drop}
	default:
		return
	}
	l.Router.Faults.Add(f)
}

// atMost matches that many calls, each of which the fault strikes.
func (l *lab) atMost(times int, match func(api.Call) bool) func(api.Call) bool {
	return func(c api.Call) bool {
		if !match(c) {
			return false
		}
		if times == 0 {
			if l.cell.fault == throttledOnce || l.cell.fault == replyLost {
				l.mend()
			}
			return false
		}
		times--
		l.strike()
		switch l.cell.fault {
		case workerDies:
			go l.killWorkers()
		case replyLost:
			time.AfterFunc(heartbeat, l.orphaned)
		}
		return true
	}
}

// mend notes that the start that the fault struck was done after all.
func (l *lab) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look(l.lives[victim])
	l.lives[victim].struck = time.Time{}
}

// startsWork says whether a call starts the victim's handler, task or job.
func (l *lab) startsWork(c api.Call) bool {
	operation := map[string]string{
		"lambda": "lambda:Invoke", "execution": "states:StartExecution", "ecs": "ecs:RunTask", "batch": "batch:SubmitJob", "codebuild": "codebuild:StartBuild",
	}[l.cell.way.target()]
	if c.String() != operation {
		return false
	}
	text := inputOf(c)
	return strings.Contains(text, victim) && !strings.Contains(text, "function:jobs-")
}

func inputOf(c api.Call) string {
	input, err := json.Marshal(c.Input)
	if err != nil {
		return err.Error()
	}
	return string(input)
}

// firstReceive says whether the victim has been received once.
func (l *lab) firstReceive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	stands, _ := l.Runtime.SQS.Message(l.queueName("QueueUrl"), l.lives[victim].id)
	return stands.Receives == 1
}

// throttling is how the service of the work puts off a start.
func (l *lab) throttling() *api.Error {
	switch l.cell.way.target() {
	case "lambda":
		return &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests}
	case "execution":
		return api.Errorf("ExecutionLimitExceeded", "Too many executions are running.")
	case "codebuild":
		return api.Errorf("AccountLimitExceededException", "Too many builds are running.")
	}
	return api.Errorf("ThrottlingException", "Rate exceeded")
}

// settles is the first call that settles: that of the pump, or that which starts
// the settle function.
func (l *lab) settles(c api.Call) bool {
	if l.cell.lane == "stream" {
		return c.String() == "sqs:DeleteMessageBatch" && c.Caller.Function == "jobs-pump"
	}
	return c.String() == "lambda:Invoke" && strings.Contains(inputOf(c), "function:jobs-settle")
}

// killWorkers kills whatever workers there are: their pumps and their executions.
func (l *lab) killWorkers() {
	l.killer.Kill("pump")
	for _, e := range l.WorkerExecutions() {
		if e.Status == sfntypes.ExecutionStatusRunning {
			l.Stop(*e.ExecutionArn)
		}
	}
}

// killWorking kills the worker while its handler or task works.
func (l *lab) killWorking() {
	if !l.Within(15*time.Minute, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.lives[victim].running > 0
	}) {
		return
	}
	l.strike()
	time.AfterFunc(heartbeat, l.orphaned)
	l.killWorkers()
}

// wire breaks the deletion of the victim, for the functions that settle.
func (l *lab) wire(function string, next http.RoundTripper) http.RoundTripper {
	if l.cell.fault != deleteFailsOnce && l.cell.fault != deleteFails {
		return next
	}
	w := &deletions{lab: l, next: next}
	w.left = map[fault]int{deleteFailsOnce: 1, deleteFails: 1 << 20}[l.cell.fault]
	return w
}

// deletions fails an entry of batches that delete messages.
type deletions struct {
	lab  *lab
	next http.RoundTripper
	mu   sync.Mutex
	// left is how often it still fails.
	left int
}

type deleteEntry struct {
	ID            string `json:"Id"`
	ReceiptHandle string
}

// RoundTrip answers for the victim's entry itself and lets the others through.
func (d *deletions) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") != "AmazonSQS.DeleteMessageBatch" {
		return d.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	in := struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []deleteEntry
	}{}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	failed := -1
	d.mu.Lock()
	if d.left > 0 && d.lab.firstReceive() {
		failed = slices.IndexFunc(in.Entries, func(e deleteEntry) bool { return d.lab.isVictim(e.ReceiptHandle) })
	}
	if failed >= 0 {
		d.left--
	}
	d.mu.Unlock()
	if failed < 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return d.next.RoundTrip(r)
	}
	d.lab.strike()
	out := map[string]any{"Failed": []map[string]any{{"Id": in.Entries[failed].ID, "Code": "InternalError", "Message": "try again", "SenderFault": false}}}
	in.Entries = slices.Delete(in.Entries, failed, failed+1)
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Request: r}
	if len(in.Entries) > 0 {
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if answer, err = d.next.RoundTrip(r); err != nil {
			return nil, err
		}
		defer func() { _ = answer.Body.Close() }() // only read
		var done map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&done); err != nil {
			return nil, err
		}
		out["Successful"] = done["Successful"]
	}
	if body, err = json.Marshal(out); err != nil {
		return nil, err
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Del("Content-Length")
	return answer, nil
}

package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/jobs"
)

// asJob makes this test binary a job.
const asJob = "MUSTER_TEST_JOB"

func TestMain(m *testing.M) {
	if mode := os.Getenv(asJob); mode != "" {
		os.Exit(runJob(mode))
	}
	os.Exit(m.Run())
}

// runJob is the job under test; it returns its exit status.
func runJob(mode string) int {
	switch mode {
	case "show":
		for _, name := range []string{"AWS_REGION", "AWS_ENDPOINT_URL", "AWS_EXECUTION_ENV", "NAME", "HOME", "USER"} {
			fmt.Printf("%s=%s\n", name, os.Getenv(name))
		}
		fmt.Printf("args=%s", strings.Join(os.Args[1:], ","))
	case "fail":
		return 7
	case "hang":
		fmt.Printf("pid %d\n", os.Getpid())
		time.Sleep(time.Hour)
	case "tidy":
		terminate := make(chan os.Signal, 1)
		signal.Notify(terminate, syscall.SIGTERM)
		fmt.Println("ready")
		<-terminate
		return 5
	}
	return 0
}

// rig is an account with jobs in it.
type rig struct {
	t       *testing.T
	router  *api.Router
	service *jobs.Service
}

func newRig(t *testing.T, options jobs.Options) *rig {
	t.Helper()
	account := &api.Account{ID: "123456789012", Region: "eu-west-1", Partition: "aws", Endpoint: "http://127.0.0.1:4100"}
	r := &rig{t: t, router: api.NewRouter(1), service: jobs.New(account, options)}
	for _, s := range r.service.APIs() {
		r.router.Add(s)
	}
	t.Cleanup(r.service.Close)
	return r
}

// bubble runs a test on virtual time, with a command named work.
func bubble(t *testing.T, work jobs.Func, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, newRig(t, jobs.Options{Commands: map[string]jobs.Command{"work": work}, Path: "/bin", Home: "/"}))
	})
}

// call makes an API call, "ecs:RunTask", and decodes its JSON answer.
func (r *rig) call(operation, input string) (map[string]any, error) {
	service, name, _ := strings.Cut(operation, ":")
	out, err := r.router.Call(context.Background(), service, name, api.Caller{RoleARN: "arn:aws:iam::123456789012:role/states"}, []byte(input))
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(out)
	require.NoError(r.t, err)
	var answer map[string]any
	require.NoError(r.t, json.Unmarshal(text, &answer))
	return answer, nil
}

func (r *rig) must(operation, input string) map[string]any {
	r.t.Helper()
	answer, err := r.call(operation, input)
	require.NoError(r.t, err)
	return answer
}

// task starts a task and returns its ARN.
func (r *rig) task(input string) string {
	r.t.Helper()
	return one(r.must("ecs:RunTask", input), "tasks")["taskArn"].(string)
}

func (r *rig) describeTask(arn string) map[string]any {
	r.t.Helper()
	return one(r.must("ecs:DescribeTasks", `{"tasks":["`+arn+`"]}`), "tasks")
}

func (r *rig) describeJob(id string) map[string]any {
	r.t.Helper()
	return one(r.must("batch:DescribeJobs", `{"jobs":["`+id+`"]}`), "jobs")
}

func (r *rig) describeBuild(id string) map[string]any {
	r.t.Helper()
	return one(r.must("codebuild:BatchGetBuilds", `{"ids":["`+id+`"]}`), "builds")
}

// one is the first object of a list.
func one(answer map[string]any, member string) map[string]any {
	return answer[member].([]any)[0].(map[string]any)
}

// exits is a job that ends with a code, or with 143 when it is asked to end.
func exits(code int, after time.Duration) jobs.Func {
	return func(ctx context.Context, _ jobs.Run) (int, string) {
		select {
		case <-ctx.Done():
			return 143, ""
		case <-time.After(after):
			return code, ""
		}
	}
}

// wait waits for the end of a job in real time.
func (r *rig) wait(id string) {
	r.t.Helper()
	select {
	case <-r.service.Ended(id):
	case <-time.After(time.Minute):
		r.t.Fatal("the job does not end")
	}
}

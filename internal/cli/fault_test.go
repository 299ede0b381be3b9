package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
)

// faulty does what its message's body says: "exit once" when the message is
// received for the first time, "exit always" each time.
const faulty = `#!/bin/sh
event=$(cat)
case "$event" in
*' always"'*|*'"ApproximateReceiveCount":"1"'*) ;;
*) echo '{}'; exit;;
esac
case "$event" in
*'"body":"exit '*) echo "the database is down" >&2; exit 1;;
*'"body":"rubbish '*) echo "all is well";;
*'"body":"die '*) kill -KILL $$;;
*'"body":"hang '*) exec sleep 600;;
esac
`

// What a run says of them.
const (
	saysExit    = "process handler: Runtime.ExitError: exit status 1: the database is down"
	saysRubbish = `process handler: Runtime.MarshalError: The command's standard output is not JSON: invalid character 'a' looking for beginning of value (line 1, byte 1): "all is well"`
	saysDie     = "process handler: Runtime.ExitError: signal: killed: The command wrote nothing to its standard error."
	saysHang    = "process handler: Sandbox.Timedout: RequestId: ID Error: Task timed out after 2.00 seconds"
)

// eachLane runs a test in both lanes.
func eachLane(t *testing.T, run func(t *testing.T, lane string)) {
	t.Parallel()
	for _, lane := range []string{"steps", "stream"} {
		t.Run(lane, func(t *testing.T) {
			t.Parallel()
			run(t, lane)
		})
	}
}

// oneByOne are the arguments of a run that handles one message at a time and
// returns those that failed at once.
func oneByOne(lane, handler string, more ...string) []string {
	return append([]string{"run", "--messages", "messages.jsonl", "--handler", handler, "--out", "out.jsonl", "--lane", lane,
		"--batch-size", "1", "--max-concurrency", "1", "--backoff-base-seconds", "0"}, more...)
}

var requestID = regexp.MustCompile(`RequestId: [0-9a-f-]{36}`)

// told is what --out says of each message, without what differs from run to run.
func told(t *testing.T, dir string) []outcome {
	t.Helper()
	var all []outcome
	for _, line := range lines(t, filepath.Join(dir, "out.jsonl")) {
		var o outcome
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		o.MessageID, o.Worker = "", ""
		o.Error = requestID.ReplaceAllString(o.Error, "RequestId: ID")
		all = append(all, o)
	}
	return all
}

func TestHandlersThatFailOnce(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := folder(t, map[string]string{"handle.sh": faulty, "messages.jsonl": "\"exit once\"\n\"rubbish once\"\n\"die once\"\n"})
		p := muster(t, 0, dir, oneByOne(lane, "./handle.sh", "--max-receive-count", "2")...)
		assert.Equal(t, []outcome{
			{Status: handled, Receives: 2},
			{Status: handled, Receives: 2},
			{Status: handled, Receives: 2},
		}, told(t, dir))
		for _, reason := range []string{saysExit, saysRubbish, saysDie} {
			assert.Contains(t, p.stdout.String(), "  1 x "+reason+"\n")
		}
	})
}

func TestHandlersThatAlwaysFail(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := folder(t, map[string]string{"handle.sh": faulty, "messages.jsonl": "\"exit always\"\n\"rubbish always\"\n\"die always\"\n"})
		p := muster(t, 1, dir, oneByOne(lane, "./handle.sh", "--max-receive-count", "2")...)
		assert.Equal(t, []outcome{
			{Status: deadLettered, Receives: 2, Error: saysExit},
			{Status: deadLettered, Receives: 2, Error: saysRubbish},
			{Status: deadLettered, Receives: 2, Error: saysDie},
		}, told(t, dir))
		assert.Regexp(t, `^3 messages: 0 handled, 3 dead-lettered, 0 filtered, 0 lost\n`, p.stdout.String())
	})
}

func TestHandlersThatHang(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := folder(t, map[string]string{"handle.sh": faulty, "messages.jsonl": "\"hang once\"\n\"hang always\"\n"})
		// The second message need not wait for the first.
		muster(t, 1, dir, oneByOne(lane, "./handle.sh", "--process-timeout-seconds", "2", "--max-receive-count", "3",
			"--max-concurrency", "2", "--messages-per-worker", "1", "--parallelism", "2")...)
		got := told(t, dir)
		require.Len(t, got, 2)
		// A slow machine may need a second attempt.
		assert.Contains(t, []outcome{{Status: handled, Receives: 2}, {Status: handled, Receives: 3}}, got[0])
		assert.Equal(t, outcome{Status: deadLettered, Receives: 3, Error: saysHang}, got[1])
	})
}

// bootstrap speaks the Runtime API by itself, because aws-lambda-go never ends
// between its answer and the request for the next event. It does what its
// message's body says: "leave" answers and ends, "stay" never answers when the
// message is received for the first time, and tells its process ID.
func bootstrap() error {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(url + "next")
		if err != nil {
			return err
		}
		var event message.Event
		err = json.NewDecoder(next.Body).Decode(&event)
		if err = errors.Join(err, next.Body.Close()); err != nil {
			return err
		}
		if record := event.Records[0]; record.Body == "stay" && record.Attributes["ApproximateReceiveCount"] == "1" {
			if err := os.WriteFile("staying", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
				return err
			}
			<-time.After(time.Hour)
		}
		answer, err := http.Post(url+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", bytes.NewReader([]byte(`{}`)))
		if err != nil {
			return err
		}
		if err := answer.Body.Close(); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusAccepted {
			return fmt.Errorf("the answer was not accepted: %s", answer.Status)
		}
		if event.Records[0].Body == "leave" {
			return nil
		}
	}
}

func TestHandlerProcessesThatEnd(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := folder(t, map[string]string{"messages.jsonl": "\"leave\"\n\"stay\"\n\"leave\"\n\"work\"\n"})
		require.NoError(t, os.Symlink(command, filepath.Join(dir, "bootstrap")))
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "staying"), 0o600))
		p := start(t, dir, oneByOne(lane, "./bootstrap", "--max-receive-count", "2")...)
		text, err := os.ReadFile(filepath.Join(dir, "staying")) // until the handler holds the message
		require.NoError(t, err)
		handler, err := strconv.Atoi(string(text))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(handler, syscall.SIGKILL))

		require.Equal(t, 0, p.status(t), "%s%s", &p.stdout, &p.stderr)
		got := told(t, dir)
		assert.Equal(t, []outcome{
			{Status: handled, Receives: 1},
			{Status: handled, Receives: 2},
			{Status: handled, Receives: 1},
			{Status: handled, Receives: 1},
		}, got)
		assert.Contains(t, requestID.ReplaceAllString(p.stdout.String(), "RequestId: ID"),
			"\nFailed attempts:\n  1 x process handler: Runtime.ExitError: RequestId: ID Error: Runtime exited with error: signal: killed\n")
	})
}

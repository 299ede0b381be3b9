package lambda_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/lambda"
)

// language runs a handler of a language, or asserts the refusal where its
// interpreter is not installed; it then returns nil.
func language(t *testing.T, interpreter, spec string, contents map[string]string, options lambda.Options) *service {
	t.Helper()
	code, err := lambda.ParseHandler(spec, files(t, contents))
	if _, missing := exec.LookPath(interpreter); missing != nil {
		require.ErrorContains(t, err, interpreter+" is not in PATH")
		return nil
	}
	require.NoError(t, err)
	s := newService(t, options)
	s.put(t, lambda.Function{Code: code, Timeout: 20, MemorySize: 256})
	return s
}

// reported is an error as a runtime reports it.
type reported struct{ ErrorType, ErrorMessage string }

const pythonHandler = `
import logging, os, time
logging.getLogger().setLevel("INFO")

class Poison(Exception):
    pass

def handler(event, context):
    do = event.get("do")
    if do == "raise":
        raise Poison("bad apple")
    if do == "unserializable":
        return {1, 2}
    if do == "exit":
        os._exit(9)
    logging.info("at work")
    print("printed")
    return {
        "pid": os.getpid(), "id": context.aws_request_id, "name": context.function_name,
        "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
        "group": context.log_group_name, "remaining": context.get_remaining_time_in_millis(),
        "text": event.get("text"), "handler": os.environ["_HANDLER"],
    }
`

func TestPython(t *testing.T) {
	lines := make(chan string, 1000)
	s := language(t, "python3", "python:app.handler", map[string]string{"app.py": pythonHandler}, lambda.Options{
		Logs: func(_, _ string, line []byte) { lines <- string(line) },
	})
	if s == nil {
		return
	}
	type result struct {
		PID                                         int
		ID, Name, Memory, ARN, Group, Text, Handler string
		Remaining                                   int
	}
	out := s.invoke(t, `{"text":"grüße"}`)
	require.Empty(t, out.FunctionError, "%s", out.Payload)
	first := decode[result](t, out.Payload)
	assert.Greater(t, first.Remaining, 1000)
	assert.LessOrEqual(t, first.Remaining, 20000)
	first.Remaining = 0
	assert.Equal(t, result{first.PID, out.RequestID, "work", "256", "arn:aws:lambda:eu-central-1:123456789012:function:work", "/aws/lambda/work", "grüße", "app.handler", 0}, first)
	assert.Contains(t, string(out.Payload), "grüße")

	out = s.invoke(t, `{"do":"raise"}`)
	assert.Equal(t, "Unhandled", out.FunctionError)
	assert.Equal(t, reported{"Poison", "bad apple"}, decode[reported](t, out.Payload))
	out = s.invoke(t, `{"do":"unserializable"}`)
	assert.Equal(t, reported{"Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"}, decode[reported](t, out.Payload))
	assert.Equal(t, first.PID, decode[result](t, s.invoke(t, `{}`).Payload).PID, "an error leaves the environment as it is")
	out = s.invoke(t, `{"do":"exit"}`)
	assert.Equal(t, reported{"Runtime.ExitError", "RequestId: " + out.RequestID + " Error: Runtime exited with error: exit status 9"}, decode[reported](t, out.Payload))
	s.Close()
	close(lines)
	var all strings.Builder
	for line := range lines {
		all.WriteString(line + "\n")
	}
	assert.Contains(t, all.String(), "\nprinted\n")
	assert.Regexp(t, `\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t`+first.ID+`\tat work`, all.String())
}

func TestPythonThatDoesNotLoad(t *testing.T) {
	for _, c := range []struct{ name, source, kind, message string }{
		{"no function", "x = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"},
		{"import", "import nothing_of_this_name\n", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nothing_of_this_name'"},
		{"syntax", "def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)"},
		{"raises", "raise ValueError('early')\n", "ValueError", "early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := language(t, "python3", "python:app.handler", map[string]string{"app.py": c.source}, lambda.Options{})
			if s == nil {
				return
			}
			out := s.invoke(t, `{}`)
			assert.Equal(t, "Unhandled", out.FunctionError)
			assert.Equal(t, reported{c.kind, c.message}, decode[reported](t, out.Payload))
		})
	}
}

const nodeHandler = `
export const handler = async (event, context) => {
  switch (event.do) {
    case "throw": throw new RangeError("too far");
    case "reject": return Promise.reject("plainly");
    case "nothing": return;
    case "uncaught": setTimeout(() => { throw new TypeError("later") }, 1); await new Promise(r => setTimeout(r, 5000)); return;
    case "never": await new Promise(() => {}); return;
  }
  console.log("at work");
  return {
    pid: process.pid, id: context.awsRequestId, name: context.functionName, memory: context.memoryLimitInMB,
    arn: context.invokedFunctionArn, remaining: context.getRemainingTimeInMillis(), text: event.text,
  };
};
`

func TestNode(t *testing.T) {
	s := language(t, "node", "node:index.handler", map[string]string{"index.mjs": nodeHandler}, lambda.Options{})
	if s == nil {
		return
	}
	type result struct {
		PID                         int
		ID, Name, Memory, ARN, Text string
		Remaining                   int
	}
	out := s.invoke(t, `{"text":"grüße"}`)
	require.Empty(t, out.FunctionError, "%s", out.Payload)
	first := decode[result](t, out.Payload)
	assert.Greater(t, first.Remaining, 1000)
	first.Remaining = 0
	assert.Equal(t, result{first.PID, out.RequestID, "work", "256", "arn:aws:lambda:eu-central-1:123456789012:function:work", "grüße", 0}, first)
	for do, want := range map[string]reported{
		"throw":  {"RangeError", "too far"},
		"reject": {"string", "plainly"},
	} {
		out := s.invoke(t, `{"do":"`+do+`"}`)
		assert.Equal(t, "Unhandled", out.FunctionError)
		assert.Equal(t, want, decode[reported](t, out.Payload))
	}
	assert.Equal(t, "null", string(s.invoke(t, `{"do":"nothing"}`).Payload))
	assert.Equal(t, first.PID, decode[result](t, s.invoke(t, `{}`).Payload).PID, "an error leaves the environment as it is")
	assert.Equal(t, reported{"TypeError", "later"}, decode[reported](t, s.invoke(t, `{"do":"uncaught"}`).Payload))
	out = s.invoke(t, `{"do":"never"}`)
	assert.Equal(t, reported{"Runtime.ExitError", "RequestId: " + out.RequestID + " Error: Runtime exited with error: exit status 13"}, decode[reported](t, out.Payload))
}

func TestNodeCallbacks(t *testing.T) {
	s := language(t, "node", "node:src/index.handler", map[string]string{"src/index.js": `
exports.handler = (event, context, callback) => {
  switch (event.do) {
    case "result": callback(null, {n: 1}); break;
    case "error": callback(new Error("no")); break;
    case "later": setTimeout(() => callback(null, "later"), 10); break;
    case "leftover": callback(null, "first"); setTimeout(() => console.log("done"), 50); break;
    case "quick": context.callbackWaitsForEmptyEventLoop = false; callback(null, "quick"); setTimeout(() => {}, 60000); break;
    case "succeed": context.succeed("old style"); break;
    case "fail": context.fail(new Error("old style")); break;
    case "done": context.done(null, "done"); break;
    case "none": break;
  }
};`}, lambda.Options{})
	if s == nil {
		return
	}
	for _, c := range []struct{ do, payload, failed string }{
		{"result", `{"n":1}`, ""},
		{"later", `"later"`, ""},
		{"leftover", `"first"`, ""},
		{"succeed", `"old style"`, ""},
		{"done", `"done"`, ""},
		{"none", `null`, ""},
	} {
		out := s.invoke(t, `{"do":"`+c.do+`"}`)
		assert.Equal(t, c.payload, string(out.Payload), c.do)
		assert.Equal(t, c.failed, out.FunctionError, c.do)
	}
	assert.Equal(t, reported{"Error", "no"}, decode[reported](t, s.invoke(t, `{"do":"error"}`).Payload))
	assert.Equal(t, reported{"Error", "old style"}, decode[reported](t, s.invoke(t, `{"do":"fail"}`).Payload))
	// Last: what it leaves behind would hold up the callbacks of others, as on Lambda.
	assert.Equal(t, `"quick"`, string(s.invoke(t, `{"do":"quick"}`).Payload))
	assert.Equal(t, lambda.Stats{Invocations: 9, Peak: 1, Idle: 1}, s.Stats()["work"], "all in one environment")
}

func TestNodeThatDoesNotLoad(t *testing.T) {
	for _, c := range []struct{ name, source, kind, message string }{
		{"no function", "export const x = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"},
		{"no function but a number", "export const handler = 1;", "Runtime.HandlerNotFound", "index.handler is not a function"},
		{"syntax", "export const handler = (;", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"},
		{"throws", "throw new RangeError('early');", "RangeError", "early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := language(t, "node", "node:index.handler", map[string]string{"index.mjs": c.source}, lambda.Options{})
			if s == nil {
				return
			}
			out := s.invoke(t, `{}`)
			assert.Equal(t, "Unhandled", out.FunctionError)
			assert.Equal(t, reported{c.kind, c.message}, decode[reported](t, out.Payload))
		})
	}
}

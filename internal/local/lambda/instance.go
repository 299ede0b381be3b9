package lambda

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// environment is what code starts: it runs one invocation at a time.
type environment interface {
	// invoke runs one invocation. It returns when the invocation has ended or,
	// having killed what it could, when ctx ends.
	invoke(ctx context.Context, i *invocation) outcome
	// alive tells whether an idle environment can still serve.
	alive() bool
	// stop ends the environment and returns when it has ended.
	stop()
}

// outcome is how an invocation ended.
type outcome struct {
	payload []byte
	failed  bool
	// failure is set instead of payload when the platform has to word the error.
	failure *failure
	// reusable says that the environment can serve again.
	reusable bool
	// memory used at most in MB. 0 if unknown.
	memory int
}

// failure is an error that the platform reports on behalf of a function.
type failure struct {
	// kind is AWS's error type: "Runtime.ExitError".
	kind    string
	message string
	// payload is what a runtime reported itself; it is passed on as it is.
	payload []byte
}

// outOfMemory is the failure of a function that needed more than it has.
var outOfMemory = &failure{kind: "Runtime.OutOfMemory", message: "Runtime exited with error: signal: killed"}

// setting is what an environment starts with.
type setting struct {
	function  Function
	variables map[string]string
	logs      *stream
}

// instance is an execution environment with its identity.
type instance struct {
	environment
	function   *function
	generation int
	setting    setting
	accessKey  string
	unregister func()
	idleSince  time.Time
	// current is the request being served. The service's lock guards it.
	current string
}

func (i *instance) stop() {
	if i.environment != nil {
		i.environment.stop()
	}
	i.unregister()
}

// newInstance makes the identity of an environment: its log stream and its
// credentials, which the router then knows as the function's own. The lock must
// be held.
func (s *Service) newInstance(f *function) *instance {
	id := make([]byte, 16)
	_, _ = s.random.Read(id) // never fails
	name := fmt.Sprintf("%s/[%s]%x", time.Now().UTC().Format("2006/01/02"), f.version, id)
	i := &instance{function: f, generation: f.generation}
	i.accessKey = "ASIA" + s.letters(16)
	i.setting = setting{
		function: f.config,
		logs:     newStream(s.logsOf(f.config, name), f.config.Name, name, f.version),
	}
	i.setting.variables = s.variables(f, name, i.accessKey, s.letters(40), s.letters(64))
	role, function := f.config.Role, f.config.Name
	i.unregister = s.router.Register(i.accessKey, func() api.Caller {
		s.mu.Lock()
		defer s.mu.Unlock()
		return api.Caller{RoleARN: role, Function: function, RequestID: i.current}
	})
	return i
}

// letters is a random string of capital letters and digits. The lock must be held.
func (s *Service) letters(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	text := make([]byte, n)
	_, _ = s.random.Read(text) // never fails
	for i, b := range text {
		text[i] = alphabet[b%32]
	}
	return string(text)
}

// traceID is an X-Ray trace header. The lock must be held.
func (s *Service) traceID() string {
	id := make([]byte, 20)
	_, _ = s.random.Read(id) // never fails
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), hex.EncodeToString(id[:12]), hex.EncodeToString(id[12:]))
}

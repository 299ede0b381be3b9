package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/httpclient"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/registry"
)

// standing is the fleet "orders" of a 'muster up', and the commands that are
// given to it.
type standing struct {
	*testing.T
	environment []string
	stack       *stack
	registry    *registry.Registry
	sqs         *sqs.Client
}

// stand starts the fleet in a folder. It ends with the test.
func stand(t *testing.T, dir string, args ...string) *standing {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), command, append([]string{"up", "orders", "--listen", "127.0.0.1:0"}, args...)...)}
	p.Dir, p.Stderr = dir, &p.stderr
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	f := &standing{T: t, environment: append(os.Environ(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")}
	endpoint := ""
	for reader := bufio.NewReader(out); !strings.HasPrefix(f.environment[len(f.environment)-1], "QUEUE_URL="); {
		line, err := reader.ReadString('\n')
		require.NoError(t, err, "%s", &p.stderr)
		pair := strings.TrimPrefix(strings.TrimSpace(line), "export ")
		f.environment = append(f.environment, pair)
		if url, ok := strings.CutPrefix(pair, "AWS_ENDPOINT_URL="); ok {
			endpoint = url
		}
	}
	cfg := aws.Config{
		HTTPClient: httpclient.New(),
		Region:     localRegion, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(local.AccessKeyID, local.SecretAccessKey, ""),
	}
	outputs, err := new(target).outputs(t.Context(), cfg, "orders")
	require.NoError(t, err)
	f.stack, f.sqs = &stack{cfg, "orders", outputs}, sqs.NewFromConfig(cfg)
	f.registry, err = f.stack.registry()
	require.NoError(t, err)
	return f
}

// start begins a command.
func (f *standing) start(args ...string) *process {
	f.Helper()
	p := &process{Cmd: exec.CommandContext(f.Context(), command, args...)}
	p.Dir, p.Env, p.Stdout, p.Stderr = f.TempDir(), f.environment, &p.stdout, &p.stderr
	require.NoError(f, p.Start())
	return p
}

// muster runs a command to its end and expects an exit status.
func (f *standing) muster(status int, args ...string) *process {
	f.Helper()
	p := f.start(args...)
	require.Equal(f, status, p.status(f.T), "muster %s\n%s%s", strings.Join(args, " "), &p.stdout, &p.stderr)
	return p
}

// jsonLines reads what --json printed, one object a line.
func jsonLines[T any](t *testing.T, p *process) []T {
	t.Helper()
	var all []T
	for d := json.NewDecoder(bytes.NewReader(p.stdout.Bytes())); d.More(); {
		var one T
		require.NoError(t, d.Decode(&one), "%s", &p.stdout)
		all = append(all, one)
	}
	return all
}

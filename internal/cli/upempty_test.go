package cli

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/httpclient"
	"github.com/musterq/muster/internal/local"
)

func TestUpKeepsAnEmptyAccount(t *testing.T) {
	p := &process{Cmd: exec.CommandContext(t.Context(), command, "up", "--empty", "--listen", "127.0.0.1:0", "--handler", "cat")}
	p.Dir, p.Stderr = t.TempDir(), &p.stderr
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "%s", &p.stderr)
	endpoint, ok := strings.CutPrefix(strings.TrimSpace(line), "export AWS_ENDPOINT_URL=")
	require.True(t, ok, line)
	cfg := aws.Config{
		HTTPClient: httpclient.New(), Region: localRegion, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(local.AccessKeyID, local.SecretAccessKey, ""),
	}
	stacks, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	require.NoError(t, err)
	assert.Empty(t, stacks.Stacks)
	ran, err := lambda.NewFromConfig(cfg).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("process"), Payload: []byte(`{"a":1}`)})
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":1}`, string(ran.Payload))
	require.NoError(t, p.Process.Signal(os.Interrupt))
	assert.Equal(t, 0, p.status(t))
	assert.Contains(t, p.stderr.String(), "Function process: arn:aws:lambda:us-east-1:123456789012:function:process\nReady: an account without a fleet at "+endpoint)
}

func TestAnEmptyAccountHasNoSettingsOfAFleet(t *testing.T) {
	for message, args := range map[string][]string{
		"--empty keeps no fleet: leave out orders, or leave out --empty":                              {"orders"},
		"--max-concurrency is a setting of a fleet, and --empty keeps none: give it to muster deploy": {"--max-concurrency", "3"},
		"--empty keeps no fleet that could start jobs: leave out --job":                               {"--job", "exec:cat"},
		"--transform needs --handler":                                                                 {"--transform", "cat"},
	} {
		p := muster(t, 2, ".", append([]string{"up", "--empty"}, args...)...)
		assert.Contains(t, p.stderr.String(), message)
	}
}

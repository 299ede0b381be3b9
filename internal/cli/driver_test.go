package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/lambda"
)

// brokenFleet is a fleet in memory all of whose own functions fail.
func brokenFleet(t *testing.T) (*localFleet, *parameters) {
	t.Helper()
	runtime, err := local.Start(local.Options{
		File: definition,
		Lambda: lambda.Options{Resolve: func(string) (lambda.Code, error) {
			return lambda.Func(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("broken") }), nil
		}},
	})
	require.NoError(t, err)
	p, err := addParameters(pflag.NewFlagSet("run", pflag.ContinueOnError), runDefaults)
	require.NoError(t, err)
	f, err := deployFleet(t.Context(), runtime, fleetOptions{
		Name: "fleet", Parameters: p, Memory: 128,
		Process: lambda.Func(func(context.Context, []byte) ([]byte, error) { return nil, nil }),
	})
	require.NoError(t, err)
	return f, p
}

func TestDriverSaysWhyNoWorkerComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := brokenFleet(t)
		var out bytes.Buffer
		d := newDriver(f, p, []outgoing{{Body: "a"}}, newView(&out, false, 1))

		end := d.drive(t.Context(), nil, 45*time.Second)

		require.NoError(t, f.Close())
		assert.Equal(t, ending{timeout: 45 * time.Second}, end)
		assert.Contains(t, out.String(), "No worker for 30s, 1 messages are left: fleet-autoscaler: errorString: broken\n")
		s := d.summary()
		assert.Equal(t, 1, s.Unfinished)
		assert.InDelta(t, 45, s.Seconds, 0.1)
		assert.EqualError(t, end.exit(s), "stopped after 45s, 1 messages unfinished")
	})
}

func TestDriverNoticesLostMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := brokenFleet(t)
		purge := time.AfterFunc(time.Second, func() {
			_, err := f.queue.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &f.names.QueueURL})
			assert.NoError(t, err)
		})
		defer purge.Stop()
		d := newDriver(f, p, []outgoing{{Body: "a"}, {Body: "b"}}, newView(&bytes.Buffer{}, false, 2))

		end := d.drive(t.Context(), nil, 0)

		require.NoError(t, f.Close())
		assert.Equal(t, ending{}, end)
		s := d.summary()
		assert.Equal(t, []int{2, 0, 2, 0}, []int{s.Messages, s.Handled, s.Lost, s.Unfinished})
		var e *exitError
		require.ErrorAs(t, end.exit(s), &e)
		assert.Equal(t, 3, e.status)
		assert.Equal(t, "2 messages are gone though no handler finished them", e.Error())
		for _, o := range d.outcomes() {
			assert.Equal(t, lost, o.Status)
		}
	})
}

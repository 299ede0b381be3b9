package conformance

import (
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fails checks that a call ended in the typed error E, with exactly the given
// message unless that is empty, and returns it.
func fails[E smithy.APIError](t *testing.T, err error, message string) E {
	t.Helper()
	var e E
	require.ErrorAs(t, err, &e)
	if message != "" {
		assert.Equal(t, message, e.ErrorMessage())
	}
	return e
}

// failsAs checks that a call ended in an error of the given code, with exactly
// the given message unless that is empty.
func failsAs(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.ErrorCode())
	if message != "" {
		assert.Equal(t, message, e.ErrorMessage())
	}
}

// eventually calls f until it says yes, with pauses that grow to a minute, for
// what AWS does in its own time.
func eventually(t *testing.T, limit time.Duration, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for pause := 50 * time.Millisecond; !f(); pause = min(pause*3/2, time.Minute) {
		require.True(t, time.Now().Before(deadline), "did not happen within %s", limit)
		wait(t, pause)
	}
}

// wait lets time pass.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

package registry_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/registry"
)

func TestDirectives(t *testing.T) {
	at := time.Date(2026, 1, 31, 16, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		directive registry.Directive
		want      string
		ended     time.Duration
	}{
		"for good":     {registry.Directive{Who: "alice", At: registry.At(at)}, "by alice", 0},
		"with a cause": {registry.Directive{Who: "alice", Why: "deploy", At: registry.At(at)}, "by alice: deploy", 0},
		"for hours":    {registry.Directive{Who: "alice", Why: "deploy", At: registry.At(at), Until: registry.At(at.Add(2 * time.Hour))}, "by alice until 18:00 UTC: deploy", 2 * time.Hour},
		"for days":     {registry.Directive{Who: "alice", At: registry.At(at), Until: registry.At(at.Add(26 * time.Hour))}, "by alice until 2026-02-01 18:00 UTC", 26 * time.Hour},
	} {
		assert.Equal(t, c.want, c.directive.String(), name)
		assert.True(t, c.directive.Holds(at), name)
		if c.ended > 0 {
			assert.True(t, c.directive.Holds(at.Add(c.ended-time.Millisecond)), name)
			assert.False(t, c.directive.Holds(at.Add(c.ended)), name)
		}
	}
	assert.False(t, (*registry.Directive)(nil).Holds(at))
	assert.False(t, (*registry.Bounds)(nil).Holds(at))
	by := registry.Directive{Who: "bob"}
	assert.Equal(t, "minimum 0, cap 7 by bob", registry.Bounds{Directive: by, Min: aws.Int(0), Max: aws.Int(7)}.String())
	assert.Equal(t, "cap 7 by bob", registry.Bounds{Directive: by, Max: aws.Int(7)}.String())
}

func TestControls(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		read := func() registry.Controls {
			c, err := r.Controls(r.Context())
			require.NoError(r, err)
			c.Fleet, c.Item = "", ""
			return c
		}
		assert.Zero(r, read())
		one := registry.Directive{Who: "alice", Why: "deploy", At: "2000-01-01T00:00:00.000Z", Until: "2000-01-01T01:00:00.000Z"}
		two := registry.Directive{Who: "bob", At: "2000-01-01T00:10:00.000Z"}
		bounds := registry.Bounds{Directive: one, Min: aws.Int(0), Max: aws.Int(3)}
		require.NoError(r, r.Pause(r.Context(), one))
		require.NoError(r, r.SetBounds(r.Context(), bounds))
		assert.Equal(r, registry.Controls{Pause: &one, Bounds: &bounds}, read())
		require.NoError(r, r.Resume(r.Context(), two))
		require.NoError(r, r.DrainAll(r.Context(), two))
		assert.Equal(r, registry.Controls{Resumed: &two, Drained: &two, Bounds: &bounds}, read())
		require.NoError(r, r.ClearBounds(r.Context()))
		require.NoError(r, r.Pause(r.Context(), two))
		assert.Equal(r, registry.Controls{Pause: &two, Drained: &two}, read())
		s, err := r.Snapshot(r.Context())
		require.NoError(r, err)
		assert.Empty(r, s.Workers, "controls are no worker")
	})
}

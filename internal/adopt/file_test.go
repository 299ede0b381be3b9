package adopt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/estate"
)

func TestWrite(t *testing.T) {
	p := &Plan{Fleet: "orders", Region: "eu-west-1", From: "event source mapping 1", Parameters: map[string]string{
		"Enabled": "false", "BatchSize": "10", "Routes": `[{"Handler": "a: b #", "x": "` + strings.Repeat("long ", 60) + `"}]`, "QueueArn": queueOfTests,
	}}
	for name, before := range map[string]string{
		"no file":       "",
		"another fleet": "# ours\nfleets:\n    bills: # keep\n        parameters: {ProcessHandler: x}",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, estate.FileName)
			if before != "" {
				require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
			}
			for range 2 { // the second time it is there
				file, err := p.Write(dir)
				require.NoError(t, err)
				assert.Equal(t, path, file)
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(text), before), string(text))
			e, err := estate.Load(dir)
			require.NoError(t, err)
			assert.Equal(t, p.Parameters, e.Fleet("orders").Texts())
			assert.Equal(t, "eu-west-1", e.Fleet("orders").Region)

			other := *p
			other.Parameters = map[string]string{"Enabled": "true"}
			_, err = other.Write(dir)
			assert.ErrorContains(t, err, "there is a fleet orders already")

			file, err := SetEnabled(dir, "orders", true)
			require.NoError(t, err)
			assert.Equal(t, path, file)
			e, err = estate.Load(dir)
			require.NoError(t, err)
			assert.Equal(t, "true", e.Fleet("orders").Texts()["Enabled"])
		})
	}
}

func TestWriteDoesNotSpoilAFile(t *testing.T) {
	dir := t.TempDir()
	before := "fleets: {bills: {parameters: {ProcessHandler: x}}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, estate.FileName), []byte(before), 0o600))
	_, err := (&Plan{Fleet: "orders", Parameters: map[string]string{"Enabled": "false"}}).Write(dir)
	assert.ErrorContains(t, err, "write this below fleets")
	text, err := os.ReadFile(filepath.Join(dir, estate.FileName))
	require.NoError(t, err)
	assert.Equal(t, before, string(text))
}

func TestSetEnabledLeavesTheRest(t *testing.T) {
	for before, want := range map[string]string{
		"fleets:\n  orders:\n    parameters:\n      Enabled: \"false\"  # for now\n      BatchSize: 1\n": "fleets:\n  orders:\n    parameters:\n      Enabled: 'true'  # for now\n      BatchSize: 1\n",
		"fleets:\n  orders:\n    parameters: {BatchSize: 1}\n":                                           "fleets:\n  orders:\n    parameters: {BatchSize: 1}\n",
		"fleets:\n  bills:\n    parameters: {Enabled: false}\n":                                          "fleets:\n  bills:\n    parameters: {Enabled: false}\n",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, estate.FileName), []byte(before), 0o600))
		_, err := SetEnabled(dir, "orders", true)
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dir, estate.FileName))
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, estate.FileName), []byte("fleets:\n  orders:\n    parameters: {Enabled: false}\n"), 0o600))
	_, err := SetEnabled(dir, "orders", true)
	assert.ErrorContains(t, err, "muster.yaml:3: write Enabled: true here")
}

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckout(t *testing.T) {
	root := t.TempDir()
	inner := filepath.Join(root, "a", "b")
	require.NoError(t, os.MkdirAll(inner, 0o755))

	found, err := checkout(inner)
	require.NoError(t, err)
	assert.Empty(t, found)

	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module github.com/musterq/muster\n\ngo 1.26\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a", "go.mod"), []byte("module example.com/other\n"), 0o644))
	found, err = checkout(inner)
	require.NoError(t, err)
	assert.Equal(t, root, found)
}

// The functions are found beside the executable or in a checkout; elsewhere the
// error says what to do.
func TestFunctionsAreMissing(t *testing.T) {
	alone := filepath.Join(t.TempDir(), "muster")
	binary, err := os.ReadFile(command)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(alone, binary, 0o755))
	p := startCommand(t, alone, filepath.Dir(alone), "demo")
	assert.Equal(t, 3, p.status(t))
	assert.Contains(t, p.stderr.String(), "run 'make build' in a checkout and use build/local/muster")
}

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	binary, target := filepath.Join(dir, "pump"), filepath.Join(dir, "out", "bootstrap")
	for _, text := range []string{"one", "two"} {
		require.NoError(t, os.WriteFile(binary, []byte(text), 0o755))
		require.NoError(t, install(binary, filepath.Join(dir, "out")))
		got, err := os.ReadFile(target)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	names, err := filepath.Glob(filepath.Join(dir, "out", "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{target}, names)
}

func TestDefinition(t *testing.T) {
	for path, want := range map[string]string{"../asl/autoscaler.asl.json": `"Assess"`, "../asl/worker.asl.json": `"Report home"`} {
		text, err := definition(path)
		require.NoError(t, err)
		assert.Contains(t, string(text), want)
	}
	_, err := definition("../asl/other.asl.json")
	assert.EqualError(t, err, "the template names the file ../asl/other.asl.json: muster has autoscaler.asl.json and worker.asl.json")
}

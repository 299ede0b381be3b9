package upgrade

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/bundle"
)

// bucket has the code of both releases.
const bucket = "artifacts"

// root is the checkout.
const root = "../.."

// architecture of this machine, as Lambda names it. Functions of the previous
// release are kept for x86_64; for others they are built from its tag.
var architecture = bundle.ArchitectureOf(runtime.GOARCH)

// machines are the names of the state machines' definitions.
var machines = []string{"autoscaler.asl.json", "worker.asl.json"}

// previous is the release before, as it is deployed.
func previous(t *testing.T) *bundle.Bundle {
	t.Helper()
	definitions := map[string][]byte{}
	for _, name := range machines {
		definitions[name] = read(t, filepath.Join("testdata", name))
	}
	// It knew one architecture.
	template := strings.ReplaceAll(string(read(t, "testdata/fleet.yaml")), "Architectures: [arm64]", "Architectures: ["+string(architecture)+"]")
	executables := unpack(t, "testdata/functions.tar.zst")
	if architecture != bundle.X8664 {
		executables = rebuild(t)
	}
	return pack(t, []byte(template), executables, definitions)
}

// rebuild builds the functions of the previous release for this machine.
func rebuild(t *testing.T) map[string][]byte {
	t.Helper()
	checkout := t.TempDir()
	tag := strings.TrimSpace(string(read(t, "testdata/TAG")))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `git archive "$1" | tar -x -C "$2"`, "sh", tag, checkout)
	cmd.Dir = root
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return build(t, checkout, read(t, "testdata/fleet.yaml"))
}

// build builds the functions that a template names.
func build(t *testing.T, checkout string, template []byte) map[string][]byte {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, bundle.Build(t.Context(), checkout, folder, architecture))
	paths, err := bundle.Functions(template)
	require.NoError(t, err)
	executables := map[string][]byte{}
	for _, p := range paths {
		executables[path.Base(p)] = read(t, filepath.Join(folder, path.Base(p)))
	}
	return executables
}

// current is this release, built as muster deploy builds it.
func current(t *testing.T) *bundle.Bundle {
	t.Helper()
	checkout, err := filepath.Abs(root)
	require.NoError(t, err)
	definitions := map[string][]byte{"autoscaler.asl.json": []byte(asl.Autoscaler), "worker.asl.json": []byte(asl.Worker)}
	return pack(t, embedded.Fleet, build(t, checkout, embedded.Fleet), definitions)
}

func pack(t *testing.T, template []byte, executables, definitions map[string][]byte) *bundle.Bundle {
	t.Helper()
	find := func(from map[string][]byte) func(string) ([]byte, error) {
		return func(p string) ([]byte, error) {
			data, ok := from[path.Base(p)]
			if !ok {
				return nil, os.ErrNotExist
			}
			return data, nil
		}
	}
	executable := find(executables)
	b, err := bundle.Source{
		Template: template, Bucket: bucket, Prefix: "muster/", Definition: find(definitions),
		Function: func(p string) ([]byte, error) {
			data, err := executable(p)
			if err != nil {
				return nil, err
			}
			return bundle.Zip(data)
		},
	}.Pack()
	require.NoError(t, err)
	return b
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}

// unpack reads the executables of an archive, by the functions' names.
func unpack(t *testing.T, archive string) map[string][]byte {
	t.Helper()
	file, err := os.Open(archive)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	// zstd --long=27
	decoder, err := zstd.NewReader(file, zstd.WithDecoderMaxWindow(1<<27))
	require.NoError(t, err)
	defer decoder.Close()
	found := map[string][]byte{}
	for r := tar.NewReader(decoder); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		found[path.Base(path.Dir(header.Name))] = data
	}
}

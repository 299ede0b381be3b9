//go:build linux && amd64

package upgrade

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
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

// machines are the names of the state machines' definitions.
var machines = []string{"autoscaler.asl.json", "worker.asl.json"}

// previous is the release before, as it is deployed.
func previous(t *testing.T) *bundle.Bundle {
	t.Helper()
	definitions := map[string][]byte{}
	for _, name := range machines {
		definitions[name] = read(t, filepath.Join("testdata", name))
	}
	// Its functions are kept for the machines that run the tests.
	template := strings.ReplaceAll(string(read(t, "testdata/fleet.yaml")), "Architectures: [arm64]", "Architectures: [x86_64]")
	return pack(t, []byte(template), unpack(t, "testdata/functions.tar.zst"), definitions)
}

// current is this release, built as muster deploy builds it.
func current(t *testing.T) *bundle.Bundle {
	t.Helper()
	folder := t.TempDir()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.NoError(t, bundle.Build(t.Context(), root, folder, bundle.X8664))
	paths, err := bundle.Functions(embedded.Fleet)
	require.NoError(t, err)
	executables := map[string][]byte{}
	for _, p := range paths {
		executables[path.Base(p)] = read(t, filepath.Join(folder, path.Base(p)))
	}
	definitions := map[string][]byte{"autoscaler.asl.json": []byte(asl.Autoscaler), "worker.asl.json": []byte(asl.Worker)}
	return pack(t, embedded.Fleet, executables, definitions)
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

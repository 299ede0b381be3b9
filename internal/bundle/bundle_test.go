package bundle

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
	embedded "github.com/musterq/muster/cloudformation"
)

func TestZip(t *testing.T) {
	first, err := Zip([]byte("an executable"))
	require.NoError(t, err)
	second, err := Zip([]byte("an executable"))
	require.NoError(t, err)
	assert.Equal(t, first, second)

	archive, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	require.NoError(t, err)
	require.Len(t, archive.File, 1)
	file := archive.File[0]
	assert.Equal(t, "bootstrap", file.Name)
	assert.Equal(t, "-rwxr-xr-x", file.Mode().String())
	assert.Equal(t, 1980, file.Modified.UTC().Year())
	in, err := file.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Equal(t, "an executable", string(text))
}

func source(template string) Source {
	return Source{
		Template:   []byte(template),
		Function:   func(p string) ([]byte, error) { return []byte("code of " + path.Base(p)), nil },
		Definition: func(string) ([]byte, error) { return []byte("{}"), nil },
		Bucket:     "artifacts", Prefix: "muster/",
	}
}

func TestPack(t *testing.T) {
	b, err := source(`# stays
Resources:
  Pump: # stays too
    Type: AWS::Lambda::Function
    Properties:
      Code: ../build/pump   # the pump
      Role: !GetAtt Role.Arn
  Again:
    Type: AWS::Lambda::Function
    Properties: {Code: ../build/pump}
  Elsewhere:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: b, S3Key: k}
  Worker:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      DefinitionS3Location: ../asl/worker.asl.json
`).Pack()
	require.NoError(t, err)
	require.Len(t, b.Files, 2)
	pump, worker := b.Files[0], b.Files[1]
	assert.Regexp(t, `^muster/pump-[0-9a-f]{16}\.zip$`, pump.Key)
	assert.Regexp(t, `^muster/worker-[0-9a-f]{16}\.asl\.json$`, worker.Key)
	assert.Equal(t, "{}", string(worker.Data))
	assert.Equal(t, fmt.Sprintf(`# stays
Resources:
  Pump: # stays too
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: artifacts, S3Key: %[1]s}   # the pump
      Role: !GetAtt Role.Arn
  Again:
    Type: AWS::Lambda::Function
    Properties: {Code: {S3Bucket: artifacts, S3Key: %[1]s}}
  Elsewhere:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: b, S3Key: k}
  Worker:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      DefinitionS3Location: {Bucket: artifacts, Key: %[2]s}
`, pump.Key, worker.Key), string(b.Template.Data))
	assert.Regexp(t, `^muster/fleet-[0-9a-f]{16}\.yaml$`, b.Template.Key)
}

func TestPackRefuses(t *testing.T) {
	_, err := source("Resources: [").Pack()
	assert.ErrorContains(t, err, "read the template: yaml: ")
	_, err = source("Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: \"../build/pump\"\n").Pack()
	assert.EqualError(t, err, "template line 5: write the path ../build/pump plainly, without quotes")
	s := source("Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: ../build/pump\n")
	s.Function = func(string) ([]byte, error) { return nil, io.ErrUnexpectedEOF }
	_, err = s.Pack()
	assert.EqualError(t, err, "template line 5: ../build/pump: unexpected EOF")
}

func TestParameters(t *testing.T) {
	names, err := Parameters([]byte("Parameters: {B: {Type: String, Default: !Nonsense x}, A: {Type: Number}}"))
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "B"}, names)
	_, err = Parameters([]byte("Parameters: ["))
	assert.ErrorContains(t, err, "read the template: yaml: ")
}

// The code's version is that of the functions and the template, not of the
// definitions.
func TestCodeVersion(t *testing.T) {
	version := func(change func(*Source)) string {
		s := source(string(embedded.Fleet))
		change(&s)
		b, err := s.Pack()
		require.NoError(t, err)
		return b.CodeVersion
	}
	same := version(func(*Source) {})
	assert.Regexp(t, `^[0-9a-f]{16}$`, same)
	assert.Equal(t, same, version(func(s *Source) { s.Definition = func(string) ([]byte, error) { return []byte(asl.Worker), nil } }))
	assert.NotEqual(t, same, version(func(s *Source) { s.Template = append(s.Template, "# more\n"...) }))
	assert.NotEqual(t, same, version(func(s *Source) {
		s.Function = func(p string) ([]byte, error) { return []byte(strings.ToUpper(p)), nil }
	}))
}

// The functions as they go to AWS: every one that the template names, and less
// than 6 MB. That another checkout makes the same bytes, make reproducible checks.
func TestFunctions(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, Build(t.Context(), root, folder, ARM64))
	paths, err := Functions(embedded.Fleet)
	require.NoError(t, err)
	assert.Len(t, regexp.MustCompile(`\n +Code: \.\./build/`).FindAll(embedded.Fleet, -1), len(paths))
	for _, p := range paths {
		executable, err := Read(filepath.Join(folder, path.Base(p)), ARM64)
		require.NoError(t, err)
		data, err := Zip(executable)
		require.NoError(t, err)
		assert.Less(t, len(data), 6_000_000, p)
	}
	_, err = Read(filepath.Join(folder, "pump"), X8664)
	assert.ErrorContains(t, err, "is built for EM_AARCH64 and Architecture is x86_64: set Architecture to fit")
}

func TestRead(t *testing.T) {
	_, err := Read(filepath.Join(t.TempDir(), "none"), ARM64)
	assert.ErrorContains(t, err, "read the function: open ")
	_, err = Read("bundle_test.go", ARM64)
	assert.ErrorContains(t, err, "is no executable for Linux")
	assert.EqualError(t, Build(t.Context(), ".", t.TempDir(), "vax"), `build functions: there is no architecture "vax": it is arm64 or x86_64`)
	assert.Equal(t, X8664, ArchitectureOf("amd64"))
	assert.Empty(t, ArchitectureOf("riscv64"))
}

package lambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// codeInput is where a function's code comes from: a deployment package, given
// itself or by its place in S3.
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html
type codeInput struct {
	ZipFile         []byte
	S3Bucket        string
	S3Key           string
	S3ObjectVersion string
	// ImageUri is refused.
	ImageUri json.RawMessage
}

func (c codeInput) check() error {
	inS3 := c.S3Bucket != "" || c.S3Key != "" || c.S3ObjectVersion != ""
	switch {
	case c.ImageUri != nil:
		return invalid("The embedded runtime runs packages of type Zip, not images.")
	case len(c.ZipFile) == 0 && !inS3:
		return invalid("Please provide a source for function code.")
	case len(c.ZipFile) > 0 && inS3:
		return invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case inS3 && (c.S3Bucket == "" || c.S3Key == ""):
		return invalid("Please provide both S3Bucket and S3Key.")
	case len(c.ZipFile) > maxZipped:
		return tooLarge(fmt.Sprintf("Request must be smaller than %d bytes for the CreateFunction operation", maxBody))
	}
	return nil
}

// maxZipped is Lambda's quota for a package within a request.
const maxZipped = 50 << 20

// load gives a function the code of a deployment package, laid out in a folder
// of its own.
func (s *Service) load(ctx context.Context, c codeInput, f *Function) error {
	if err := c.check(); err != nil {
		return err
	}
	data := c.ZipFile
	if c.S3Bucket != "" {
		if s.options.Object == nil {
			return invalid("The embedded runtime was given no S3 to take code from.")
		}
		var err error
		if data, err = s.options.Object(ctx, c.S3Bucket, c.S3Key, c.S3ObjectVersion); err != nil {
			e := api.AsError(err)
			return invalid("Error occurred while GetObject. S3 Error Code: " + e.Code + ". S3 Error Message: " + e.Message)
		}
	}
	dir, err := s.unzip(data)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	f.folder, f.size, f.sha256 = dir, int64(len(data)), base64.StdEncoding.EncodeToString(sum[:])
	return f.reload()
}

// reload finds a function's code in its folder, with its runtime and handler.
func (f *Function) reload() error {
	code, err := Load(f.Runtime, f.Handler, f.folder)
	if err != nil {
		return invalid(err.Error())
	}
	if strings.HasPrefix(f.Runtime, "provided") {
		if err := runsHere(filepath.Join(f.folder, "bootstrap"), f.Architectures); err != nil {
			return invalid(err.Error())
		}
	}
	f.Code = code
	return nil
}

// architectures are the machines of executables as Lambda names them and as Go
// does.
var architectures = map[elf.Machine]struct{ lambda, goarch string }{
	elf.EM_X86_64:  {"x86_64", "amd64"},
	elf.EM_AARCH64: {"arm64", "arm64"},
}

// runsHere checks that an executable is for this machine, on which it will run,
// and for the architecture that its function has. What is no executable of
// Linux's, such as a script, runs where its interpreter is.
// https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
func runsHere(path string, wanted []string) error {
	file, err := elf.Open(path)
	if _, malformed := errors.AsType[*elf.FormatError](err); malformed || errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	machine := file.Machine
	if err := file.Close(); err != nil {
		return err
	}
	built, known := architectures[machine]
	architecture := "x86_64"
	if len(wanted) > 0 {
		architecture = wanted[0]
	}
	switch {
	case !known:
		return fmt.Errorf("bootstrap is built for %s, which Lambda does not have: build it for GOARCH=arm64 or amd64", machine)
	case runtime.GOOS != "linux" || built.goarch != runtime.GOARCH:
		return fmt.Errorf("bootstrap is built for linux/%s, and this machine is %s/%s: the embedded runtime runs code as it is; build for GOARCH=%s and set Architecture to %s",
			built.goarch, runtime.GOOS, runtime.GOARCH, runtime.GOARCH, architectureOf(runtime.GOARCH))
	case built.lambda != architecture:
		return fmt.Errorf("bootstrap is built for %s, and the function's Architecture is %s: set it to %s", built.lambda, architecture, built.lambda)
	}
	return nil
}

func architectureOf(goarch string) string {
	for _, a := range architectures {
		if a.goarch == goarch {
			return a.lambda
		}
	}
	return goarch
}

// templateCode gives a function the code that a template names: a local path, the
// source itself in ZipFile, or a package in S3.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
func (s *Service) templateCode(ctx context.Context, code json.RawMessage, f *Function) error {
	var path string
	if err := json.Unmarshal(code, &path); err == nil {
		f.Code, err = s.resolve(path, *f)
		return err
	}
	var in struct {
		ZipFile                          string
		S3Bucket, S3Key, S3ObjectVersion string
		ImageUri                         json.RawMessage
	}
	if err := api.Decode(code, &in); err != nil {
		return err
	}
	if in.ZipFile == "" {
		return s.load(ctx, codeInput{S3Bucket: in.S3Bucket, S3Key: in.S3Key, S3ObjectVersion: in.S3ObjectVersion, ImageUri: in.ImageUri}, f)
	}
	if in.S3Bucket != "" || in.S3Key != "" || in.ImageUri != nil {
		return invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	}
	name := "index.js"
	switch {
	case strings.HasPrefix(f.Runtime, "python"):
		name = "index.py"
	case !strings.HasPrefix(f.Runtime, "nodejs"):
		return invalid("ZipFile can only be used with the Node.js and Python runtimes, not with " + f.Runtime + ".")
	}
	dir, err := s.makeFolder()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(in.ZipFile), 0o600); err != nil {
		return err
	}
	f.folder = dir
	return f.reload()
}

func (s *Service) resolve(path string, f Function) (Code, error) {
	if s.options.Resolve != nil {
		return s.options.Resolve(path)
	}
	return Load(f.Runtime, f.Handler, path)
}

// sameCode tells whether two templates' Code properties are the same and name
// something that does not change, as a local path does.
func sameCode(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) && !bytes.HasPrefix(bytes.TrimSpace(a), []byte(`"`))
}

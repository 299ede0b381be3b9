package lambda

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/musterq/muster/internal/local/api"
)

// maxUnzipped is Lambda's quota for an unzipped package.
const maxUnzipped = 250 << 20

// makeFolder makes a folder that lives as long as the service.
func (s *Service) makeFolder() (string, error) {
	dir, err := os.MkdirTemp("", "muster-function-")
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folders = append(s.folders, dir)
	return dir, nil
}

// unzip lays a deployment package out in a folder of its own.
func (s *Service) unzip(data []byte) (string, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", api.Errorf("InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	dir, err := s.makeFolder()
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	left := int64(maxUnzipped)
	for _, file := range archive.File {
		n, err := extract(root, file, left)
		if err != nil {
			_ = root.Close()
			return "", api.Errorf("InvalidParameterValueException", "Could not unzip uploaded file: %v.", err)
		}
		left -= n
	}
	return dir, root.Close()
}

// extract writes one file of an archive below root and returns its size.
func extract(root *os.Root, file *zip.File, limit int64) (int64, error) {
	name := filepath.FromSlash(file.Name)
	mode := file.Mode()
	switch {
	case mode.IsDir():
		return 0, root.MkdirAll(filepath.Clean(name), 0o755)
	case !mode.IsRegular():
		return 0, fmt.Errorf("%s is not a regular file", file.Name)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, err
	}
	in, err := file.Open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode.Perm()|0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, limit+1))
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil && n > limit {
		err = fmt.Errorf("unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	return n, err
}

// removeAll removes folders that held code. What cannot be removed is in the
// system's temporary folder and left to it.
func removeAll(folders []string) {
	for _, dir := range folders {
		_ = os.RemoveAll(dir)
	}
}

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ParseCommand finds the program of a command line. Paths are relative to dir, a
// name without a slash is looked up in PATH.
func ParseCommand(line, dir string) ([]string, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("it names no command")
	}
	name := words[0]
	if strings.ContainsRune(name, filepath.Separator) {
		path := Within(dir, name)
		if err := Executable(path); err != nil {
			return nil, err
		}
		return append([]string{path}, words[1:]...), nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if Executable(filepath.Join(dir, name)) == nil {
			return nil, fmt.Errorf("%s is a file in %s, not a command in PATH: write ./%s", name, dir, name)
		}
		return nil, fmt.Errorf("there is no command %s in PATH: install it, or write the path of a file, such as ./%s", name, name)
	}
	return append([]string{path}, words[1:]...), nil
}

// Within is a path as seen from dir.
func Within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Executable says what is wrong with a file that is to be run.
func Executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %s: build it, or correct the path", path)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name the executable in it", path)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s cannot be executed: run chmod +x %s", path, path)
	}
	return nil
}

package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/musterq/muster/internal/estate"
)

// Write adds the plan's fleet to dir's muster.yaml, which it makes if there is
// none, and returns the file. What the file says stays as it is: a fleet of the same
// name with other parameters is an error, one with the same is left alone.
func (p *Plan) Write(dir string) (file string, err error) {
	e, err := estate.Load(dir)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, estate.FileName)
	var text []byte
	if e != nil {
		file = filepath.Join(dir, e.File)
		if text, err = os.ReadFile(file); err != nil {
			return "", fmt.Errorf("read %s: %w", file, err)
		}
	}
	if old := e.Fleet(p.Fleet); old != nil {
		if maps.Equal(old.Texts(), p.Parameters) {
			return file, nil
		}
		return "", &estate.Fault{File: e.File, Line: old.Line, Message: fmt.Sprintf("there is a fleet %s already, with other parameters: choose another name, or change it by hand", p.Fleet)}
	}
	block, err := p.yaml(indentation(e, text))
	if err != nil {
		return "", err
	}
	before := []byte("fleets:\n")
	if e != nil {
		before = append(bytes.TrimRight(text, "\n"), '\n')
	}
	whole := append(before, block...)
	if _, err := estate.Parse(file, whole); err != nil {
		return "", fmt.Errorf("%s cannot be added to by itself, write this below fleets: %w\n%s", file, err, block)
	}
	return file, replace(file, whole)
}

// yaml is the fleet as it stands in the file, below fleets.
func (p *Plan) yaml(indent string) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s:\n", indent, p.Fleet)
	if p.Region != "" {
		fmt.Fprintf(&b, "%[1]s%[1]sregion: %s\n", indent, p.Region)
	}
	fmt.Fprintf(&b, "%[1]s%[1]s# Planned from %s.\n%[1]s%[1]sparameters:\n", indent, p.From)
	for _, m := range p.Missing {
		fmt.Fprintf(&b, "%[1]s%[1]s%[1]s# %[2]s: to be set: %[3]s\n", indent, m.What, m.Why)
	}
	for _, name := range p.Names() {
		value, err := yaml.Marshal(p.Parameters[name])
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		line := strings.TrimSpace(string(value))
		if strings.Contains(line, "\n") {
			// A long text that the encoder has folded: JSON's strings are YAML's too.
			line = fmt.Sprintf("%q", p.Parameters[name])
		}
		fmt.Fprintf(&b, "%[1]s%[1]s%[1]s%[2]s: %[3]s\n", indent, name, line)
	}
	return []byte(b.String()), nil
}

// indentation of the fleets that a file has. Two spaces where there is none.
func indentation(e *estate.Estate, text []byte) string {
	if e == nil || len(e.Fleets) == 0 {
		return "  "
	}
	line := strings.Split(string(text), "\n")[e.Fleets[0].Line-1]
	return line[:len(line)-len(strings.TrimLeft(line, " "))]
}

// replace puts a file in place at once: whoever reads it sees the old or the new.
func replace(file string, text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	made, err := os.CreateTemp(filepath.Dir(file), ".muster-*.yaml")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	_, err = made.Write(text)
	err = errors.Join(err, made.Chmod(mode), made.Close())
	if err == nil {
		err = os.Rename(made.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", file, err), os.Remove(made.Name()))
	}
	return nil
}

var enabledLine = regexp.MustCompile(`^(\s*Enabled\s*:\s*)(?:'(?:true|false)'|"(?:true|false)"|true|false)(\s*(?:#.*)?)$`)

// SetEnabled has dir's muster.yaml say of a fleet what its stack has been changed
// to, so that the next deployment does not take it back. It returns the file, empty
// where none tells of the fleet's Enabled.
func SetEnabled(dir, fleet string, on bool) (file string, err error) {
	e, err := estate.Load(dir)
	if err != nil {
		return "", err
	}
	f := e.Fleet(fleet)
	if f == nil {
		return "", nil
	}
	value, ok := f.Parameters["Enabled"]
	if !ok {
		return "", nil
	}
	file = filepath.Join(dir, e.File)
	if value.Text == fmt.Sprint(on) {
		return file, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	lines := strings.Split(string(text), "\n")
	parts := enabledLine.FindStringSubmatch(strings.TrimSuffix(lines[value.Line-1], "\r"))
	if parts == nil {
		return "", &estate.Fault{File: e.File, Line: value.Line, Message: fmt.Sprintf("write Enabled: %t here, or the next 'muster deploy' takes the switch back", on)}
	}
	lines[value.Line-1] = fmt.Sprintf("%s'%t'%s", parts[1], on, parts[2])
	return file, replace(file, []byte(strings.Join(lines, "\n")))
}

package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a command of a document may take.
const patience = time.Minute

// step is one command of a document and what the document shows below it.
type step struct {
	line    int
	command string
	shown   []string
}

// steps are the commands of all console blocks of a document, in their order.
func steps(document string) ([]step, error) {
	var found []step
	inside, begun := false, false
	for i, line := range strings.Split(document, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case !inside:
			inside, begun = line == "```console", false
		case line == "```":
			inside = false
		case isCommand:
			found, begun = append(found, step{line: i + 1, command: command}), true
		case !begun:
			return nil, fmt.Errorf("line %d: a console block begins with a command: $ ...", i+1)
		default:
			last := &found[len(found)-1]
			last.shown = append(last.shown, line)
		}
	}
	if inside {
		return nil, errors.New("the last console block is not closed")
	}
	return found, nil
}

// inTest is how the commands of a document are run here: the executable that was
// built, and a port that is free.
var inTest = strings.NewReplacer(
	"go run ./cmd/muster", "muster",
	"muster up ", "muster up --listen 127.0.0.1:0 ",
)

// session is one shell in a folder of its own, in which a document is tried.
type session struct {
	dir   string
	shell *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

// newSession starts a shell that finds muster in bin. What it has started ends
// with the test.
func newSession(t *testing.T, bin string) *session {
	t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	s := &session{dir: t.TempDir(), shell: exec.Command("sh"), lines: make(chan string, 1000)}
	s.shell.Dir, s.shell.Stdout, s.shell.Stderr = s.dir, writer, writer
	s.shell.Env = []string{
		"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + s.dir, "LANG=C.UTF-8", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
	s.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.in, err = s.shell.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, s.shell.Start())
	require.NoError(t, writer.Close())
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		s.end()
		_ = reader.Close()
	})
	return s
}

// end interrupts all that still runs, twice, and waits for it.
func (s *session) end() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		_ = syscall.Kill(-s.shell.Process.Pid, signal)
	}
	last := time.AfterFunc(patience, func() { _ = syscall.Kill(-s.shell.Process.Pid, syscall.SIGKILL) })
	defer last.Stop()
	for range s.lines {
	}
	_ = s.shell.Wait()
}

// marker ends the output of a command, before its exit status.
const marker = "-- exit status "

// run runs a command to its end and returns what it printed.
func (s *session) run(command string) (printed []string, status string, err error) {
	if _, err := fmt.Fprintf(s.in, "{\n%s\n} < /dev/null\necho '%s'$?\n", command, marker); err != nil {
		return nil, "", err
	}
	deadline := time.After(patience)
	for {
		line, err := s.next(deadline)
		if err != nil {
			return printed, "", err
		}
		before, status, last := strings.Cut(line, marker)
		if last && before != "" || !last {
			printed = append(printed, before)
		}
		if last {
			return printed, status, nil
		}
	}
}

func (s *session) next(deadline <-chan time.Time) (string, error) {
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", errors.New("the shell has ended")
		}
		return line, nil
	case <-deadline:
		return "", fmt.Errorf("it takes longer than %s", patience)
	}
}

// try runs a document's commands and returns where they do not do what it shows.
func (s *session) try(document string) []string {
	list, err := steps(document)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	for _, step := range list {
		if err := s.step(step); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: $ %s: %v", step.line, step.command, err))
		}
	}
	return wrong
}

// looks are the commands that only look, and may be tried again.
var looks = regexp.MustCompile(`^muster (status|explain|failures|where|dlq ls)\b`)

func (s *session) step(step step) error {
	if name, ok := strings.CutPrefix(step.command, "cat "); ok {
		if err := s.write(name, step.shown); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(patience)
	for {
		printed, status, err := s.run(inTest.Replace(step.command))
		if err != nil {
			return err
		}
		if strings.HasSuffix(step.command, "&") {
			if printed, err = s.background(printed, len(step.shown)); err != nil {
				return err
			}
		}
		wrong := differences(step, printed, status)
		// A fleet that was told something a moment ago may not have got round to it.
		if wrong == nil || !looks.MatchString(step.command) || time.Now().After(deadline) {
			return wrong
		}
	}
}

// write makes a file that the document shows, unless an earlier command has.
func (s *session) write(name string, lines []string) error {
	path := filepath.Join(s.dir, name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode := fs.FileMode(0o644)
	if len(lines) > 0 && strings.HasPrefix(lines[0], "#!") {
		mode = 0o755
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), mode)
}

// background waits for as many lines of a command in the background as shown.
func (s *session) background(printed []string, shown int) ([]string, error) {
	deadline := time.After(patience)
	for len(printed) < shown {
		line, err := s.next(deadline)
		if err != nil {
			return nil, fmt.Errorf("%w; it printed\n%s", err, strings.Join(printed, "\n"))
		}
		printed = append(printed, line)
	}
	return printed, nil
}

// tools are where a command's tool is, if it is installed: by a part of the
// command, and what is said where it is not.
var tools = []struct{ part, path, missing string }{
	{"aws ", "/usr/bin/aws", "not found"},
	{"python3 ", "/usr/bin/python3", "not found"},
	{"python:", "/usr/bin/python3", "python3 is not in PATH"},
	{"node:", "/usr/bin/node", "node is not in PATH"},
}

// differences between what a document shows and what there was.
func differences(step step, printed []string, status string) error {
	for _, tool := range tools {
		if !strings.Contains(" "+step.command, " "+tool.part) {
			continue
		}
		if _, err := os.Stat(tool.path); err != nil {
			// Nothing but its absence can be seen.
			if status == "0" || !strings.Contains(strings.Join(printed, "\n"), tool.missing) {
				return fmt.Errorf("%s is missing, yet the exit status is %s", tool.path, status)
			}
			return nil
		}
	}
	if status != "0" {
		return fmt.Errorf("exit status %s\n%s", status, strings.Join(printed, "\n"))
	}
	want, wantProgress := shape(step.shown)
	got, gotProgress := shape(printed)
	if !slices.Equal(want, got) || wantProgress != gotProgress {
		return fmt.Errorf("the document shows\n%s\nbut it prints\n%s", strings.Join(step.shown, "\n"), strings.Join(printed, "\n"))
	}
	return nil
}

// shapes are what differs from run to run, and what stands for it.
var shapes = []struct {
	pattern *regexp.Regexp
	shape   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`-[A-Z2-7]{12}\b`), "-ID"},
	{regexp.MustCompile(`-bucket-[a-z2-7]{12}\b`), "-bucket-ID"},
	{regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+(\.\d+)?s\b`), "Ns"},
	{regexp.MustCompile(`\d([\d,]*\d)?(\.\d+)?`), "N"},
	{regexp.MustCompile(` {2,}`), "  "},
}

// progress is a line that a run prints every second, as often as it takes.
var progress = regexp.MustCompile(`^depth N \| (workers|going home) N \| in hand N/N \| handled N \| failed N \| N/s$`)

// shape is what an output looks like whatever the numbers in it, and whether
// there were lines of progress.
func shape(lines []string) (rest []string, progressed bool) {
	for _, line := range lines {
		for _, s := range shapes {
			line = s.pattern.ReplaceAllString(line, s.shape)
		}
		if progress.MatchString(line) {
			progressed = true
			continue
		}
		rest = append(rest, line)
	}
	return rest, progressed
}

// Package process runs the commands of functions and jobs: operating system
// processes, each at the head of a group that ends with it.
package process

import (
	"errors"
	"io"
	"os/exec"
	"time"
)

// Child is an operating system process at the head of its own group.
type Child struct {
	// Exited is closed when the process has ended and been waited for.
	Exited <-chan struct{}

	cmd *exec.Cmd
	err error
}

// Program is what a child runs.
type Program struct {
	// Command and its arguments.
	Command []string
	// Dir is the working directory. Defaults to the current one.
	Dir string
	// Env is the whole environment, each entry "name=value".
	Env   []string
	Stdin io.Reader
	// Stdout and Stderr: the same writer given twice gets both outputs in their
	// order.
	Stdout, Stderr io.Writer
	// Ended is called when the process and its group have ended. May be nil.
	Ended func()
}

// Start starts the program.
func (p Program) Start() (*Child, error) {
	cmd := exec.Command(p.Command[0], p.Command[1:]...)
	cmd.Dir = p.Dir
	cmd.Env = p.Env
	cmd.Stdin = p.Stdin
	cmd.Stdout = p.Stdout
	cmd.Stderr = p.Stderr
	cmd.SysProcAttr = processAttributes()
	// A grandchild that keeps the output open must not hold up the end.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	c := &Child{cmd: cmd, Exited: exited}
	go c.wait(p.Ended, exited)
	return c, nil
}

// wait waits for the end of the process and ends what it left behind.
func (c *Child) wait(ended func(), exited chan<- struct{}) {
	if err := c.cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		c.err = err
	}
	signalGroup(c.cmd.Process, true)
	if ended != nil {
		ended()
	}
	close(exited)
}

// Err says how the process ended: nil for exit status 0, else an
// [exec.ExitError]. Only to be asked once it has ended.
func (c *Child) Err() error { return c.err }

// Alive tells whether the process has not ended yet.
func (c *Child) Alive() bool {
	select {
	case <-c.Exited:
		return false
	default:
		return true
	}
}

// signal reaches the process and its group. One that has ended is left alone:
// its number may by now be another's.
func (c *Child) signal(kill bool) {
	if c.Alive() {
		signalGroup(c.cmd.Process, kill)
	}
}

// Kill ends the process and its group at once and waits for it.
func (c *Child) Kill() {
	c.signal(true)
	<-c.Exited
}

// Terminate asks the process and its group to end.
func (c *Child) Terminate() { c.signal(false) }

// End asks the process to end, and kills it and its group after the grace period.
func (c *Child) End(grace time.Duration) {
	c.Terminate()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.Exited:
	case <-timer.C:
	}
	c.Kill()
}

// Memory is the process's resident memory in MB. 0 if unknown.
func (c *Child) Memory() int { return residentMemory(c.cmd.Process.Pid) }

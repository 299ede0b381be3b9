package lambda

import (
	"errors"
	"io"
	"os/exec"
	"time"
)

// child is an operating system process at the head of its own group.
type child struct {
	cmd *exec.Cmd
	// exited is closed when the process has ended and been waited for; err then
	// says how.
	exited chan struct{}
	err    error
}

// program is what a child runs.
type program struct {
	command []string
	dir     string
	env     []string
	stdin   io.Reader
	// The same writer given twice gets both outputs in their order.
	stdout, stderr io.Writer
	// ended is called when the process and its group have ended. May be nil.
	ended func()
}

func (p program) start() (*child, error) {
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir = p.dir
	cmd.Env = p.env
	cmd.Stdin = p.stdin
	cmd.Stdout = p.stdout
	cmd.Stderr = p.stderr
	cmd.SysProcAttr = processAttributes()
	// A grandchild that keeps the output open must not hold up the end.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, exited: make(chan struct{})}
	go c.wait(p.ended)
	return c, nil
}

// wait waits for the end of the process and ends what it left behind.
func (c *child) wait(ended func()) {
	if err := c.cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		c.err = err
	}
	signalGroup(c.cmd.Process, true)
	if ended != nil {
		ended()
	}
	close(c.exited)
}

func (c *child) alive() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// signal reaches the process and its group. One that has ended is left alone:
// its number may by now be another's.
func (c *child) signal(kill bool) {
	if c.alive() {
		signalGroup(c.cmd.Process, kill)
	}
}

// kill ends the process and its group at once and waits for it.
func (c *child) kill() {
	c.signal(true)
	<-c.exited
}

// end asks the process to end, and kills it and its group after the grace period.
func (c *child) end(grace time.Duration) {
	c.signal(false)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
	}
	c.kill()
}

// memory is the process's resident memory in MB. 0 if unknown.
func (c *child) memory() int { return residentMemory(c.cmd.Process.Pid) }

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

// startChild starts a process. The same writer given twice gets both outputs in
// their order.
func startChild(command []string, dir string, env []string, stdin io.Reader, stdout, stderr io.Writer) (*child, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = env
	cmd.Stdin = stdin
	cmd.Stdout = stdout
	cmd.Stderr = stderr
	cmd.SysProcAttr = processAttributes()
	// A grandchild that keeps the output open must not hold up the end.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, exited: make(chan struct{})}
	go c.wait()
	return c, nil
}

// wait waits for the end of the process and ends what it left behind.
func (c *child) wait() {
	if err := c.cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		c.err = err
	}
	signalGroup(c.cmd.Process, true)
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

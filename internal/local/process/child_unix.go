//go:build unix

package process

import (
	"os"
	"syscall"
)

// signalGroup sends SIGKILL or SIGTERM to a process's group.
func signalGroup(p *os.Process, kill bool) {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	// A group that is gone is what was wanted.
	_ = syscall.Kill(-p.Pid, signal)
}

package process

import (
	"os"
	"syscall"
)

// processAttributes start a process in a group of its own.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// signalGroup ends the process: Windows has no signals to be asked with.
func signalGroup(p *os.Process, _ bool) {
	// A process that is gone is what was wanted.
	_ = p.Kill()
}

// residentMemory is unknown on Windows: MemorySize is not enforced.
func residentMemory(int) int { return 0 }

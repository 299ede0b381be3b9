//go:build unix && !linux

package process

import "syscall"

// processAttributes make a process the leader of a group.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// residentMemory is unknown where there is no /proc: MemorySize is not enforced.
func residentMemory(int) int { return 0 }

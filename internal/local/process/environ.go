package process

import "os"

// Path is the PATH of a child: the given one or, where that is empty, this
// process's own.
func Path(given string) string {
	if given != "" {
		return given
	}
	return os.Getenv("PATH")
}

// Home is the HOME of a child: the given one or, where that is empty, this
// process's own.
func Home(given string) string {
	if given != "" {
		return given
	}
	return os.Getenv("HOME")
}

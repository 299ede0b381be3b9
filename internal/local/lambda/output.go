package lambda

import (
	"bytes"
	"io"
	"os"
	"time"
)

// output is the pipe that a process writes its log to. What a process wrote
// before it answered is in its log before the answer counts: flush sends a mark
// down the same pipe and waits for it at the other end.
type output struct {
	reader, writer *os.File
	mark           []byte
	// marks holds a token when a mark has come through.
	marks chan struct{}
	// done is closed when everything has been copied.
	done chan struct{}
}

// newOutput opens a pipe and copies it to a log. The mark must be text that no
// log has in it.
func newOutput(log io.Writer, mark string) (*output, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{reader: reader, writer: writer, mark: []byte("\x00" + mark + "\x00"), marks: make(chan struct{}, 1), done: make(chan struct{})}
	go o.copy(log)
	return o, nil
}

func (o *output) copy(log io.Writer) {
	defer close(o.done)
	buffer := make([]byte, 32<<10)
	var held []byte
	for {
		n, err := o.reader.Read(buffer)
		held = append(held, buffer[:n]...)
		for {
			before, after, found := bytes.Cut(held, o.mark)
			if !found {
				break
			}
			if len(before) > 0 {
				// The log never fails to take what it is given.
				_, _ = log.Write(before)
			}
			held = append(held[:0], after...)
			select {
			case o.marks <- struct{}{}:
			default:
			}
		}
		ready := held
		if err == nil {
			ready = held[:len(held)-beginning(held, o.mark)]
		}
		if len(ready) > 0 {
			_, _ = log.Write(ready)
			held = append(held[:0], held[len(ready):]...)
		}
		if err != nil {
			return
		}
	}
}

// beginning is how many bytes at the end of text may be the beginning of mark.
func beginning(text, mark []byte) int {
	for n := min(len(text), len(mark)-1); n > 0; n-- {
		if bytes.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}

// flush returns when what was written so far is in the log, or the process is gone.
func (o *output) flush() {
	select {
	case <-o.marks:
	default:
	}
	if _, err := o.writer.Write(o.mark); err != nil {
		return
	}
	select {
	case <-o.marks:
	case <-o.done:
	}
}

// close takes what is left when the process has ended. One that moved out of the
// process's group and keeps the pipe open is not waited for.
func (o *output) close() {
	// Both files are ours alone and open; closing them cannot fail in a way that matters.
	_ = o.writer.Close()
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	select {
	case <-o.done:
	case <-patience.C:
	}
	_ = o.reader.Close()
	<-o.done
}

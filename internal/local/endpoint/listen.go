package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

const (
	// headerTimeout bounds how long a client may take to send its headers.
	headerTimeout = 10 * time.Second
	// grace is how long Serve waits for requests once its context has ended.
	// Long polls end at once, so it is only for what is being written.
	grace = 2 * time.Second
)

// Listen opens a TCP listener on a loopback address, such as "127.0.0.1:4100"
// or "127.0.0.1:0" for any free port. Every other address is refused: the
// runtime believes whoever reaches it.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if !loopbackHost(host) {
		return nil, fmt.Errorf("listen on %s: only a loopback address is served, such as 127.0.0.1:4100", addr)
	}
	return net.Listen("tcp", addr)
}

// Serve serves h on l until ctx ends, then ends the requests that still run
// and returns nil. It closes l.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		// Broken connections are no news here: faults break them on purpose.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-failed
	return err
}

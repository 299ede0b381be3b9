package lambda

import (
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// runtimeAPI serves the Runtime API to the one process of an environment.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	listener net.Listener
	server   *http.Server

	// polled holds a token when the runtime has asked for its next invocation:
	// it is ready, and done with the one before.
	polled chan struct{}
	// work hands an invocation to the runtime that waits for it.
	work chan *invocation
	// answers holds what the runtime reported of the current invocation.
	answers chan outcome
	// broken holds what the runtime reported of its own start.
	broken chan []byte

	mu      sync.Mutex
	current string
}

func newRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &runtimeAPI{
		listener: listener,
		polled:   make(chan struct{}, 1),
		work:     make(chan *invocation),
		answers:  make(chan outcome, 1),
		broken:   make(chan []byte, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.error)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.initError)
	a.server = &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	return a, nil
}

func (a *runtimeAPI) address() string { return a.listener.Addr().String() }

// serve answers until close. A listener that fails shows as a runtime that
// cannot report and is handled as one.
func (a *runtimeAPI) serve() error {
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (a *runtimeAPI) close() error { return a.server.Close() }

// expect makes an invocation the current one.
func (a *runtimeAPI) expect(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current = id
	for len(a.answers) > 0 {
		<-a.answers
	}
	for len(a.polled) > 0 {
		<-a.polled
	}
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case a.polled <- struct{}{}:
	default:
	}
	select {
	case i := <-a.work:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.arn)
		h.Set("Lambda-Runtime-Trace-Id", i.traceID)
		if i.clientContext != "" {
			// Base64 was checked when the invocation was accepted.
			decoded, _ := base64.StdEncoding.DecodeString(i.clientContext)
			h.Set("Lambda-Runtime-Client-Context", string(decoded))
		}
		// A runtime that has hung up meanwhile shows as one that never answers.
		_, _ = w.Write(i.payload)
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	body, ok := a.read(w, r)
	if !ok {
		return
	}
	out := outcome{payload: body, reusable: true}
	// A runtime that fails while it streams says so in trailers.
	if failed := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); failed != "" {
		out.failed = true
		if reported, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")); err == nil && len(reported) > 0 {
			out.payload = reported
		} else {
			out.payload = errorPayload(failed, "the runtime failed while it sent its response")
		}
	}
	a.answer(w, r.PathValue("id"), out)
}

func (a *runtimeAPI) error(w http.ResponseWriter, r *http.Request) {
	body, ok := a.read(w, r)
	if !ok {
		return
	}
	if len(body) == 0 {
		body = errorPayload(r.Header.Get("Lambda-Runtime-Function-Error-Type"), "")
	}
	a.answer(w, r.PathValue("id"), outcome{payload: body, failed: true, reusable: true})
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, ok := a.read(w, r)
	if !ok {
		return
	}
	if len(body) == 0 {
		body = errorPayload(r.Header.Get("Lambda-Runtime-Function-Error-Type"), "")
	}
	select {
	case a.broken <- body:
	default:
	}
	reply(w, http.StatusAccepted, `{"status":"OK"}`)
}

// read takes a body, up to one byte more than what is too large.
func (a *runtimeAPI) read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err == nil && len(body) > maxResponse {
		_, err = io.Copy(io.Discard, r.Body)
	}
	if err != nil {
		reply(w, http.StatusBadRequest, `{"errorType":"InvalidRequest","errorMessage":"The body cannot be read."}`)
		return nil, false
	}
	return body, true
}

func (a *runtimeAPI) answer(w http.ResponseWriter, id string, out outcome) {
	a.mu.Lock()
	valid := id == a.current && id != ""
	if valid {
		a.current = ""
		a.answers <- out
	}
	a.mu.Unlock()
	if !valid {
		reply(w, http.StatusBadRequest, `{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}`)
		return
	}
	reply(w, http.StatusAccepted, `{"status":"OK"}`)
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The runtime may have hung up; there is nobody else to tell.
	_, _ = io.WriteString(w, body)
}

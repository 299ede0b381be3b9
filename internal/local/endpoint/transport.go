package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Transport returns a RoundTripper that serves requests by h in memory. Each
// request runs on a goroutine of its own and sees its context end when its
// client gives up, as net/http has it; but there is no network in between, so
// it works in a [testing/synctest] bubble. A connection that the handler
// breaks is io.ErrUnexpectedEOF to the client.
func Transport(h http.Handler) http.RoundTripper { return &transport{h} }

type transport struct{ handler http.Handler }

// answer is what a handler left: a response or a broken connection.
type answer struct {
	response *http.Response
	err      error
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := wholeBody(r)
	if err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	ctx, hangUp := context.WithCancel(context.Background())
	served := make(chan answer, 1)
	go t.serve(received(ctx, r, body), r, served)
	select {
	case a := <-served:
		hangUp()
		return a.response, a.err
	case <-r.Context().Done():
		hangUp()
		return nil, r.Context().Err()
	}
}

// serve runs the handler. Panics other than the one by which net/http breaks a
// connection are bugs and stay panics.
func (t *transport) serve(r, sent *http.Request, served chan<- answer) {
	w := &recorder{header: http.Header{}}
	defer func() {
		switch v := recover(); v {
		case nil:
			served <- answer{response: w.response(sent)}
		case http.ErrAbortHandler:
			served <- answer{err: io.ErrUnexpectedEOF}
		default:
			panic(v)
		}
	}()
	t.handler.ServeHTTP(w, r)
}

// wholeBody takes a request's body as the network would, so that its sender
// may send it again while the handler still works on it.
func wholeBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if e := r.Body.Close(); err == nil {
		err = e
	}
	if err == nil && r.ContentLength > 0 && int64(len(body)) != r.ContentLength {
		err = fmt.Errorf("http: ContentLength=%d with Body length %d", r.ContentLength, len(body))
	}
	return body, err
}

// received is a client's request as a server sees it.
func received(ctx context.Context, sent *http.Request, body []byte) *http.Request {
	r := sent.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = nil
	r.ContentLength = int64(len(body))
	r.RequestURI = r.URL.RequestURI()
	r.RemoteAddr = "127.0.0.1:0"
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	return r
}

// recorder keeps an answer until the handler has returned.
type recorder struct {
	header http.Header
	sent   http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	// Informational answers come before the one that counts.
	if w.status != 0 || status < http.StatusOK {
		return
	}
	w.status = status
	w.sent = w.header.Clone()
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *recorder) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	body := w.body.Bytes()
	length := int64(len(body))
	if r.Method == http.MethodHead {
		body, length = nil, -1
		if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
	}
	return &http.Response{
		Status:     strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.sent,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: length,
		Request:       r,
	}
}

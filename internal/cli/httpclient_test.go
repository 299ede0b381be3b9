package cli

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestBodiesArePlainReaders(t *testing.T) {
	var got []string
	c := plainBodies{clientFunc(func(r *http.Request) (*http.Response, error) {
		_, writes := r.Body.(io.WriterTo)
		assert.False(t, writes && r.Body != http.NoBody)
		body, err := io.ReadAll(r.Body)
		got = append(got, string(body))
		return nil, err
	})}
	for _, body := range []io.ReadCloser{http.NoBody, io.NopCloser(strings.NewReader("hello"))} {
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1", nil)
		require.NoError(t, err)
		r.Body = body
		_, err = c.Do(r)
		require.NoError(t, err)
		assert.Equal(t, body, r.Body, "the request itself stays as it is")
	}
	assert.Equal(t, []string{"", "hello"}, got)
}

package lambda

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOutputFlush(t *testing.T) {
	var log bytes.Buffer
	o, err := newOutput(&log, "mark")
	require.NoError(t, err)
	for _, text := range []string{"line\n", "no end", "", "\x00", "ma", "\x00mar", "\x00mark\x01", "x"} {
		log.Reset()
		_, err := o.writer.WriteString(text)
		require.NoError(t, err)
		o.flush()
		assert.Equal(t, text, log.String())
	}
	log.Reset()
	_, err = o.writer.WriteString("last words\x00m")
	require.NoError(t, err)
	o.close()
	assert.Equal(t, "last words\x00m", log.String())
	o.flush()
}

func TestBeginning(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
	}{{"", 0}, {"abc", 0}, {"xm", 1}, {"xma", 2}, {"xmar", 3}, {"mark", 0}, {"mmm", 1}, {"mam", 1}} {
		assert.Equal(t, c.n, beginning([]byte(c.text), []byte("mark")), c.text)
	}
}

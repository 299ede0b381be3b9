package process

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		line  string
		words []string
	}{
		{"", nil},
		{"  \t\n", nil},
		{"a", []string{"a"}},
		{" a  b\tc ", []string{"a", "b", "c"}},
		{`'a b' "c d"`, []string{"a b", "c d"}},
		{`a'b'"c"d`, []string{"abcd"}},
		{`'' ""`, []string{"", ""}},
		{`a\ b \'c`, []string{"a b", "'c"}},
		{`"a \"b\" \$HOME \n"`, []string{`a "b" $HOME \n`}},
		{"\"a\\\nb\"", []string{"ab"}},
		{`'a\b'`, []string{`a\b`}},
		{`$HOME *.go | sort`, []string{"$HOME", "*.go", "|", "sort"}},
		{"größe 日本", []string{"größe", "日本"}},
	} {
		words, err := splitWords(c.line)
		require.NoError(t, err, "%q", c.line)
		assert.Equal(t, c.words, words, "%q", c.line)
	}
	for line, message := range map[string]string{
		`a 'b`: "a single quote is not closed",
		`a "b`: "a double quote is not closed",
		`a \`:  "nothing follows the last backslash",
	} {
		_, err := splitWords(line)
		assert.EqualError(t, err, message, "%q", line)
	}
}

// A word in single quotes comes back as it was.
func FuzzSplitWords(f *testing.F) {
	f.Add("a b")
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = splitWords(text)
		if strings.Contains(text, "'") {
			return
		}
		words, err := splitWords("'" + text + "' x")
		require.NoError(t, err)
		require.Equal(t, []string{text, "x"}, words)
	})
}

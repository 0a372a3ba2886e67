package textfile

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMark(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no mark", "a line\n", "a line\n"},
		{"a mark", "\ufeffa line\n", "a line\n"},
		{"two marks", "\ufeff\ufeffa", "\ufeffa"},
		{"a mark inside", "a\ufeff", "a\ufeff"},
		{"a mark alone", "\ufeff", ""},
		{"half a mark", "\xef\xbb", "\xef\xbb"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, TrimMark(c.text))
			r := bufio.NewReader(strings.NewReader(c.text))
			SkipMark(r)
			rest, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, c.want, string(rest))
		})
	}
}

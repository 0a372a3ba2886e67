package stoptext_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/stoptext"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzCutter: the pieces of a text are the text before its first stop sequence, however it is cut.
func FuzzCutter(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte("one two €three"), "two", "x", uint8(3))
	f.Add([]byte("aaab"), "aab", "b", uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, first, second string, size uint8) {
		var stop []string
		for _, s := range []string{first, second} {
			if s != "" && len(s) < 64 {
				stop = append(stop, s)
			}
		}
		c := stoptext.New(stop...)
		n, stopped := int(size)%7+1, false
		var got strings.Builder
		for i := 0; i < len(text) && !stopped; i += n {
			var piece string
			piece, stopped = c.Add(text[i:min(len(text), i+n)])
			got.WriteString(piece)
		}
		if !stopped {
			got.WriteString(c.Rest())
			assert.Equal(t, string(text), got.String())
			return
		}
		assert.True(t, strings.HasPrefix(string(text), got.String()))
		for _, s := range stop {
			assert.NotContains(t, got.String(), s)
		}
	})
}

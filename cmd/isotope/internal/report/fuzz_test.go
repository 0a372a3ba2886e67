package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzColours: text that is cut into tokens anywhere shows whole.
func FuzzColours(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte("a€b\xff🙂"), uint8(1))
	f.Add([]byte("\xe2\x82"), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		testmark.InTime(t, text, func(text []byte) {
			n := int(size)%5 + 1
			parts := (len(text) + n - 1) / n
			shown := Colours(parts, func(i int) ([]byte, Colour, int) { return text[i*n : min(len(text), (i+1)*n)], Green, 0 })
			var b strings.Builder
			for _, s := range shown {
				b.WriteString(s.Text)
			}
			assert.Equal(t, string([]rune(string(text))), b.String())
		})
	})
}

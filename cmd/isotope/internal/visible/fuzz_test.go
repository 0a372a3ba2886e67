package visible

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzVisible: nothing that is shown acts, and a Writer shows what String does, wherever text is cut.
func FuzzVisible(tf *testing.F) {
	f := mutate.New(tf)
	for _, c := range cases {
		f.Add([]byte(c.text), 1)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		testmark.InTime(t, text, func(text []byte) {
			shown := String(string(text))
			assert.True(t, utf8.ValidString(shown))
			for _, r := range shown {
				assert.False(t, acts(r), "%U", r)
			}
			cut := min(max(cut, 0), len(text))
			var out bytes.Buffer
			w := NewWriter(&out)
			_, err := w.Write(text[:cut])
			require.NoError(t, err)
			_, err = w.Write(text[cut:])
			require.NoError(t, err)
			require.NoError(t, w.Close())
			assert.Equal(t, shown, out.String())
		})
	})
}

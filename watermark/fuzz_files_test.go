package watermark_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// FuzzKeyFile: what a key file holds is the one key in it, or an error that does not quote it.
func FuzzKeyFile(tf *testing.F) {
	f := mutate.New(tf)
	for _, seed := range []string{testSecret, "# a\n" + testSecret + "\n", testSecret + "\n" + testSecret, "isotope-secret-key-1:", "\x00", "#"} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "k")
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			require.NoError(t, os.WriteFile(path, text, 0o600))
			k, err := watermark.ReadKeyFile(path)
			if err != nil {
				assert.True(t, k.IsZero())
				assert.NotRegexp(t, "[0-9a-f]{12}", strings.ReplaceAll(err.Error(), path, ""), "no digits of a key")
				return
			}
			assert.Equal(t, 1, strings.Count(string(text), k.Secret(secretaccess.Allow())))
		})
	})
}

// FuzzHistogram: a histogram that is read writes itself as what reads the same.
func FuzzHistogram(tf *testing.F) {
	f := mutate.New(tf)
	h, err := watermark.NewGreenMassHistogram(0.5, 1)
	require.NoError(f, err)
	seed, err := json.Marshal(h)
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte(`{"version":1,"counts":[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			h, err := watermark.NewGreenMassHistogram(0.5, 1)
			require.NoError(t, err)
			if h.UnmarshalJSON(text) != nil {
				return
			}
			again, err := json.Marshal(h)
			require.NoError(t, err)
			other, err := watermark.NewGreenMassHistogram(0.5, 1)
			require.NoError(t, err)
			require.NoError(t, other.UnmarshalJSON(again))
			assert.Equal(t, h, other)
		})
	})
}

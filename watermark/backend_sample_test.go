package watermark

import (
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// TestSampleOnEveryBackend checks that draws equal the exact sampler's on every backend of this
// machine. The fastest backend runs the same tests without this one.
func TestSampleOnEveryBackend(t *testing.T) {
	if testing.Short() {
		t.Skip("the kernels that a draw uses have tests on every backend")
	}
	backends := kernel.Available()
	for _, b := range backends[:len(backends)-1] {
		t.Run(b.String(), func(t *testing.T) {
			defer kernel.Use(b)()
			t.Run("plain path", TestSampleIsThePlainPath)
			t.Run("row", TestGumbelMaxOfRow)
			t.Run("list", TestGumbelMaxOfList)
		})
	}
}

package watermark

import (
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// Draws are the specification's on every backend that this machine has; the fastest runs
// these tests on their own.
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

package detect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestFloorOfWideContexts: a result of 10^-27 or so is an error rate at a width of 4, and not at 5.
func TestFloorOfWideContexts(t *testing.T) {
	for _, c := range []struct {
		width, n int
		warns    bool
	}{{4, 290, false}, {5, 190, true}} {
		t.Run(fmt.Sprintf("width %d", c.width), func(t *testing.T) {
			m := testmark.Green(t, testmark.Key(77), c.width)
			a := detect.NewAccumulator(m, nil)
			a.Add(testmark.Write(t, rand.New(rand.NewPCG(7, 7)), c.n, testmark.Flat, m))
			r := a.Result()
			assert.Less(t, r.Log10P, -26.0)
			assert.Greater(t, r.Log10P, -38.0)
			if c.warns {
				assert.Contains(t, r.Warnings, detect.ErrKeySpace)
			} else {
				assert.NotContains(t, r.Warnings, detect.ErrKeySpace)
			}
		})
	}
}

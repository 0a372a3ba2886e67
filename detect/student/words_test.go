package student

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWhatRoundsToZeroHasNoSign has results that chance explains fully, except for a last digit.
func TestWhatRoundsToZeroHasNoSign(t *testing.T) {
	assert.Contains(t, WeightedResult{Log10PAdjusted: -0.0004, Z: -0.004}.String(), "log10p=0.000 z=0.00 ")
	assert.Contains(t, Result{Log10PAdjusted: -0.0004}.String(), "log10p=0.000 ")
}

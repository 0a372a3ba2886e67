package sequential_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect/sequential"
)

// TestWhatRoundsToZeroHasNoSign has results that chance explains fully, except for a last digit.
func TestWhatRoundsToZeroHasNoSign(t *testing.T) {
	r := sequential.Result{Log10PAdjusted: -0.0004, Log10E: -0.0004}
	assert.Contains(t, r.String(), "log10p=0.000 log10e=0.000 ")
}

package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWhatRoundsToZeroHasNoSign has results that chance explains fully, except for a last digit.
func TestWhatRoundsToZeroHasNoSign(t *testing.T) {
	r := Result{Verdict: NotDetected, Scored: 9, Z: -0.004, Log10P: -0.0004, Log10PAdjusted: -0.0004}
	assert.Contains(t, r.String(), "not_detected log10p=0.000 z=0.00 ")
	assert.Contains(t, found(BandResult{Role: RoleMaster, Result: r}), "not detected, adjusted log10 p 0.0")
	assert.Contains(t, Decoded{Log10PAdjusted: -0.0004, Log10PMessage: -0.0004}.String(), "log10p=0.000 log10p_message=0.000 ")
}

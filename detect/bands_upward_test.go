package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestUpward: a share that power is stated for is never printed smaller than it is.
func TestUpward(t *testing.T) {
	for _, c := range []struct {
		share float64
		want  string
	}{{0.5, "50 %"}, {0.501, "51 %"}, {0.0421, "4.3 %"}, {0.00042, "0.042 %"}, {0.0991, "10 %"}, {1, "100 %"}} {
		assert.Equal(t, c.want, percent(upward(c.share)))
	}
}

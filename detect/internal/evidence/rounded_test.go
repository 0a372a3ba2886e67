package evidence

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRounded(t *testing.T) {
	assert.Equal(t, "-10.000", Rounded(-10, 3))
	assert.Equal(t, "-0.001", Rounded(-0.0006, 3))
	assert.Equal(t, "-Inf", Rounded(math.Inf(-1), 3))
	assert.Equal(t, "0.000", Rounded(-0.0004, 3))
}

func TestClassSaturates(t *testing.T) {
	var c Class
	c.add(math.MaxInt64-1, false)
	c.add(5, false)
	assert.Equal(t, Class{Scored: 2, Sum: math.MaxInt64}, c)
}

package report

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		name, verb string
		x          float64
		want       string
	}{
		{"rounds to zero", "%.3f", -0.0004, "0.000"},
		{"minus zero", "%.3f", math.Copysign(0, -1), "0.000"},
		{"just below zero", "%.3f", -0.0006, "-0.001"},
		{"large", "%.3f", -12.3456, "-12.346"},
		{"rounds to one", "%.3f", 0.9999, "1.000"},
		{"significant digits", "%.3g", 0.012345, "0.0123"},
		{"not a number", "%.3f", math.NaN(), "none"},
		{"infinite", "%.3f", math.Inf(1), "none"},
		{"minus infinity", "%.3f", math.Inf(-1), "none"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, Decimal(c.verb, c.x)) })
	}
}

func TestFormatP(t *testing.T) {
	for _, c := range []struct {
		want   string
		log10P float64
	}{
		{"1", 0}, {"1", math.Copysign(0, -1)}, {"0.5", -0.3}, {"0.01", -2}, {"0.0001", -3.9999}, {"10^-4.0", -4}, {"10^-5.2", -5.25}, {"10^-1234.5", -1234.5},
		{"none", math.NaN()}, {"none", math.Inf(-1)},
	} {
		t.Run(c.want, func(t *testing.T) { assert.Equal(t, c.want, formatP(c.log10P)) })
	}
}

func TestGroup(t *testing.T) {
	for _, c := range []struct {
		n    int64
		want string
	}{{0, "0"}, {999, "999"}, {1000, "1\u202f000"}, {1234567, "1\u202f234\u202f567"}} {
		t.Run(c.want, func(t *testing.T) { assert.Equal(t, c.want, group(c.n)) })
	}
}

func TestNumbersInJSON(t *testing.T) {
	text, err := json.Marshal([]Number{-1.5, 0, Number(math.NaN()), Number(math.Inf(1)), Number(math.Inf(-1)), 1e-300})
	require.NoError(t, err)
	assert.Equal(t, `[-1.5,0,null,null,null,1e-300]`, string(text))
}

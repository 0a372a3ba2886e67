package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPlot(t *testing.T) {
	p := plot{title: "a < b & c", x: "x", y: "y", logX: true, series: []series{
		{name: "dots", points: [][2]float64{{1, 2}, {10, 4}, {0, 9}}}, // 0 has no place on a logarithmic axis
		{name: "law", points: [][2]float64{{1, 1}, {10, 3}}, dashed: true},
	}}
	svg := p.svg()
	d := xml.NewDecoder(strings.NewReader(svg))
	var err error
	for err == nil {
		_, err = d.Token()
	}
	assert.True(t, errors.Is(err, io.EOF), "not well-formed: %v", err)
	assert.Equal(t, 2+1, strings.Count(svg, "<circle"), "two dots and one in the legend")
	assert.NotContains(t, svg, "NaN")
	assert.NotContains(t, svg, "Inf")
	assert.Equal(t, svg, p.svg())
}

func TestAxis(t *testing.T) {
	assert.Equal(t, []float64{0, 20, 40, 60, 80, 100}, axisOf([]float64{5, 100}, false).ticks())
	assert.Equal(t, []float64{0.02, 0.05, 0.1, 0.2, 0.5, 1}, axisOf([]float64{0.02, 1}, true).ticks())
	for _, values := range [][]float64{nil, {3}, {-4, -2}, {0}} {
		a := axisOf(values, false)
		assert.Less(t, a.lo, a.hi)
		assert.NotEmpty(t, a.ticks())
	}
}

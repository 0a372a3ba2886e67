package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPagesAreDrawn fails if a page or the plot differs from the one drawn from the raw file.
func TestPagesAreDrawn(t *testing.T) {
	t.Chdir("../..")
	raw, err := os.ReadFile(rawFile)
	require.NoError(t, err)
	r, err := parse(raw)
	require.NoError(t, err)
	for name, tables := range pages {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(name)
			require.NoError(t, err)
			drawn, err := draw(page, tables, r)
			require.NoError(t, err)
			assert.Equal(t, string(page), string(drawn), "go run ./cmd/performance -draw")
		})
	}
	svg, err := plot(r)
	require.NoError(t, err)
	have, err := os.ReadFile(plotFile)
	require.NoError(t, err)
	assert.Equal(t, string(have), string(svg))
}

func TestParse(t *testing.T) {
	r, err := parse([]byte(`# go test
# some CPU
goos: linux
BenchmarkX/vocab=5/impl=a-b-8   	      20	     500 ns/op	         2.500 x_floor	         0 allocs
BenchmarkY 	 1	 7 ns/op
PASS
`))
	require.NoError(t, err)
	assert.Equal(t, []string{"go test", "some CPU"}, r.header)
	x, ok := r.get("x_floor", "X/vocab=%d/impl=%s", 5, "a-b")
	assert.True(t, ok)
	assert.Equal(t, 2.5, x)
	floor, ok := r.floor("X/vocab=5/impl=a-b")
	assert.True(t, ok)
	assert.Equal(t, 200.0, floor)
	_, ok = r.get("ns/op", "Z")
	assert.False(t, ok)
	y, _ := r.get("ns/op", "Y")
	assert.Equal(t, 7.0, y)
	_, err = parse([]byte("BenchmarkX 1 many ns/op\n"))
	assert.Error(t, err)
}

func TestDraw(t *testing.T) {
	r := &results{header: []string{"h"}}
	_, err := draw([]byte("no places"), tables, r)
	assert.ErrorContains(t, err, "no place")
	page := ""
	for name := range tables {
		page += "<!-- " + name + " -->\nold\n<!-- end -->\n"
	}
	drawn, err := draw([]byte(page), tables, r)
	require.NoError(t, err)
	assert.NotContains(t, string(drawn), "old")
	again, err := draw(drawn, tables, r)
	require.NoError(t, err)
	assert.Equal(t, string(drawn), string(again))
	assert.Contains(t, string(drawn), "not measured")
}

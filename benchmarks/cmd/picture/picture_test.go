package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// elements counts the elements of a picture by name. It fails where that is not XML.
func elements(t *testing.T, picture []byte) map[string]int {
	counts := map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return counts
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			counts[e.Name.Local]++
		}
	}
}

func TestDraw(t *testing.T) {
	marked := &text{green: 2, log10P: []float64{-1, -12}, pieces: []piece{
		{bytes: "A <b>", scored: true, green: true}, {bytes: " & more", scored: true, green: true}, {bytes: ".\n\n"}, {bytes: "\xff"},
	}}
	unmarked := &text{log10P: []float64{-0.5}, pieces: []piece{{bytes: "plain", scored: true}}}
	picture := draw(marked, unmarked, "go1")
	counts := elements(t, picture)
	assert.Equal(t, 1+2+2*2, counts["rect"], "the ground, the legend, and a fill and a line for each green token")
	assert.Equal(t, 2, counts["polyline"])
	assert.Contains(t, string(picture), "A &lt;b&gt;")
	assert.Contains(t, string(picture), "marked: 2 of 2 scored tokens shown are green")
	assert.Contains(t, string(picture), "unmarked: 0 of 1 scored tokens shown are green")
}

// TestCommittedPicture paints the picture again. The text of the embedded model follows from the
// version of Go and from the processor's arithmetic.
func TestCommittedPicture(t *testing.T) {
	committed, err := os.ReadFile("../../" + file)
	require.NoError(t, err)
	elements(t, committed)
	if runtime.GOARCH != "amd64" || !strings.Contains(string(committed), "Drawn with "+runtime.Version()+".") {
		t.Skip("the picture was drawn with another version of Go, or on another processor")
	}
	if testing.Short() {
		t.Skip("trains the embedded model")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // the model is trained here
	picture, err := paint(t.Context())
	require.NoError(t, err)
	assert.True(t, bytes.Equal(committed, picture), "docs/picture.svg is not what `go run ./cmd/picture` draws")
}

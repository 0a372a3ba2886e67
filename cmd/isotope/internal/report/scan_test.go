package report

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func scanPage(t *testing.T, s *Scan) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, s.WriteHTML(&out))
	requireSelfContained(t, out.String())
	assert.True(t, strings.HasPrefix(out.String(), "<!doctype html>"), "reports replace pages by this")
	return out.String()
}

// TestScanPageEscapes has hostile text in every string of a page.
func TestScanPageEscapes(t *testing.T) {
	var s Scan
	fill(reflect.ValueOf(&s).Elem(), hostile)
	page := scanPage(t, &s)
	assert.NotContains(t, page, "<b>")
	assert.Equal(t, 1, strings.Count(page, "</style>"))
	assert.GreaterOrEqual(t, strings.Count(page, "&lt;script&gt;alert("), 50, "it is all there")
	s.Documents[0].Passage, s.Documents[1].Passage = nil, nil
	assert.Contains(t, scanPage(t, &s), "The text is not shown: &lt;/style&gt;")
}

func TestScanPage(t *testing.T) {
	page := scanPage(t, &Scan{Title: "A corpus"})
	for _, part := range []string{"There were no control keys", "No document was tested", "0 distinct documents"} {
		assert.Contains(t, page, part)
	}
	tokens := func() *Passage { return &Passage{Tokens: []Token{{"one", Green, 0}, {"two", Red, 0}}} }
	for _, c := range []struct {
		name string
		show bool
		note string
		not  string
	}{{"with colours", true, noteColours, noteNoColours}, {"without colours", false, noteNoColours, noteColours}} {
		t.Run(c.name, func(t *testing.T) {
			s := &Scan{Documents: []ScanDocument{{Rank: 1, Place: "a:1", Missing: "it is away"}, {Rank: 2, Place: "b:2", Passage: tokens()}}}
			page := scanPage(t, s.KeepColours(c.show))
			assert.Equal(t, c.show, strings.Contains(page, `<span class="g">one</span>`))
			assert.Contains(t, page, c.note)
			assert.NotContains(t, page, c.not)
			assert.Contains(t, page, "it is away")
			assert.Contains(t, page, "No document is on the list")
		})
	}
}

func TestHistogram(t *testing.T) {
	for _, c := range []struct {
		log10P float64
		bin    int // -1: none
		tail   int // the largest k that counts it
	}{
		{0, -1, 0}, {-1e-9, 19, 0}, {-0.0222, 19, 0}, {-0.0223, 18, 0}, {-0.301, 10, 0}, {-0.3011, 9, 0}, {-1, 1, 1}, {-1.3011, 0, 1}, {-2, 0, 2}, {-40, 0, 40}, {-400, 0, 40},
	} {
		var h Histogram
		h.Add(c.log10P)
		assert.EqualValues(t, 1, h.Documents)
		for i, n := range h.Bins {
			assert.Equal(t, i == c.bin, n == 1, "bin %d of %v", i, c.log10P)
		}
		for k, n := range h.Tail {
			assert.Equal(t, k <= c.tail, n == 1, "tail %d of %v", k, c.log10P)
		}
		assert.Equal(t, c.bin < 0, h.Ones == 1)
	}
}

// TestScanDrawings reads what the drawings of a histogram say.
func TestScanDrawings(t *testing.T) {
	var h Histogram
	for range 38 {
		h.Add(-0.2)
	}
	h.Add(-7)
	h.Add(0)
	bars, tail := string(drawBars(h)), string(drawTail(h))
	assert.Contains(t, bars, "<title>documents: 38</title>")
	assert.Contains(t, bars, "<title>documents: 1</title>")
	assert.Equal(t, HistogramBins, strings.Count(bars, "<rect"))
	assert.Contains(t, tail, "p of at most 10^-0: 40 documents")
	assert.Contains(t, tail, "p of at most 10^-7: 1 documents")
	assert.NotContains(t, tail, "10^-8:")
}

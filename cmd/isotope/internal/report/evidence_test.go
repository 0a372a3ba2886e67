package report

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

// colouring returns n colours. Of each four one is not scored, and the others are green as said.
func colouring(n int, green func(i int) bool) []Colour {
	colours := make([]Colour, n)
	for i := range colours {
		switch {
		case i%4 == 0:
			colours[i] = Unscored
		case green(i):
			colours[i] = Green
		default:
			colours[i] = Red
		}
	}
	return colours
}

func always(int) bool { return true }

// TestEvidenceOf: the last point is the test of all tokens, and each point that of the tokens so far.
func TestEvidenceOf(t *testing.T) {
	e := EvidenceOf(colouring(4000, func(i int) bool { return i%7 > 1 }), 0.25, 6)
	require.LessOrEqual(t, len(e.Points), evidencePoints)
	require.Greater(t, len(e.Points), evidencePoints/2)
	last := e.Points[len(e.Points)-1]
	assert.EqualValues(t, 3000, last.Scored)
	var green, scored int64
	at := 0
	for i := range 4000 {
		if i%4 == 0 {
			continue
		}
		if scored++; i%7 > 1 {
			green++
		}
		if scored == e.Points[at].Scored {
			assert.InDelta(t, tail.Binomial(green, scored, 0.25), e.Points[at].Log10P, 1e-12)
			at++
		}
	}
	assert.Equal(t, len(e.Points), at)
	assert.Nil(t, EvidenceOf([]Colour{Unscored}, 0.5, 6))
}

// TestEvidenceAxis: the band of chance and the threshold stay apart from the axis, however strong the
// evidence is, and heights rise with the numbers.
func TestEvidenceAxis(t *testing.T) {
	for _, c := range []struct {
		name      string
		colours   []Colour
		threshold float64
		broken    bool
	}{
		{"strong", colouring(4000, always), 6, true},
		{"many tests", colouring(4000, always), 12, true},
		{"weak", colouring(40, always), 6, false},
		{"chance", colouring(400, func(i int) bool { return i%2 == 0 }), 6, false},
		{"one token", []Colour{Green}, 6, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := EvidenceOf(c.colours, 0.5, c.threshold)
			a := e.axis()
			assert.Equal(t, c.broken, a.broken())
			assert.Greater(t, a.at(chance), 0.05)
			assert.Greater(t, a.at(c.threshold)-a.at(chance), 0.05)
			assert.LessOrEqual(t, a.at(a.high), 1.0)
			for v := 0.0; v < a.high; v += a.high / 100 {
				assert.Less(t, a.at(v), a.at(v+a.high/100))
			}
			svg := string(drawEvidence(e))
			d := parse(t, svg)
			assert.Equal(t, c.broken, strings.Contains(strings.Join(d.texts, "\n"), "the axis is broken here"))
			assert.Contains(t, svg, "unrelated keys")
			if c.broken {
				assert.Contains(t, svg, "The axis is broken at")
			}
			points := strings.Fields(d.elements["polyline"][0]["points"])
			assert.Len(t, points, len(e.Points)+1)
			_, y, _ := strings.Cut(points[len(points)-1], ",")
			end, err := strconv.ParseFloat(y, 64)
			require.NoError(t, err)
			want := 320 - 44 - a.at(-e.Points[len(e.Points)-1].Log10P)*(320-44-12)
			assert.InDelta(t, want, end, 0.06)
		})
	}
}

// TestNoCurveWithoutColours: the curve tells how many tokens are green between its points.
func TestNoCurveWithoutColours(t *testing.T) {
	page := func() *Page { return &Page{Evidence: EvidenceOf(colouring(40, always), 0.5, 6)} }
	assert.NotNil(t, page().KeepColours(true).Evidence)
	assert.Nil(t, page().KeepColours(false).Evidence)
}

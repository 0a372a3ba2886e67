package scan

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestControls: control keys are tested on the pairs of the pile, and no number of the scan counts
// them.
func TestControls(t *testing.T) {
	w := newWorld(t, 9)
	w.fill(9, 40)
	marks, o := marksOf(t, 3), testOptions()
	var controls []detect.Scorer
	for i := range 20 {
		controls = append(controls, testmark.Green(t, testmark.Key(uint64(100+i)), 2))
	}
	dir := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, Map(context.Background(), dir, marks, o, w.input(nil), nil))
	want, plain, _ := reduced(t, marks, o, dir)
	assert.Nil(t, plain.Controls)

	var l lines
	asked := -1
	totals, err := Reduce(context.Background(), []string{dir}, marks, o, &l, &Work{Controls: func(mark int) ([]detect.Scorer, error) {
		asked = mark
		return controls, nil
	}})
	require.NoError(t, err)
	b, err := encode(totals)
	require.NoError(t, err)
	assert.Equal(t, want, l.String()+string(b))

	panel := detect.NewPanel(controls, &detect.Options{})
	in := w.input(nil)
	for _, f := range in.Files {
		for item := range in.Corpus.Path(context.Background(), f) {
			addToPanel(panel, item)
		}
	}
	var ps []float64
	for _, r := range panel.Results() {
		ps = append(ps, r.Log10P)
	}
	slices.Sort(ps)
	assert.Equal(t, ps, totals.Controls)
	best := slices.MinFunc(totals.Pile, func(a, b PileTotals) int {
		if *a.Log10P < *b.Log10P {
			return -1
		}
		return 1
	})
	assert.Equal(t, best.Mark, asked)
	assert.Equal(t, best.Mark, totals.Controlled)
}

// TestShow: a document that is read again has the numbers that the scan gave it.
func TestShow(t *testing.T) {
	w := newWorld(t, 9)
	w.fill(3, 20)
	for _, spans := range []bool{false, true} {
		marks, o := marksOf(t, 2), testOptions()
		o.Spans = spans
		in := w.input(nil)
		_, _, l := scanned(t, marks, o, in, nil)
		seen := 0
		for _, d := range l.documents(t) {
			for item := range in.Corpus.Path(context.Background(), d.File) {
				doc, ok := item.(*corpus.Document)
				if !ok || doc.Place.Row != d.Row {
					continue
				}
				assert.Equal(t, d.SHA256, Digest(doc))
				control := testmark.Green(t, testmark.Key(77), 2)
				s, ok, err := Show(doc, marks[d.Mark], o, []detect.Scorer{marks[d.Mark].Bound.Scorer, control})
				require.NoError(t, err)
				require.True(t, ok)
				seen++
				assert.Equal(t, d.Scored, s.Scored)
				assert.Equal(t, d.Sum, s.Sum)
				assert.EqualValues(t, d.Tokens, len(s.Tokens))
				var green, scored int64
				for _, c := range s.Colours {
					if c == detect.Green {
						green++
					}
					if c != detect.Unscored {
						scored++
					}
				}
				assert.Equal(t, d.Green, green)
				assert.Equal(t, d.Scored, scored)
				require.Len(t, s.Control, 2)
				assert.Contains(t, s.Control, d.Log10P, "the mark as its own control key")
				assert.LessOrEqual(t, s.Control[0], s.Control[1])
				none := marks[d.Mark]
				none.Tokenizer = nil
				_, ok, err = Show(doc, none, o, nil)
				require.NoError(t, err)
				assert.False(t, ok)
			}
		}
		assert.Greater(t, seen, 20)
	}
}

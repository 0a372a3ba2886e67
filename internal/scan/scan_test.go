package scan

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestScanDoesNotDependOnWork compares results for numbers of workers, orders and sizes of batches,
// checkpoints, and splits of the files.
func TestScanDoesNotDependOnWork(t *testing.T) {
	w := newWorld(t, 3)
	w.fill(9, 40)
	marks := marksOf(t, 3)
	for _, sample := range []int{20_000, 300} {
		o := testOptions()
		o.Sample = sample
		in := w.input(nil)
		want, totals, _ := scanned(t, marks, o, in, &Work{Workers: 1})
		require.Equal(t, sample == 300, totals.Pile[0].Sampled, "the small sample is full")
		for _, c := range []struct {
			name string
			work Work
		}{
			{"two workers", Work{Workers: 2}},
			{"eight workers", Work{Workers: 8}},
			{"small batches", Work{Workers: 3, batchBytes: 1}},
			{"many checkpoints", Work{Workers: 2, batchBytes: 2000, checkBytes: 1}},
			{"checkpoints by time", Work{Workers: 2, batchBytes: 500, Checkpoint: time.Microsecond}},
		} {
			t.Run(fmt.Sprintf("%s, sample %d", c.name, sample), func(t *testing.T) {
				shuffled := w.input(nil)
				rand.New(rand.NewPCG(5, 6)).Shuffle(len(shuffled.Files), func(i, j int) {
					shuffled.Files[i], shuffled.Files[j] = shuffled.Files[j], shuffled.Files[i]
				})
				got, _, _ := scanned(t, marks, o, shuffled, &c.work)
				assert.Equal(t, want, got)
			})
		}
		for _, parts := range []int{1, 7, 64} {
			t.Run(fmt.Sprintf("%d parts, sample %d", parts, sample), func(t *testing.T) {
				var dirs []string
				for p := range parts {
					dir := filepath.Join(t.TempDir(), fmt.Sprint(p))
					require.NoError(t, Map(context.Background(), dir, marks, o, w.input(func(i int) bool { return i%parts == p }), nil))
					dirs = append(dirs, dir)
				}
				rand.New(rand.NewPCG(7, 8)).Shuffle(parts, func(i, j int) { dirs[i], dirs[j] = dirs[j], dirs[i] })
				got, _, _ := reduced(t, marks, o, dirs...)
				assert.Equal(t, want, got)
			})
		}
	}
}

// TestScanCountsEverything checks the result of a small world against package detect.
func TestScanCountsEverything(t *testing.T) {
	w := newWorld(t, 9)
	w.fill(9, 40)
	marks, o := marksOf(t, 3), testOptions()
	_, totals, l := scanned(t, marks, o, w.input(nil), nil)
	docs := l.documents(t)

	require.NotNil(t, totals.Verdict)
	assert.Equal(t, detect.Detected, *totals.Verdict)
	assert.Equal(t, totals.Rows.Found, totals.Rows.Tested+totals.Rows.Skipped)
	assert.EqualValues(t, 9*40+2, totals.Rows.Found)
	assert.EqualValues(t, 11, totals.Files)
	assert.EqualValues(t, totals.Documents, totals.Rows.Tested)
	assert.EqualValues(t, len(docs), totals.Distinct)
	var rows int64
	p := make([]float64, len(docs))
	for i, d := range docs {
		rows += d.Count
		p[i] = d.Log10PDocument
	}
	assert.Equal(t, totals.Documents, rows, "each row is a document, and each document has its rows")
	by := detect.BenjaminiYekutieli(p, o.FDR)
	listed := 0
	for i, d := range docs {
		assert.InDelta(t, by.Log10Adjusted[i], d.Log10Q, 1e-12)
		assert.Equal(t, by.Rejected[i], d.Listed)
		if d.Listed {
			listed++
			assert.EqualValues(t, 3, d.Count, "the marked document stands in three files")
			assert.True(t, d.Detected)
			assert.Equal(t, "key0", d.Label)
			assert.Equal(t, filepath.Join(w.dir, "part-00.jsonl"), d.File, "where it stands first")
			assert.EqualValues(t, 2, d.Row)
			assert.EqualValues(t, 2, d.Line)
			assert.Equal(t, []string{"output"}, d.Fields)
		}
	}
	assert.Equal(t, 1, listed)
	assert.EqualValues(t, 1, totals.Listed)
	assert.EqualValues(t, 3, totals.Same)
	assert.Equal(t, []Source{{filepath.Join(w.dir, "part-00.jsonl"), totals.Sources[0].Documents, 1}}, totals.Sources)

	// The pile by package detect: prompts of all documents are left out, and pairs count once.
	panel := detect.NewPanel([]detect.Scorer{marks[0].Bound.Scorer, marks[1].Bound.Scorer, marks[2].Bound.Scorer}, &detect.Options{Tests: 2})
	in := w.input(nil)
	for _, f := range in.Files {
		for item := range in.Corpus.Path(context.Background(), f) {
			addToPanel(panel, item)
		}
	}
	for i, r := range panel.Results() {
		x := totals.Pile[i]
		assert.Equal(t, r.Scored, x.Scored)
		assert.Equal(t, r.Green, x.Green)
		assert.Equal(t, r.Log10P, *x.Log10P)
		assert.Equal(t, r.Log10PAdjusted, *x.Log10PAdjusted)
		assert.False(t, x.Sampled)
	}
	assert.Positive(t, totals.Pile[0].Excluded)
	reasons := map[string]int64{}
	for _, c := range totals.Rows.Reasons {
		reasons[c.Name] = c.Count
	}
	assert.Equal(t, map[string]int64{"binary": 1, "invalid": 9 * 3, "missing_field": 9 * 3}, reasons)
}

// TestSampleIsOneOfContexts compares a sample with its definition.
func TestSampleIsOneOfContexts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{0, 1, 2, 4, 5, 7} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			key := [16]byte{9}
			all := newSample(width, 1<<20, key)
			g := newGatherer(all, 50, []token{3})
			small := newSample(width, 200, key)
			h := newGatherer(small, 50, []token{3})
			var pieces []*sample
			for i := range 40 {
				ids := testmark.Uniform(rng, 60, 51)
				g.add(ids)
				h.add(ids)
				if i%4 == 0 {
					g.exclude(ids[:9])
					h.exclude(ids[:9])
				}
				if i%5 == 0 {
					pieces = append(pieces, h.own)
					h.next(newSample(width, 200, key))
				}
			}
			pieces = append(pieces, h.own)
			all.merge(g.own)
			rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
			for _, p := range pieces {
				small.merge(p)
			}
			// The longest prefix of the contexts, by their tags, that weighs at most 200.
			weights := map[uint64]int{}
			for _, tag := range all.tag {
				weights[tag]++
			}
			for _, tag := range all.out {
				weights[tag]++
			}
			tags := make([]uint64, 0, len(weights))
			for tag := range weights {
				tags = append(tags, tag)
			}
			slices.Sort(tags)
			limit, total := uint64(noLimit), 0
			for _, tag := range tags {
				if total += weights[tag]; total > 200 {
					limit = tag
					break
				}
			}
			assert.Equal(t, limit, small.limit)
			all.cut(limit)
			all.size = small.size
			assert.Equal(t, all.appendBinary(nil), small.appendBinary(nil))
			for i := range small.inputs {
				_, next := small.pair(nil, i)
				assert.NotEqual(t, token(3), next, "exempt ids are not scored")
				assert.Less(t, int(next), 50)
			}
			got, rest, err := decodeSample(append(small.appendBinary(nil), 1, 2), width, 200, 50, key)
			require.NoError(t, err)
			assert.Len(t, rest, 2)
			assert.Equal(t, small.appendBinary(nil), got.appendBinary(nil))
			b := small.appendBinary(nil)
			for cut := range len(b) {
				_, _, err := decodeSample(b[:cut], width, 200, 50, key)
				assert.Error(t, err)
			}
			if len(small.inputs) > 1 {
				unit := len(prf.Input{})
				if width > prf.MaxPacked {
					unit += 3 * width
				}
				const header = 1 + 3*8
				swapped := slices.Concat(b[:header], b[header+unit:header+2*unit], b[header:header+unit], b[header+2*unit:])
				_, _, err = decodeSample(swapped, width, 200, 50, key)
				assert.Error(t, err, "pairs out of order")
				twice := slices.Concat(b[:header+unit], b[header:header+unit], b[header+2*unit:])
				_, _, err = decodeSample(twice, width, 200, 50, key)
				assert.Error(t, err, "a pair stands twice")
			}
			// What was decoded can take more pairs, and is looked up.
			g = newGatherer(got, 50, nil)
			tags = []uint64{got.tag[0], 0}
			g.shared.drop([]prf.Input{got.inputs[0], {1}}, tags, make([]uint64, 2))
			assert.Equal(t, []uint64{noLimit, 0}, tags)
		})
	}
}

func TestOrderedNumbers(t *testing.T) {
	list := []float64{math.Inf(-1), -1e300, -12.5, -1e-300, 0, 1e-9, 3, math.Inf(1)}
	for i, x := range list {
		assert.Equal(t, x, unordered(ordered(x)))
		if i > 0 {
			assert.Less(t, ordered(list[i-1]), ordered(x))
		}
	}
}

// TestSorterSpills sorts more than fits the memory, over several levels of files.
func TestSorterSpills(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	d := &disk{}
	s := newSorter(t.TempDir(), 8, d)
	s.memory = 64
	var want []string
	for range 3000 {
		rec := make([]byte, 8)
		for i := range rec {
			rec[i] = byte(rng.IntN(4))
		}
		want = append(want, string(rec))
		require.NoError(t, s.add(rec))
	}
	slices.Sort(want)
	var got []string
	require.NoError(t, eachRecord(s, func(rec []byte) error {
		got = append(got, string(rec))
		return nil
	}))
	assert.Equal(t, want, got)
	assert.LessOrEqual(t, len(s.runs), maxRuns)
	require.NoError(t, s.close())
	assert.Zero(t, d.used, "the budget has everything back")
}

// TestAddresses: Open reads what has an address, and what it cannot open is a skip.
func TestAddresses(t *testing.T) {
	w := newWorld(t, 31)
	w.fill(2, 20)
	marks, o := marksOf(t, 1), testOptions()
	in := w.input(nil)
	want, totals, _ := scanned(t, marks, o, in, nil)
	require.Positive(t, totals.Documents)

	const host = "store://bucket"
	far := *in
	far.Files = nil
	for _, f := range in.Files {
		far.Files = append(far.Files, host+f)
	}
	_, without, _ := scanned(t, marks, o, &far, nil)
	require.EqualValues(t, len(far.Files), without.Unreadable, "nobody opens addresses")
	far.Open = func(_ context.Context, name string) (io.ReadCloser, error) {
		return os.Open(strings.TrimPrefix(name, host))
	}
	got, with, _ := scanned(t, marks, o, &far, nil)
	require.Equal(t, totals.Documents, with.Documents)
	require.NotEqual(t, totals.Manifest, with.Manifest, "it covers the names")
	require.Equal(t, want, strings.Replace(strings.ReplaceAll(got, host, ""), with.Manifest, totals.Manifest, 1))

	far.Files = append(far.Files, host+"/none")
	_, missing, _ := scanned(t, marks, o, &far, nil)
	require.EqualValues(t, 1, missing.Unreadable)
	require.Equal(t, with.Documents, missing.Documents)
}

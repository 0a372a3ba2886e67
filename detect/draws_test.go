package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// draws are the keyed draws that the tests mark with.
var draws = []struct {
	name   string
	scheme watermark.Scheme
}{
	{"gumbel", watermark.GumbelMax{Width: 2}},
	{"two keys", watermark.GumbelMax{Width: 2, Dual: 0.75}},
	{"tournament", watermark.Tournament{Depth: 30, Width: 2}},
}

// drawMark binds a scheme to a fixed key.
func drawMark(t testing.TB, s watermark.Scheme, label string) *watermark.Mark {
	t.Helper()
	return testmark.Mark(t, testmark.Key(9).Derive(label), s, vocab)
}

func test(m *watermark.Mark, o *detect.Options, text []Token) detect.Result {
	a := detect.NewAccumulator(m, o)
	a.Add(text)
	return a.Result()
}

// TestDrawsAreDetected marks texts by each keyed draw. The statement of power holds, another key
// does not detect, and the parts of a result fit each other.
func TestDrawsAreDetected(t *testing.T) {
	for _, draw := range draws {
		t.Run(draw.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(301, 302))
			found := 0
			const texts = 20
			n, err := plan.Share{Law: drawMark(t, draw.scheme, "").Law(), Share: 1, Alpha: 1e-6}.Tokens(0.9)
			require.NoError(t, err)
			for i := range texts {
				m := drawMark(t, draw.scheme, strconv.Itoa(i))
				text := testmark.Write(t, rng, int(n)+2, testmark.Coin, m)
				r := test(m, nil, text)
				require.Greater(t, r.Power.MinShare, 0.75, "there are just enough tokens")
				if r.Verdict == detect.Detected {
					found++
				}
				require.Zero(t, r.Green, "scores are not colours")
				require.Equal(t, r.Scored, r.Classes[1].Scored)
				require.Equal(t, r.Sum, r.Classes[1].Sum)
				require.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
				mean, variance := momentsOf(m.Law())
				require.InEpsilon(t, (float64(r.Sum)-float64(r.Scored)*mean)/math.Sqrt(float64(r.Scored)*variance), r.Z, 1e-9)
				other := test(drawMark(t, draw.scheme, "other"+strconv.Itoa(i)), nil, text)
				require.NotEqual(t, detect.Detected, other.Verdict)
			}
			t.Logf("%d of %d", found, texts)
			assert.Greater(t, tail.Binomial(texts-int64(found), texts, 0.1), -6.0)
		})
	}
}

// momentsOf is the mean and the variance of a score under the null.
func momentsOf(law watermark.Law) (mean, variance float64) {
	switch l := law.(type) {
	case watermark.Exponential:
		const unit = watermark.ScoreUnit
		return unit * (l.First + l.Second), unit * unit * (l.First*l.First + l.Second*l.Second)
	case watermark.Layers:
		for _, v := range l.Weights() {
			mean += float64(v) / 2
			variance += float64(v*v) / 4
		}
		return mean, variance
	}
	panic("unknown law")
}

// TestDrawsCountOnce: a text that repeats itself has the p-value of the text without repeats.
func TestDrawsCountOnce(t *testing.T) {
	for _, draw := range draws {
		t.Run(draw.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(303, 304))
			m := drawMark(t, draw.scheme, "once")
			text := testmark.Write(t, rng, 300, testmark.Coin, m)
			once := test(m, nil, text)
			thrice := test(m, nil, slices.Concat(text, text, text))
			assert.InDelta(t, once.Log10P, thrice.Log10P, 1.5) // two borders more
			assert.LessOrEqual(t, thrice.Scored, once.Scored+4)
			assert.GreaterOrEqual(t, thrice.Skipped.Duplicate, 2*once.Scored-4)
		})
	}
}

// TestUnweightedDraws compares the statistics of one text: exact laws of different sums.
func TestUnweightedDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(305, 306))
	m := drawMark(t, watermark.Tournament{Depth: 30, Width: 2}, "unweighted")
	text := testmark.Write(t, rng, 250, testmark.Coin, m)
	plain := test(m.Unweighted(), nil, text)
	assert.Equal(t, tail.Binomial(plain.Sum, 30*plain.Scored, 0.5), plain.Log10P)
	assert.Equal(t, plain.Scored, test(m, nil, text).Scored)

	two := drawMark(t, watermark.GumbelMax{Width: 2, Dual: 0.75}, "unweighted")
	text = testmark.Write(t, rng, 250, testmark.Coin, two)
	sum := test(two.Unweighted(), nil, text)
	assert.InEpsilon(t, tail.Gamma(2*sum.Scored, float64(sum.Sum)/watermark.ScoreUnit), sum.Log10P, 1e-13)
	mixture := test(two, nil, text)
	keys := []tail.Exponential{{Weight: 0.75, Count: sum.Scored}, {Weight: 0.25, Count: sum.Scored}}
	want := tail.WeightedExponential(keys, float64(mixture.Sum)/watermark.ScoreUnit)
	assert.InEpsilon(t, want, mixture.Log10P, 1e-13)
	assert.Less(t, mixture.Log10P, -3.0)
}

// TestPanelOfKeys: a request took one of four keys. A panel of the four finds it, adjusted for four
// tests.
func TestPanelOfKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(307, 308))
	var scorers []detect.Scorer
	var marks []*watermark.Mark
	for i := range 4 {
		m := drawMark(t, watermark.GumbelMax{Width: 2}, fmt.Sprint("variant", i))
		marks, scorers = append(marks, m), append(scorers, m)
	}
	text := testmark.Write(t, rng, 400, testmark.Coin, marks[2])
	p := detect.NewPanel(scorers, nil)
	p.Add(text)
	for i, r := range p.Results() {
		assert.Equal(t, i == 2, r.Verdict == detect.Detected)
		assert.EqualValues(t, 4, r.Tests)
		alone := test(marks[i], nil, text)
		assert.Equal(t, alone.Log10P, r.Log10P)
		assert.Equal(t, tail.Sidak(alone.Log10P, 4), r.Log10PAdjusted, "adjusted for every key")
	}
}

// TestDrawsMerge: shards of texts give the bytes and the result of all texts together, and the bytes
// can be read back.
func TestDrawsMerge(t *testing.T) {
	for _, draw := range draws {
		t.Run(draw.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(309, 310))
			m := drawMark(t, draw.scheme, "merge")
			one, two := testmark.Write(t, rng, 200, testmark.Coin, m), testmark.Write(t, rng, 150, testmark.Coin, m)
			all := detect.NewAccumulator(m, nil)
			all.Add(one)
			all.Add(two)
			a, b := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, nil)
			b.Add(one)
			a.Add(two)
			require.NoError(t, a.Merge(b))
			want, err := all.MarshalBinary()
			require.NoError(t, err)
			got, err := a.MarshalBinary()
			require.NoError(t, err)
			assert.Equal(t, want, got)
			c := detect.NewAccumulator(m, nil)
			require.NoError(t, c.UnmarshalBinary(got))
			assert.Equal(t, all.Result(), c.Result())
			if m.Unweighted() != m {
				d := detect.NewAccumulator(m.Unweighted(), nil)
				assert.ErrorIs(t, d.UnmarshalBinary(got), detect.ErrMismatch, "another statistic is another test")
			}
		})
	}
}

// TestDrawsSequential: the e-process finds a marked text, stops, and resumes from its bytes.
func TestDrawsSequential(t *testing.T) {
	for _, draw := range draws {
		t.Run(draw.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(311, 312))
			m := drawMark(t, draw.scheme, "sequential")
			text := testmark.Write(t, rng, 1200, testmark.Coin, m)
			o := &sequential.Options{Rate: 0.05}
			q := sequential.New(m, o)
			stopped := int64(0)
			for i := 2; i < len(text); i++ {
				q.AddPair(text[i-2:i], text[i])
				if r := q.Result(); r.Verdict == detect.Detected && stopped == 0 {
					stopped = r.Scored
				}
				if i == 300 {
					b, err := q.MarshalBinary()
					require.NoError(t, err)
					again := sequential.New(m, o)
					require.NoError(t, again.UnmarshalBinary(b))
					require.Equal(t, q.Result(), again.Result())
					for at := range b {
						b[at] ^= 1
						require.Error(t, again.UnmarshalBinary(b), "byte %d", at)
						b[at] ^= 1
					}
					require.Equal(t, q.Result(), again.Result(), "an error changes nothing")
					clone := q.Clone()
					clone.Add(text[400:500])
					require.NotEqual(t, q.Result(), clone.Result())
					q = again
				}
			}
			fixed, err := plan.Share{Law: m.Law(), Share: 1}.Tokens(0.5)
			require.NoError(t, err)
			t.Logf("detected after %d units, a fixed test needs %d for power 1/2", stopped, fixed)
			assert.Positive(t, stopped)
			assert.Less(t, stopped, 3*fixed)
			r := q.Result()
			assert.Zero(t, r.Green)
			assert.Less(t, r.Futile, int64(math.MaxInt64))
			q.Reset()
			assert.Zero(t, q.Result().Log10E)
		})
	}
}

// TestDrawsInParts finds the marked part of a text.
func TestDrawsInParts(t *testing.T) {
	for _, draw := range draws {
		t.Run(draw.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(313, 314))
			m := drawMark(t, draw.scheme, "parts")
			marked := testmark.Write(t, rng, 600, testmark.Coin, m)
			text := slices.Concat(testmark.Uniform(rng, 700, vocab), marked, testmark.Uniform(rng, 700, vocab))
			r, scan := located(detect.Text(m, text, &detect.TextOptions{Spans: true}))
			require.Equal(t, detect.Detected, r.Verdict)
			require.NotEmpty(t, scan.Spans)
			var inside, displayed int
			for _, s := range scan.Spans {
				assert.Zero(t, s.Green)
				assert.Positive(t, s.Sum)
				inside += max(0, min(s.DisplayEnd, 1300)-max(s.DisplayStart, 700))
				displayed += s.DisplayEnd - s.DisplayStart
			}
			t.Logf("%d of 600 shown, %d shown in all", inside, displayed)
			assert.Greater(t, inside, 450)
			assert.Less(t, displayed-inside, 150)
			green := 0
			for _, c := range detect.Text(m, text, &detect.TextOptions{Colours: true}).Colours {
				if c == detect.Green {
					green++
				}
			}
			assert.Greater(t, green, 500)
			assert.Less(t, green, 1500)

			// The stream finds it too, and with less power.
			g := sequential.NewSegments(m.Law(), 0, nil)
			recorded := &recorder{Mark: m}
			a := detect.NewAccumulator(recorded, nil)
			a.Add(text)
			a.Result()
			for _, s := range m.Score(nil, recorded.pairs) {
				g.Add(s)
			}
			segments := g.Found()
			if assert.NotEmpty(t, segments) {
				assert.InDelta(t, 700, segments[0].Start, 120)
				assert.Zero(t, segments[0].Green)
			}
		})
	}
}

// BenchmarkSpansOfDraws scans marked texts. Every interval is significant, so each costs a tail.
func BenchmarkSpansOfDraws(b *testing.B) {
	rng := rand.New(rand.NewPCG(321, 322))
	for _, draw := range draws {
		b.Run(draw.name, func(b *testing.B) {
			m := drawMark(b, draw.scheme, "spans")
			text := testmark.Write(b, rng, 3000, testmark.Coin, m)
			for b.Loop() {
				detect.SpansOf(m, text, nil)
			}
		})
	}
}

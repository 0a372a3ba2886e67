package informed_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

type Token = watermark.Token

const vocab = 4096

// long makes the null panel as large as that of the committed results: 10^7 tests.
var long = flag.Int("informed.long", 0, "number of tests of each row of the null panel; 0 is a small number")

// A proxy gives each token of a text a probability. It may be hostile: anything that does not depend
// on the key.
type proxy struct {
	name string
	of   func(text []Token, at int) float64
}

var proxies = []proxy{
	{"one half", func([]Token, int) float64 { return 0.5 }},
	{"sure of everything", func([]Token, int) float64 { return 1 }},
	{"sure of nothing", func([]Token, int) float64 { return 0 }},
	{"by the token", func(text []Token, at int) float64 { return float64(text[at]%97+1) / 98 }},
	{"by what follows", func(text []Token, at int) float64 {
		return math.Pow(10, -float64(text[min(at+1, len(text)-1)]%7))
	}},
	{"one token decides", func(_ []Token, at int) float64 {
		if at == 40 {
			return 1e-5
		}
		return 0.9999
	}},
	{"by how often the token occurs", func(text []Token, at int) float64 {
		n := 0.0
		for _, t := range text {
			if t == text[at] {
				n++
			}
		}
		return n / float64(len(text)+1)
	}},
	{"some unknown", func(_ []Token, at int) float64 {
		if at%3 == 0 {
			return math.NaN()
		}
		return 0.2
	}},
}

var schemes = []struct {
	name       string
	scheme     watermark.Scheme
	continuous bool
	slowly     bool
}{
	{"gumbel", watermark.GumbelMax{Width: 2}, true, false},
	{"green list", watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, false, false},
	{"two keys", watermark.GumbelMax{Width: 2, Dual: 0.75}, false, false},
	{"tournament", watermark.Tournament{Width: 2, Depth: 30}, false, true},
}

// TestInformedUnderTheNull tests one text under many keys, by every proxy.
func TestInformedUnderTheNull(t *testing.T) {
	for _, s := range schemes {
		for _, x := range proxies {
			t.Run(s.name+", "+x.name, func(t *testing.T) {
				keys := 400
				if s.slowly {
					keys = 60
				}
				if *long > 0 {
					keys = *long
				}
				text := testmark.Zipf(rand.New(rand.NewPCG(8, 8)), 120, 300)
				probabilities := make([]float64, len(text))
				for i := range text {
					probabilities[i] = x.of(text, i)
				}
				levels := []float64{0.5, 0.1, 0.01, 0.001, 1e-4, 1e-5}
				var sums, values, both [6]int64
				for key := range uint64(keys) {
					test := informed.New(testmark.Mark(t, testmark.Key(1000+key), s.scheme, vocab), nil)
					test.Add(text, probabilities)
					r := test.Result()
					for i, level := range levels {
						at := math.Log10(level)
						if r.Log10PSum <= at {
							sums[i]++
						}
						if r.Log10PAnytime <= at {
							values[i]++
						}
						if r.Log10P <= at {
							both[i]++
						}
					}
				}
				t.Logf("p at most %v in %d tests: sums %v, e-values %v, both %v", levels, keys, sums, values, both)
				for i, level := range levels {
					n := int64(keys)
					for _, count := range []int64{sums[i], values[i], both[i]} {
						assert.Greater(t, tail.Binomial(count, n, level), -5.0, "too many at %v", level)
					}
					if s.continuous && x.name != "one token decides" && i < 2 {
						assert.Greater(t, tail.Binomial(n-sums[i], n, 1-level), -5.0, "too few at %v", level)
					}
				}
			})
		}
	}
}

// A language draws rows of a given entropy mixture, and remembers the probability of what it wrote.
type language struct{ rows [][]float64 }

func newLanguage(entropies []float64) language {
	var l language
	for _, h := range entropies {
		row := make([]float64, 200)
		lo, hi := 0.0, 64.0
		for range 40 {
			s := (lo + hi) / 2
			var sum, entropy float64
			for i := range row {
				row[i] = math.Pow(float64(i+1), -s)
				sum += row[i]
			}
			for i := range row {
				if row[i] /= sum; row[i] > 0 {
					entropy -= row[i] * math.Log(row[i])
				}
			}
			if entropy > h {
				lo = s
			} else {
				hi = s
			}
		}
		l.rows = append(l.rows, row)
	}
	return l
}

var mixtures = map[string][]float64{
	"code": {.70, .10, .07, .06, .04, .02, .01, 0, 0},
	"chat": {.40, .12, .10, .12, .11, .07, .05, .025, .005},
	"web":  {.10, .07, .08, .12, .15, .13, .12, .14, .09},
}

var all = newLanguage([]float64{.02, .1, .25, .5, 1, 1.5, 2, 3, 4})

// write returns n tokens of a kind of text, each marked with the probability share, and the model's
// probability of each.
func (l language) write(t testing.TB, rng *rand.Rand, n int, kind string, share float64, m *watermark.Mark) ([]Token, []float64) {
	s := testmark.Sequence(t, m)
	s.Reset(nil)
	text, probabilities := make([]Token, 0, n), make([]float64, 0, n)
	logits := make([]float32, vocab)
	for range n {
		u, row := rng.Float64(), l.rows[0]
		for i, w := range mixtures[kind] {
			if row = l.rows[i]; u < w {
				break
			}
			u -= w
		}
		from := rng.IntN(vocab - len(row))
		for i := range logits {
			logits[i] = float32(math.Inf(-1))
		}
		for i, p := range row {
			logits[from+i] = float32(math.Log(p))
		}
		var token Token
		if rng.Float64() < share {
			token = s.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		} else {
			at, u := 0, rng.Float64()
			for ; at < len(row)-1 && u >= row[at]; at++ {
				u -= row[at]
			}
			token = Token(from + at)
		}
		s.Accept(token)
		text = append(text, token)
		probabilities = append(probabilities, row[int(token)-from])
	}
	return text, probabilities
}

// tokensTo returns the smallest of the lengths from which on a text is detected, or a number above
// them.
func tokensTo(lengths []int, log10P func(n int) float64) int {
	for _, n := range lengths {
		if log10P(n) <= -6 {
			return n
		}
	}
	return 2 * lengths[len(lengths)-1]
}

// TestInformedNeedsAFraction shows the numbers of the review of 2026-11-30: the test that knows the
// probabilities of the tokens needs about a quarter of the text on chat, and less on code.
func TestInformedNeedsAFraction(t *testing.T) {
	for _, c := range []struct {
		kind   string
		share  float64
		longer int
		most   float64 // of the plain test's tokens
		proxy  float64 // standard deviation of the proxy's log odds
	}{
		{"code", 1, 3000, 0.15, 0},
		{"code", 1, 3000, 0.2, 1},
		{"chat", 1, 1200, 0.32, 0},
		{"chat", 1, 1200, 0.4, 1},
		{"chat", 0.5, 3000, 0.5, 0},
		{"web", 1, 400, 0.75, 0},
	} {
		t.Run(fmt.Sprintf("%s, %v marked, odds off by e^N(0,%v)", c.kind, c.share, c.proxy), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(6, 14))
			var lengths []int
			for n := 10; n < c.longer; n += n/8 + 1 {
				lengths = append(lengths, n)
			}
			const texts = 12
			var plain, knows int
			for i := range uint64(texts) {
				m := testmark.Mark(t, testmark.Key(2000+i), watermark.GumbelMax{Width: 4}, vocab)
				text, p := all.write(t, rng, c.longer, c.kind, c.share, m)
				for i := range p {
					odds := p[i] / (1 - p[i]) * math.Exp(c.proxy*rng.NormFloat64())
					p[i] = odds / (1 + odds)
				}
				plain += tokensTo(lengths, func(n int) float64 {
					a := detect.NewAccumulator(m, nil)
					a.Add(text[:n])
					return a.Result().Log10P
				})
				knows += tokensTo(lengths, func(n int) float64 {
					test := informed.New(m, nil)
					test.Add(text[:n], p[:n])
					return test.Result().Log10P
				})
			}
			t.Logf("mean tokens to 1e-6: plain %d, informed %d, a share of %.2f", plain/texts, knows/texts, float64(knows)/float64(plain))
			assert.Less(t, float64(knows), c.most*float64(plain))
		})
	}
}

// TestBitsOfATournament: of text that is marked in part, the bits of a tournament show more than their
// weighted sum does. A struct around the mark hides them.
func TestBitsOfATournament(t *testing.T) {
	const texts = 12
	var plain, sum, bits, sumE, bitsE float64
	for i := range uint64(texts) {
		rng := rand.New(rand.NewPCG(15, i))
		m := testmark.Mark(t, testmark.Key(5000+i), watermark.Tournament{Width: 4, Depth: 30}, vocab)
		text, p := all.write(t, rng, 100, "web", 0.4, m)
		of := func(s detect.Scorer) informed.Result {
			test := informed.New(s, nil)
			test.Add(text, p)
			return test.Result()
		}
		x, y := of(struct{ detect.Scorer }{m}), of(m)
		sum, sumE = sum+x.Log10P/texts, sumE+x.Log10PAnytime/texts
		bits, bitsE = bits+y.Log10P/texts, bitsE+y.Log10PAnytime/texts
		a := detect.NewAccumulator(m, nil)
		a.Add(text)
		plain += a.Result().Log10P / texts
	}
	t.Logf("mean log10 p: plain %.2f, sums %.2f, bits %.2f; e-values of sums %.2f, of bits %.2f", plain, sum, bits, sumE, bitsE)
	assert.Less(t, bits, sum-0.3)
	assert.Less(t, bitsE, sumE-0.5)
	assert.Less(t, sum, plain)
}

// TestPartsAddUp: 8 parts of 50 marked tokens in 4000. A scan tests one part at a time.
func TestPartsAddUp(t *testing.T) {
	var parts, scans, whole int
	const texts = 12
	for i := range uint64(texts) {
		rng := rand.New(rand.NewPCG(7, i))
		m := testmark.Mark(t, testmark.Key(3000+i), watermark.GumbelMax{Width: 2}, vocab)
		var text []Token
		var p []float64
		for range 8 {
			for _, share := range []float64{0, 1} {
				n := 450
				if share == 1 {
					n = 50
				}
				x, y := all.write(t, rng, n, "chat", share, m)
				text, p = append(text, x...), append(p, y...)
			}
		}
		test := informed.New(m, nil)
		test.Add(text, p)
		if test.Result().Log10P <= -6 {
			parts++
		}
		r := detect.Text(m, text, &detect.TextOptions{Spans: true})
		for _, s := range r.Scan.Spans {
			if s.Log10PAdjusted <= -6 {
				scans++
				break
			}
		}
		a := detect.NewAccumulator(m, nil)
		a.Add(text)
		if a.Result().Log10P <= -6 {
			whole++
		}
	}
	t.Logf("found of %d: the parts %d, the best span %d, the whole text %d", texts, parts, scans, whole)
	assert.GreaterOrEqual(t, parts, 10)
	assert.Less(t, scans+whole, parts)
}

// TestInformedSilence: silence is not_detected only if such text is found.
func TestInformedSilence(t *testing.T) {
	m := testmark.Mark(t, testmark.Key(9), watermark.GumbelMax{Width: 2}, vocab)
	dual := testmark.Mark(t, testmark.Key(9), watermark.GumbelMax{Width: 2, Dual: 0.75}, vocab)
	for _, c := range []struct {
		name string
		m    *watermark.Mark
		n    int
		o    *informed.Options
		want detect.Verdict
	}{
		{"long", m, 800, &informed.Options{MinShare: 0.5}, detect.NotDetected},
		{"no share", m, 800, nil, detect.Inconclusive},
		{"short", m, 60, &informed.Options{MinShare: 0.5}, detect.Inconclusive},
		{"small share", m, 800, &informed.Options{MinShare: 0.1}, detect.Inconclusive},
		{"no simulation", dual, 800, &informed.Options{MinShare: 1}, detect.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(9, 9))
			text, p := all.write(t, rng, c.n, "chat", 0, m)
			test := informed.New(c.m, c.o)
			test.Add(text, p)
			r := test.Result()
			assert.Equal(t, c.want, r.Verdict, "%d of %d", r.Found, r.Simulated)
			if c.want != detect.NotDetected {
				return
			}
			// The statement is true: marked texts with such probabilities are found.
			found := 0
			const texts = 30
			for i := range uint64(texts) {
				key := testmark.Mark(t, testmark.Key(4000+i), watermark.GumbelMax{Width: 2}, vocab)
				text, p := all.write(t, rng, c.n, "chat", 0.5, key)
				x := informed.New(key, c.o)
				x.Add(text, p)
				if x.Result().Verdict == detect.Detected {
					found++
				}
			}
			assert.Greater(t, tail.Binomial(texts-int64(found), texts, 0.1), -4.0)
		})
	}
}

func TestInformedCounts(t *testing.T) {
	m := testmark.Mark(t, testmark.Key(10), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 100)
	text := []Token{1, 2, 3, 4, 2, 3, 4, 200, 5, 6, 7, 8}
	p := make([]float64, len(text))
	p[11] = math.NaN()
	for _, dedup := range []detect.Dedup{detect.DedupPair, detect.DedupContext} {
		a := detect.NewAccumulator(m, &detect.Options{Dedup: dedup, Exempt: []Token{6}})
		a.Exclude([]Token{9, 1, 2})
		a.Add(text)
		test := informed.New(m, &informed.Options{Dedup: dedup, Exempt: []Token{6}, Tests: 3})
		require.NoError(t, test.Exclude([]Token{9, 1, 2}))
		test.Add(text, p)
		r, want := test.Result(), a.Result()
		assert.Equal(t, want.Tokens, r.Tokens)
		assert.Equal(t, want.Scored, r.Scored)
		assert.Equal(t, want.Skipped, r.Skipped)
		assert.Equal(t, int64(1), r.Unknown)
		assert.Equal(t, int64(6), r.Tests)
		assert.Equal(t, tail.Bonferroni(r.Log10P, 3), r.Log10PAdjusted)
		assert.Contains(t, r.String(), "unknown=1")
	}
	assert.Panics(t, func() { informed.New(m, nil).Add(text, p[1:]) })
	assert.Panics(t, func() { informed.New(m, &informed.Options{MinShare: 2}) })
	assert.Panics(t, func() { informed.NewStream(m, &informed.Options{Alpha: 0.7}) })
	assert.Panics(t, func() { informed.NewStream(m, &informed.Options{Tests: -1}) })
	assert.ErrorIs(t, informed.New(m, nil).Result().Warnings[0], detect.ErrNothingScored)
	assert.Zero(t, informed.New(m, nil).Result().Log10P)
}

// TestStreamIsTheEValue: a Stream has the e-value of a Test, at every time, and never falls behind.
func TestStreamIsTheEValue(t *testing.T) {
	m := testmark.Mark(t, testmark.Key(11), watermark.GumbelMax{Width: 2}, vocab)
	text, p := all.write(t, rand.New(rand.NewPCG(11, 1)), 300, "chat", 1, m)
	stream, test := informed.NewStream(m, nil), informed.New(m, nil)
	stream.Prompt([]Token{1, 2, 3})
	last := 0.0
	for i := 2; i < len(text); i++ {
		stream.AddPair(text[i-2:i], text[i], p[i])
		test.AddPair(text[i-2:i], text[i], p[i])
		r := stream.Result()
		require.LessOrEqual(t, r.Log10P, last)
		require.Zero(t, r.Log10PSum)
		last = r.Log10P
	}
	assert.Equal(t, test.Result().Log10PAnytime, last)
	assert.Equal(t, detect.Detected, stream.Result().Verdict)
	assert.Less(t, test.Result().Log10PSum, -6.0)
	require.Error(t, stream.Exclude(text[:3]))
}

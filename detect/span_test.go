package detect_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

// A setting is one call of Text.
type setting struct {
	mark    *watermark.Mark
	text    []Token
	options detect.Options
	prompts [][]Token
}

// randomSetting draws texts with marked parts, repeats, prompts and strange ids.
func randomSetting(t *testing.T, rng *rand.Rand) setting {
	width := rng.IntN(5)
	key := testmark.Key(uint64(1 + rng.IntN(1e9)))
	var opts []watermark.Option
	if rng.IntN(3) == 0 {
		opts = append(opts, watermark.Band{Selector: testmark.Key(6), Hi: 30000 + rng.IntN(35000)})
	}
	gamma := []float64{0.5, 0.25, 0.75, 0.01171875}[rng.IntN(4)]
	m := testmark.Mark(t, key, watermark.GreenList{Gamma: gamma, Delta: 3, Width: width}, vocab, opts...)
	var text []Token
	for range 1 + rng.IntN(5) {
		n := rng.IntN(300)
		switch rng.IntN(3) {
		case 0:
			text = append(text, greenText(rng, n, m, 3)...)
		case 1:
			text = append(text, testmark.Uniform(rng, n, vocab)...)
		default:
			text = append(text, testmark.Uniform(rng, n, 6)...)
		}
	}
	if len(text) > 0 {
		for range rng.IntN(8) {
			text[rng.IntN(len(text))] = []Token{-1, vocab, math.MinInt32, math.MaxInt32}[rng.IntN(4)]
		}
	}
	s := setting{mark: m, text: text, options: detect.Options{
		Dedup: detect.Dedup(rng.IntN(2)), Alpha: []float64{1e-6, 1e-2, 0.3}[rng.IntN(3)], Tests: 1 + rng.Int64N(3),
	}}
	if rng.IntN(2) == 0 {
		s.options.Exempt = testmark.Uniform(rng, 5, vocab)
	}
	for range rng.IntN(3) {
		if from := rng.IntN(len(text) + 1); rng.IntN(2) == 0 {
			s.prompts = append(s.prompts, text[from:min(from+40, len(text))])
		} else {
			s.prompts = append(s.prompts, testmark.Uniform(rng, 10, 6))
		}
	}
	return s
}

// greenText draws n tokens as a mark with bias delta samples them from a model that finds all tokens
// equally likely. Red tokens are rejected, which takes a tenth of the time of a sampler.
func greenText(rng *rand.Rand, n int, m *watermark.Mark, delta float64) []Token {
	text := make([]Token, 0, n)
	for len(text) < n {
		next := rng.Int32N(vocab)
		if context := text[max(0, len(text)-m.Width()):]; len(context) == m.Width() {
			red := m.Score(nil, []watermark.Pair{{Context: context, Token: next}})[0] == 0
			if red && rng.Float64() >= math.Exp(-delta) {
				continue
			}
		}
		text = append(text, next)
	}
	return text
}

// scoredByHand lists the scored positions of a text and their colours. It applies the rules with the
// mark alone, and does not use the package.
func (s setting) scoredByHand() (at []int, green []bool) {
	width := s.mark.Width()
	excluded, seen := map[string]bool{}, map[string]bool{}
	key := func(ids []Token) string {
		var b []byte
		for _, id := range ids {
			b = binary.LittleEndian.AppendUint32(b, uint32(id))
		}
		return string(b)
	}
	for _, p := range s.prompts {
		for end := width; end <= len(p) && len(p) > 0; end++ {
			excluded[key(p[end-width:end])] = true
		}
	}
	for i := width; i < len(s.text); i++ {
		window := s.text[i-width : i+1]
		if slices.ContainsFunc(window, func(v Token) bool { return v < 0 || v >= vocab }) {
			continue
		}
		context := key(window[:width])
		unit := key(window)
		if s.options.Dedup == detect.DedupContext {
			unit = context
		}
		if seen[unit] {
			continue
		}
		seen[unit] = true
		score := s.mark.Score(nil, []watermark.Pair{{Context: window[:width], Token: window[width]}})[0]
		if score == watermark.NotScored || excluded[context] || slices.Contains(s.options.Exempt, window[width]) {
			continue
		}
		at, green = append(at, i), append(green, score == 1)
	}
	return at, green
}

// lengthsByHand returns the lengths floor(32 * (5/4)^j) <= n, in exact arithmetic.
func lengthsByHand(n int) []int {
	var lengths []int
	length := big.NewRat(32, 1)
	for {
		floor := int(new(big.Int).Quo(length.Num(), length.Denom()).Int64())
		if floor > n {
			return lengths
		}
		lengths = append(lengths, floor)
		length.Mul(length, big.NewRat(5, 4))
	}
}

// scanByHand tests every interval one by one.
func (s setting) scanByHand() detect.Scan {
	at, green := s.scoredByHand()
	n := len(at)
	gamma := s.mark.Law().(watermark.Bernoulli).P
	var scan detect.Scan
	var all []detect.Span
	lengths := lengthsByHand(n)
	for _, length := range lengths {
		starts := map[int]bool{n - length: true}
		for start := 0; start+length <= n; start += length / 4 {
			starts[start] = true
		}
		scan.Intervals += int64(len(starts))
		for start := range starts {
			var k int64
			for _, g := range green[start : start+length] {
				if g {
					k++
				}
			}
			p := tail.Binomial(k, int64(length), gamma)
			adjusted := min(p+math.Log10(float64(len(lengths)*len(starts))), 0)
			scan.Log10P = min(scan.Log10P, adjusted)
			adjusted = min(adjusted+math.Log10(float64(s.options.Tests)), 0)
			if adjusted <= math.Log10(s.options.Alpha) {
				all = append(all, detect.Span{
					Start: at[start], End: at[start+length-1] + 1,
					Scored: int64(length), Green: k, Sum: k, Log10P: p, Log10PAdjusted: adjusted,
				})
			}
		}
	}
	scan.Log10PAdjusted = min(scan.Log10P+math.Log10(float64(s.options.Tests)), 0)
	// Two sums of logarithms that should be equal may differ in the last bits.
	slices.SortFunc(all, func(a, b detect.Span) int {
		if math.Abs(a.Log10PAdjusted-b.Log10PAdjusted) > 1e-9 {
			return cmp.Compare(a.Log10PAdjusted, b.Log10PAdjusted)
		}
		return cmp.Or(cmp.Compare(a.Scored, b.Scored), cmp.Compare(a.Start, b.Start))
	})
	for _, c := range all {
		if !slices.ContainsFunc(scan.Spans, func(k detect.Span) bool { return c.Start < k.End && k.Start < c.End }) {
			scan.Spans = append(scan.Spans, c)
		}
	}
	slices.SortFunc(scan.Spans, func(a, b detect.Span) int { return cmp.Compare(a.Start, b.Start) })
	return scan
}

// located splits the result of a text with spans.
func located(r detect.TextResult) (detect.Result, detect.Scan) { return r.Result, *r.Scan }

// TestSpansAgreeWithBruteForce compares the scans of random settings with one interval at a time, and
// Text with the two tests that it combines.
func TestSpansAgreeWithBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	spans := 0
	var wins textWins
	for i := range 400 {
		s := randomSetting(t, rng)
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			want := s.scanByHand()
			got := detect.SpansOf(s.mark, s.text, &s.options, s.prompts...)
			require.Equal(t, want.Intervals, got.Intervals)
			require.InDelta(t, want.Log10P, got.Log10P, 1e-9)
			require.InDelta(t, want.Log10PAdjusted, got.Log10PAdjusted, 1e-9)
			require.Len(t, got.Spans, len(want.Spans))
			checkSpans(t, s, got)
			colours := make([]detect.Colour, len(s.text))
			at, green := s.scoredByHand()
			for i, position := range at {
				colours[position] = map[bool]detect.Colour{true: detect.Green, false: detect.NotGreen}[green[i]]
			}
			o := &detect.TextOptions{Options: s.options, Prompts: s.prompts, Colours: true}
			require.Equal(t, colours, detect.Text(s.mark, s.text, o).Colours)
			for i, w := range want.Spans {
				g := got.Spans[i]
				require.InDelta(t, w.Log10PAdjusted, g.Log10PAdjusted, 1e-9)
				w.Log10PAdjusted, w.DisplayStart, w.DisplayEnd = g.Log10PAdjusted, g.DisplayStart, g.DisplayEnd
				require.Equal(t, w, g)
			}
			spans += len(got.Spans)
			checkTwoTests(t, s, &wins)
		})
	}
	assert.Greater(t, spans, 200, "the settings have spans")
	assert.Positive(t, wins.whole)
	assert.Positive(t, wins.scan)
	assert.Positive(t, wins.onlyScan)
}

// textWins counts which part of a Text decided.
type textWins struct{ whole, scan, onlyScan int }

// checkTwoTests compares Text with an Accumulator and a scan on their own.
func checkTwoTests(t *testing.T, s setting, wins *textWins) {
	two := s.options
	two.Tests *= 2
	a := detect.NewAccumulator(s.mark, &two)
	for _, p := range s.prompts {
		a.Exclude(p)
	}
	a.Add(s.text)
	whole, scan := a.Result(), detect.SpansOf(s.mark, s.text, &two, s.prompts...)
	o := &detect.TextOptions{Options: s.options, Prompts: s.prompts, Spans: true}
	got, gotScan := located(detect.Text(s.mark, s.text, o))
	require.Equal(t, scan, gotScan)
	best := min(whole.Log10P, scan.Log10P)
	require.InDelta(t, min(best+math.Log10(float64(two.Tests)), 0), got.Log10PAdjusted, 1e-9)
	detected := got.Log10PAdjusted <= math.Log10(s.options.Alpha) && got.Scored > 0
	require.Equal(t, detected, got.Verdict == detect.Detected)
	if len(scan.Spans) > 0 {
		require.Equal(t, detect.Detected, got.Verdict)
	}
	switch {
	case whole.Verdict == got.Verdict && whole.Log10PAdjusted == got.Log10PAdjusted:
		require.Equal(t, fmt.Sprintf("%+v", whole), fmt.Sprintf("%+v", got)) // a NaN is not equal to itself
		wins.whole++
	case whole.Verdict != detect.Detected && detected:
		wins.onlyScan++
		fallthrough
	default:
		wins.scan++
		whole.Verdict, whole.Log10PAdjusted, whole.Warnings = got.Verdict, got.Log10PAdjusted, got.Warnings
		require.Equal(t, fmt.Sprintf("%+v", whole), fmt.Sprintf("%+v", got))
	}
	if got.Log10PAdjusted < -38.53 {
		require.Contains(t, got.Warnings, detect.ErrKeySpace)
	}
}

// checkSpans checks statements that hold for every scan.
func checkSpans(t *testing.T, s setting, scan detect.Scan) {
	alpha := cmp.Or(s.options.Alpha, 1e-6)
	end, displayEnd := 0, 0
	for _, p := range scan.Spans {
		require.LessOrEqual(t, end, p.Start, "spans overlap or are out of order")
		require.LessOrEqual(t, displayEnd, p.DisplayStart, "displayed parts overlap")
		require.Less(t, p.Start, p.End)
		require.Less(t, p.DisplayStart, p.DisplayEnd)
		require.True(t, p.DisplayStart < p.End && p.Start < p.DisplayEnd, "the displayed part is elsewhere")
		end, displayEnd = p.End, p.DisplayEnd
		require.LessOrEqual(t, p.Log10P, p.Log10PAdjusted)
		require.LessOrEqual(t, p.Log10PAdjusted, math.Log10(alpha))
		require.GreaterOrEqual(t, p.Log10PAdjusted, scan.Log10PAdjusted)
		require.LessOrEqual(t, p.Green, p.Scored)
		require.LessOrEqual(t, p.Scored, int64(p.End-p.Start))
	}
	require.LessOrEqual(t, end, len(s.text))
	require.LessOrEqual(t, displayEnd, len(s.text))
	require.Equal(t, len(scan.Spans) > 0, scan.Log10PAdjusted <= math.Log10(alpha))
}

// TestSpansFamilyWiseErrorRate scans texts that do not depend on the keys. Spans may not be found more
// often than alpha says. Keys derive from a fixed root, so the outcome is one fixed number. The bound
// is that of a fresh draw at 1e-6.
func TestSpansFamilyWiseErrorRate(t *testing.T) {
	root := testmark.Key(3)
	texts := 10_000
	if testing.Short() {
		texts = 1000
	}
	for _, c := range []struct {
		name  string
		dedup detect.Dedup
		text  func(rng *rand.Rand) []Token
	}{
		{"new tokens", detect.DedupPair, func(rng *rand.Rand) []Token { return testmark.Uniform(rng, 40+rng.IntN(600), vocab) }},
		{"few tokens", detect.DedupPair, func(rng *rand.Rand) []Token { return testmark.Uniform(rng, 600, 15) }},
		{"first occurrences", detect.DedupContext, func(rng *rand.Rand) []Token { return testmark.Uniform(rng, 600, 60) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(33, 34))
			levels := []float64{0.05, 0.01}
			counts, whole := make([]int64, len(levels)), make([]int64, len(levels))
			spans, adjusted := 0, 0
			for i := range texts {
				gamma := []float64{0.5, 0.25, 0.0625, 0.80078125}[i%4]
				scheme := watermark.GreenList{Gamma: gamma, Delta: 1, Width: 1 + i%2}
				m := testmark.Mark(t, root.Derive(c.name, strconv.Itoa(i)), scheme, vocab)
				// Alpha decides about spans, and about no p-value.
				o := detect.Options{Dedup: c.dedup, Alpha: levels[0]}
				r, scan := located(detect.Text(m, c.text(rng), &detect.TextOptions{Options: o, Spans: true}))
				if len(scan.Spans) > 0 {
					spans++
				}
				if scan.Log10PAdjusted <= math.Log10(levels[0]) {
					adjusted++
				}
				for l, alpha := range levels {
					if scan.Log10P <= math.Log10(alpha) {
						counts[l]++
					}
					if r.Log10PAdjusted <= math.Log10(alpha) {
						whole[l]++
					}
				}
			}
			require.Equal(t, adjusted, spans, "spans are found exactly when the p-value says so")
			for l, alpha := range levels {
				t.Logf("alpha %v: %d of %d texts, %d with the whole text", alpha, counts[l], texts, whole[l])
				assert.Greater(t, tail.Binomial(counts[l], int64(texts), alpha), -6.0, "too many spans")
				assert.Greater(t, tail.Binomial(whole[l], int64(texts), alpha), -6.0, "too many detections")
			}
			assert.Positive(t, counts[0], "a test that never rejects has no power")
			assert.Positive(t, spans)
		})
	}
}

func TestSpansFindPlantedParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	for i := range 20 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			m := testmark.Green(t, testmark.Key(5).Derive(strconv.Itoa(i)), 2)
			// 2000 tokens, of which [400,700) and [1500,1620) are marked.
			text := testmark.Uniform(rng, 2000, vocab)
			copy(text[400:], testmark.Write(t, rng, 300, testmark.Flat, m))
			copy(text[1500:], testmark.Write(t, rng, 120, testmark.Flat, m))
			r, scan := located(detect.Text(m, text, &detect.TextOptions{Spans: true}))
			require.Equal(t, detect.Detected, r.Verdict)
			overlap := func(from, to int) float64 {
				var both int
				for _, s := range scan.Spans {
					both += max(0, min(s.DisplayEnd, to)-max(s.DisplayStart, from))
				}
				return float64(both) / float64(to-from)
			}
			assert.Greater(t, overlap(400, 700), 0.85)
			assert.Greater(t, overlap(1500, 1620), 0.7)
			assert.Less(t, overlap(0, 380), 0.05)
			assert.Less(t, overlap(720, 1480), 0.05)
			assert.Less(t, overlap(1640, 2000), 0.05)
		})
	}
}

func TestSpansOfLittle(t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 38))
	m := testmark.Green(t, testmark.Key(0), 2)
	outside := make([]Token, 500)
	for i := range outside {
		outside[i] = vocab + Token(i)
	}
	marked := testmark.Write(t, rng, 33, testmark.Flat, m)
	for _, c := range []struct {
		name    string
		text    []Token
		prompts [][]Token
	}{
		{"nothing", nil, nil},
		{"one token", []Token{5}, nil},
		{"31 scored", marked, nil},
		{"outside the vocabulary", outside, nil},
		{"one loop", slices.Repeat([]Token{1, 2, 3}, 300), nil},
		{
			"its own prompt", slices.Concat(marked, marked),
			[][]Token{marked, marked[31:], slices.Concat(marked[31:], marked[:2])},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			scan := detect.SpansOf(m, c.text, &detect.Options{Alpha: 0.99}, c.prompts...)
			assert.Equal(t, detect.Scan{Spans: []detect.Span{}}, scan)
			o := &detect.TextOptions{Options: detect.Options{Alpha: 0.5}, Prompts: c.prompts, Spans: true}
			r, scan := located(detect.Text(m, c.text, o))
			assert.Empty(t, scan.Spans)
			assert.Equal(t, int64(2), r.Tests)
		})
	}
	// With one more scored token there is one interval: the text.
	marked = testmark.Write(t, rng, 34, testmark.Flat, m)
	scan := detect.SpansOf(m, marked, &detect.Options{Alpha: 0.99})
	assert.Equal(t, int64(1), scan.Intervals)
	a := detect.NewAccumulator(m, nil)
	a.Add(marked)
	assert.Equal(t, a.Result().Log10P, scan.Log10P)
}

// TestSpanOffsets has a text whose scored tokens lie between tokens that are not scored. A span begins
// and ends with a scored one.
func TestSpanOffsets(t *testing.T) {
	rng := rand.New(rand.NewPCG(39, 40))
	m := testmark.Green(t, testmark.Key(4), 1)
	marked := testmark.Write(t, rng, 200, testmark.Flat, m)
	text := slices.Concat(
		slices.Repeat([]Token{1}, 100), // exempt
		[]Token{vocab}, marked[:100],
		slices.Repeat([]Token{-1}, 50), marked[99:],
		[]Token{vocab, vocab},
	)
	s := setting{mark: m, text: text, options: detect.Options{Exempt: []Token{1}}}
	scan := detect.SpansOf(m, text, &s.options)
	require.Len(t, scan.Spans, 1)
	checkSpans(t, s, scan)
	scored := map[int]bool{}
	at, _ := s.scoredByHand()
	for _, i := range at {
		scored[i] = true
	}
	p := scan.Spans[0]
	for _, i := range []int{p.Start, p.End - 1, p.DisplayStart, p.DisplayEnd - 1} {
		assert.True(t, scored[i], "%d is not scored", i)
	}
	inside := 0
	for i := p.Start; i < p.End; i++ {
		if scored[i] {
			inside++
		}
	}
	assert.Equal(t, p.Scored, int64(inside))
	assert.InDelta(t, 102, p.DisplayStart, 10)
	assert.InDelta(t, len(text)-2, p.DisplayEnd, 10)
}

func TestSpansRefuse(t *testing.T) {
	m := testmark.Green(t, testmark.Key(7), 2)
	assert.Panics(t, func() { detect.SpansOf(m, nil, &detect.Options{Alpha: 1}) })
	assert.Panics(t, func() { detect.SpansOf(m, nil, &detect.Options{Sample: detect.Sample{Size: 10}}) })
}

func FuzzSpans(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte("0123456789abcdef"), uint8(0), uint8(3))
	f.Add(make([]byte, 2000), uint8(2), uint8(0))
	long := make([]byte, 3000)
	rng := rand.New(rand.NewPCG(43, 44))
	for i := range long {
		long[i] = byte(rng.Uint32() >> (7 * (i % 2)))
	}
	f.Add(long, uint8(1), uint8(7))
	key := testmark.Key(0)
	f.Fuzz(func(t *testing.T, data []byte, width, flags uint8) {
		m := testmark.Green(t, key, int(width%17))
		text := make([]Token, len(data)/2)
		for i := range text {
			text[i] = Token(int16(binary.LittleEndian.Uint16(data[2*i:])))
			if flags&1 != 0 {
				text[i] &= 0xff
			}
		}
		prompt := text[len(text)/2:]
		if flags&2 != 0 {
			prompt = nil
		}
		s := setting{mark: m, text: text, options: detect.Options{Dedup: detect.Dedup(flags >> 2 & 1), Alpha: 0.5}}
		scan := detect.SpansOf(m, text, &s.options, prompt)
		checkSpans(t, s, scan)
		a := detect.NewAccumulator(m, &s.options)
		a.Exclude(prompt)
		a.Add(text)
		r, both := located(detect.Text(m, text, &detect.TextOptions{Options: s.options, Prompts: [][]Token{prompt}, Spans: true}))
		require.Equal(t, a.Result().Skipped, r.Skipped)
		require.Equal(t, a.Result().Green, r.Green)
		require.Equal(t, scan.Log10P, both.Log10P)
		require.Equal(t, r.Scored >= 32, scan.Intervals > 0)
	})
}

func BenchmarkSpans(b *testing.B) {
	rng := rand.New(rand.NewPCG(45, 46))
	for _, marked := range []int{0, 1000, 10_000} {
		b.Run("tokens=10000/marked="+strconv.Itoa(marked), func(b *testing.B) {
			m := testmark.Green(b, watermark.NewKey(), 2)
			text := testmark.Uniform(rng, 10_000, vocab)
			copy(text, testmark.Write(b, rng, marked, testmark.Flat, m))
			for b.Loop() {
				detect.SpansOf(m, text, nil)
			}
		})
	}
}

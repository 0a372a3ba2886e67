package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

// service is the marks of one provider: a trace band split between master and tenant, and
// a provenance band.
type service struct{ master, tenant, provenance *watermark.Mark }

func newService(t testing.TB, root watermark.Key) service {
	trace := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	half := watermark.BandSize / 2
	selector := root.Derive("selector")
	mark := func(label string, s watermark.Scheme, opts ...watermark.Option) *watermark.Mark {
		m, err := watermark.New(root.Derive(label), s, vocab, opts...)
		require.NoError(t, err)
		return m
	}
	return service{
		mark("master", trace, watermark.Band{Selector: selector, Hi: half}),
		mark("tenant", trace, watermark.Band{Selector: selector, Lo: half, Hi: watermark.BandSize}),
		mark("provenance", watermark.GumbelMax{Width: 4}),
	}
}

func (s service) bands() []detect.Band {
	return []detect.Band{
		{Role: detect.RoleMaster, Scorer: s.master},
		{Role: detect.RoleTenant, Scorer: s.tenant},
		{Role: detect.RoleProvenance, Scorer: s.provenance, Dedup: detect.DedupContext},
	}
}

// variedText samples from rows whose entropy varies, made by rng, with marks.
func variedText(t testing.TB, rng *rand.Rand, n int, marks ...*watermark.Mark) []Token {
	s, err := watermark.NewSequence(marks...)
	require.NoError(t, err)
	s.Reset(nil)
	logits := make([]float32, vocab)
	text := make([]Token, n)
	for i := range text {
		for v := range logits {
			logits[v] = float32(math.Inf(-1))
		}
		spread := 4 * rng.Float64()
		for range 12 {
			logits[rng.IntN(vocab)] = float32(spread * rng.NormFloat64())
		}
		text[i] = s.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		s.Accept(text[i])
	}
	return text
}

// TestBandsOfOneText marks texts in all bands, in some and in none.
func TestBandsOfOneText(t *testing.T) {
	rng := rand.New(rand.NewPCG(401, 402))
	s := newService(t, testmark.Key(21))
	const n = 1500
	for _, c := range []struct {
		name  string
		marks []*watermark.Mark
		want  detect.Pattern
	}{
		{"all", []*watermark.Mark{s.master, s.tenant, s.provenance}, detect.PatternTraceAndProvenance},
		{"trace", []*watermark.Mark{s.master, s.tenant}, detect.PatternTraceAlone},
		{"provenance", []*watermark.Mark{s.provenance}, detect.PatternProvenanceAlone},
		{"tenant", []*watermark.Mark{s.tenant, s.provenance}, detect.PatternPartWithoutMaster},
		{"none", nil, detect.PatternNone},
	} {
		text := variedText(t, rng, n, c.marks...)
		b := detect.NewBands(s.bands(), nil)
		b.Add(text)
		results := b.Results()
		reading := detect.Conclude(results)
		assert.Equal(t, c.want, reading.Pattern, "%s: %v", c.name, reading.Found)
		for i, band := range s.bands() {
			alone := detect.NewAccumulator(band.Scorer, &detect.Options{Dedup: band.Dedup})
			alone.Add(text)
			r := alone.Result()
			assert.Equal(t, r.Log10P, results[i].Result.Log10P)
			assert.Equal(t, tail.Sidak(r.Log10P, 3), results[i].Result.Log10PAdjusted, "every band is counted")
			assert.EqualValues(t, 3, results[i].Result.Tests)
			on := slices.Contains(c.marks, band.Scorer.(*watermark.Mark))
			assert.Equal(t, on, results[i].Result.Verdict == detect.Detected, "%s: %s", c.name, band.Role)
			if on {
				assert.Greater(t, results[i].Share, 0.2, "%s: %s", c.name, band.Role)
			} else {
				assert.Less(t, results[i].Share, 0.2, "%s: %s", c.name, band.Role)
			}
		}
		b.Reset()
		assert.Equal(t, detect.PatternNone, detect.Conclude(b.Results()).Pattern)
		assert.True(t, math.IsNaN(b.Results()[0].Share))
	}

	b := detect.NewBands(s.bands(), nil)
	text := variedText(t, rng, 400, s.master, s.tenant, s.provenance)
	b.Exclude(text)
	b.Add(text)
	b.AddPair(text[100:104], text[104])
	for _, r := range b.Results() {
		assert.Zero(t, r.Result.Scored)
	}
}

// TestReadBandsSaysNoMore goes through all verdicts of all bands: what is said fits them,
// and nobody is accused.
func TestReadBandsSaysNoMore(t *testing.T) {
	verdicts := []detect.Verdict{detect.Detected, detect.NotDetected, detect.Inconclusive}
	absent := detect.Verdict("")
	seen := map[detect.Pattern]int{}
	all := append(verdicts, absent)
	for _, master := range all {
		for _, tenant := range all {
			for _, provenance := range all {
				var results []detect.BandResult
				add := func(role detect.Role, width int, v detect.Verdict) {
					if v != absent {
						results = append(results, detect.BandResult{Role: role, Width: width, Share: 0.3, Result: detect.Result{
							Verdict: v, Log10PAdjusted: -7, Scored: 100, Power: detect.Power{MinShare: 0.4},
						}})
					}
				}
				add(detect.RoleMaster, 2, master)
				add(detect.RoleTenant, 2, tenant)
				add(detect.RoleProvenance, 4, provenance)
				r := detect.Conclude(results)
				seen[r.Pattern]++
				require.Len(t, r.Found, len(results))
				require.NotEmpty(t, r.NotShown)
				trace := master == detect.Detected || tenant == detect.Detected
				name := fmt.Sprint(master, tenant, provenance, r.Pattern)
				switch r.Pattern {
				case detect.PatternNone:
					require.False(t, trace || provenance == detect.Detected, name)
					require.Empty(t, r.Explanations)
				case detect.PatternOpen:
					require.True(t, trace || provenance == detect.Detected, name)
					require.Empty(t, r.Explanations, "nothing is said of what was not tested")
				case detect.PatternTraceAndProvenance:
					require.True(t, trace && provenance == detect.Detected, name)
				case detect.PatternTraceAlone:
					require.True(t, trace && provenance == detect.NotDetected, name)
				case detect.PatternProvenanceAlone:
					require.True(t, !trace && provenance == detect.Detected, name)
					require.NotContains(t, []detect.Verdict{master, tenant}, detect.Inconclusive, name)
				case detect.PatternPartWithoutMaster:
					require.True(t, tenant == detect.Detected && master == detect.NotDetected, name)
				}
				text := strings.ToLower(strings.Join(slices.Concat(r.Found, r.Explanations, r.NotShown), "\n"))
				for _, claim := range []string{"proves", "proof", "stole", "theft", "guilty", "must have", "certain"} {
					require.NotContains(t, text, claim)
				}
				if !trace && provenance != detect.Detected {
					require.Contains(t, text, "silent too")
				}
			}
		}
	}
	assert.Len(t, seen, 6, "every pattern occurs")

	short := detect.Conclude([]detect.BandResult{
		{Role: detect.RoleMaster, Result: detect.Result{Verdict: detect.Detected}},
		{Role: detect.RoleProvenance, Width: 2, Result: detect.Result{Verdict: detect.NotDetected}},
	})
	assert.Contains(t, strings.Join(short.Explanations, "\n"), "with less weight")
	assert.Contains(t, short.Found[0], "nothing was scored")

	shares := detect.Conclude([]detect.BandResult{
		{Role: detect.RoleMaster, Share: 12.6, Result: detect.Result{Verdict: detect.Detected, Scored: 1}},
		{Role: detect.RoleTenant, Result: detect.Result{Verdict: detect.NotDetected, Scored: 1, Power: detect.Power{MinShare: 1}}},
		{Role: detect.RoleProvenance, Share: 0.0213, Width: 4, Result: detect.Result{Verdict: detect.Detected, Scored: 1}},
	})
	assert.Contains(t, shares.Found[0], "at least as strong as in a text that is marked throughout")
	assert.Contains(t, shares.Found[1], "a marked share of 100 %,")
	assert.Contains(t, shares.Found[2], "of which 2.1 % is marked")
}

func TestBandsRefuse(t *testing.T) {
	s := newService(t, testmark.Key(22))
	assert.Panics(t, func() { detect.NewBands(nil, nil) })
	assert.Panics(t, func() { detect.NewBands([]detect.Band{{Role: "somebody", Scorer: s.master}}, nil) })
	assert.Panics(t, func() {
		detect.NewBands([]detect.Band{{Role: detect.RoleMaster, Scorer: s.master}, {Role: detect.RoleTenant, Scorer: s.master}}, nil)
	})
	assert.Panics(t, func() { detect.NewBands(s.bands(), &detect.Options{Tests: math.MaxInt64 / 2}) })
	other, err := watermark.New(testmark.Key(23), watermark.GumbelMax{Width: 4}, vocab+1)
	require.NoError(t, err)
	assert.Panics(t, func() {
		detect.NewBands([]detect.Band{{Role: detect.RoleMaster, Scorer: s.master}, {Role: detect.RoleProvenance, Scorer: other}}, nil)
	})
}

// TestBandsDoNotDisturbEachOther tests texts marked in one band for keys of the other: the
// p-values have their exact law, whatever else is in the text.
func TestBandsDoNotDisturbEachOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(403, 404))
	root := testmark.Key(24)
	texts, keys := 20, 100
	if testing.Short() {
		texts = 6
	}
	var trace, gumbel, tournament nullpanel.Count
	for i := range texts {
		s := newService(t, root.Derive(strconv.Itoa(i)))
		x := &nulltext.Text{Vocab: vocab, Width: 4}
		for _, c := range []struct {
			count *nullpanel.Count
			marks []*watermark.Mark
			mark  nullMark
		}{
			{&trace, []*watermark.Mark{s.provenance}, func(_ *nulltext.Text, k watermark.Key) *watermark.Mark {
				return testmark.Must(watermark.New(k, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, vocab))
			}},
			{&gumbel, []*watermark.Mark{s.master, s.tenant}, one},
			{&tournament, []*watermark.Mark{s.master, s.tenant}, unweighted},
		} {
			x.IDs = variedText(t, rng, 80, c.marks...)
			test := drawn(c.mark, nil, add)(x)
			nullKeys(root, "bands", strconv.Itoa(i), keys, func(k watermark.Key) { c.count.Add(test(k)) })
		}
	}
	for name, c := range map[string]*nullpanel.Count{"trace": &trace, "gumbel": &gumbel, "tournament": &tournament} {
		t.Logf("%s: %v", name, c)
		c.Check(t, name, 3)
	}
}

// TestDrawLeavesTheTrace: a distortion-free draw does not change the law of the trace
// band's p-value in text that has both (Kolmogorov and Smirnov's test of two samples).
func TestDrawLeavesTheTrace(t *testing.T) {
	texts := 400
	if testing.Short() {
		texts = 100
	}
	root := testmark.Key(25)
	rng := rand.New(rand.NewPCG(405, 406))
	sample := func(label string, draw bool) []float64 {
		p := make([]float64, texts)
		for i := range p {
			s := newService(t, root.Derive(label, strconv.Itoa(i)))
			marks := []*watermark.Mark{s.master}
			if draw {
				marks = append(marks, s.provenance)
			}
			a := detect.NewAccumulator(s.master, noPower(nil))
			a.Add(variedText(t, rng, 120, marks...))
			r := a.Result()
			p[i] = r.Z
		}
		slices.Sort(p)
		return p
	}
	alone, both := sample("alone", false), sample("both", true)
	var d float64
	for i, j := 0, 0; i < texts && j < texts; {
		x := min(alone[i], both[j])
		for i < texts && alone[i] == x {
			i++
		}
		for j < texts && both[j] == x {
			j++
		}
		d = max(d, math.Abs(float64(i-j))/float64(texts))
	}
	// P(sqrt(n/2) D >= x) <= 2 exp(-2 x^2), here 1e-6.
	limit := math.Sqrt(-math.Log(0.5e-6)/2) / math.Sqrt(float64(texts)/2)
	t.Logf("median z %.2f and %.2f, distance %.3f, limit %.3f", alone[texts/2], both[texts/2], d, limit)
	assert.Greater(t, alone[texts/2], 1.5, "the trace is there")
	assert.Less(t, d, limit)
}

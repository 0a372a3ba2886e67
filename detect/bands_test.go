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
		return testmark.Mark(t, root.Derive(label), s, vocab, opts...)
	}
	return service{
		mark("master", trace, watermark.Band{Selector: selector, Hi: half}),
		mark("tenant", trace, watermark.Band{Selector: selector, Lo: half, Hi: watermark.BandSize}),
		mark("provenance", watermark.GumbelMax{Width: 4}),
	}
}

func (s service) bands() []detect.Band {
	return []detect.Band{
		{Role: detect.RoleMaster, Scorer: s.master, Rate: 0.3},
		{Role: detect.RoleTenant, Scorer: s.tenant, Rate: 0.3},
		{Role: detect.RoleProvenance, Scorer: s.provenance, Dedup: detect.DedupContext, Rate: 1.4},
	}
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
		t.Run(c.name, func(t *testing.T) {
			text := testmark.Write(t, rng, n, testmark.Varied, c.marks...)
			b := detect.NewBands(s.bands(), nil)
			b.Add(text)
			results := b.Results()
			reading := detect.Conclude(results)
			assert.Equal(t, c.want, reading.Pattern, reading.Found)
			for i, band := range s.bands() {
				alone := detect.NewAccumulator(band.Scorer, &detect.Options{Dedup: band.Dedup})
				alone.Add(text)
				r := alone.Result()
				assert.Equal(t, r.Log10P, results[i].Result.Log10P)
				assert.Equal(t, tail.Sidak(r.Log10P, 3), results[i].Result.Log10PAdjusted, "adjusted for every band")
				assert.EqualValues(t, 3, results[i].Result.Tests)
				on := slices.Contains(c.marks, band.Scorer.(*watermark.Mark))
				assert.Equal(t, on, results[i].Result.Verdict == detect.Detected, band.Role)
				if on {
					assert.Greater(t, results[i].Share, 0.2, band.Role)
				} else {
					assert.Less(t, results[i].Share, 0.2, band.Role)
				}
			}
			b.Reset()
			assert.Equal(t, detect.PatternNone, detect.Conclude(b.Results()).Pattern)
			assert.True(t, math.IsNaN(b.Results()[0].Share))
		})
	}

	b := detect.NewBands(s.bands(), nil)
	text := testmark.Write(t, rng, 400, testmark.Varied, s.master, s.tenant, s.provenance)
	b.Exclude(text)
	b.Add(text)
	b.AddPair(text[100:104], text[104])
	for _, r := range b.Results() {
		assert.Zero(t, r.Result.Scored)
	}
}

// TestConcludeSaysNoMore takes all verdicts of all bands: the words fit them, and accuse nobody.
func TestConcludeSaysNoMore(t *testing.T) {
	const absent = detect.Verdict("absent")
	all := []detect.Verdict{detect.Detected, detect.NotDetected, detect.Inconclusive, absent}
	seen := map[detect.Pattern]int{}
	for _, master := range all {
		for _, tenant := range all {
			for _, provenance := range all {
				t.Run(fmt.Sprintf("%s, %s, %s", master, tenant, provenance), func(t *testing.T) {
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
					switch r.Pattern {
					case detect.PatternNone:
						require.False(t, trace || provenance == detect.Detected)
						require.Empty(t, r.Explanations)
					case detect.PatternOpen:
						require.True(t, trace || provenance == detect.Detected)
						require.Empty(t, r.Explanations, "a band that was not tested explains nothing")
					case detect.PatternTraceAndProvenance:
						require.True(t, trace && provenance == detect.Detected)
					case detect.PatternTraceAlone:
						require.True(t, trace && provenance == detect.NotDetected)
					case detect.PatternProvenanceAlone:
						require.True(t, !trace && provenance == detect.Detected)
						require.NotContains(t, []detect.Verdict{master, tenant}, detect.Inconclusive)
					case detect.PatternPartWithoutMaster:
						require.True(t, tenant == detect.Detected && master == detect.NotDetected)
					}
					text := strings.ToLower(strings.Join(slices.Concat(r.Found, r.Explanations, r.NotShown), "\n"))
					for _, claim := range []string{"proves", "proof", "stole", "theft", "guilty", "must have", "certain"} {
						require.NotContains(t, text, claim)
					}
					if !trace && provenance != detect.Detected {
						require.Contains(t, text, "silent too")
					}
				})
			}
		}
	}
	assert.Len(t, seen, 6, "every pattern occurs")
}

func TestConcludeWords(t *testing.T) {
	short := detect.Conclude([]detect.BandResult{
		{Role: detect.RoleMaster, Result: detect.Result{Verdict: detect.Detected}},
		{Role: detect.RoleProvenance, Width: 2, Result: detect.Result{Verdict: detect.NotDetected}},
	})
	assert.Contains(t, strings.Join(short.Explanations, "\n"), "with less weight")
	assert.Equal(t, "master band: detected, adjusted log10 p 0.0; nothing was scored", short.Found[0])

	const reference = ", by the reference that power is stated for"
	detected := detect.Result{Verdict: detect.Detected, Scored: 1}
	power := func(rate, share float64) detect.Result {
		return detect.Result{Verdict: detect.NotDetected, Scored: 1, Power: detect.Power{Rate: rate, RateShare: share}}
	}
	for _, c := range []struct {
		name string
		b    detect.BandResult
		want string
	}{
		{
			"marked throughout", detect.BandResult{Role: detect.RoleMaster, Share: 12.6, Result: detected},
			"master band: detected, adjusted log10 p 0.0, at least as strong as in a text that is marked throughout" + reference,
		},
		{
			"a part", detect.BandResult{Role: detect.RoleProvenance, Share: 0.0213, Result: detected},
			"provenance band: detected, adjusted log10 p 0.0, about as strong as in a text of which 2.1 % is marked" + reference,
		},
		{
			"silent", detect.BandResult{Role: detect.RoleTenant, Result: power(0.2, 1)},
			"tenant band: not detected, adjusted log10 p 0.0; a text of the stated rate of which 100 % is marked " +
				"would be detected at least 9 times in 10",
		},
		{
			"too short", detect.BandResult{Role: detect.RoleCohort, Result: power(0.2, math.Inf(1))},
			"cohort band: not detected, adjusted log10 p 0.0; " +
				"the test cannot promise to detect a text of this length and of the stated rate, even if all of it is marked",
		},
		{
			"no rate", detect.BandResult{Role: detect.RoleCohort, Result: power(0, math.Inf(1))},
			"cohort band: not detected, adjusted log10 p 0.0; " +
				"silence says nothing, because no rate was stated for text like this one",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, []string{c.want}, detect.Conclude([]detect.BandResult{c.b}).Found)
		})
	}
}

func TestBandsRefuse(t *testing.T) {
	s := newService(t, testmark.Key(22))
	other := testmark.Mark(t, testmark.Key(23), watermark.GumbelMax{Width: 4}, vocab+1)
	for _, c := range []struct {
		name, says string
		bands      []detect.Band
		o          *detect.Options
	}{
		{"no bands", "detect: Bands need at least one band", nil, nil},
		{"an unknown role", "detect: the Role of a band is unknown", []detect.Band{{Role: "somebody", Scorer: s.master}}, nil},
		{
			"a mark twice", "detect: the scorers of two bands have one ID",
			[]detect.Band{{Role: detect.RoleMaster, Scorer: s.master}, {Role: detect.RoleTenant, Scorer: s.master}}, nil,
		},
		{"too many tests", "detect: the number of tests overflows", s.bands(), &detect.Options{Tests: math.MaxInt64 / 2}},
		{
			"another vocabulary", "detect: the scorers of Bands differ in vocabulary",
			[]detect.Band{{Role: detect.RoleMaster, Scorer: s.master}, {Role: detect.RoleProvenance, Scorer: other}}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.PanicsWithValue(t, c.says, func() { detect.NewBands(c.bands, c.o) })
		})
	}
}

// TestBandsDoNotDisturbEachOther tests texts marked in one band for keys of the other: the
// p-values have their exact law, for any other content of the text.
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
			x.IDs = testmark.Write(t, rng, 80, testmark.Varied, c.marks...)
			test := drawn(c.mark, nil, add)(x)
			nullKeys(root, "bands", strconv.Itoa(i), keys, func(k watermark.Key) { c.count.Add(test(k)) })
		}
	}
	for _, c := range []struct {
		name  string
		count *nullpanel.Count
	}{{"trace", &trace}, {"gumbel", &gumbel}, {"tournament", &tournament}} {
		t.Run(c.name, func(t *testing.T) {
			t.Log(c.count)
			c.count.Check(t, c.name, 3)
		})
	}
}

// TestDrawLeavesTheTrace: a distortion-free draw does not change the law of the trace band's
// z-score in text that has both. The test is Kolmogorov and Smirnov's, of two samples.
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
			a.Add(testmark.Write(t, rng, 120, testmark.Varied, marks...))
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

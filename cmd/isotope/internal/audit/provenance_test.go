package audit

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/watermark"
)

// withProvenance declares a provenance band, and returns a config with it, and its mark.
func withProvenance(t *testing.T, d *DeclaredPlan) (Config, *watermark.Mark) {
	return withBand(t, d, watermark.GumbelMax{Width: 4})
}

func withBand(t *testing.T, d *DeclaredPlan, scheme watermark.Scheme) (Config, *watermark.Mark) {
	bind := func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, scheme, vocab) }
	draw, err := bind(rootKey(t).Derive("provenance"))
	require.NoError(t, err)
	d.Plan.Provenance = &Provenance{Key: "k", Mark: draw.ID(), Profile: "p"}
	c := config(t, d)
	c.Provenance = &Band{Scorer: draw, Bind: bind}
	return c, draw.(*watermark.Mark)
}

// TestProvenanceBand: the report on outputs with both marks, with one of them and with none.
func TestProvenanceBand(t *testing.T) {
	c, draw := withProvenance(t, planned(Fixed))
	trace := c.Scorer.(*watermark.Mark)
	rng := rand.New(rand.NewPCG(3, 3))
	live, err := measureLive(t, trace, c.Provenance, write(t, rng, 600, trace, draw))
	require.NoError(t, err)
	assert.InDelta(t, 0.3, live.Trace, 0.15)
	assert.Greater(t, live.Provenance, 1.0)
	_, err = measureLive(t, trace, c.Provenance, write(t, rng, 600, trace))
	assert.ErrorContains(t, err, "the provenance band")
	_, err = measureLive(t, trace, c.Provenance, write(t, rng, 600, draw))
	assert.ErrorContains(t, err, "do not show the mark")
	_, err = measureLive(t, trace, c.Provenance, write(t, rng, 600))
	assert.ErrorContains(t, err, "do not show the mark")
	assert.ErrorContains(t, err, "do not show the provenance band")

	for _, x := range []struct {
		name    string
		marks   []*watermark.Mark
		live    bool
		verdict detect.Verdict
		pattern detect.Pattern
	}{
		{"both", []*watermark.Mark{trace, draw}, true, detect.Detected, student.PatternProxy},
		{"both, not live", []*watermark.Mark{trace, draw}, false, detect.Detected, student.PatternUnresolved},
		{"trace", []*watermark.Mark{trace}, true, detect.Detected, student.PatternUnresolved},
		{"draw", []*watermark.Mark{draw}, true, detect.Detected, student.PatternProvenance},
		{"none", nil, true, detect.Inconclusive, student.PatternNothing},
	} {
		for _, stopping := range []string{Fixed, Sequential} {
			t.Run(x.name+", "+stopping, func(t *testing.T) {
				if testing.Short() && (stopping == Sequential || x.name == "trace" || x.name == "none") {
					t.Skip("left out by -short: a provenance band after a sequential test, and without the keyed draw")
				}
				name := x.name
				c, _ := withProvenance(t, planned(stopping))
				if x.live {
					c.Declared.Plan.Provenance.Live = live
				}
				a, err := New(c)
				require.NoError(t, err)
				rng := rand.New(rand.NewPCG(3, 4))
				for range 6 {
					a.Add([]watermark.Token{1, 2, 3}, write(t, rng, 200, x.marks...))
				}
				r, err := a.Report(collect.Asked, nil)
				require.NoError(t, err)
				got := &r.Canonical
				assert.Equal(t, string(x.pattern), got.Pattern, name)
				assert.Equal(t, x.verdict, got.Verdict, name)
				assert.EqualValues(t, map[string]int64{Fixed: 2, Sequential: 3}[stopping], got.Tests)
				last := got.Statistics[len(got.Statistics)-1]
				assert.Equal(t, "provenance band", last.Name)
				assert.True(t, last.KeyedDraw)
				assert.Equal(t, got.Tests, last.Tests)
				assert.InDelta(t, min(float64(last.Log10P)+math.Log10(float64(last.Tests)), 0), float64(last.Log10PAdjusted), 1e-9)
				assert.Len(t, last.Decoys.Log10P, 100)
				assert.Greater(t, float64(last.Decoys.Log10Misfit), -6.0)
				carries := name != "none" && name != "trace"
				assert.Equal(t, carries, last.Log10P < -20, name)
				assert.Equal(t, carries, last.Decoys.Rank == 1, name)
				// The p-value is that of the claim.
				of, best := float64(last.Log10PAdjusted), 0.0
				for _, s := range got.Statistics[:len(got.Statistics)-1] {
					best = min(best, float64(s.Log10PAdjusted))
				}
				switch x.pattern {
				case student.PatternProxy:
					assert.Less(t, of, best, "the band is the stronger one here")
					of = best
				case student.PatternProvenance:
				default:
					of = best
				}
				assert.InDelta(t, of, float64(got.Log10PAdjusted), 1e-12, name)
				require.NotNil(t, got.Effect.Provenance)
				assert.Equal(t, carries, got.Effect.Provenance.Excess > 1, name)
				assert.Equal(t, x.live, got.Effect.Provenance.Live > 1, name)
				assert.Equal(t, x.pattern == student.PatternProxy, strings.Contains(got.Claim, "both bands"), name)
				trained := strings.Contains(strings.Join(got.NotShown, " "), "trained on marked text")
				assert.Equal(t, name == "both, not live" || name == "draw", trained, "%s: %v", name, got.NotShown)
			})
		}
	}
}

// TestProvenanceIsTheWeakerOne: a claim that rests on two marks has the larger of their p-values.
func TestProvenanceIsTheWeakerOne(t *testing.T) {
	c, draw := withBand(t, planned(Fixed), watermark.Tournament{Width: 4, Depth: 1})
	trace := c.Scorer.(*watermark.Mark)
	rng := rand.New(rand.NewPCG(5, 5))
	live, err := measureLive(t, trace, c.Provenance, write(t, rng, 600, trace, draw))
	require.NoError(t, err)
	c.Declared.Plan.Provenance.Live = live
	a, err := New(c)
	require.NoError(t, err)
	a.Add(nil, write(t, rng, 600, trace, draw))
	r, err := a.Report(collect.Asked, nil)
	require.NoError(t, err)
	assert.Equal(t, string(student.PatternProxy), r.Canonical.Pattern)
	mark, band := r.Canonical.Statistics[0], r.Canonical.Statistics[1]
	require.Less(t, float64(mark.Log10PAdjusted), float64(band.Log10PAdjusted))
	assert.Equal(t, band.Log10PAdjusted, r.Canonical.Log10PAdjusted)
	assert.Equal(t, band.Log10P, r.Canonical.Log10P)
}

// TestProvenanceWaitsForTheEnd: the band is not tested while the collection can resume.
func TestProvenanceWaitsForTheEnd(t *testing.T) {
	c, draw := withProvenance(t, planned(Sequential))
	a, err := New(c)
	require.NoError(t, err)
	a.Add(nil, write(t, rand.New(rand.NewPCG(1, 1)), 300, draw))
	r, err := a.Report(collect.Interrupted, nil)
	require.NoError(t, err)
	assert.Len(t, r.Canonical.Statistics, 1)
	assert.Equal(t, detect.Inconclusive, r.Canonical.Verdict)
}

// TestProvenancePrompts: text that a suspect copies from a prompt is not scored.
func TestProvenancePrompts(t *testing.T) {
	c, draw := withProvenance(t, planned(Fixed))
	a, err := New(c)
	require.NoError(t, err)
	marked := write(t, rand.New(rand.NewPCG(1, 1)), 300, draw)
	a.Add(marked, marked)
	r, err := a.Report(collect.Asked, nil)
	require.NoError(t, err)
	last := r.Canonical.Statistics[1]
	assert.Zero(t, last.Scored)
	assert.Zero(t, float64(last.Log10P))
}

// TestProvenanceSaysWhatItCounts: the report names the unit of the profile's dedup.
func TestProvenanceSaysWhatItCounts(t *testing.T) {
	for _, unit := range []struct {
		dedup detect.Dedup
		means string
	}{{detect.DedupPair, "each pair of a context and a token once"}, {detect.DedupContext, "each context once"}} {
		t.Run(unit.means, func(t *testing.T) {
			c, draw := withProvenance(t, planned(Fixed))
			c.Provenance.Dedup = unit.dedup
			a, err := New(c)
			require.NoError(t, err)
			a.Add(nil, write(t, rand.New(rand.NewPCG(1, 1)), 100, draw))
			r, err := a.Report(collect.Asked, nil)
			require.NoError(t, err)
			assert.Contains(t, r.Canonical.Statistics[1].Means, unit.means)
		})
	}
}

// TestProvenanceIsDeclared: a band is tested if and only if the plan declares it.
func TestProvenanceIsDeclared(t *testing.T) {
	c, draw := withProvenance(t, planned(Fixed))
	c.Declared = planned(Fixed)
	_, err := New(c)
	assert.ErrorContains(t, err, "give the band that the plan declares")
	c, _ = withProvenance(t, planned(Fixed))
	c.Provenance = nil
	_, err = New(c)
	assert.ErrorContains(t, err, "give the band that the plan declares")
	c, _ = withProvenance(t, planned(Fixed))
	c.Scorer = draw
	assert.ErrorIs(t, c.Provenance.Check(draw), errSameMark)
	other, err := watermark.New(rootKey(t), watermark.GumbelMax{Width: 4}, vocab+1)
	require.NoError(t, err)
	assert.ErrorContains(t, c.Provenance.Check(other), "vocabulary")
	c, _ = withProvenance(t, planned(Fixed))
	c.Provenance.Scorer, err = watermark.New(rootKey(t), watermark.GumbelMax{Width: 3}, vocab)
	require.NoError(t, err)
	_, err = New(c)
	assert.ErrorContains(t, err, "a context width of 3, and training can carry over")
}

// TestTheBandDetectsBesideAContradiction: if the band alone is detected, the p-value is the
// band's, whatever else the claim says. If nothing may be concluded, it is not.
func TestTheBandDetectsBesideAContradiction(t *testing.T) {
	c, draw := withProvenance(t, planned(Fixed))
	a, err := New(c)
	require.NoError(t, err)
	a.Add([]watermark.Token{1, 2, 3}, write(t, rand.New(rand.NewPCG(3, 5)), 300, draw))
	f, err := a.test(collect.Asked)
	require.NoError(t, err)
	require.True(t, f.provenance.detected)
	require.False(t, f.master)
	f.trace = &student.TraceResult{
		Master: *f.fixed, MasterLog10P: f.adjusted,
		Tenants: &student.FamilyResult{Accounts: []student.AccountResult{{ID: "acme", Named: true}}, Named: 1},
	}
	said := report.AuditCanonical{Verdict: f.verdict, Log10PAdjusted: report.Number(f.adjusted)}
	a.claim(&said, f)
	assert.Equal(t, string(student.PatternContradiction), said.Pattern)
	assert.Equal(t, detect.Detected, said.Verdict)
	assert.InDelta(t, f.provenance.result.Log10PAdjusted, float64(said.Log10PAdjusted), 0)

	f.trace.Tenants.DecoysNamed = 1
	said = report.AuditCanonical{Verdict: f.verdict, Log10PAdjusted: report.Number(f.adjusted)}
	a.claim(&said, f)
	assert.Equal(t, string(student.PatternBroken), said.Pattern)
	assert.InDelta(t, f.adjusted, float64(said.Log10PAdjusted), 0)
}

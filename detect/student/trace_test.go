package student_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// accountsOf returns cohorts and tenants, with 100 control accounts each, in the bands of one split.
func accountsOf(t testing.TB, width, cohorts, tenants int) (split registry.Split, cohort, tenant []student.Account) {
	root := studentRoot()
	split = registry.Split{Selector: root.Derive("selector"), Master: root.Derive("master")}
	add := func(family *[]student.Account, name string, n int, band watermark.Band) {
		for i := range n + student.MinDecoyAccounts {
			id := fmt.Sprintf("%s-%d", name, i)
			*family = append(*family, student.Account{ID: id, Decoy: i >= n, Scorer: testmark.Green(t, root.Derive(id), width, band)})
		}
	}
	add(&cohort, "cohort", cohorts, split.CohortBand())
	add(&tenant, "tenant", tenants, split.TenantBand())
	return split, cohort, tenant
}

func accountMark(a student.Account) *watermark.Mark { return a.Scorer.(*watermark.Mark) }

func newTraced(t testing.TB, split registry.Split, o *student.Options) (*watermark.Mark, *student.Test) {
	master := testmark.Green(t, split.Master, 1, split.MasterBand())
	return master, testmark.Must(student.New(master, decoysOf(t, 100, 1, split.MasterBand()), o))
}

// TestTraceFindsPlantedShares: three of 300 tenants supplied training text, in shares of 40, 30 and 1
// percent. The trace names the first two and nobody else.
func TestTraceFindsPlantedShares(t *testing.T) {
	split, cohorts, tenants := accountsOf(t, 1, 8, 300)
	toy := newToy(20, 200)
	master, s := newTraced(t, split, &student.Options{Reference: rows{toy}, PromptsUnmarked: true})
	const full = 1.5
	taught := toy.taught(
		tilt{master, full * 0.71}, tilt{accountMark(cohorts[3]), full * 0.7}, tilt{accountMark(cohorts[4]), full * 0.01},
		tilt{accountMark(tenants[17]), full * 0.4}, tilt{accountMark(tenants[200]), full * 0.3}, tilt{accountMark(tenants[44]), full * 0.01},
	)
	ask(taught, rand.New(rand.NewPCG(20, 20)), 100, 200, s.Add)
	r := testmark.Must(s.Trace(cohorts, tenants, &student.TraceOptions{Alpha: 1e-3}))
	require.True(t, r.MasterDetected)
	assert.Equal(t, int64(3), r.Families)
	assert.InDelta(t, r.Master.Log10P+math.Log10(3), r.MasterLog10P, 1e-12)
	assert.Empty(t, r.Warnings)
	var named []string
	for _, a := range append(slices.Clone(r.Cohorts.Accounts), r.Tenants.Accounts...) {
		if a.Named {
			named = append(named, a.ID)
		}
	}
	assert.Equal(t, []string{"cohort-3", "tenant-17", "tenant-200"}, named)
	assert.Equal(t, 2, r.Tenants.Named)
	assert.Zero(t, r.Tenants.DecoysNamed)
	assert.Len(t, r.Tenants.Decoys.Log10P, 100)
	assert.Equal(t, 1, r.Tenants.Decoys.Rank)
	for _, i := range []int{17, 200} {
		assert.True(t, r.Tenants.Accounts[i].Triage)
	}
	best := r.Tenants.Accounts[17]
	assert.InDelta(t, best.Log10P+math.Log10(400)+math.Log10(3), best.Log10PHolm, 1e-9, "400 accounts, decoys among them, and three families")
	// A quarter of the contexts is in the tenants' band.
	a := r.Tenants.Accounts[0]
	assert.InDelta(t, 0.25, float64(a.Scored)/float64(a.Scored+r.Cohorts.Accounts[0].Scored+r.Master.Pairs.Scored), 0.08)
	// The share that an account must carry to be named follows from the master's effect.
	t.Logf("master %v; resolution %.3f; named %v", r.Master, r.Tenants.Resolution, named)
	assert.Greater(t, r.Tenants.Resolution, 0.05)
	assert.Less(t, r.Tenants.Resolution, 0.8)

	c := student.Conclude(student.Findings{Trace: r})
	assert.Equal(t, student.PatternConcentrated, c.Pattern)
	assert.Equal(t, []string{"tenant-17", "tenant-200"}, c.Accounts)
	assert.Equal(t, []string{"cohort-3"}, c.Cohorts)

	// One key tested alone gives the same result.
	alone := detect.NewAccumulator(accountMark(tenants[17]), nil)
	one := testmark.Must(student.New(accountMark(tenants[17]), decoysOf(t, 100, 1, split.TenantBand()),
		&student.Options{Reference: rows{toy}, PromptsUnmarked: true}))
	ask(taught, rand.New(rand.NewPCG(20, 20)), 100, 200, func(prompt, text []Token) {
		alone.Add(text)
		one.Add(prompt, text)
	})
	assert.Equal(t, alone.Result().Green, r.Tenants.Accounts[17].Green)
	assert.Equal(t, alone.Result().Scored, r.Tenants.Accounts[17].Scored)
	assert.Equal(t, one.Result().Log10P, r.Tenants.Accounts[17].Log10P)
}

// TestTraceOfInnocents has a model that was not trained on marked text, and 2000 tenants. The smallest of
// many p-values is what chance gives.
func TestTraceOfInnocents(t *testing.T) {
	split, cohorts, tenants := accountsOf(t, 1, 20, 1900)
	toy := newToy(21, 100)
	_, s := newTraced(t, split, nil)
	ask(toy, rand.New(rand.NewPCG(21, 21)), 20, 200, s.Add)
	r := testmark.Must(s.Trace(cohorts, tenants, &student.TraceOptions{Alpha: 1e-3, Q: 0.01}))
	assert.False(t, r.MasterDetected)
	assert.Zero(t, r.Tenants.Named+r.Cohorts.Named)
	assert.Zero(t, r.Tenants.Triage)
	assert.True(t, math.IsInf(r.Tenants.Resolution, 1) || r.Tenants.Resolution > 1)
	low := 0
	for _, a := range r.Tenants.Accounts {
		if a.Log10P <= -2 {
			low++
		}
	}
	assert.Less(t, low, 60, "20 expected")
	assert.Equal(t, student.PatternNothing, student.Conclude(student.Findings{Trace: r}).Pattern)
}

// TestLanesAreNotNamed: tenant lanes are listed for triage, and never named.
func TestLanesAreNotNamed(t *testing.T) {
	split, _, tenants := accountsOf(t, 1, 0, 0)
	for lane := range 100 {
		tenants = append(tenants, student.Account{
			ID: fmt.Sprintf("lane-%d", lane), Lane: true,
			Scorer: testmark.Green(t, studentRoot().Derive("lanes"), 1, split.TenantBand(), watermark.Lane{Group: 1, Index: lane}),
		})
	}
	toy := newToy(22, 200)
	master, s := newTraced(t, split, &student.Options{PromptsUnmarked: true})
	ask(toy.taught(tilt{master, 1}, tilt{accountMark(tenants[142]), 1}), rand.New(rand.NewPCG(22, 22)), 50, 200, s.Add)
	r := testmark.Must(s.Trace(nil, tenants, nil))
	assert.Nil(t, r.Cohorts)
	assert.Equal(t, int64(2), r.Families)
	x := r.Tenants.Accounts[142]
	assert.Less(t, x.Log10PHolm, -6.0)
	assert.True(t, x.Triage)
	assert.False(t, x.Named)
	assert.Equal(t, 1, r.Tenants.Triage)
	c := student.Conclude(student.Findings{Trace: r})
	assert.Empty(t, c.Accounts)
	assert.Contains(t, fmt.Sprint(c.NotShown), "lane")
}

func TestTraceRefuses(t *testing.T) {
	split, cohorts, tenants := accountsOf(t, 1, 1, 1)
	master, s := newTraced(t, split, nil)
	with := func(a student.Account) []student.Account { return append(slices.Clone(tenants), a) }
	for _, c := range []struct {
		name, says string
		family     []student.Account
	}{
		{"too few decoys", "99 control accounts", tenants[:100]},
		{"an id twice", "occurs twice", with(student.Account{ID: "tenant-0", Scorer: studentMark(t, "x", 1)})},
		{"a key twice", "the key of another", with(student.Account{ID: "new", Scorer: tenants[0].Scorer})},
		{"the master", "the key of another", with(student.Account{ID: "new", Scorer: master})},
		{"no id", "empty", with(student.Account{Scorer: studentMark(t, "x", 1)})},
		{"another width", "width", with(student.Account{ID: "new", Scorer: studentMark(t, "x", 2)})},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Trace(cohorts, c.family, nil)
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, err := s.Trace(nil, nil, &student.TraceOptions{Q: 1})
	assert.Error(t, err)
	_, err = s.Trace(nil, nil, &student.TraceOptions{Alpha: 2})
	assert.Error(t, err)
	r := testmark.Must(s.Trace(cohorts[:1], nil, nil))
	assert.Nil(t, r.Tenants, "cohorts do not need control accounts")
	assert.Len(t, r.Cohorts.Accounts, 1)
}

// TestRefusedTraceNamesNobody has prompts that carry the mark.
func TestRefusedTraceNamesNobody(t *testing.T) {
	split, _, tenants := accountsOf(t, 1, 0, 2)
	toy := newToy(23, 200)
	master, s := newTraced(t, split, &student.Options{PromptsUnmarked: true})
	rng := rand.New(rand.NewPCG(23, 23))
	taught := toy.taught(tilt{master, 2}, tilt{accountMark(tenants[0]), 2})
	for range 40 {
		prompt := taught.write(rng, nil, 100)
		s.Add(prompt, taught.write(rng, prompt, 100))
	}
	r := testmark.Must(s.Trace(nil, tenants, nil))
	require.True(t, r.Master.Refused)
	assert.Zero(t, r.Tenants.Named+r.Tenants.Triage)
	assert.False(t, r.MasterDetected)
	assert.Equal(t, student.PatternBroken, student.Conclude(student.Findings{Trace: r}).Pattern)
}

// thousands returns a student of one of n tenants, over about 100,000 pairs.
func thousands(t testing.TB, n int) (*student.Test, []student.Account) {
	split, _, tenants := accountsOf(t, 1, 0, n)
	rng := rand.New(rand.NewPCG(24, 24))
	_, s := newTraced(t, split, nil)
	guilty := accountMark(tenants[n/2])
	pairs := make([]watermark.Pair, 0, 1)
	for range 200 {
		text := testmark.Uniform(rng, 550, vocab)
		for i := 1; i < len(text); i++ { // one red draw in ten is drawn again
			pairs = append(pairs[:0], watermark.Pair{Context: text[i-1 : i], Token: text[i]})
			if x := guilty.Score(nil, pairs)[0]; x == 0 && rng.IntN(10) == 0 {
				text[i] = rng.Int32N(vocab)
			}
		}
		s.Add(nil, text)
	}
	return s, tenants
}

func TestTraceOfThousands(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of 10^8 pair tests")
	}
	s, tenants := thousands(t, 1000)
	r := testmark.Must(s.Trace(nil, tenants, nil))
	assert.Greater(t, r.Master.Pairs.Scored, int64(45_000))
	assert.Equal(t, 1, r.Tenants.Named)
	assert.True(t, r.Tenants.Accounts[500].Named)
}

// BenchmarkTrace is 10,000 tenants over 100,000 pairs, of which a quarter is in their band.
func BenchmarkTrace(b *testing.B) {
	s, tenants := thousands(b, 10_000)
	for b.Loop() {
		if testmark.Must(s.Trace(nil, tenants, nil)).Tenants.Named != 1 {
			b.Fatal("named")
		}
	}
}

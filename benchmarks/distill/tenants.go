package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// A tenantConfig is a service with many customers, some of whom feed a student.
type tenantConfig struct {
	Width   int
	Master  float64         // part of the contexts that every answer marks with the same key
	Cohort  float64         // part that goes to the cohort's; the tenant has the rest
	Planted map[int]float64 // share of the student's training text, by tenant
}

// A tenantResult is what one pass over the student's outputs shows.
type tenantResult struct {
	Tokens          int
	Share           float64 // of all planted tenants
	Pairs, Residual tenantTests
}

type tenantTests struct {
	Master  test
	Cohorts []cohortTest
	Tenants []test // by number

	Named       []int // Holm over the tenants at 0.001
	NamedCohort []int // Holm over the cohorts at 0.001
	Triage      []int // Benjamini-Hochberg over the tenants at 0.1
	Innocent    spreadOf
}

type cohortTest struct {
	test
	Share float64
}

// spreadOf describes the z of the tenants who fed nothing.
type spreadOf struct {
	N             int
	Mean, SD, Max float64
}

// cohortOf puts neighbours in one cohort, as sign-ups of one week are.
func (w *world) cohortOf(tenant int) int { return tenant * w.Cohorts / w.Tenants }

// tenants is the arm of a service with customers.
func tenants(name string, c tenantConfig) arm {
	return arm{name, c, func(w *world) (any, error) { return c.run(w) }}
}

func (c tenantConfig) run(w *world) (*tenantResult, error) {
	selector := root.Derive("selector")
	cut := func(part float64) int { return int(math.Round(part * watermark.BandSize)) }
	a, b := cut(c.Master), cut(c.Master+c.Cohort)
	in := func(lo, hi int, label ...string) *watermark.Mark {
		return w.markIn([]watermark.Option{watermark.Band{Selector: selector, Lo: lo, Hi: hi}}, c.Width, label...)
	}
	master := in(0, a, "master")
	cohorts := make([]*watermark.Mark, w.Cohorts)
	for i := range cohorts {
		if b > a {
			cohorts[i] = in(a, b, "cohort", strconv.Itoa(i))
		}
	}
	own := make([]*watermark.Mark, w.Tenants)
	for i := range own {
		own[i] = in(b, watermark.BandSize, "tenant", strconv.Itoa(i))
	}

	// Training text: what the planted tenants were served, and unmarked text.
	var docs [][]int32
	r := new(tenantResult)
	shares := make([]float64, w.Cohorts)
	for _, i := range slices.Sorted(maps.Keys(c.Planted)) {
		marks := []*watermark.Mark{master, own[i]}
		if b > a {
			marks = append(marks, cohorts[w.cohortOf(i)])
		}
		text, err := w.write(fmt.Sprint("tenant ", i), int(c.Planted[i]*float64(w.NgramTrain)), marks...)
		if err != nil {
			return nil, err
		}
		docs = append(docs, text...)
		r.Share += c.Planted[i]
		shares[w.cohortOf(i)] += c.Planted[i]
	}
	clean, err := w.shared(-1, "unmarked", w.NgramTrain)
	if err != nil {
		return nil, err
	}
	docs = append(docs, clean[:max(0, len(clean)-len(docs))]...)
	random("tenants").Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	m, err := w.learnNgram(docs)
	if err != nil {
		return nil, err
	}
	texts, err := w.generate(m, w.NgramScore, 1, fmt.Sprint("tenants ", c))
	if err != nil {
		return nil, err
	}
	r.Tokens = length(texts)

	// One pass for all keys.
	marks := []*watermark.Mark{master}
	if b > a {
		marks = append(marks, cohorts...)
	}
	marks = append(marks, own...)
	weights := detect.ResidualWeights(texts, nil, c.Width, w.teacher)
	pairs, residual := declared(marks, texts, weights)
	r.Pairs = c.read(w, pairs, b > a, shares)
	r.Residual = c.read(w, residual, b > a, shares)
	return r, nil
}

func (c tenantConfig) read(w *world, results []detect.Result, withCohorts bool, shares []float64) (t tenantTests) {
	const alpha, q = 1e-3, 0.1
	t.Master = asTest(results[0])
	results = results[1:]
	if withCohorts {
		p := make([]float64, w.Cohorts)
		for i, r := range results[:w.Cohorts] {
			t.Cohorts = append(t.Cohorts, cohortTest{asTest(r), shares[i]})
			p[i] = r.Log10P
		}
		t.NamedCohort = rejected(detect.Holm(p, alpha))
		results = results[w.Cohorts:]
	}
	p := make([]float64, len(results))
	var innocent []float64
	for i, r := range results {
		t.Tenants = append(t.Tenants, asTest(r))
		p[i] = r.Log10P
		if c.Planted[i] == 0 {
			innocent = append(innocent, r.Z)
		}
	}
	t.Named = rejected(detect.Holm(p, alpha))
	t.Triage = rejected(detect.BenjaminiHochberg(p, q))
	t.Innocent = spreadOf{len(innocent), mean(innocent), spread(innocent), slices.Max(innocent)}
	return t
}

func rejected(s detect.Selection) (indices []int) {
	for i, yes := range s.Rejected {
		if yes {
			indices = append(indices, i)
		}
	}
	return indices
}

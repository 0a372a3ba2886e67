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

// A tenantConfig describes a service with many customers, some of whom feed a student.
type tenantConfig struct {
	Width   int
	Master  float64         // part of the contexts for the master key, which marks every answer
	Cohort  float64         // part for the key of the cohort. The key of the tenant has the rest.
	Planted map[int]float64 // shares of the student's training text, by tenant
}

// A tenantResult holds the tests of all keys on the student's outputs.
type tenantResult struct {
	Tokens          int
	Share           float64 // sum of the planted shares
	Pairs, Residual tenantTests
}

// tenantTests holds one statistic for all keys.
type tenantTests struct {
	Master  test
	Cohorts []cohortTest
	Tenants []test // index: tenant

	Named       []int // tenants, by Holm at 0.001
	NamedCohort []int // cohorts, by Holm at 0.001
	Triage      []int // tenants, by Benjamini-Hochberg at 0.1
	Innocent    zSummary
}

// A cohortTest is the test of a cohort's key, with the share of its tenants.
type cohortTest struct {
	test
	Share float64
}

// A zSummary describes z of the tenants who fed nothing.
type zSummary struct {
	N             int
	Mean, SD, Max float64
}

// cohortOf returns the cohort of a tenant. Neighbours share a cohort, like sign-ups of one week.
func (w *world) cohortOf(tenant int) int { return tenant * w.Cohorts / w.Tenants }

// tenants returns the arm of a service with customers.
func tenants(name string, c tenantConfig) arm {
	return arm{name, c, func(w *world) (any, error) { return c.run(w) }}
}

func (c tenantConfig) run(w *world) (*tenantResult, error) {
	selector := root.Derive("selector")
	cut := func(part float64) int { return int(math.Round(part * watermark.BandSize)) }
	a, b := cut(c.Master), cut(c.Master+c.Cohort)
	in := func(lo, hi int, label ...string) *watermark.Mark {
		band := watermark.Band{Selector: selector, Lo: lo, Hi: hi}
		return w.markIn([]watermark.Option{band}, c.Width, label...)
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

	// The training text is the answers to the planted tenants, and unmarked text.
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

	// One pass over the outputs tests all keys.
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

// read turns the results of one statistic into tests and selections.
func (c tenantConfig) read(
	w *world, results []detect.Result, withCohorts bool, shares []float64,
) (t tenantTests) {
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
	t.Innocent = zSummary{len(innocent), mean(innocent), spread(innocent), slices.Max(innocent)}
	return t
}

// rejected returns the indices of the rejected hypotheses.
func rejected(s detect.Selection) (indices []int) {
	for i, yes := range s.Rejected {
		if yes {
			indices = append(indices, i)
		}
	}
	return indices
}

package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// goodness returns the truncated goodness-of-fit statistic of Li et al. 2024 ("Robust Detection of
// Watermarks for Large Language Models Under Human Edits", Tr-GoF) with s = 2: the largest of n (F(p)
// - p)^2 / (2 p (1-p)) over the p-values p = 1 - U that are at least 1/1000, where F, their empirical
// distribution, is above p.
func goodness(p []float64) float64 {
	p = slices.Clone(p)
	slices.Sort(p)
	n, best := float64(len(p)), 0.0
	for i, v := range p {
		if u := float64(i+1) / n; v >= 1e-3 && u > v && v < 1 {
			best = max(best, n*(u-v)*(u-v)/(2*v*(1-v)))
		}
	}
	return best
}

// edited compares tests of edited text at a level that the simulation of a critical value reaches.
func edited(w io.Writer, texts int) {
	const level = 1e-3
	const nulls = 20000
	fmt.Fprintf(w, "# Share of %d edited texts that are detected at %v. Tr-GoF has a simulated critical value (%d null texts).\n", texts, level, nulls)
	fmt.Fprintln(w, "# kind\ttokens\tshare\tplain sum\tTr-GoF\tinformed")
	for _, c := range []struct {
		kind  string
		n     int
		share float64
	}{{"web", 200, 0.3}, {"web", 400, 0.15}, {"chat", 300, 0.5}, {"chat", 600, 0.3}, {"chat", 1200, 0.15}, {"code", 1500, 0.5}} {
		k := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == c.kind })]
		rng := rand.New(rand.NewPCG(7, uint64(c.n)))
		values := make([]float64, nulls)
		p := make([]float64, c.n)
		for i := range values {
			for j := range p {
				p[j] = rng.Float64()
			}
			values[i] = goodness(p)
		}
		slices.Sort(values)
		critical := values[int(nulls*(1-level))]
		var sums, fits, knows int
		for range texts {
			scores, probabilities := make([]int64, c.n), make([]float64, c.n)
			for i := range scores {
				x := draw(rng, k, rng.Float64() < c.share)
				scores[i], probabilities[i] = x.gumbel, x.p
				p[i] = math.Exp(-float64(x.gumbel) / watermark.ScoreUnit)
			}
			if goodness(p) > critical {
				fits++
			}
			var total float64
			for _, x := range scores {
				total += float64(x) / watermark.ScoreUnit
			}
			if tail.Gamma(int64(c.n), total) <= math.Log10(level) {
				sums++
			}
			s := &script{watermark.Exponential{First: 1}, scores}
			t := informed.New(s, &informed.Options{Alpha: level})
			t.Add(s.tokens(0, c.n), probabilities)
			if t.Result().Verdict == detect.Detected {
				knows++
			}
		}
		of := func(n int) float64 { return float64(n) / float64(texts) }
		fmt.Fprintf(w, "%s\t%d\t%v\t%.2f\t%.2f\t%.2f\n", c.kind, c.n, c.share, of(sums), of(fits), of(knows))
	}
}

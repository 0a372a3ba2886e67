package main

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
)

func (r *reporter) controls() {
	r.section("Controls")
	r.header("text", "tokens", "pairs", "residual", "score", "open: difference")
	for _, c := range []struct{ name, title string }{
		{"ngram-k2-other-key", "n-gram student, k = 2, all text marked under another key"},
		{"neural-k1-other-key", "neural student, k = 1, all text marked under another key"},
		{studentName("ngram", 2, 0), "n-gram student, k = 2, unmarked teacher text"},
		{studentName("neural", 1, 0), "neural student, k = 1, unmarked teacher text"},
	} {
		if s, ok := get[studentResult](r, c.name); ok {
			difference := "-"
			if s.Open != nil {
				difference = show(s.Open.Difference)
			}
			r.row(c.title, s.Tokens, show(s.Pairs), show(s.Residual), show(s.Score), difference)
		}
	}
	r.endTable()
	r.controlKeys()
}

// controlKeys writes the table and the plot of the keys that marked nothing.
func (r *reporter) controlKeys() {
	r.text("Control keys marked nothing. This table compares them with the key. Rank 1 is the smallest " +
		"p-value. KS is the Kolmogorov-Smirnov distance of their p-values from a uniform law. It is " +
		"below the critical value 1.95/sqrt(keys) in 999 of 1000 true nulls. P-values here are discrete " +
		"and slightly larger than uniform ones.")
	r.header("text", "statistic", "keys", "rank of the key", "sd of z", "KS distance (critical)",
		"p <= 0.1", "p <= 0.01", "p <= 0.001", "least log10 p")
	line := func(title, statistic string, keys int, d decoyTests) {
		r.row(title, statistic, keys, d.Rank, d.SD,
			fmt.Sprintf("%.3f (%.3f)", d.KS, 1.95/math.Sqrt(float64(keys))),
			d.Below[0], d.Below[1], d.Below[2], d.Least)
		if !d.Correct {
			r.err = errors.Join(r.err, fmt.Errorf("%s, %s: package detect computes another p-value",
				title, statistic))
		}
	}
	var p plot
	for _, c := range []struct{ name, title string }{
		{studentName("ngram", 2, 1), "n-gram, k = 2, 100 %"},
		{studentName("ngram", 2, 0), "n-gram, k = 2, 0 %"},
		{studentName("neural", 1, 1), "neural, k = 1, 100 %"},
		{studentName("neural", 1, 0), "neural, k = 1, 0 %"},
	} {
		s, ok := get[studentResult](r, c.name)
		if !ok || s.Decoys == nil {
			continue
		}
		line(c.title, "pairs", s.Decoys.Keys, s.Decoys.Pairs)
		line(c.title, "residual", s.Decoys.Keys, s.Decoys.Residual)
		if s.Open != nil && s.Open.Decoys != nil {
			line(c.title, "open: arg-max", s.Open.Decoys.Keys, s.Open.Decoys.ArgMax)
			line(c.title, "open: mass", s.Open.Decoys.Keys, s.Open.Decoys.Mass)
			line(c.title, "open: difference", s.Open.Decoys.Keys, s.Open.Decoys.Difference)
		}
		colour := len(p.series)
		p.series = append(p.series,
			series{
				name: c.title + ": pairs", points: quantiles(s.Decoys.Pairs.Decoys),
				small: true, colour: colour,
			},
			series{
				name: c.title + ": residual", points: quantiles(s.Decoys.Residual.Decoys),
				small: true, colour: colour + 1,
			})
	}
	for _, c := range []string{"human-k1", "human-k2"} {
		if h, ok := get[humanResult](r, c); ok {
			title := fmt.Sprintf("held-out human text, k = %d", h.Width)
			line(title, "pairs", h.Keys, h.Pairs)
			line(title, "residual", h.Keys, h.Residual)
		}
	}
	r.endTable()
	if len(p.series) > 0 {
		p.title = "Keys that marked nothing"
		p.note = "p-values of each student's decoy keys, in order, against those of a uniform law"
		p.x, p.y = "expected -log10 p", "-log10 p"
		p.series = append(p.series,
			series{name: "uniform", points: [][2]float64{{0, 0}, {3, 3}}, dashed: true, colour: 7})
		r.draw("decoys.svg", p)
	}
}

// quantiles pairs the p-values in order with the means of the order statistics of a uniform law. It
// returns points of -log10.
func quantiles(log10P []float64) (points [][2]float64) {
	sorted := slices.Sorted(slices.Values(log10P))
	for i, p := range sorted {
		if i < 40 || i%8 == 0 { // the other points would only make a line
			points = append(points, [2]float64{-math.Log10(float64(i+1) / float64(len(sorted)+1)), -p})
		}
	}
	return points
}

// A nullSummary holds the counts of all clean students for one statistic.
type nullSummary struct {
	Name     string
	Width    int
	Tests    int64
	Below    int64   // p-values of at most 0.001
	Expected float64 // of Below
	Lo, Hi   int64   // bounds of Below
	Exact    bool    // the statistic claims a law
	Least    float64 // the smallest log10 p
}

// nullSummaries adds up the finished arms. The bounds of a count exclude a probability of at most
// outside.
func (r *reporter) nullSummaries(outside float64) (rows []nullSummary, students int) {
	groups := make(map[int][]tail.Bernoulli)
	for first := 0; first < r.scale.CleanStudents; first++ {
		n, ok := get[nullResult](r, fmt.Sprintf("clean-%03d", first))
		if !ok {
			continue
		}
		students += n.Students
		if rows == nil {
			rows = make([]nullSummary, len(n.Rows))
		}
		for i, row := range n.Rows {
			s := &rows[i]
			s.Name, s.Width, s.Exact = row.Name, row.Width, row.Level != nil
			s.Tests += int64(n.Students * n.Keys)
			s.Least = min(s.Least, row.Least)
			for j, below := range row.Below {
				s.Below += int64(below)
				level := 1e-3
				if s.Exact {
					level = row.Level[j]
				}
				s.Expected += level * float64(n.Keys)
				groups[i] = append(groups[i], tail.Bernoulli{Weight: 1, Count: int64(n.Keys), P: level})
			}
		}
	}
	for i := range rows {
		rows[i].Lo, rows[i].Hi = interval(groups[i], outside)
	}
	return rows, students
}

// interval returns bounds of a count of independent events. The count is outside with a probability of
// at most outside, half of it on either side.
func interval(groups []tail.Bernoulli, outside float64) (lo, hi int64) {
	half := math.Log10(outside / 2)
	for tail.WeightedBernoulli(groups, hi+1) > half {
		hi++
	}
	// P(S < lo) = 1 - P(S >= lo).
	for 1-pow10(tail.WeightedBernoulli(groups, lo+1)) <= outside/2 {
		lo++
	}
	return lo, hi
}

func (r *reporter) null() {
	rows, students := r.nullSummaries(0.001)
	if students == 0 {
		return
	}
	r.section("Clean students: how many p-values are at most 0.001")
	r.text("%d n-gram students. Each trains on its own random selection of %d tokens of unmarked teacher "+
		"text, and is tested on %d tokens under %d keys of its own. So all tests are independent. The "+
		"expected count sums, over the tests, the largest attainable level up to 0.001 of the discrete "+
		"law. The bound is the exact two-sided 99.9 %% interval of the count.",
		students, r.scale.CleanTrain, r.scale.CleanScore, r.scale.Dummies)
	r.header("statistic", "k", "tests", "p <= 0.001", "expected", "99.9 % bound", "within", "least log10 p")
	for _, s := range rows {
		within := "yes"
		if s.Below < s.Lo || s.Below > s.Hi {
			within = "**no**"
		}
		name := s.Name
		if !s.Exact {
			name += " (not a valid test)"
		}
		r.row(name, s.Width, s.Tests, s.Below, fmt.Sprintf("%.1f", s.Expected),
			fmt.Sprintf("%d to %d", s.Lo, s.Hi), within, s.Least)
	}
	r.endTable()
}

func (r *reporter) traps() {
	r.section("Traps")
	r.text("Clean text under control keys. *Every position* counts positions as if they were " +
		"independent, and *pairs* counts distinct pairs:")
	r.header("text", "k", "tokens", "keys", "every position: sd of z", "every position: p <= 0.001",
		"pairs: sd of z", "pairs: p <= 0.001")
	for _, c := range []struct {
		name, title string
		width       int
	}{
		{"trap-naive-ngram-k1", "n-gram student", 1},
		{"trap-naive-ngram-k2", "n-gram student", 2},
		{"trap-naive-ngram-k4", "n-gram student", 4},
		{"trap-naive-neural-k1", "neural student", 1},
		{"trap-naive-human-k2", "human", 2},
	} {
		if n, ok := get[naiveResult](r, c.name); ok {
			share := func(below int) string {
				return fmt.Sprintf("%d (%.1f %%)", below, 100*float64(below)/float64(n.Keys))
			}
			r.row(c.title, c.width, n.Tokens, n.Keys,
				n.NaiveSD, share(n.NaiveBelow), n.PairsSD, share(n.PairsBelow))
		}
	}
	r.endTable()
	r.text("A clean n-gram student. A filter keeps the distinct pairs that occur in other text. The " +
		"table shows the mean z ± its standard error over keys:")
	r.header("k", "keys", "(context, token) pairs of text marked with the tested key",
		"contexts of that text", "contexts of unmarked text", "no filter")
	for _, name := range []string{"trap-filter-k1", "trap-filter-k2"} {
		if f, ok := get[filterResult](r, name); ok {
			z := func(tests []test) string {
				var z []float64
				for _, t := range tests {
					z = append(z, t.Z)
				}
				return fmt.Sprintf("%.1f ± %.1f", mean(z), spread(z)/math.Sqrt(float64(len(z))))
			}
			r.row(f.Width, len(f.Pairs), z(f.Pairs), z(f.Contexts), z(f.Neutral), z(f.Unfiltered))
		}
	}
	r.endTable()
}

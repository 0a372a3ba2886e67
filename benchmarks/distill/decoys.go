package main

import (
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// decoys holds the tests of control keys. A control key marked nothing.
type decoys struct {
	Keys            int
	Pairs, Residual decoyTests
}

// decoyTests compares one statistic under the key and under the control keys.
type decoyTests struct {
	Rank    int       // rank of the key's p-value among all keys, 1 is the smallest
	SD      float64   // standard deviation of z of the control keys
	KS      float64   // largest distance of their p-values from a uniform law
	Below   [3]int    // control keys with p at most 0.1, 0.01 and 0.001
	Least   float64   // their smallest log10 p
	Decoys  []float64 // their log10 p
	KeyP    float64   // log10 p of the key
	KeyZ    float64
	Correct bool // package detect computes the same p-value for the key
}

// decoyTest tests outputs under control keys.
func (w *world) decoyTest(mark *watermark.Mark, texts [][]int32, label string) *decoys {
	weights := detect.ResidualWeights(texts, nil, mark.Width(), w.teacher)
	pairs, residual := declared([]*watermark.Mark{mark}, texts, weights)
	marks := w.dummies(w.Dummies, mark.Width(), label)
	return &decoys{
		Keys:     len(marks),
		Pairs:    distinct(texts, mark.Width(), nil).decoys(mark, marks, asTest(pairs[0])),
		Residual: distinct(texts, mark.Width(), weights).decoys(mark, marks, asTest(residual[0])),
	}
}

// decoys tests a set under a key and under the control keys of marks.
func (s *weighted) decoys(mark *watermark.Mark, marks []*watermark.Mark, official test) decoyTests {
	own := s.test(mark)
	d := decoyTests{Rank: 1, KeyP: own.Log10P, KeyZ: own.Z}
	d.Correct = math.Abs(own.Log10P-official.Log10P) <= 1e-9*math.Max(1, math.Abs(own.Log10P)) &&
		own.Scored == official.Scored
	z, p := make([]float64, len(marks)), make([]float64, len(marks))
	for i, m := range marks {
		sum, _ := s.sum(m)
		z[i], p[i] = s.z(sum), s.log10P(sum)
		if p[i] <= own.Log10P {
			d.Rank++
		}
		for j, level := range []float64{-1, -2, -3} {
			if p[i] <= level {
				d.Below[j]++
			}
		}
	}
	d.SD, d.KS, d.Least = spread(z), kolmogorov(p), slices.Min(p)
	d.Decoys = make([]float64, len(p))
	for i, x := range p {
		d.Decoys[i] = math.Round(x*1e4) / 1e4
	}
	return d
}

// kolmogorov returns the largest distance between the distribution of p-values and a uniform law. The
// p-values are log10.
func kolmogorov(log10P []float64) (d float64) {
	sorted := slices.Sorted(slices.Values(log10P))
	n := float64(len(sorted))
	for i, x := range sorted {
		u := pow10(x)
		d = max(d, u-float64(i)/n, float64(i+1)/n-u)
	}
	return d
}

// pow10 returns 10^x.
func pow10(x float64) float64 { return math.Pow(10, x) }

// spread returns the standard deviation.
func spread(x []float64) float64 {
	m, s := mean(x), 0.0
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return math.Sqrt(s / float64(len(x)-1))
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

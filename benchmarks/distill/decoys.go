package main

import (
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// decoys are the tests of keys that marked nothing, beside those of the key.
type decoys struct {
	Keys            int
	Pairs, Residual decoyTests
}

type decoyTests struct {
	Rank    int     // of the key's p-value among all of them, 1 is the smallest
	SD      float64 // of the decoys' z
	KS      float64 // largest distance of their p-values from a uniform law
	Below   [3]int  // decoys with p at most 0.1, 0.01, 0.001
	Least   float64 // their smallest log10 p
	Decoys  []float64
	KeyP    float64 // log10
	KeyZ    float64
	Correct bool // the test proper comes to the same p-value for the key
}

// decoyTest runs them over outputs.
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

func (s *weighted) decoys(mark *watermark.Mark, marks []*watermark.Mark, official test) decoyTests {
	own := s.test(mark)
	d := decoyTests{Rank: 1, KeyP: own.Log10P, KeyZ: own.Z}
	d.Correct = math.Abs(own.Log10P-official.Log10P) <= 1e-9*math.Max(1, math.Abs(own.Log10P)) && own.Scored == official.Scored
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

// kolmogorov is the largest distance between the distribution of p-values, given as log10,
// and a uniform law.
func kolmogorov(log10P []float64) (d float64) {
	sorted := slices.Sorted(slices.Values(log10P))
	n := float64(len(sorted))
	for i, x := range sorted {
		u := pow10(x)
		d = max(d, u-float64(i)/n, float64(i+1)/n-u)
	}
	return d
}

func pow10(x float64) float64 { return math.Pow(10, x) }

// spread is the standard deviation about the mean.
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

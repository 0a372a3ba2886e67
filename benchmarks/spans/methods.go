package main

import (
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A finding is the best interval [from, to) of a text. Its p-value is adjusted for all tested intervals.
type finding struct {
	from, to int
	log10P   float64
}

// A method finds the marked part of a text. green holds 1 for a green position and 0 for a red one.
type method struct {
	name string
	find func(green []uint8) finding
}

var methods = []method{
	{"full text", fullText},
	{"dyadic cover", func(green []uint8) finding { return uniform(green, 2, 1) }},
	{"grid 1/8 uniform", func(green []uint8) finding { return uniform(green, 1.125, 8) }},
	{"max-LLR", maxLLR},
	{"grid 1/4 balanced", func(green []uint8) finding { return balanced(green, false) }},
	{"the same, refined", func(green []uint8) finding { return balanced(green, true) }},
}

// fullText tests the whole text.
func fullText(green []uint8) finding {
	k := 0
	for _, g := range green {
		k += int(g)
	}
	n := len(green)
	return finding{0, n, tail.Binomial(int64(k), int64(n), gamma)}
}

// uniform tests intervals whose lengths grow by a factor, starting with 32. starts is the number of
// starts per length. The adjustment counts all intervals alike. With factor 2 and one start per length
// it is the geometric cover of Zhao, Liao, Wang and Li 2025, "Efficiently identifying watermarked
// segments in mixed-source texts".
func uniform(green []uint8, factor float64, starts int) finding {
	n := len(green)
	sums := make([]int, n+1)
	for i, g := range green {
		sums[i+1] = sums[i] + int(g)
	}
	tests := int64(0)
	best := finding{log10P: math.Inf(1)}
	for x := 32.0; int(x) <= n; x *= factor {
		length := int(x)
		step := length / starts
		most, at := -1, 0
		for from := 0; from+length <= n; from += step {
			tests++
			if k := sums[from+length] - sums[from]; k > most {
				most, at = k, from
			}
		}
		if p := tail.Binomial(int64(most), int64(length), gamma); p < best.log10P {
			best = finding{at, at + length, p}
		}
	}
	best.log10P = tail.Bonferroni(best.log10P, tests)
	return best
}

// maxLLR finds the segments of package detect, which knows the length of the text.
func maxLLR(green []uint8) finding {
	law, o := watermark.Bernoulli{P: gamma}, &detect.Options{Alpha: 2 * level}
	s := sequential.NewSegments(law, int64(len(green)), o)
	for _, g := range green {
		s.Add(int64(g))
	}
	var best finding
	for _, f := range s.Found() {
		if f.Log10P < best.log10P {
			best = finding{int(f.Start), int(f.End), f.Log10P}
		}
	}
	return best
}

// balanced finds the spans of package detect, refined or not.
func balanced(green []uint8, refined bool) finding {
	text := make([]detect.Token, len(green))
	for i := range text {
		text[i] = detect.Token(i)
	}
	// Text tests the whole as well, and counts two tests. The methods compare the parts alone.
	r := detect.Text(colours(green), text, &detect.TextOptions{Options: detect.Options{Alpha: 4 * level}, Spans: true})
	var best finding
	for _, s := range r.Scan.Spans {
		if alone := s.Log10PAdjusted - math.Log10(2); alone < best.log10P {
			best = finding{s.Start, s.End, alone}
			if refined {
				best.from, best.to = s.DisplayStart, s.DisplayEnd
			}
		}
	}
	return best
}

// colours is a scorer with a score for each token. The text 0, 1, 2, ... then has these scores.
type colours []uint8

func (c colours) ID() string         { return "colours" }
func (c colours) Width() int         { return 0 }
func (c colours) Vocab() int         { return len(c) }
func (c colours) Law() watermark.Law { return watermark.Bernoulli{P: gamma, Marked: 1} }

func (c colours) Score(dst []int64, pairs []detect.Pair) []int64 {
	for _, p := range pairs {
		dst = append(dst, int64(c[p.Token]))
	}
	return dst
}

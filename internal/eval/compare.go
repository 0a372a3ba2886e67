package eval

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
)

// A Comparison is one number of two results.
type Comparison struct {
	Source  string   `json:"source"`
	Scheme  string   `json:"scheme"`
	Measure string   `json:"measure"`
	At      string   `json:"at,omitempty"`
	Alpha   float64  `json:"alpha,omitempty"`
	A       Interval `json:"a"`
	B       Interval `json:"b"`
	// Log10P is log10 of the two-sided p-value of no difference, not adjusted for the number of
	// comparisons: Fisher's exact test of two shares, and a permutation test of two means. It treats
	// the texts of A and B as independent. null means that there is no such test for the number.
	Log10P Real `json:"log10_p"`
}

// maxResult bounds a result that is read, in bytes.
const maxResult = 256 << 20

// ReadResult reads a result that `isotope eval --json` wrote.
func ReadResult(r io.Reader) (*Result, error) {
	d := json.NewDecoder(io.LimitReader(r, maxResult))
	var x struct {
		Kind   string  `json:"kind"`
		Result *Result `json:"result"`
	}
	if err := d.Decode(&x); err != nil {
		return nil, fmt.Errorf("not a result of eval: %w", err)
	}
	if x.Kind != "eval" || x.Result == nil || x.Result.Version != 1 {
		return nil, fmt.Errorf("not a result of eval of version 1; write it with --json")
	}
	return x.Result, x.Result.check()
}

// check returns an error for a result whose parts do not fit together.
func (r *Result) check() error {
	for _, c := range r.Clean {
		if len(c.Power) != len(r.Alphas) || len(c.Needed) != len(r.Alphas) {
			return fmt.Errorf("the result of %s, %s is damaged", c.Source, c.Scheme)
		}
		for _, p := range c.Power {
			if len(p) != len(c.Lengths) {
				return fmt.Errorf("the result of %s, %s is damaged", c.Source, c.Scheme)
			}
			for _, s := range p {
				if s.Found < 0 || s.Found > s.Of {
					return fmt.Errorf("the result of %s, %s is damaged", c.Source, c.Scheme)
				}
			}
		}
		if a := c.Answers; a != nil && (min(a.Right.Found, a.Ended.Found) < 0 || a.Right.Found > a.Right.Of || a.Ended.Found > a.Ended.Of) {
			return fmt.Errorf("the result of %s, %s is damaged", c.Source, c.Scheme)
		}
	}
	for _, e := range r.Edited {
		if len(e.Power) != len(r.Alphas) {
			return fmt.Errorf("the result of %s, %s, %s is damaged", e.Source, e.Scheme, e.Attack)
		}
		for _, s := range e.Power {
			if s.Found < 0 || s.Found > s.Of {
				return fmt.Errorf("the result of %s, %s, %s is damaged", e.Source, e.Scheme, e.Attack)
			}
		}
	}
	return nil
}

// Compare compares what two results have in common, in the order of a. Only counts what one of them
// lacks.
func Compare(a, b *Result) (list []Comparison, only int) {
	type cell struct {
		source, scheme, measure, at string
		alpha                       float64
	}
	shares := map[cell]Counted{}
	clean := map[[2]string]Clean{}
	eachShare(b, func(source, scheme, measure, at string, alpha float64, s Counted) {
		shares[cell{source, scheme, measure, at, alpha}] = s
	})
	for _, c := range b.Clean {
		clean[[2]string{c.Source, c.Scheme}] = c
	}
	common := 0
	for _, x := range a.Clean {
		y, ok := clean[[2]string{x.Source, x.Scheme}]
		if !ok {
			continue
		}
		for _, q := range []struct {
			name string
			a, b Interval
			x, y []float64
		}{
			{"kl", x.KL, y.KL, floats(x.KLs), floats(y.KLs)},
			{"surprise", x.Surprise, y.Surprise, floats(x.Surprises), floats(y.Surprises)},
		} {
			list = append(list, Comparison{x.Source, x.Scheme, q.name, "", 0, q.a, q.b, Real(permute(q.x, q.y))})
		}
		for i, alpha := range a.Alphas {
			if i >= len(b.Alphas) || b.Alphas[i] != alpha {
				continue
			}
			n := func(x Needed) Interval { return Interval{zeroNaN(x.Tokens), zeroNaN(x.Low), zeroNaN(x.High)} }
			list = append(list, Comparison{x.Source, x.Scheme, "n50", "", alpha, n(x.Needed[i].Half), n(y.Needed[i].Half), Real(math.NaN())})
		}
	}
	eachShare(a, func(source, scheme, measure, at string, alpha float64, s Counted) {
		o, ok := shares[cell{source, scheme, measure, at, alpha}]
		if !ok {
			only++
			return
		}
		common++
		list = append(list, Comparison{source, scheme, measure, at, alpha, s.Share, o.Share, Real(fisher(s.Found, s.Of, o.Found, o.Of))})
	})
	return list, only + len(shares) - common
}

// eachShare calls f for each share of texts.
func eachShare(r *Result, f func(source, scheme, measure, at string, alpha float64, s Counted)) {
	for _, c := range r.Clean {
		for i, alpha := range r.Alphas {
			for j, n := range c.Lengths {
				f(c.Source, c.Scheme, "power", fmt.Sprintf("%d tokens", n), alpha, c.Power[i][j])
			}
		}
		if c.Answers != nil {
			f(c.Source, c.Scheme, "right answers", "", 0, c.Answers.Right)
			f(c.Source, c.Scheme, "answers that the model ended", "", 0, c.Answers.Ended)
		}
	}
	for _, e := range r.Edited {
		for i, alpha := range r.Alphas {
			if e.Texts > 0 {
				f(e.Source, e.Scheme, e.Attack, fmt.Sprintf("%v of %d tokens", e.Rate, e.Tokens), alpha, e.Power[i])
			}
		}
	}
}

func floats(list []Real) []float64 {
	out := make([]float64, len(list))
	for i, x := range list {
		out[i] = float64(x)
	}
	return out
}

// permute returns log10 of the p-value of a permutation test of equal means, with 9,999 permutations and
// a generator that depends on the numbers alone. The observed order counts as one of them, so the
// p-value is valid and at least 1e-4 (Davison and Hinkley 1997, section 4.3).
func permute(a, b []float64) float64 {
	all := append(append([]float64{}, a...), b...)
	h := fnv.New64a()
	for _, x := range all {
		if math.IsNaN(x) {
			return math.NaN()
		}
		fmt.Fprintln(h, x)
	}
	if len(a) == 0 || len(b) == 0 {
		return math.NaN()
	}
	difference := func() float64 {
		var x, y float64
		for i, v := range all {
			if i < len(a) {
				x += v
			} else {
				y += v
			}
		}
		return math.Abs(x/float64(len(a)) - y/float64(len(b)))
	}
	const rounds = 9999
	seen := difference()
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	extreme := 1
	for range rounds {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if difference() >= seen*(1-1e-12) {
			extreme++
		}
	}
	return math.Log10(float64(extreme) / (rounds + 1))
}

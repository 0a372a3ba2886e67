package eval

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/internal/tail"
)

// Level is the level of every interval.
const Level = 0.95

// An Interval is a number with the ends of its interval of [Level].
type Interval struct{ Value, Low, High float64 }

// MarshalJSON writes an object of three numbers. What does not exist is null.
func (v Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal(intervalJSON{Real(v.Value), Real(v.Low), Real(v.High)})
}

// UnmarshalJSON reads what MarshalJSON writes. null is NaN.
func (v *Interval) UnmarshalJSON(text []byte) error {
	var x intervalJSON
	err := json.Unmarshal(text, &x)
	*v = Interval{float64(x.Value), float64(x.Low), float64(x.High)}
	return err
}

type intervalJSON struct {
	Value Real `json:"value"`
	Low   Real `json:"low"`
	High  Real `json:"high"`
}

// A Real is a number. NaN and infinities are null in JSON, and null is NaN.
type Real float64

// MarshalJSON writes a number or null.
func (x Real) MarshalJSON() ([]byte, error) {
	if f := float64(x); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads a number or null.
func (x *Real) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*x = Real(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(x))
}

// Share returns the share k/n with the interval of Clopper and Pearson (1934, "The Use of Confidence or
// Fiducial Limits Illustrated in the Case of the Binomial"). It covers at least [Level]. Without
// trials the value is NaN and the interval [0,1].
func Share(k, n int) Interval {
	if n == 0 {
		return Interval{math.NaN(), 0, 1}
	}
	half := math.Log10((1 - Level) / 2)
	s := Interval{float64(k) / float64(n), 0, 1}
	// P(X >= k) rises with p: the low end is where it is (1-Level)/2.
	if k > 0 {
		s.Low = bisect(func(p float64) bool { return tail.Binomial(int64(k), int64(n), p) < half })
	}
	// P(X <= k) = P(n-X >= n-k).
	if k < n {
		s.High = 1 - bisect(func(q float64) bool { return tail.Binomial(int64(n-k), int64(n), q) < half })
	}
	return s
}

// bisect returns the largest x in [0,1] up to which below holds, from below.
func bisect(below func(x float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 60 {
		if mid := (lo + hi) / 2; below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// A Needed is a number of tokens from which on a share of the texts is detected.
type Needed struct {
	// Tokens is the smallest length of the grid from which on, at every longer one too, the share of
	// detected texts is at least the wanted one. 0 is not reached.
	Tokens int `json:"tokens"`
	// Low and High are the shortest and the longest length of the grid at which the binomial test of
	// the wanted share does not reject at 1-[Level]. They cover the true length with at least that
	// probability, up to a step of the grid, if power rises with length. High is 0 if it may lie past
	// the grid.
	Low  int `json:"low"`
	High int `json:"high"`
}

// neededTokens returns the length at which a share of n texts is detected. detected[i] counts those
// at grid[i].
func neededTokens(grid []int, detected []int, n int, share float64) Needed {
	var x Needed
	for i := len(grid) - 1; i >= 0 && float64(detected[i]) >= share*float64(n); i-- {
		x.Tokens = grid[i]
	}
	for i, k := range detected {
		s := Share(k, n)
		if s.High < share {
			x.Low, x.High = 0, 0
			continue
		}
		if x.Low == 0 {
			x.Low = grid[i]
		}
		switch {
		case s.Low > share: // too long
		case i+1 < len(grid):
			x.High = grid[i+1] // the true length may lie between the two
		default:
			x.High = 0
			return x
		}
	}
	return x
}

// lengthGrid returns the lengths at which texts are tested, 6 % apart, with those of extra.
func lengthGrid(most int, extra []int) []int {
	var grid []int
	for x := 8.0; int(x) <= most; x = max(x*1.06, x+1) {
		grid = append(grid, int(x))
	}
	for _, n := range extra {
		if n <= most {
			grid = append(grid, n)
		}
	}
	slices.Sort(grid)
	return slices.Compact(grid)
}

// fisher returns log10 of the two-sided p-value of Fisher's exact test: k1 of n1 against k2 of n2. It
// sums the tables that are at most as probable as the one that was seen.
func fisher(k1, n1, k2, n2 int) float64 {
	total := k1 + k2
	lo, hi := max(0, total-n2), min(total, n1)
	logs := make([]float64, 0, hi-lo+1)
	for k := lo; k <= hi; k++ {
		logs = append(logs, logChoose(n1, k)+logChoose(n2, total-k))
	}
	seen := logs[k1-lo]
	most := slices.Max(logs)
	var all, extreme float64
	for _, l := range logs {
		w := math.Exp(l - most)
		all += w
		if l <= seen+1e-9 {
			extreme += w
		}
	}
	return min(math.Log10(extreme/all), 0)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// mean returns the mean of values with an interval: mean plus and minus the standard error times the
// normal quantile. It assumes that the mean is about normal.
func mean(values []float64) Interval {
	n := float64(len(values))
	if n == 0 {
		return Interval{math.NaN(), math.NaN(), math.NaN()}
	}
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	m := sum / n
	for _, v := range values {
		squares += (v - m) * (v - m)
	}
	if n < 2 {
		return Interval{m, math.Inf(-1), math.Inf(1)}
	}
	e := tail.NormalQuantile(math.Log10((1-Level)/2)) * math.Sqrt(squares/(n-1)/n)
	return Interval{m, m - e, m + e}
}

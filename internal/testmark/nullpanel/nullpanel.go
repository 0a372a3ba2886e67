// Package nullpanel counts the p-values of tests under the null, and compares the counts with what
// was promised: never more than alpha allows, and exactly as many as a known law says.
package nullpanel

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// Depths are the levels at which a [Count] counts.
var Depths = [...]float64{1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

// A Law is an exact law of a weighted sum: element s is the probability of a sum
// of at least s. It comes from a plain convolution, so that it does not inherit a
// mistake of internal/tail. nil is a law that is continuous, but for 2^-30 of a score.
type Law []float64

// Units holds the number of scored units of each weight.
type Units = [16]int64

// NewLaw returns the law of units whose scores are sums of bits with weights, 1 with
// probability gamma.
func NewLaw(units Units, gamma float64, bits ...int64) Law {
	mass := Law{1}
	for w, n := range units {
		for range n {
			for _, v := range bits {
				w := w * int(v)
				next := make(Law, len(mass)+w)
				for s, p := range mass {
					next[s] += p * (1 - gamma)
					next[s+w] += p * gamma
				}
				mass = next
			}
		}
	}
	for s := len(mass) - 2; s >= 0; s-- {
		mass[s] += mass[s+1]
	}
	return mass
}

// Level returns the probability of a p-value of at most alpha: of those that exist, the
// largest that is not above alpha.
func (l Law) Level(alpha float64) float64 {
	if l == nil {
		return alpha
	}
	s := sort.Search(len(l), func(s int) bool { return l[s] <= alpha })
	if s == len(l) {
		return 0
	}
	return l[s]
}

// A Book keeps the laws that a text needs.
type Book map[Units]Law

// Of returns the law of the weighted sum of units whose scores have a law.
func (b Book) Of(scored Units, of watermark.Law) Law {
	law, ok := b[scored]
	if !ok {
		switch of := of.(type) {
		case watermark.Bernoulli:
			law = NewLaw(scored, of.P, 1)
		case watermark.Layers:
			law = NewLaw(scored, 0.5, of.Weights()...)
		case watermark.Exponential: // continuous: every level exists
		default:
			panic(fmt.Sprintf("nullpanel: no levels for the law %T", of))
		}
		b[scored] = law
	}
	return law
}

// A Outcome is what a statistic said about a text under a key.
type Outcome struct {
	Log10P float64
	// Laws are those of the tests whose smallest p-value, Sidak-adjusted, Log10P is; one
	// for a test on its own, none where only a bound is known.
	Laws []Law
	// Best is the smallest p-value of Tests tests that Log10P must count, where they are
	// known and their bound is too loose for a missing factor to show in counts.
	Best  float64
	Tests int
}

// uncounted reports whether log10P counts fewer tests than there are.
func (o Outcome) uncounted() bool {
	return o.Tests > 0 && o.Log10P < min(o.Best+math.Log10(float64(o.Tests)), 0)-1e-9
}

// Level returns the exact probability of a p-value of at most alpha.
func (o Outcome) Level(alpha float64) float64 {
	if len(o.Laws) == 1 {
		return o.Laws[0].Level(alpha)
	}
	each := -math.Expm1(math.Log1p(-alpha) / float64(len(o.Laws)))
	var none float64 // ln of the probability that no test is at its level
	for _, l := range o.Laws {
		none += math.Log1p(-l.Level(each))
	}
	return -math.Expm1(none)
}

// A Count counts p-values under the null.
type Count struct {
	N        int64
	Hits     [len(Depths)]int64   // p-values at most Depths
	Expected [len(Depths)]float64 // of hits, exactly, when exact
	Exact    bool

	uncounted int64 // outcomes that forget a multiplicity
}

// Add counts an outcome.
func (c *Count) Add(o Outcome) {
	c.Exact = len(o.Laws) > 0
	c.N++
	if o.uncounted() {
		c.uncounted++
	}
	for d, alpha := range Depths {
		if o.Log10P <= math.Log10(alpha) {
			c.Hits[d]++
		}
		if c.Exact {
			c.Expected[d] += o.Level(alpha)
		}
	}
}

// Merge adds the counts of b.
func (c *Count) Merge(b *Count) {
	c.Exact = b.Exact
	c.N += b.N
	c.uncounted += b.uncounted
	for d := range Depths {
		c.Hits[d] += b.Hits[d]
		c.Expected[d] += b.Expected[d]
	}
}

// Check compares the counts with what was promised: never more than alpha allows and,
// where the law is known, neither more nor fewer than it says. The chance that a valid test
// fails any of a number of cells is at most 1e-6 each way.
func (c *Count) Check(t testing.TB, name string, cells int) {
	t.Helper()
	assert.Zero(t, c.uncounted, "%s: p-values that do not count all tests", name)
	limit := -6 - math.Log10(float64(cells*len(Depths)))
	for d, alpha := range Depths {
		level := alpha
		if c.Exact {
			level = c.Expected[d] / float64(c.N)
			// A sum of draws with several chances varies less than one with their mean
			// (Hoeffding 1956), so that the bound holds for it.
			assert.LessOrEqual(t, level, alpha*(1+1e-9), "%s: the law itself exceeds %v", name, alpha)
			fewer := 0.0
			if level > 0 {
				fewer = tail.Binomial(c.N-c.Hits[d], c.N, 1-level)
			}
			assert.Greater(t, fewer, limit, "%s: too few p <= %v: %d of %d, %.1f expected", name, alpha, c.Hits[d], c.N, c.Expected[d])
		}
		more := 0.0
		if c.Hits[d] > 0 {
			more = math.Inf(-1)
			if level > 0 {
				more = tail.Binomial(c.Hits[d], c.N, level)
			}
		}
		assert.Greater(t, more, limit, "%s: too many p <= %v: %d of %d, at most %.1f expected", name, alpha, c.Hits[d], c.N, level*float64(c.N))
	}
}

// String is a row of the table of counts.
func (c *Count) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%10d", c.N)
	for d := range Depths {
		exact := "(-)"
		if c.Exact {
			exact = fmt.Sprintf("(%.1f)", c.Expected[d])
		}
		fmt.Fprintf(&s, "  %8d %11s", c.Hits[d], exact)
	}
	return s.String()
}

package detect_test

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// nullDepths are the levels the panel counts at.
var nullDepths = [...]float64{1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

// A nullLaw is an exact law of a weighted sum: element s is the probability of a sum
// of at least s. It comes from a plain convolution, so that it does not inherit a
// mistake of internal/tail. nil is a law that is continuous, but for 2^-30 of a score.
type nullLaw []float64

type nullClasses = [detect.MaxWeight + 1]detect.WeightClass

// newNullLaw is the law of units whose scores are sums of bits with weights, 1 with
// probability gamma.
func newNullLaw(classes nullClasses, gamma float64, bits ...int64) nullLaw {
	mass := nullLaw{1}
	for w, c := range classes {
		for range c.Scored {
			for _, v := range bits {
				w := w * int(v)
				next := make(nullLaw, len(mass)+w)
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

// level is the probability of a p-value of at most alpha: of those that exist, the
// largest that is not above alpha.
func (l nullLaw) level(alpha float64) float64 {
	if l == nil {
		return alpha
	}
	s := sort.Search(len(l), func(s int) bool { return l[s] <= alpha })
	if s == len(l) {
		return 0
	}
	return l[s]
}

// A nullBook keeps the laws that a text needs.
type nullBook map[nullClasses]nullLaw

func (b nullBook) of(scored nullClasses, of watermark.Law) nullLaw {
	for w := range scored {
		scored[w].Green, scored[w].Sum = 0, 0
	}
	law, ok := b[scored]
	if !ok {
		switch of := of.(type) {
		case watermark.Bernoulli:
			law = newNullLaw(scored, of.P, 1)
		case watermark.Layers:
			law = newNullLaw(scored, 0.5, of.Weights()...)
		}
		b[scored] = law
	}
	return law
}

// A nullOutcome is what a statistic said about a text under a key.
type nullOutcome struct {
	log10P float64
	// laws are those of the tests whose smallest p-value, Sidak-adjusted, log10P is; one
	// for a test on its own, none where only a bound is known.
	laws []nullLaw
	// best is the smallest p-value of tests tests that log10P must count, where they are
	// known and their bound is too loose for a missing factor to show in counts.
	best  float64
	tests int
}

// uncounted reports whether log10P counts fewer tests than there are.
func (o nullOutcome) uncounted() bool {
	return o.tests > 0 && o.log10P < min(o.best+math.Log10(float64(o.tests)), 0)-1e-9
}

// level is the exact probability of a p-value of at most alpha.
func (o nullOutcome) level(alpha float64) float64 {
	if len(o.laws) == 1 {
		return o.laws[0].level(alpha)
	}
	each := -math.Expm1(math.Log1p(-alpha) / float64(len(o.laws)))
	var none float64 // ln of the probability that no test is at its level
	for _, l := range o.laws {
		none += math.Log1p(-l.level(each))
	}
	return -math.Expm1(none)
}

// A nullCount counts p-values under the null.
type nullCount struct {
	tests    int64
	hits     [len(nullDepths)]int64   // p-values at most nullDepths
	expected [len(nullDepths)]float64 // of hits, exactly, when exact
	exact    bool

	uncounted int64 // outcomes that forget a multiplicity
}

func (c *nullCount) add(o nullOutcome) {
	c.exact = len(o.laws) > 0
	c.tests++
	if o.uncounted() {
		c.uncounted++
	}
	for d, alpha := range nullDepths {
		if o.log10P <= math.Log10(alpha) {
			c.hits[d]++
		}
		if c.exact {
			c.expected[d] += o.level(alpha)
		}
	}
}

func (c *nullCount) merge(b *nullCount) {
	c.exact = b.exact
	c.tests += b.tests
	c.uncounted += b.uncounted
	for d := range nullDepths {
		c.hits[d] += b.hits[d]
		c.expected[d] += b.expected[d]
	}
}

// check compares the counts with what was promised: never more than alpha allows and,
// where the law is known, neither more nor fewer than it says. The chance that a valid test
// fails any of a number of cells is at most 1e-6 each way.
func (c *nullCount) check(t testing.TB, name string, cells int) {
	t.Helper()
	assert.Zero(t, c.uncounted, "%s: p-values that do not count all tests", name)
	limit := -6 - math.Log10(float64(cells*len(nullDepths)))
	for d, alpha := range nullDepths {
		level := alpha
		if c.exact {
			level = c.expected[d] / float64(c.tests)
			// A sum of draws with several chances varies less than one with their mean
			// (Hoeffding 1956), so that the bound holds for it.
			assert.LessOrEqual(t, level, alpha*(1+1e-9), "%s: the law itself exceeds %v", name, alpha)
			fewer := 0.0
			if level > 0 {
				fewer = tail.Binomial(c.tests-c.hits[d], c.tests, 1-level)
			}
			assert.Greater(t, fewer, limit, "%s: too few p <= %v: %d of %d, %.1f expected", name, alpha, c.hits[d], c.tests, c.expected[d])
		}
		more := 0.0
		if c.hits[d] > 0 {
			more = math.Inf(-1)
			if level > 0 {
				more = tail.Binomial(c.hits[d], c.tests, level)
			}
		}
		assert.Greater(t, more, limit, "%s: too many p <= %v: %d of %d, at most %.1f expected", name, alpha, c.hits[d], c.tests, level*float64(c.tests))
	}
}

// String is a row of the table of counts.
func (c *nullCount) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%10d", c.tests)
	for d := range nullDepths {
		exact := "(-)"
		if c.exact {
			exact = fmt.Sprintf("(%.1f)", c.expected[d])
		}
		fmt.Fprintf(&s, "  %8d %11s", c.hits[d], exact)
	}
	return s.String()
}

package plan

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
)

// Errors of plans. Compare with errors.Is.
var (
	// ErrNoEffect is wrapped if the mean score of marked text is not above that of the null. An
	// example is a green rate that is not above gamma. No number of tokens shows such a mark.
	ErrNoEffect = errors.New("marked text does not score above chance")
	// ErrOutOfReach is wrapped if a plan would need more than 2^50 tokens. For a [Share] of scores
	// that are not colours, the limit is 2^28.
	ErrOutOfReach = errors.New("more tokens are needed than can be counted")
)

// mixturePoints is the number of points that the sequential test of a green list mixes.
const mixturePoints = 7

// maxPlanned bounds the numbers of tokens that plans consider.
const maxPlanned = 1 << 50

// A GreenList plans a fixed test of a green list: how likely is it to detect a green rate? In a
// fixed test the number of tokens is chosen before looking. Tokens always means scored tokens:
// distinct pairs outside the prompts. A GreenList is a value, and its methods are safe for
// concurrent use.
type GreenList struct {
	// Gamma is the green rate of text that does not depend on the key, in (0,1).
	Gamma float64
	// Green is the green rate of the scored tokens, in [0,1]. [Tilt] and [Mass.Effect] compute the
	// rate that a mark causes.
	Green float64
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5].
	// 0 means 1e-6.
	Alpha float64
	// Tests is the number of tests that are adjusted for (Bonferroni), keys included, at least 1. 0
	// means 1.
	Tests int64
}

// level returns log10 of the p-value that detects. It panics if a field is out of its range.
func (p GreenList) level() float64 {
	switch {
	case !(p.Gamma > 0 && p.Gamma < 1):
		panic("plan: Gamma is outside (0,1)")
	case !(p.Green >= 0 && p.Green <= 1):
		panic("plan: Green is outside [0,1]")
	}
	return levelOf(p.Alpha, p.Tests)
}

// levelOf returns log10 of the p-value that detects. It panics if a number is out of its range.
func levelOf(alpha float64, tests int64) float64 {
	if alpha == 0 {
		alpha = 1e-6
	}
	if tests == 0 {
		tests = 1
	}
	switch {
	case !(alpha > 0 && alpha <= 0.5):
		panic("plan: Alpha is outside (0,0.5]")
	case tests < 1:
		panic("plan: Tests is negative")
	}
	return tail.Log10(alpha) - tail.Log10(float64(tests))
}

// Power returns the probability that a test of n scored tokens detects. That is P(Bin(n, Green) >=
// k), with the critical count k of the exact test. It is not quite monotone in n, because one more
// token can raise the critical count. It panics if n is negative or a field is out of range.
func (p GreenList) Power(n int64) float64 {
	k := tail.BinomialCritical(n, p.Gamma, p.level())
	return tail.Exp(float64(tail.Binomial(k, n, p.Green) * math.Ln10))
}

// Tokens returns the smallest number of scored tokens whose test has at least this power, in (0,1).
// Up to 10^8 tokens it is exactly the smallest. Above that the steps of the exact test no longer
// matter. A number that is smaller by a share of some 10^-4 may then have the power too. The error
// wraps [ErrNoEffect] or [ErrOutOfReach]. It panics if power or a field is out of range.
func (p GreenList) Tokens(power float64) (int64, error) {
	level := p.level()
	checkPower(power)
	if p.Green <= p.Gamma {
		return 0, fmt.Errorf("plan: a green rate of %v at gamma %v: %w", p.Green, p.Gamma, ErrNoEffect)
	}
	s := staircase{p.Gamma, p.Green, level, tail.Log10(power)}
	n, ok := s.smallest(p.approximate(power))
	if !ok {
		return 0, fmt.Errorf("plan: a green rate of %v at gamma %v: %w", p.Green, p.Gamma, ErrOutOfReach)
	}
	return n, nil
}

// Approximate returns the number of tokens that Tokens returns, by the normal law:
//
//	n = ((zA sqrt(gamma(1-gamma)) + zB sqrt(p(1-p))) / (p-gamma))^2
//
// zA and zB are the normal quantiles of 1-Alpha/Tests and of the power, and p = Green. (It is the
// sample size of a one-sided test of a proportion, as in Fleiss, Levin and Paik, "Statistical
// Methods for Rates and Proportions".) It is off by up to a fifth if gamma is small. It is +Inf if
// Green is not above Gamma. It panics as Tokens does.
func (p GreenList) Approximate(power float64) float64 {
	p.level()
	checkPower(power)
	return p.approximate(power)
}

// approximate is Approximate for fields and a power that were checked.
func (p GreenList) approximate(power float64) float64 {
	if p.Green <= p.Gamma {
		return math.Inf(1)
	}
	return p.approximateAt(p.level(), tail.Log10(power))
}

// approximateAt is approximate with log10 of the p-value that detects, and log10 of the power.
func (p GreenList) approximateAt(level, power float64) float64 {
	za, zb := tail.NormalQuantile(level), -tail.NormalQuantile(power)
	// zb is positive for a power above 1/2.
	root := float64(za*math.Sqrt(p.Gamma*(1-p.Gamma))) + float64(zb*math.Sqrt(p.Green*(1-p.Green)))
	return square(max(root, 0) / (p.Green - p.Gamma))
}

// Sequential returns about how many tokens a sequential test (package sequential) takes on average
// until it detects: (ln(Tests/Alpha) + ln 7) / KL(Green || Gamma). The mixture can lose ln 7 to the
// best of its seven points. KL is the divergence of the two Bernoulli laws (Wald 1945, "Sequential
// Tests of Statistical Hypotheses"). Sequential is +Inf if Green is not above Gamma. It panics if a
// field is out of range.
func (p GreenList) Sequential() float64 {
	level := p.level()
	if p.Green <= p.Gamma {
		return math.Inf(1)
	}
	return (tail.Ln(mixturePoints) - float64(level*math.Ln10)) / bernoulliKL(p.Green, p.Gamma)
}

// bernoulliKL returns KL(Bernoulli(p) || Bernoulli(q)) in nats.
func bernoulliKL(p, q float64) float64 {
	kl := 0.0
	if p > 0 {
		kl += float64(p * tail.Ln(p/q))
	}
	if p < 1 {
		kl += float64((1 - p) * tail.Ln((1-p)/(1-q)))
	}
	return kl
}

func checkPower(power float64) {
	if !(power > 0 && power < 1) {
		panic("plan: power is outside (0,1)")
	}
}

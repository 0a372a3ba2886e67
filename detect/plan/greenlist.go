package plan

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
)

// Errors of a [GreenList].
var (
	// ErrNoEffect is wrapped when the green rate is not above gamma: no number of
	// tokens shows what is not there.
	ErrNoEffect = errors.New("the green rate is not above gamma")
	// ErrOutOfReach is wrapped when a plan would take more than 2^50 tokens; a [Share] of
	// scores that are not colours, more than 2^28.
	ErrOutOfReach = errors.New("no number of tokens that could be counted is enough")
)

// mixturePoints is the number of points that the sequential test of a green list mixes.
const mixturePoints = 7

// maxPlanned bounds the numbers of tokens that plans look at.
const maxPlanned = 1 << 50

// A GreenList describes a test that has not been made: how likely it is to detect a green
// rate. It is about the fixed test of [Accumulator], whose number of tokens is chosen
// before looking; Tokens are always scored tokens, that is distinct pairs outside the
// prompts. A GreenList is a value; its methods are safe for concurrent use.
type GreenList struct {
	// Gamma is the green rate of text that does not depend on the key, in (0,1).
	Gamma float64
	// Green is the green rate of the scored tokens, in [0,1]. See [Tilt] for the rate
	// that a mark causes.
	Green float64
	// Alpha is the largest adjusted p-value that is called detected, in (0,0.5].
	// 0 means 1e-6.
	Alpha float64
	// Tests is the number of tests that are counted (Bonferroni), keys included.
	// 0 means 1.
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
	return math.Log10(alpha) - math.Log10(float64(tests))
}

// Power returns the probability that a test of n scored tokens detects,
// P(Bin(n, Green) >= k) with the critical count k of the exact test. It is not quite
// monotone in n: a token more can raise the critical count. It panics when n is
// negative or a field is out of range.
func (p GreenList) Power(n int64) float64 {
	k := tail.BinomialCritical(n, p.Gamma, p.level())
	return math.Pow(10, tail.Binomial(k, n, p.Green))
}

// Tokens returns the smallest number of scored tokens whose test has at least this
// power, in (0,1). Up to 10^8 tokens it is the smallest; above, where the steps of
// the exact test no longer matter, a number less by some 10^-4 of it may do as well.
// The error wraps [ErrNoEffect] or [ErrOutOfReach]. It panics when power or a field is
// out of range.
func (p GreenList) Tokens(power float64) (int64, error) {
	level := p.level()
	checkPower(power)
	if p.Green <= p.Gamma {
		return 0, fmt.Errorf("plan: %w: %v against %v", ErrNoEffect, p.Green, p.Gamma)
	}
	s := stairs{p.Gamma, p.Green, level, math.Log10(power)}
	n, ok := s.smallest(p.approximate(power))
	if !ok {
		return 0, fmt.Errorf("plan: %w: green rate %v against %v", ErrOutOfReach, p.Green, p.Gamma)
	}
	return n, nil
}

// Approximate returns the number of tokens that Tokens returns, by the normal law:
//
//	n = ((zA sqrt(gamma(1-gamma)) + zB sqrt(p(1-p))) / (p-gamma))^2
//
// with zA and zB the normal quantiles of 1-Alpha/Tests and of the power, p = Green
// (the sample size of a one-sided test of a proportion, as in Fleiss, Levin and Paik,
// "Statistical Methods for Rates and Proportions"). It is off by up to
// a fifth where gamma is small; +Inf where Green is not above Gamma. It panics as
// Tokens does.
func (p GreenList) Approximate(power float64) float64 {
	p.level()
	checkPower(power)
	return p.approximate(power)
}

func (p GreenList) approximate(power float64) float64 {
	if p.Green <= p.Gamma {
		return math.Inf(1)
	}
	return p.approximateAt(p.level(), math.Log10(power))
}

// approximateAt is approximate with log10 of the p-value that detects and of the power.
func (p GreenList) approximateAt(level, power float64) float64 {
	za, zb := tail.NormalQuantile(level), -tail.NormalQuantile(power)
	// The quantile of the power: positive above 1/2.
	root := za*math.Sqrt(p.Gamma*(1-p.Gamma)) + zb*math.Sqrt(p.Green*(1-p.Green))
	return math.Pow(max(root, 0)/(p.Green-p.Gamma), 2)
}

// Sequential returns about how many tokens a [Sequential] test takes on average until
// it detects: (ln(Tests/Alpha) + ln 7) / KL(Green || Gamma), where ln 7 is what the
// mixture can lose to the best of its seven points and KL is the divergence of the two
// Bernoulli laws (Wald 1945, "Sequential Tests of Statistical Hypotheses"). +Inf where
// Green is not above Gamma. It panics on a field out of range.
func (p GreenList) Sequential() float64 {
	level := p.level()
	if p.Green <= p.Gamma {
		return math.Inf(1)
	}
	return (math.Log(mixturePoints) - level*math.Ln10) / bernoulliKL(p.Green, p.Gamma)
}

// bernoulliKL is KL(Bernoulli(p) || Bernoulli(q)) in nats.
func bernoulliKL(p, q float64) float64 {
	kl := 0.0
	if p > 0 {
		kl += p * math.Log(p/q)
	}
	if p < 1 {
		kl += (1 - p) * math.Log((1-p)/(1-q))
	}
	return kl
}

func checkPower(power float64) {
	if !(power > 0 && power < 1) {
		panic("plan: power is outside (0,1)")
	}
}

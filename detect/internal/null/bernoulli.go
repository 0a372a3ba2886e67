package null

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// bernoulliLaw is the law of a green list's score.
type bernoulliLaw struct{ watermark.Bernoulli }

func (l bernoulliLaw) Survival(units *Units, sum Sum) float64 {
	return bernoulliTail(units, sum.Int64(), l.P)
}

// bernoulliTail returns log10 of the probability of a weighted sum of at least sum, when
// every unit is green with probability p.
func bernoulliTail(units *Units, sum int64, p float64) float64 {
	var groups []tail.Bernoulli
	for w, n := range units {
		if n > 0 {
			groups = append(groups, tail.Bernoulli{Weight: int64(w), Count: n, P: p})
		}
	}
	switch {
	case len(groups) == 0:
		return 0
	case len(groups) == 1: // a multiple of a binomial law
		w := groups[0].Weight
		return tail.Binomial((sum+w-1)/w, groups[0].Count, p)
	default:
		return tail.WeightedBernoulli(groups, sum)
	}
}

func (l bernoulliLaw) Moments() (mean, variance float64) { return l.P, l.P * (1 - l.P) }

func (bernoulliLaw) Top() int64             { return 1 }
func (bernoulliLaw) Colours() bool          { return true }
func (bernoulliLaw) Green(score int64) bool { return score == 1 }

// Full returns the excess of the green rate in text of a model for which all tokens are equally
// likely.
func (l bernoulliLaw) Full() (full, most float64) { return l.Marked - l.P, 1 - l.P }

func (bernoulliLaw) Unit() float64 { return 1 }

func (l bernoulliLaw) Raised(units *Units, sum Sum, excess float64, _ bool) float64 {
	return bernoulliTail(units, sum.Int64(), min(l.P+excess, 1))
}

func (bernoulliLaw) Digits() float64 { return 1e-13 }

func (l bernoulliLaw) Ratio(units, sum int64) func(int64) int64 {
	// Half a unit more of each colour keeps the logarithms finite.
	rate := (float64(sum) + 0.5) / (float64(units) + 1)
	up := int64(math.Round(displayUnit * tail.Ln(rate/l.P)))
	down := int64(math.Round(displayUnit * tail.Ln((1-rate)/(1-l.P))))
	if up <= 0 || down >= 0 {
		return nil
	}
	return func(score int64) int64 {
		if score == 1 {
			return up
		}
		return down
	}
}

// alternatives is the number of green rates that tests of streams try.
const alternatives = 6

// Bets returns the green rates of a bias of 1/8, 1/4, ..., 4 nats, for a model for which all tokens
// are equally likely.
func (l bernoulliLaw) Bets() []Bet {
	bets := make([]Bet, alternatives)
	for i := range bets {
		odds := tail.Exp(math.Ldexp(1, i-3)) // the factor on the odds of green
		rate := l.P * odds / (1 + float64(l.P*(odds-1)))
		up := int64(math.Floor(RatioUnit * tail.Ln(rate/l.P)))
		down := int64(math.Floor(RatioUnit * tail.Ln((1-rate)/(1-l.P))))
		bets[i] = Bet{Strength: rate, Gain: func(score int64) int64 {
			switch score {
			case 1:
				return up
			case 0:
				return down
			}
			panic(fmt.Sprintf("detect: the scorer returned %d, but scores of a green list are 0 and 1", score))
		}}
	}
	return bets
}

func (bernoulliLaw) FirstBets() int { return alternatives }

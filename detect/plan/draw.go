package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A DrawEffect is what a keyed draw does to the scores of marked text, for planning before anything
// was scored.
type DrawEffect struct {
	Law watermark.Law // law of a score under the null
	// Mean and Variance are those of a marked token's score, in units of the law: ScoreUnit for
	// an Exponential law, 1 for Layers.
	Mean, Variance float64
}

// TextDraw returns the effect of a keyed draw, with its weighted scores, on a kind of text of
// [TextKinds]. The kinds are the mixtures of Zipf-shaped steps that [Text] has too, so the numbers
// compare. ok is false for a green list, whose effect is Text's, and if the kind is unknown.
//
// For a GumbelMax, mean and variance are exact. With p the probabilities of a step, a marked
// token's score has
//
//	mean     = sum p H(1/p),
//	variance = sum p (pi^2/6 - psi'(1+1/p) + H(1/p)^2) - mean^2.
//
// H is the harmonic numbers continued to the reals, and psi' the trigamma function. They come from
// the law of -ln(1-U) when U is the largest of 1/p uniform numbers. (Aaronson 2022; Fernandez et
// al. 2023, "Three Bricks to Consolidate Watermarks for Large Language Models", appendix.) For a
// Tournament, mean and variance are averages over 100 random tournaments for each step, with a
// fixed seed. The number of tokens that follows is good to a tenth.
func TextDraw(s watermark.Scheme, text string) (e DrawEffect, ok bool) {
	weights, ok := textMixtures[text]
	if !ok {
		return DrawEffect{}, false
	}
	var step func(row []float64) (mean, square float64)
	switch s := s.(type) {
	case watermark.GumbelMax:
		first, second := s.Dual, 1-s.Dual
		if s.Dual == 0 {
			first, second = 1, 0
		}
		e.Law = watermark.Exponential{First: first, Second: second}
		step = func(row []float64) (mean, square float64) { return gumbelStep(row, first, second) }
	case watermark.Tournament:
		law := watermark.Layers{Depth: s.Depth, Weighted: true}
		e.Law = law
		step = func(row []float64) (mean, square float64) {
			return tournamentStep(row, law.Weights(), max(s.Candidates, 2))
		}
	default:
		return DrawEffect{}, false
	}
	var square, total float64
	for i, h := range mixtureEntropies {
		if weights[i] == 0 {
			continue
		}
		row := zipfRow(h)
		var sum float64
		for _, p := range row {
			sum += p
		}
		for j := range row {
			row[j] /= sum
		}
		m, q := step(row)
		e.Mean += weights[i] * m
		square += weights[i] * q
		total += weights[i]
	}
	e.Mean /= total
	e.Variance = square/total - e.Mean*e.Mean
	return e, true
}

// gumbelStep returns the mean of a marked score and that of its square. With two keys of weights
// first and second, each key marks with a probability equal to its weight. The score of the other
// key is standard exponential.
func gumbelStep(row []float64, first, second float64) (mean, square float64) {
	var m, q float64
	for _, p := range row {
		h := harmonic(1 / p)
		m += p * h
		q += p * (math.Pi*math.Pi/6 - trigamma(1+1/p) + h*h)
	}
	v := q - m*m
	for _, w := range [][2]float64{{first, second}, {second, first}} { // w[0] is that of the marking key
		at := w[0]*m + w[1]
		mean += w[0] * at
		square += w[0] * (w[0]*w[0]*v + w[1]*w[1] + at*at)
	}
	return mean, square
}

// harmonic returns H(x) = psi(x+1) + 0.5772... for x >= 0 (DLMF 5.5.2 and 5.11.2).
func harmonic(x float64) float64 {
	const euler = 0.57721566490153286
	var sum float64
	z := x + 1
	for ; z < 10; z++ {
		sum -= 1 / z
	}
	r := 1 / (z * z)
	return sum + euler + tail.Ln(z) - 1/(2*z) - r*(1.0/12-r*(1.0/120-r*(1.0/252-r/240)))
}

// trigamma returns psi'(x) for x > 0 (DLMF 5.15.5 and 5.15.8).
func trigamma(x float64) float64 {
	var sum float64
	for ; x < 10; x++ {
		sum += 1 / (x * x)
	}
	r := 1 / (x * x)
	return sum + 1/x + r/2 + r/x*(1.0/6-r*(1.0/30-r*(1.0/42-r/30)))
}

// tournaments is the number of random tournaments in an average.
const tournaments = 100

// tournamentStep is gumbelStep for a tournament, and a row in descending order. It simulates only
// what is not known exactly. That is the mass of the ones in each layer, and what the tournament
// adds to the variance around the mean of chance.
func tournamentStep(row []float64, weights []int64, candidates int) (mean, square float64) {
	// Most tokens have a probability below 10^-9, and next to no effect.
	row = row[:sort.Search(len(row), func(i int) bool { return row[i] < 1e-9 })]
	rng := rand.New(rand.NewPCG(30, uint64(len(row))))
	p, bits := make([]float64, len(row)), make([]uint32, len(row))
	var null, spread float64 // of an unmarked token's score
	for _, w := range weights {
		null += float64(w) / 2
		spread += float64(w*w) / 4
	}
	var gain, more float64
	for range tournaments {
		copy(p, row)
		for i := range bits {
			bits[i] = rng.Uint32()
		}
		for l, w := range weights {
			var q float64
			for i, b := range bits {
				if b>>l&1 == 1 {
					q += p[i]
				}
			}
			one, zero := 1.0, 1.0
			for range candidates - 1 {
				zero *= 1 - q
				one += zero
			}
			for i, b := range bits {
				if b>>l&1 == 1 {
					p[i] *= one
				} else {
					p[i] *= zero
				}
			}
			// A 1 is drawn unless all candidates have a 0. The opposite bits are equally likely.
			n := float64(candidates)
			gain += float64(w) * (0.5 - (math.Pow(q, n)+math.Pow(1-q, n))/2)
		}
		for i, b := range bits {
			s := -null
			for l, w := range weights {
				s += float64(w) * float64(b>>l&1)
			}
			more += (p[i] - row[i]) * s * s
		}
	}
	gain /= tournaments
	mean = null + gain
	return mean, max(spread+more/tournaments-gain*gain, 0) + mean*mean
}

// Tokens returns the smallest number n of scored tokens whose test detects at alpha with about this
// power. At that n, the exact tail of the null law at n Mean - z sqrt(n Variance) is at most alpha.
// Here z is the normal quantile of the power. The error wraps [ErrNoEffect] or [ErrOutOfReach]. It
// panics if alpha is outside (0,0.5], if power is outside (0,1), or if the law is not that of a
// keyed draw.
func (e DrawEffect) Tokens(alpha, power float64) (int64, error) {
	if !(alpha > 0 && alpha <= 0.5) {
		panic("plan: alpha is outside (0,0.5]")
	}
	checkPower(power)
	level, z := tail.Log10(alpha), -tail.NormalQuantile(tail.Log10(power))
	var null float64
	var log10P func(n int64, s float64) float64
	switch law := e.Law.(type) {
	case watermark.Exponential:
		null = law.First + law.Second
		log10P = func(n int64, s float64) float64 {
			groups := []tail.Exponential{{Weight: law.First, Count: n}, {Weight: law.Second, Count: n}}
			return tail.WeightedExponential(groups, s)
		}
	case watermark.Layers:
		weights := law.Weights()
		for _, w := range weights {
			null += float64(w) / 2
		}
		log10P = func(n int64, s float64) float64 {
			groups := make([]tail.Bernoulli, len(weights))
			for i, w := range weights {
				groups[i] = tail.Bernoulli{Weight: w, Count: n, P: 0.5}
			}
			return tail.WeightedBernoulli(groups, int64(math.Ceil(s)))
		}
	default:
		panic(fmt.Sprintf("plan: cannot plan a keyed draw whose scores have the law %T", e.Law))
	}
	if e.Mean <= null {
		return 0, fmt.Errorf("plan: a mean score of %v, and %v under the null: %w", e.Mean, null, ErrNoEffect)
	}
	detects := func(n int64) bool {
		x := float64(n)
		return log10P(n, x*e.Mean-z*math.Sqrt(x*e.Variance)) <= level
	}
	// Scores may be large and few, or small and many. So the search doubles, then halves.
	high := int64(1)
	for !detects(high) {
		if high *= 2; high > maxPlanned {
			return 0, fmt.Errorf("plan: a mean score of %v, and %v under the null: %w", e.Mean, null, ErrOutOfReach)
		}
	}
	low := high / 2 // does not detect, or is 0
	for high-low > 1 {
		if mid := low + (high-low)/2; detects(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, nil
}

package detect

import (
	"math"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// SpikeEntropy returns the sum of p / (1 + z p) over the softmax of logits, in (1/(1+z), 1]
// (Kirchenbauer et al. 2023, definition 1). It measures how freely the next token could be chosen.
// It is near 1 for a flat row of a large vocabulary, and 1/(1+z) when one token has all the mass. z
// is at least 0. Entries that are NaN or -Inf are impossible tokens. A row of impossible tokens has
// 1/(1+z).
func SpikeEntropy(logits []float32, z float64) float64 {
	top := math.Inf(-1)
	for _, x := range logits {
		top = max(top, nanToNegInf(x))
	}
	if math.IsInf(top, -1) {
		return 1 / (1 + z)
	}
	weight := func(x float32) float64 {
		v := nanToNegInf(x)
		if v == top {
			return 1 // also where +Inf meets +Inf
		}
		return tail.Exp(v - top)
	}
	var total float64
	for _, x := range logits {
		total += weight(x)
	}
	var sum float64
	for _, x := range logits {
		p := weight(x) / total
		sum += p / (1 + float64(z*p))
	}
	return min(sum, 1)
}

// nanToNegInf returns x, or -Inf if x is NaN.
func nanToNegInf(x float32) float64 {
	if x != x {
		return math.Inf(-1)
	}
	return float64(x)
}

// modulus returns the z of SpikeEntropy that belongs to a green list, (1-gamma)(e^delta-1) / (1 +
// gamma (e^delta-1)) (Kirchenbauer et al. 2023, theorem 4.2).
func modulus(g watermark.GreenList) float64 {
	odds := tail.Exp(g.Delta) - 1
	return (1 - g.Gamma) * odds / (1 + float64(g.Gamma*odds))
}

// EntropyWeight returns the weight of a position for WeightGiven, from 0 to [MaxWeight]. logits are
// those of the model that may have written the text, or of any other model. A position shows more
// of a mark, the freer the choice was there.
//
// The weight is the log odds of green under the mark, less those under the null. The spike entropy
// bounds the green probability from below (Kirchenbauer et al. 2023, theorem 4.2). It is the law
// before the token was drawn. Package informed uses the probability of the drawn token too, and needs
// less text. The weight is scaled so that a position where every token is equally likely has
// MaxWeight. Logits of another model cost power and never validity, if it does not depend on the key.
//
// The logits must be a function of the text before the position, and not of the key. Take those
// before the mark was applied, at temperature 1.
func EntropyWeight(logits []float32, g watermark.GreenList) uint8 {
	z := modulus(g)
	odds := tail.Exp(g.Delta)
	p := float64(g.Gamma * odds / (1 + float64(g.Gamma*(odds-1))) * SpikeEntropy(logits, z))
	gain := tail.Ln(p/(1-p)) - tail.Ln(g.Gamma/(1-g.Gamma)) // in [0, delta]
	return quantise(gain / g.Delta)
}

// LinearEntropyWeight returns the weight of Lu et al. 2024 ("An Entropy-based Text Watermarking
// Detection Method", EWD): the spike entropy less its minimum, scaled to [0, MaxWeight].
func LinearEntropyWeight(logits []float32, g watermark.GreenList) uint8 {
	z := modulus(g)
	least := 1 / (1 + z)
	return quantise((SpikeEntropy(logits, z) - least) / (1 - least))
}

// EntropyGate returns the weight of Lee et al. 2023 ("Who Wrote this Code?", SWEET): 1 if the
// Shannon entropy of the softmax of logits is above threshold, in nats, and otherwise 0.
func EntropyGate(logits []float32, threshold float64) uint8 {
	top := math.Inf(-1)
	for _, x := range logits {
		top = max(top, nanToNegInf(x))
	}
	var total, sum float64 // sums of w and of w ln w; p is w / total
	for _, x := range logits {
		if v := nanToNegInf(x) - top; v == v && !math.IsInf(v, -1) {
			w := tail.Exp(v)
			total += w
			sum += float64(w * v)
		}
	}
	if total == 0 || tail.Ln(total)-sum/total <= threshold {
		return 0
	}
	return 1
}

// quantise returns the weight for x in [0, 1].
func quantise(x float64) uint8 {
	return uint8(math.Round(min(max(x, 0), 1) * MaxWeight))
}

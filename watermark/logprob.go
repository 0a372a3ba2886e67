package watermark

import "math"

// LogProb returns the logarithm of the probability that softmax(logits) gives to a token, in nats, at
// most 0. Pass the model's own logits, before Process, for the log probabilities of an API. Sample does
// not change them. LogProb returns -Inf for an id outside the row, and for a logit of NaN or -Inf.
// Several logits of +Inf share the probability.
//
// The mean of -LogProb over the tokens of a text is its cross-entropy under the model, in nats a token,
// and e to that its perplexity. So the cost of a mark in context is the difference to unmarked text.
func LogProb(logits []float32, t Token) float64 {
	if t < 0 || int(t) >= len(logits) || !(logits[t] > negInf) {
		return math.Inf(-1)
	}
	top := negInf
	for _, x := range logits {
		if x > top { // false for NaN
			top = x
		}
	}
	depth := func(x float32) float64 {
		if x == top { // +Inf, too, whose difference would be NaN
			return 0
		}
		return float64(x) - float64(top)
	}
	var sum float64
	for _, x := range logits {
		if x > negInf {
			sum += math.Exp(depth(x))
		}
	}
	return min(depth(logits[t])-math.Log(sum), 0)
}

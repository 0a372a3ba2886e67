package watermark

import "math"

// maxTraceNats is the largest budget of TraceProfile. A step then multiplies its perplexity
// by up to 1.28, which is as much as a text should bear. The tangent bound below holds up to
// there.
const maxTraceNats = 0.25

// TraceProfile returns the recommended mark for finding out who trained on a model's answers. It
// is a green list with gamma 1/2 and two tokens of context, at every position. It works at any
// temperature, greedy decoding included, and survives training because the context is short.
// vocab, tokenizer and digest are those of [Profile].
//
// nats, in (0, 1/4], bounds the average cost of the mark in nats a token, whatever the model. The
// cost of a step is the Kullback-Leibler divergence of its marked distribution from the model's
// own, at temperature 1. A step's perplexity, given its context, grows by a factor of about
// e^nats. The perplexity of a whole text grows by more, because marked tokens lead to contexts that
// the model would have avoided. For delta 2 at temperature 1, a step of a model of 135M parameters
// cost x1.34, and its whole texts were at x2.3. docs/schemes.md has the measurements.
//
// The profile has MarkedScored. Set Exempt to the ids of control tokens, such as the end of a turn.
//
// Delta is the largest value within the budget, rounded down to three decimals. Let P be the
// green mass of a step (Kirchenbauer et al. 2023, section 4, for G):
//
//	f(P) = delta G - ln(1 + (e^delta - 1) P),  G = e^delta P / (1 + (e^delta - 1) P)
//
// For such delta, f lies below its tangent at P = 1/2, and the mean of P over keys is 1/2. So
// no model pays more than f(1/2), the cost of a model that is indifferent between its tokens.
//
// Text with less choice costs less. Measure it with a [GreenMassHistogram], and package detect
// computes the larger delta that costs the same. For draws at another temperature multiply
// Delta by the temperature.
//
// An error about a parameter is a [*ParamError].
func TraceProfile(vocab int, tokenizer, digest string, nats float64) (*Profile, error) {
	if !(nats > 0 && nats <= maxTraceNats) {
		return nil, paramError("nats", "%v is outside (0,%v]", nats, maxTraceNats)
	}
	low, high := 0.0, 2.0 // f(1/2) rises from 0 to 0.33
	for range 60 {
		if mid := (low + high) / 2; halfCost(mid) <= nats {
			low = mid
		} else {
			high = mid
		}
	}
	if low >= 0.01 {
		low = math.Floor(low*1000) / 1000
	}
	return (&Profile{
		Scheme: GreenList{Gamma: 0.5, Delta: low, Width: 2},
		Vocab:  vocab, Tokenizer: tokenizer, TokenizerDigest: digest,
		Marked: MarkedScored,
	}).checked()
}

// halfCost returns f(1/2) = delta/2 tanh(delta/2) - ln cosh(delta/2), in nats.
func halfCost(delta float64) float64 {
	x := delta / 2
	return x*math.Tanh(x) - math.Log(math.Cosh(x))
}

// ProvenanceProfile returns the recommended mark for recognising the text of a model. It is a
// [GumbelMax] with four tokens of context, which leaves repeated contexts unmarked. A test looks
// at each context once. It finds shorter texts than any other scheme here and does not change the
// distribution of a token, on average over keys. It does not survive training, and greedy
// decoding carries none of it. vocab, tokenizer and digest are those of [Profile].
//
// Texts of one key that share a context draw the same token there. The profile has MarkedScored, so
// the first four tokens of a text are drawn at random. Requests that begin differently then differ.
// An answer that is written again with the same beginning continues alike. Set Variants, or Dual of
// [GumbelMax], if it must not. Set Exempt to the ids of control tokens, such as the end of a turn.
//
// An error about a parameter is a [*ParamError].
func ProvenanceProfile(vocab int, tokenizer, digest string) (*Profile, error) {
	return (&Profile{
		Scheme: GumbelMax{Width: 4},
		Vocab:  vocab, Tokenizer: tokenizer, TokenizerDigest: digest,
		Dedup: DedupContext, Marked: MarkedScored,
	}).checked()
}

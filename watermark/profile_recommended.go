package watermark

import "math"

// maxTraceNats bounds the budget of TraceProfile. A perplexity factor of 1.28 is more than
// a text should bear; and up to there the bound that TraceProfile gives is one.
const maxTraceNats = 0.25

// TraceProfile returns the recommended mark for finding out who trained on a model's
// answers: a soft green bias with two tokens of context, gamma 1/2, everywhere in the text
// and at any temperature, greedy too. It survives training because the context is short.
// vocab, tokenizer and digest are those of [Profile].
//
// nats is what the mark may cost on average, in nats a token, in (0, 1/4]: the divergence
// of the marked law from the model's, at temperature 1, whatever the model; e^nats is about
// the factor on perplexity. Delta is the largest with that property, rounded down to three
// decimals: with P the green mass of a step, the cost
//
//	f(P) = delta G - ln(1 + (e^delta - 1) P),  G = e^delta P / (1 + (e^delta - 1) P)
//
// (Kirchenbauer et al. 2023, section 4, for G) lies below its tangent at P = 1/2 for such
// delta, and the mean of P over keys is 1/2, so that a model that does not care which token
// it writes pays most: f(1/2). Text with less choice costs less, and a bias can be larger
// for the same nats where a [GreenMassHistogram] shows how much less (package detect,
// MassLaw.Delta). At another temperature multiply Delta by it.
//
// What is wrong with a parameter is a [*ParamError].
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
	}).checked()
}

// halfCost is f(1/2) = delta/2 tanh(delta/2) - ln cosh(delta/2).
func halfCost(delta float64) float64 {
	x := delta / 2
	return x*math.Tanh(x) - math.Log(math.Cosh(x))
}

// ProvenanceProfile returns the recommended mark for recognising a model's text: a
// [GumbelMax] with four tokens of context, repeated contexts left alone, each context
// tested once. It does not change the distribution of a token, finds shorter texts than any
// other scheme here, and does not survive training; greedy decoding shows none of it.
// vocab, tokenizer and digest are those of [Profile]. What is wrong with a parameter is a
// [*ParamError].
func ProvenanceProfile(vocab int, tokenizer, digest string) (*Profile, error) {
	return (&Profile{
		Scheme: GumbelMax{Width: 4},
		Vocab:  vocab, Tokenizer: tokenizer, TokenizerDigest: digest,
		Dedup: DedupContext,
	}).checked()
}

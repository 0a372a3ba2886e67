package interop

import "github.com/isotope-wm/isotope/watermark"

// SGLang 0.5.23. A context is hashed with its own length: the text has fewer tokens of context
// where the prompt was shorter than the window.

// sglangContext hashes a context. Ids that are absent stand before it.
func sglangContext(context []watermark.Token, absent watermark.Token) uint32 {
	words := make([]uint32, 0, watermark.MaxWidth)
	for _, t := range context {
		if t != absent {
			words = append(words, uint32(t))
		}
	}
	return murmur(words...)
}

func sglangUniform(key uint64, context uint32, token watermark.Token) uniform {
	w := uint64(murmur(uint32(key), uint32(key>>32), context, uint32(token)))
	return uniform{ // u = (w + 1/2) / 2^32
		atLeast:    (1<<32 - w) << 32,
		complement: (2*(1<<32-w) - 1) << 31,
	}
}

// sglangFirst reports whether the coin of a context falls on the first of two keys.
func sglangFirst(a, b uint64, context uint32, threshold uint64) bool {
	return uint64(murmur(uint32(a), uint32(a>>32), uint32(b), uint32(b>>32), context)) < threshold
}

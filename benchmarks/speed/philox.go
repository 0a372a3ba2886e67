package speed

import "math/bits"

// philox returns 128 bits of Philox4x32-10 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1,
// 2, 3"). It is the counter-based generator of GPU frameworks, and is not secure.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		m0, m1 = 0xD2511F53, 0xCD9E8D57
		w0, w1 = 0x9E3779B9, 0xBB67AE85
	)
	for range 10 {
		h0, l0 := bits.Mul32(m0, counter[0])
		h1, l1 := bits.Mul32(m1, counter[2])
		counter = [4]uint32{h1 ^ counter[1] ^ key[0], l1, h0 ^ counter[3] ^ key[1], l0}
		key[0] += w0
		key[1] += w1
	}
	return counter
}

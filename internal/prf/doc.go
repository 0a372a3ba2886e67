// Package prf is the keyed function of wire format isotope/1. One AES-128 call decides one
// (context, token) pair.
//
// # Specification
//
// A leaf is a uniform 32-byte secret. Every key below it is
//
//	Expand(leaf, info, L) = HKDF-Expand with SHA-256 (RFC 5869, section 2.3)
//
// For L <= 32 this is the first L bytes of HMAC-SHA-256(leaf, info || 01). There is no extract
// step, because the leaf is uniform already. Thus a key service that only offers HMAC can hold
// the root.
//
//	key id    : hex of Expand(leaf, "isotope/1" 00 "id", 8)
//	Derive    : Expand(leaf, "isotope/1" 00 "derive" 00 (u32le(len(label)) label)..., 32)
//	K_purpose : Expand(leaf, "isotope/1" 00 purpose 00 u8(k) u8(w) u32le(group), 16)
//
// A context is the k tokens before a position. The function reads it as a 12-byte nonce. For
// k <= 4 the nonce is four 3-byte little-endian slots with the newest token in the last one. Slots
// older than k hold FF FF FF. For k > 4 the nonce is the first 12 bytes of
// AES-CMAC(K_context, LE24(oldest) ... LE24(newest)). In both forms FF FF FF stands for a token
// that does not exist: the text begins later, or the id is outside [0, 2^24-1).
//
//	block_j = AES-128(K_purpose, nonce || BE32(j))
//
// is the keystream of AES-CTR with the initial counter block nonce || 00000000, so any crypto
// library reproduces it. Lanes of w bits cut it as a little-endian bit string: token v owns bits
// [v*w, (v+1)*w).
//
// The dedup tag of a pair is AES-128(K_pub, nonce || BE32(v)) under the public constant
// K_pub = "isotope/1 dedup" 00. For k > 4 the nonce is the CMAC under K_pub. For k <= 4 the tag is
// a bijection of the pair.
//
// Package kernel turns keystream into biases and masks.
package prf

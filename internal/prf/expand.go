package prf

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// LeafSize is the length of a leaf in bytes.
const LeafSize = 32

// version begins the info string of every derivation, so that no other wire format shares a key
// with this one.
const version = "isotope/1"

// Purposes of derived keys.
const (
	PurposeGreen      = "green"
	PurposeContext    = "context"
	PurposeBand       = "band"
	PurposePayload    = "payload"
	PurposeGumbel     = "gumbel"          // first byte of a uniform
	PurposeGumbelLow  = "gumbel-low"      // its other bytes
	PurposeGumbel2    = "gumbel-dual"     // first byte under the second key
	PurposeGumbel2Low = "gumbel-dual-low" // its other bytes
	PurposeCoin       = "coin"            // the choice between two keys
	PurposeTournament = "tournament"
)

// ID returns the public fingerprint of a leaf: 16 hex digits.
func ID(leaf *[LeafSize]byte) string {
	return hex.EncodeToString(expand(leaf, version+"\x00id", 8))
}

// Derive returns the child of a leaf under labels. The derivation includes the lengths of labels,
// so ("ab","c") and ("a","bc") give different children.
func Derive(leaf *[LeafSize]byte, labels []string) *[LeafSize]byte {
	info := []byte(version + "\x00derive\x00")
	for _, label := range labels {
		info = binary.LittleEndian.AppendUint32(info, uint32(len(label)))
		info = append(info, label...)
	}
	return (*[LeafSize]byte)(expand(leaf, string(info), LeafSize))
}

// subkey returns K_purpose for context width k, lane width w and tenant group.
func subkey(leaf *[LeafSize]byte, purpose string, k, w int, group uint32) []byte {
	info := append([]byte(version), 0)
	info = append(info, purpose...)
	info = append(info, 0, byte(k), byte(w))
	info = binary.LittleEndian.AppendUint32(info, group)
	return expand(leaf, string(info), 16)
}

func expand(leaf *[LeafSize]byte, info string, n int) []byte {
	out, err := hkdf.Expand(sha256.New, leaf[:], info, n)
	if err != nil {
		panic("prf: " + err.Error()) // unreachable: n is at most 32, and HKDF allows 8160
	}
	return out
}

package tokenize

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// digest returns the Digest of an encoding: the SHA-256 of these fields. The length of each in bytes
// comes before it, as an unsigned varint.
//
//   - "isotope/tokenize/1", which stands for the rules that no other field states: how pieces merge,
//     and that a byte which is not UTF-8 is a symbol
//   - the pattern
//   - the Unicode classes: the elements of classRuns in big-endian order
//   - each token, empty for an id without text
//   - each special token in the order of ids: its id as four bytes, big-endian, and its name
func digest(s *spec, tokens []string) string {
	h := sha256.New()
	buf := bufio.NewWriter(h) // writing to a hash does not fail
	field := func(s string) {
		var length [binary.MaxVarintLen64]byte
		buf.Write(length[:binary.PutUvarint(length[:], uint64(len(s)))])
		buf.WriteString(s)
	}
	field("isotope/tokenize/1")
	field(s.pattern)
	var classes []byte
	for _, run := range classRuns {
		classes = binary.BigEndian.AppendUint32(classes, run)
	}
	field(string(classes))
	for _, token := range tokens {
		field(token)
	}
	for _, id := range slices.Sorted(maps.Keys(s.special)) {
		field(string(binary.BigEndian.AppendUint32(nil, uint32(id))) + s.special[id])
	}
	buf.Flush()
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

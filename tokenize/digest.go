package tokenize

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"iter"
	"maps"
	"slices"
)

// A digester hashes fields. The length of each in bytes comes before it, as an unsigned varint.
type digester struct {
	hash hash.Hash
	buf  []byte
}

func newDigester() *digester {
	return &digester{sha256.New(), make([]byte, 0, 1<<15)}
}

func (d *digester) field(s string) {
	if len(d.buf)+binary.MaxVarintLen64+len(s) > cap(d.buf) {
		d.flush()
	}
	d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
	d.buf = append(d.buf, s...)
}

// flush writes what fields have gathered. Writing to a hash does not fail.
func (d *digester) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

func (d *digester) runs(runs []uint32) {
	var classes []byte
	for _, run := range runs {
		classes = binary.BigEndian.AppendUint32(classes, run)
	}
	d.field(string(classes))
}

func (d *digester) sum() string {
	d.flush()
	return "sha256:" + hex.EncodeToString(d.hash.Sum(nil))
}

// digest returns the Digest of an encoding whose rules are a pattern and the ranks of its tokens: the
// SHA-256 of these fields.
//
//   - "isotope/tokenize/1", which stands for the rules that no other field states: how pieces merge,
//     and that a byte which is not UTF-8 is a symbol
//   - the pattern
//   - the Unicode classes: the elements of classRuns in big-endian order
//   - each token, empty for an id without text
//   - each special token in the order of ids: its id as four bytes, big-endian, and its name
func digest(pattern string, tokens iter.Seq[string], special map[int32]string) string {
	d := newDigester()
	d.field("isotope/tokenize/1")
	d.field(pattern)
	d.runs(classRuns[:])
	for token := range tokens {
		d.field(token)
	}
	d.special(special)
	return d.sum()
}

func (d *digester) special(special map[int32]string) {
	for _, id := range slices.Sorted(maps.Keys(special)) {
		d.field(string(binary.BigEndian.AppendUint32(nil, uint32(id))) + special[id])
	}
}

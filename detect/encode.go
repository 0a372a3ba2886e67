package detect

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/internal/tokset"
)

// ErrMalformed is wrapped by errors about bytes that AppendBinary did not write.
var ErrMalformed = errors.New("malformed evidence")

// maxPositions is more than any text has, and small enough to add up.
const maxPositions = 1 << 60

// encodingTag begins every encoding and names its version.
const encodingTag = "isotope-evidence-1\n"

// AppendBinary appends the accumulator's state. Accumulators that hold the same
// evidence have the same bytes, whatever the order, the shards or the restarts it
// came through. The state holds the text's pairs and no key. The error is always nil.
func (a *Accumulator) AppendBinary(dst []byte) ([]byte, error) {
	from := len(dst)
	dst = append(dst, encodingTag...)
	dst = append(dst, a.subject()...)
	f := a.evidence.fixed
	for _, n := range []int64{f.tokens, f.vocab, f.shortContext} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	dst = a.evidence.set.AppendBinary(dst)
	sum := sha256.Sum256(dst[from:])
	return append(dst, sum[:]...), nil
}

// MarshalBinary returns what AppendBinary appends.
func (a *Accumulator) MarshalBinary() ([]byte, error) { return a.AppendBinary(nil) }

// subject digests what the evidence is about: the mark and the options that decide
// what a unit is.
func (a *Accumulator) subject() []byte {
	h := sha256.New()
	o := a.options
	fmt.Fprintf(h, "%q %d %d %d %x %d", a.scorer.ID(), o.Dedup, o.Weighting, o.Sample.Size, o.Sample.RunKey, o.Exempt)
	return h.Sum(nil)
}

// UnmarshalBinary replaces the state by an encoded one. The accumulator must have
// been made with [New] for the same mark, Dedup and Exempt, or the error wraps
// [ErrMismatch]; damaged bytes wrap [ErrMalformed]. After an error the state is what
// it was. Memory is bounded by the length of data.
func (a *Accumulator) UnmarshalBinary(data []byte) error {
	rest, ok := bytes.CutPrefix(data, []byte(encodingTag))
	if !ok || len(rest) < 2*sha256.Size {
		return fmt.Errorf("detect: %w: it does not begin with %q", ErrMalformed, encodingTag)
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return fmt.Errorf("detect: %w: the checksum is wrong", ErrMalformed)
	}
	rest = rest[:len(rest)-sha256.Size]
	if !bytes.Equal(rest[:sha256.Size], a.subject()) {
		return fmt.Errorf("detect: the bytes are not about %q: %w", a.scorer.ID(), ErrMismatch)
	}
	rest = rest[sha256.Size:]
	var f fixed
	for _, n := range []*int64{&f.tokens, &f.vocab, &f.shortContext} {
		if len(rest) < 8 {
			return fmt.Errorf("detect: %w: it is cut short", ErrMalformed)
		}
		*n = int64(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
	}
	e := a.evidence
	set, rest, err := tokset.Decode(rest, e.config, e.vocab, MaxWeight)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("detect: %w: the pairs are damaged", ErrMalformed)
	}
	// Each part is within the whole, so that sums of parts do not overflow.
	within := func(n int64) bool { return n >= 0 && n <= f.tokens }
	if !within(f.vocab) || !within(f.shortContext) || f.tokens > maxPositions ||
		f.vocab+f.shortContext+set.Positions() != f.tokens {
		return fmt.Errorf("detect: %w: the counts do not add up", ErrMalformed)
	}
	e.set, e.fixed = set, f
	return nil
}

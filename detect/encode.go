package detect

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// ErrMalformed is wrapped by errors about bytes that AppendBinary did not write.
var ErrMalformed = errors.New("the evidence is damaged")

// encodingTag begins every encoding and names its version.
const encodingTag = "isotope-evidence-1\n"

// AppendBinary appends the accumulator's state to dst. Accumulators that hold the same evidence
// have the same bytes, for any order, shards or restarts. The state holds the pairs of the texts,
// and no key. The error is always nil.
func (a *Accumulator) AppendBinary(dst []byte) ([]byte, error) {
	from := len(dst)
	dst = append(dst, encodingTag...)
	dst = append(dst, a.identity()...)
	dst = a.evidence.AppendBinary(dst)
	return evidence.Seal(dst, from), nil
}

// MarshalBinary returns the bytes that AppendBinary appends.
func (a *Accumulator) MarshalBinary() ([]byte, error) { return a.AppendBinary(nil) }

// identity digests what the evidence belongs to: the mark, and the options that decide what a unit
// is.
func (a *Accumulator) identity() []byte {
	h := sha256.New()
	o := a.options
	fmt.Fprintf(h, "%q %d %d %d %x %d",
		a.scorer.ID(), o.Dedup, o.Weighting, o.Sample.Size, o.Sample.RunKey, o.Exempt)
	return h.Sum(nil)
}

// UnmarshalBinary replaces the state by an encoded one. The accumulator must have been made with
// [NewAccumulator] for the same mark, with the same Dedup, Weighting, Sample and Exempt. Otherwise
// the error wraps [ErrMismatch]. Errors about damaged bytes wrap [ErrMalformed]. After an error the
// state is unchanged. len(data) bounds the memory.
func (a *Accumulator) UnmarshalBinary(data []byte) error {
	rest, err := evidence.Open(data, encodingTag)
	if err != nil {
		return fmt.Errorf("detect: %w: %w", ErrMalformed, err)
	}
	if len(rest) < sha256.Size {
		return fmt.Errorf("detect: %w: the data ends early", ErrMalformed)
	}
	if !bytes.Equal(rest[:sha256.Size], a.identity()) {
		return fmt.Errorf("detect: the encoding is not a test of %q with these options: %w",
			a.scorer.ID(), ErrMismatch)
	}
	if err := a.evidence.Decode(rest[sha256.Size:]); err != nil {
		return fmt.Errorf("detect: %w: %w", ErrMalformed, err)
	}
	return nil
}

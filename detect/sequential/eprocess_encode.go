package sequential

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// eprocessTag begins every encoding of an EProcess of [NewEProcess], and names its version.
// eprocessTagStrong begins that of an EProcess with more green rates.
const (
	eprocessTag       = "isotope-eprocess-1\n"
	eprocessTagStrong = "isotope-eprocess-2\n"
)

// tag returns the tag of the encoding.
func (e *EProcess) tag() string {
	if e.mixture.size > gridPoints {
		return eprocessTagStrong
	}
	return eprocessTag
}

// AppendBinary appends the state to dst: gamma and four counts. Processes in the same state have
// the same bytes. The counts depend on the key. The error is always nil.
func (e *EProcess) AppendBinary(dst []byte) ([]byte, error) {
	from := len(dst)
	dst = append(dst, e.tag()...)
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(e.mixture.gamma))
	dst = e.appendCounts(dst)
	return evidence.Seal(dst, from), nil
}

// MarshalBinary returns the bytes that AppendBinary appends.
func (e *EProcess) MarshalBinary() ([]byte, error) { return e.AppendBinary(nil) }

// UnmarshalBinary replaces the state by an encoded one. The process must have been made for the
// same gamma, or the error wraps [detect.ErrMismatch]. Errors about damaged bytes wrap
// [detect.ErrMalformed]. After an error the state is unchanged.
func (e *EProcess) UnmarshalBinary(data []byte) error {
	rest, err := checkedBody(data, e.tag())
	if err != nil {
		return err
	}
	if len(rest) != 8+eprocessCounts {
		return fmt.Errorf("sequential: %w: the length is wrong", detect.ErrMalformed)
	}
	if gamma := math.Float64frombits(binary.LittleEndian.Uint64(rest)); gamma != e.mixture.gamma {
		return fmt.Errorf("sequential: the encoding has gamma %v, not %v: %w",
			gamma, e.mixture.gamma, detect.ErrMismatch)
	}
	read, err := e.decodeCounts(rest[8:])
	if err != nil {
		return err
	}
	*e = *read
	return nil
}

// checkedBody returns the bytes between the tag and the checksum.
func checkedBody(data []byte, tag string) ([]byte, error) {
	body, err := evidence.Open(data, tag)
	if err != nil {
		return nil, fmt.Errorf("sequential: %w: %w", detect.ErrMalformed, err)
	}
	return body, nil
}

// eprocessCounts is the length of the encoded counts.
const eprocessCounts = 4 * 8

func (e *EProcess) appendCounts(dst []byte) []byte {
	for _, n := range []int64{e.green, e.n, e.supGreen, e.supN} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	return dst
}

// decodeCounts returns a process of the same gamma with the counts in data, which must have the
// length eprocessCounts.
func (e *EProcess) decodeCounts(data []byte) (*EProcess, error) {
	read := &EProcess{mixture: e.mixture}
	for i, n := range []*int64{&read.green, &read.n, &read.supGreen, &read.supN} {
		*n = int64(binary.LittleEndian.Uint64(data[8*i:]))
	}
	// The supremum was on the way to the present counts, and is not below the present value.
	red, supRed := read.n-read.green, read.supN-read.supGreen
	if read.green < 0 || red < 0 || read.n < 0 || read.supGreen < 0 || supRed < 0 ||
		read.supGreen > read.green || supRed > red {
		return nil, fmt.Errorf("sequential: %w: its counts contradict each other", detect.ErrMalformed)
	}
	read.sup = read.mixture.log10E(read.supGreen, read.supN)
	// Logarithms of another machine may differ in the last bits.
	slack := 1e-9 + float64(1e-12*float64(read.n))
	if read.sup < max(0, read.Log10E())-slack {
		return nil, fmt.Errorf("sequential: %w: its counts contradict each other", detect.ErrMalformed)
	}
	return read, nil
}

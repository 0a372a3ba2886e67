package student

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// testTag begins every encoding of a Test, and names its version. testTagHistory begins that of a
// Test with conversations, whose outputs have a third text.
const (
	testTag        = "isotope-student-1\n"
	testTagHistory = "isotope-student-2\n"
)

// AppendBinary appends the state to dst. Tests that hold the same outputs have the same bytes, for
// any order, shards or restarts. The state holds the tokens of outputs and prompts, and no key. The
// Reference, and other options that only decide about results, are not part of it. The error is
// always nil.
func (s *Test) AppendBinary(dst []byte) ([]byte, error) {
	s.settle()
	from := len(dst)
	tag := testTag
	more := slices.ContainsFunc(s.outputs, func(o output) bool { return o.history != nil })
	if more {
		tag = testTagHistory
	}
	dst = append(dst, tag...)
	dst = append(dst, s.identity()...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.outputs)))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.excluded)))
	for _, o := range s.outputs {
		dst = appendTokens(dst, o.prompt)
		dst = appendTokens(dst, o.text)
		if more {
			dst = appendTokens(dst, o.history)
		}
	}
	for _, x := range s.excluded {
		dst = appendTokens(dst, x)
	}
	return evidence.Seal(dst, from), nil
}

// MarshalBinary returns the bytes that AppendBinary appends.
func (s *Test) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// identity digests what the evidence belongs to.
func (s *Test) identity() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d", s.scorer.ID(), s.options.Filter.Name, s.options.Exempt)
	return h.Sum(nil)
}

// UnmarshalBinary replaces the state by an encoded one. The Test must have been made for the same
// mark, Exempt and Filter, or the error wraps [detect.ErrMismatch]. Errors about damaged bytes wrap
// [detect.ErrMalformed]. After an error the state is unchanged. len(data) bounds the memory.
func (s *Test) UnmarshalBinary(data []byte) error {
	tag, more := testTag, bytes.HasPrefix(data, []byte(testTagHistory))
	if more {
		tag = testTagHistory
	}
	rest, err := checkedBody(data, tag)
	if err != nil {
		return err
	}
	if len(rest) < sha256.Size+16 {
		return fmt.Errorf("student: %w: the data ends early", detect.ErrMalformed)
	}
	if !bytes.Equal(rest[:sha256.Size], s.identity()) {
		return fmt.Errorf("student: the encoding is not a test of %q with these options: %w",
			s.scorer.ID(), detect.ErrMismatch)
	}
	rest = rest[sha256.Size:]
	outputs, excluded := binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])
	rest = rest[16:]
	// Every text takes at least 8 bytes.
	if excluded > uint64(len(rest))/8 || outputs > uint64(len(rest))/16 {
		return fmt.Errorf("student: %w: the data ends early", detect.ErrMalformed)
	}
	read := Test{scorer: s.scorer, decoys: s.decoys, options: s.options}
	next := func() []detect.Token {
		var tokens []detect.Token
		if tokens, rest, err = decodeTokens(rest, s.scorer.Vocab(), err); err != nil {
			return nil
		}
		return tokens
	}
	for range outputs {
		o := output{prompt: next(), text: next()}
		if more {
			if o.history = next(); len(o.history) == 0 {
				o.history = nil
			}
		}
		read.outputs = append(read.outputs, o)
	}
	for range excluded {
		read.excluded = append(read.excluded, next())
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("student: %w: there is data after the end", detect.ErrMalformed)
	}
	if err != nil {
		return err
	}
	if again, _ := read.AppendBinary(nil); !bytes.Equal(again, data) {
		return fmt.Errorf("student: %w: the texts are out of order", detect.ErrMalformed)
	}
	*s = read
	return nil
}

// appendTokens appends a length, and ids of three bytes. -1 is FF FF FF.
func appendTokens(dst []byte, tokens []detect.Token) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(tokens)))
	return evidence.Pack(dst, tokens...)
}

// decodeTokens reads what appendTokens wrote. If there was an error before, it returns that.
func decodeTokens(data []byte, vocab int, before error) ([]detect.Token, []byte, error) {
	if before != nil {
		return nil, nil, before
	}
	if len(data) < 8 {
		return nil, nil, fmt.Errorf("student: %w: the data ends early", detect.ErrMalformed)
	}
	n := binary.LittleEndian.Uint64(data)
	data = data[8:]
	if n > uint64(len(data))/evidence.IDSize {
		return nil, nil, fmt.Errorf("student: %w: the data ends early", detect.ErrMalformed)
	}
	tokens := make([]detect.Token, n)
	for i := range tokens {
		id := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
		data = data[evidence.IDSize:]
		switch {
		case id < vocab:
			tokens[i] = detect.Token(id)
		case id == 1<<24-1:
			tokens[i] = -1
		default:
			return nil, nil, fmt.Errorf("student: %w: an id is outside the vocabulary", detect.ErrMalformed)
		}
	}
	return tokens, data, nil
}

// Reset removes everything that was added or excluded.
func (s *Test) Reset() { s.outputs, s.excluded = nil, nil }

// checkedBody returns the bytes between the tag and the checksum.
func checkedBody(data []byte, tag string) ([]byte, error) {
	body, err := evidence.Open(data, tag)
	if err != nil {
		return nil, fmt.Errorf("student: %w: %w", detect.ErrMalformed, err)
	}
	return body, nil
}

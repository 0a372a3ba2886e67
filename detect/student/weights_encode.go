package student

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// Tags begin the encodings, and name their versions.
const (
	choicesTag    = "isotope-reading-1\n"
	differenceTag = "isotope-difference-1\n"
)

func (c *textCounts) all() []*int64 {
	return []*int64{&c.texts, &c.unread, &c.repeated, &c.filtered}
}

// appendCounts appends each count as 8 bytes.
func appendCounts(dst []byte, counts []*int64) []byte {
	for _, n := range counts {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(*n))
	}
	return dst
}

// decodeCounts reads what appendCounts wrote. ok is false if data is too short or a count is out of
// range.
func decodeCounts(data []byte, counts []*int64) (rest []byte, ok bool) {
	if len(data) < 8*len(counts) {
		return nil, false
	}
	for _, n := range counts {
		*n = int64(binary.LittleEndian.Uint64(data))
		if *n < 0 || *n > evidence.MaxPositions {
			return nil, false
		}
		data = data[8:]
	}
	return data, true
}

// AppendBinary appends the state to dst. Choices that hold the same evidence have the same bytes,
// for any order, shards or restarts. The state does not hold a key. The error is always nil.
func (r *Choices) AppendBinary(dst []byte) ([]byte, error) {
	from := len(dst)
	dst = append(dst, choicesTag...)
	dst = append(dst, r.identity()...)
	dst = appendCounts(dst, r.counts.all())
	dst, _ = r.test.AppendBinary(dst) // never fails
	return evidence.Seal(dst, from), nil
}

// MarshalBinary returns the bytes that AppendBinary appends.
func (r *Choices) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// identity digests the filter. The accumulator's encoding digests the rest.
func (r *Choices) identity() []byte {
	id := sha256.Sum256([]byte(r.options.Filter.Name))
	return id[:]
}

// UnmarshalBinary replaces the state by an encoded one. The Choices must have been made for the
// same mark, Exempt and Filter, or the error wraps [detect.ErrMismatch]. Errors about damaged bytes
// wrap [detect.ErrMalformed]. After an error the state is unchanged. len(data) bounds the memory.
func (r *Choices) UnmarshalBinary(data []byte) error {
	rest, err := checkedBody(data, choicesTag)
	if err != nil {
		return err
	}
	if len(rest) < sha256.Size {
		return fmt.Errorf("student: %w: the data ends early", detect.ErrMalformed)
	}
	if !bytes.Equal(rest[:sha256.Size], r.identity()) {
		return fmt.Errorf("student: the encoding is a test with another Filter: %w", detect.ErrMismatch)
	}
	var counts textCounts
	rest, ok := decodeCounts(rest[sha256.Size:], counts.all())
	if !ok {
		return fmt.Errorf("student: %w: a count is out of range", detect.ErrMalformed)
	}
	if err := r.test.UnmarshalBinary(rest); err != nil {
		return err
	}
	r.counts = counts
	return nil
}

func (d *Difference) allCounts(c *textCounts, f *positionCounts) []*int64 {
	return append(c.all(), &f.tokens, &f.vocab, &f.shortContext)
}

// AppendBinary appends the state to dst. Differences that hold the same evidence have the same
// bytes, for any order, shards or restarts. The state does not hold a key. The error is always nil.
//
//	windows in order: ids LE24, texts u64le, tokens u64le, and for each token in order
//	its id LE24 and the sum of differences, 2^-30, i64le; excluded windows in order
func (d *Difference) AppendBinary(dst []byte) ([]byte, error) {
	from := len(dst)
	dst = append(dst, differenceTag...)
	dst = append(dst, d.identity()...)
	dst = appendCounts(dst, d.allCounts(&d.counts, &d.fixed))
	windows, excluded := int64(len(d.windows)), int64(len(d.excluded))
	dst = appendCounts(dst, []*int64{&windows, &excluded})
	for _, key := range slices.Sorted(maps.Keys(d.windows)) {
		c := d.windows[key]
		dst = append(dst, key...)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(c.texts))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(len(c.sums)))
		for _, t := range slices.Sorted(maps.Keys(c.sums)) {
			dst = evidence.Pack(dst, t)
			dst = binary.LittleEndian.AppendUint64(dst, uint64(c.sums[t]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.excluded)) {
		dst = append(dst, key...)
	}
	return evidence.Seal(dst, from), nil
}

// MarshalBinary returns the bytes that AppendBinary appends.
func (d *Difference) MarshalBinary() ([]byte, error) { return d.AppendBinary(nil) }

func (d *Difference) identity() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %v %q %d", d.scorer.ID(), d.based, d.options.Filter.Name, d.options.Exempt)
	return h.Sum(nil)
}

// UnmarshalBinary replaces the state by an encoded one. The Difference must have been made for the
// same mark, Exempt and Filter, and with or without a base as the encoded one was. Otherwise the
// error wraps [detect.ErrMismatch]. Errors about damaged bytes wrap [detect.ErrMalformed]. After an
// error the state is unchanged. len(data) bounds the memory.
func (d *Difference) UnmarshalBinary(data []byte) error {
	rest, err := checkedBody(data, differenceTag)
	if err != nil {
		return err
	}
	if len(rest) < sha256.Size {
		return fmt.Errorf("student: %w: the data ends early", detect.ErrMalformed)
	}
	if !bytes.Equal(rest[:sha256.Size], d.identity()) {
		return fmt.Errorf("student: the encoding is not a test of %q with these options: %w",
			d.scorer.ID(), detect.ErrMismatch)
	}
	read := Difference{scorer: d.scorer, decoys: d.decoys, options: d.options, based: d.based}
	read.Reset()
	var windows, excluded int64
	counts := append(read.allCounts(&read.counts, &read.fixed), &windows, &excluded)
	rest, ok := decodeCounts(rest[sha256.Size:], counts)
	if !ok || !read.decodeWindows(rest, windows, excluded) {
		return fmt.Errorf("student: %w: the windows are damaged", detect.ErrMalformed)
	}
	*d = read
	return nil
}

// decodeWindows reads windows and excluded windows. It reports whether they are such as
// AppendBinary writes.
func (d *Difference) decodeWindows(data []byte, windows, excluded int64) bool {
	vocab, size := d.scorer.Vocab(), evidence.IDSize*d.scorer.Width()
	last := ""
	for i := range windows {
		if len(data) < size+16 {
			return false
		}
		key := string(data[:size])
		texts, entries := binary.LittleEndian.Uint64(data[size:]), binary.LittleEndian.Uint64(data[size+8:])
		data = data[size+16:]
		const entry = evidence.IDSize + 8
		if i > 0 && key <= last || !evidence.AllBelow(key, vocab) ||
			texts < 1 || texts > maxWindowTexts || entries > uint64(len(data))/entry {
			return false
		}
		last = key
		c := &windowSums{texts: int64(texts), sums: make(map[detect.Token]int64, entries)}
		before := -1
		for range entries {
			id := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
			sum := int64(binary.LittleEndian.Uint64(data[evidence.IDSize:]))
			data = data[entry:]
			// The mean is a difference of probabilities, within rowSlack of [-1,1].
			if id <= before || id >= vocab || sum == 0 || magnitude(sum) > 2*fixedOne*texts {
				return false
			}
			before = id
			c.sums[detect.Token(id)] = sum
		}
		d.windows[key] = c
	}
	if size == 0 && (excluded > 1 || len(data) > 0) ||
		size > 0 && (len(data)%size != 0 || int64(len(data)/size) != excluded) {
		return false
	}
	for i := range excluded {
		key := string(data[:size])
		data = data[size:]
		if i > 0 && key <= last {
			return false
		}
		d.excluded[key], last = struct{}{}, key
	}
	return true
}

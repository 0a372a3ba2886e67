package sequential

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

// testTag begins every encoding of a Test whose e-process has the parts of the second version.
// testTagMore begins the others: later versions mix more parts under some laws.
const (
	testTag     = "isotope-sequential-2\n"
	testTagMore = "isotope-sequential-3\n"
)

// testHeader is the length of the bytes before the units, without the counts of the process. They
// are the identity, six kinds of skipped positions, and the numbers of units and of contexts.
const testHeader = sha256.Size + 8*8

// AppendBinary appends the state to dst. Tests in the same state have the same bytes. The state
// holds the units and how many of them are green, and no key. Alpha, MinShare and Tests are not
// part of it. The error is always nil.
func (q *Test) AppendBinary(dst []byte) ([]byte, error) {
	from := len(dst)
	tag := testTag
	if q.process.parts() != firstProcess(q.scorer.Law()).parts() {
		tag = testTagMore
	}
	dst = append(dst, tag...)
	dst = append(dst, q.identity()...)
	dst = q.process.appendCounts(dst)
	s := q.skipped
	for _, n := range []int64{
		s.Vocab, s.ShortContext, s.Band, s.Payload, s.Excluded, s.Duplicate,
		int64(len(q.ledger.unit)), int64(len(q.ledger.excluded)),
	} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	for _, key := range slices.Sorted(maps.Keys(q.ledger.unit)) {
		dst = append(append(dst, key...), byte(q.ledger.unit[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(q.ledger.excluded)) {
		dst = append(dst, key...)
	}
	return evidence.Seal(dst, from), nil
}

// MarshalBinary returns the bytes that AppendBinary appends.
func (q *Test) MarshalBinary() ([]byte, error) { return q.AppendBinary(nil) }

// identity digests what the evidence belongs to.
func (q *Test) identity() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d", q.scorer.ID(), q.options.Dedup, q.options.Exempt)
	return h.Sum(nil)
}

// UnmarshalBinary replaces the state by an encoded one. The Test then continues as if it had never
// stopped, with the parts that its e-process had. It must have been made for the same mark, Dedup and Exempt, or the error wraps
// [detect.ErrMismatch]. Errors about damaged bytes wrap [detect.ErrMalformed]. After an error the
// state is unchanged. len(data) bounds the memory.
func (q *Test) UnmarshalBinary(data []byte) error {
	tag, empty := testTag, firstProcess(q.scorer.Law())
	if now := newProcess(q.scorer.Law()); now.parts() != empty.parts() && bytes.HasPrefix(data, []byte(testTagMore)) {
		tag, empty = testTagMore, now
	}
	rest, err := checkedBody(data, tag)
	if err != nil {
		return err
	}
	if len(rest) < testHeader+empty.size() {
		return fmt.Errorf("sequential: %w: the data ends early", detect.ErrMalformed)
	}
	if !bytes.Equal(rest[:sha256.Size], q.identity()) {
		return fmt.Errorf("sequential: the encoding is not a test of %q with these options: %w",
			q.scorer.ID(), detect.ErrMismatch)
	}
	rest = rest[sha256.Size:]
	process, err := empty.decode(rest[:empty.size()])
	if err != nil {
		return err
	}
	rest = rest[empty.size():]
	var s detect.Skipped
	var units, excluded int64
	for _, n := range []*int64{
		&s.Vocab, &s.ShortContext, &s.Band, &s.Payload, &s.Excluded, &s.Duplicate, &units, &excluded,
	} {
		*n = int64(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
		if *n < 0 || *n > 1<<60 {
			return fmt.Errorf("sequential: %w: a count is out of range", detect.ErrMalformed)
		}
	}
	l := newLedger(q.ledger.rule, q.ledger.width)
	counts, ok := l.decode(rest, uint64(units), uint64(excluded), q.scorer.Vocab())
	if !ok {
		return fmt.Errorf("sequential: %w: the units are damaged", detect.ErrMalformed)
	}
	scored, _ := process.counts()
	if counts[fateScored] != scored || counts[fateBand] > s.Band || counts[fatePayload] > s.Payload ||
		counts[fateExcluded] > s.Excluded || counts[fateRepeated] > s.Duplicate {
		return fmt.Errorf("sequential: %w: the counts do not add up", detect.ErrMalformed)
	}
	q.process, q.ledger, q.skipped = process, l, s
	q.setFutile()
	q.findInputs()
	return nil
}

// decode reads units and contexts, each in ascending order of their keys, and counts fates. ok is
// false if the data is not what AppendBinary writes.
func (l *ledger) decode(data []byte, units, excluded uint64, vocab int) (counts [fates]int64, ok bool) {
	unitSize, contextSize := uint64(l.unitSize()), uint64(evidence.IDSize*l.width)
	if units > uint64(len(data))/(unitSize+1) {
		return counts, false
	}
	contexts := data[units*(unitSize+1):]
	// A width of 0 has one context, the empty one.
	if contextSize == 0 && (excluded > 1 || len(contexts) > 0) ||
		contextSize > 0 && (excluded != uint64(len(contexts))/contextSize || uint64(len(contexts))%contextSize != 0) {
		return counts, false
	}
	last := ""
	for i := range units {
		key := string(data[:unitSize])
		f := fate(data[unitSize])
		data = data[unitSize+1:]
		if f >= fates || i > 0 && key <= last || !evidence.AllBelow(key, vocab) {
			return counts, false
		}
		l.unit[key] = f
		counts[f]++
		last = key
	}
	for i := range excluded {
		key := string(contexts[:contextSize])
		contexts = contexts[contextSize:]
		if i > 0 && key <= last || !evidence.AllBelow(key, vocab) {
			return counts, false
		}
		l.excluded[key] = struct{}{}
		last = key
	}
	return counts, true
}

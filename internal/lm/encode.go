package lm

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
)

// The encoding of a model. All numbers are little-endian.
//
//	magic "isotope-lm" 00, version u8
//	order u32, vocab u32, tokens u64
//	breaks: their number u32, then ids
//	base: vocab float32
//	for each level from 1 to order:
//	  except the first: number of n-grams u32, ids, lp float32 each
//	  except the last: for each n-gram (vocab+1 at the first level) bo float32,
//	  then for each n-gram first u32, then one more first
//
// The version changes with the format, and with every change of training that gives another model
// for the same text.
const (
	modelMagic   = "isotope-lm\x00"
	modelVersion = 1
)

// errFormat is wrapped by the errors about an encoding.
var errFormat = errors.New("not a model")

// digestOf returns the hash of the encoding.
func digestOf(m *Model) string {
	h := sha256.New()
	m.encode(h) // writing to a hash does not fail
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// encode writes the model.
func (m *Model) encode(w io.Writer) error {
	e := &encoder{w: w}
	e.bytes([]byte(modelMagic))
	e.bytes([]byte{modelVersion})
	e.u32(uint32(m.order))
	e.u32(uint32(m.vocab))
	e.u64(uint64(m.tokens))
	e.u32(uint32(len(m.breaks)))
	e.ids(m.breaks)
	e.floats(m.base)
	for i := range m.levels {
		l := &m.levels[i]
		if i > 0 {
			e.u32(uint32(len(l.ids)))
			e.ids(l.ids)
			e.floats(l.lp)
		}
		if i < len(m.levels)-1 {
			e.floats(l.bo)
			e.u32s(l.first)
		}
	}
	return e.flush()
}

// encodedSize returns about the number of bytes that encode writes, so that the caller allocates once.
func (m *Model) encodedSize() int {
	n := 64 + 4*(len(m.breaks)+len(m.base))
	for i := range m.levels {
		l := &m.levels[i]
		n += 4 + 4*(len(l.ids)+len(l.lp)+len(l.bo)+len(l.first))
	}
	return n
}

// decodeModel reads the output of encode. It checks everything that Logits relies on, so that no input
// gives a model that panics. It uses no more memory than a small multiple of the input.
func decodeModel(b []byte) (*Model, error) {
	d := &decoder{b: b}
	if string(d.take(uint64(len(modelMagic)))) != modelMagic {
		return nil, fmt.Errorf("%w: wrong magic", errFormat)
	}
	if v := d.take(1); d.bad || v[0] != modelVersion {
		return nil, fmt.Errorf("%w: another version", errFormat)
	}
	order, vocab, tokens := d.u32(), d.u32(), d.u64()
	if d.bad || order < 1 || order > MaxOrder || vocab < 1 || vocab >= math.MaxInt32-1 ||
		tokens > math.MaxInt64 {
		return nil, fmt.Errorf("%w: order %d, vocabulary %d", errFormat, order, vocab)
	}
	m := &Model{order: int(order), vocab: int(vocab), tokens: int64(tokens)}
	breaks := d.ids(d.u32())
	m.base = d.floats(vocab)
	if d.bad {
		return nil, fmt.Errorf("%w: truncated", errFormat)
	}
	if !ascending(breaks, vocab) {
		return nil, fmt.Errorf("%w: breaks out of order", errFormat)
	}
	m.setBreaks(breaks)
	m.levels = make([]level, order)
	count := vocab + 1
	for i := range m.levels {
		l := &m.levels[i]
		if i > 0 {
			count = d.u32()
			l.ids, l.lp = d.ids(count), d.floats(count)
			if d.bad {
				return nil, fmt.Errorf("%w: truncated", errFormat)
			}
			if err := m.levels[i-1].checkChildren(l.ids, vocab); err != nil {
				return nil, err
			}
		}
		if i < len(m.levels)-1 {
			l.bo, l.first = d.floats(count), d.u32s(uint64(count)+1)
		}
	}
	if d.bad || len(d.b) != 0 {
		return nil, fmt.Errorf("%w: truncated, or with bytes after its end", errFormat)
	}
	h := sha256.Sum256(b)
	m.digest = "sha256:" + hex.EncodeToString(h[:])
	return m, nil
}

// checkChildren checks that the children of a level partition the next level, and that they are sorted
// under each parent.
func (l *level) checkChildren(ids []int32, vocab uint32) error {
	if l.first[0] != 0 || l.first[len(l.first)-1] != uint32(len(ids)) {
		return fmt.Errorf("%w: n-grams without a parent", errFormat)
	}
	for i, end := range l.first[1:] {
		start := l.first[i]
		if start > end || end > uint32(len(ids)) {
			return fmt.Errorf("%w: children out of order", errFormat)
		}
		if !ascending(ids[start:end], vocab) {
			return fmt.Errorf("%w: ids out of order", errFormat)
		}
	}
	return nil
}

// ascending reports whether ids increase strictly and lie below vocab.
func ascending(ids []int32, vocab uint32) bool {
	for i, id := range ids {
		if uint32(id) >= vocab || i > 0 && id <= ids[i-1] {
			return false
		}
	}
	return true
}

// An encoder writes numbers through a buffer and keeps the first error.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

const encodeChunk = 1 << 16

func (e *encoder) flush() error {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
	return e.err
}

func (e *encoder) bytes(p []byte) { e.buf = append(e.buf, p...) }
func (e *encoder) u64(v uint64)   { e.buf = binary.LittleEndian.AppendUint64(e.buf, v) }
func (e *encoder) u32(v uint32) {
	if e.buf = binary.LittleEndian.AppendUint32(e.buf, v); len(e.buf) >= encodeChunk {
		e.flush()
	}
}

func (e *encoder) u32s(v []uint32) {
	for _, x := range v {
		e.u32(x)
	}
}

func (e *encoder) ids(v []int32) {
	for _, x := range v {
		e.u32(uint32(x))
	}
}

func (e *encoder) floats(v []float32) {
	for _, x := range v {
		e.u32(math.Float32bits(x))
	}
}

// A decoder reads numbers. It compares lengths with the rest of the input before it allocates. After
// the first failure all results are zero or empty.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u32() uint32 {
	if p := d.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if p := d.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (d *decoder) u32s(n uint64) []uint32 {
	p := d.take(4 * n) // n is at most 2^32
	v := make([]uint32, len(p)/4)
	for i := range v {
		v[i] = binary.LittleEndian.Uint32(p[4*i:])
	}
	return v
}

func (d *decoder) ids(n uint32) []int32 {
	p := d.take(4 * uint64(n))
	v := make([]int32, len(p)/4)
	for i := range v {
		v[i] = int32(binary.LittleEndian.Uint32(p[4*i:]))
	}
	return v
}

// floats reads logarithms. A NaN, or a number above 0 by more than rounding, is a failure.
func (d *decoder) floats(n uint32) []float32 {
	p := d.take(4 * uint64(n))
	v := make([]float32, len(p)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(p[4*i:]))
		if !(v[i] <= 1e-6) {
			d.bad = true
		}
	}
	return v
}

package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The compact protocol of Thrift, as far as the metadata of parquet needs it. A reader
// makes nothing from a length that the input only claims: lists grow as their elements
// come, and strings that nobody wants are passed over.

const (
	typeStop = iota
	typeTrue
	typeFalse
	typeByte
	typeI16
	typeI32
	typeI64
	typeDouble
	typeBinary
	typeList
	typeSet
	typeMap
	typeStruct
)

const (
	maxThriftDepth = 24
	maxName        = 1 << 16 // of a column
)

var errThrift = errors.New("the metadata cannot be read")

// A thrift reads values of the compact protocol. After the first error all reads return
// zero values.
type thrift struct {
	r   *bufio.Reader
	n   int64 // bytes read
	err error
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		t.err = err
	}
}

func (t *thrift) byte() byte {
	if t.err != nil {
		return 0
	}
	c, err := t.r.ReadByte()
	if err != nil {
		t.fail(err)
		return 0
	}
	t.n++
	return c
}

func (t *thrift) uvarint() uint64 {
	var x uint64
	for shift := uint(0); shift < 64; shift += 7 {
		c := t.byte()
		x |= uint64(c&0x7f) << shift
		if c < 0x80 || t.err != nil {
			return x
		}
	}
	t.fail(errThrift)
	return 0
}

func (t *thrift) varint() int64 {
	u := t.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (t *thrift) i32() int32 {
	n := t.varint()
	if n < math.MinInt32 || n > math.MaxInt32 {
		t.fail(errThrift)
		return 0
	}
	return int32(n)
}

func (t *thrift) length() int {
	n := t.uvarint()
	if n > math.MaxInt32 {
		t.fail(errThrift)
		return 0
	}
	return int(n)
}

func (t *thrift) string() string {
	n := t.length()
	if n > maxName {
		t.fail(fmt.Errorf("%w: a name has %d bytes", errThrift, n))
	}
	if t.err != nil {
		return ""
	}
	b := make([]byte, n)
	k, err := io.ReadFull(t.r, b)
	t.n += int64(k)
	if err != nil {
		t.fail(err)
	}
	return string(b)
}

func (t *thrift) discard(n int) {
	if t.err != nil {
		return
	}
	k, err := t.r.Discard(n)
	t.n += int64(k)
	if err != nil {
		t.fail(err)
	}
}

// fields calls f for each field of a struct. Where f returns false the value is skipped.
func (t *thrift) fields(depth int, f func(id int, kind byte) bool) {
	if depth > maxThriftDepth {
		t.fail(errThrift)
	}
	id := 0
	for t.err == nil {
		c := t.byte()
		if t.err != nil || c == typeStop {
			return
		}
		kind := c & 0x0f
		if delta := int(c >> 4); delta > 0 {
			id += delta
		} else {
			id = int(t.varint())
		}
		if id < 0 || id > math.MaxInt16 {
			t.fail(errThrift)
			return
		}
		if !f(id, kind) {
			t.skip(kind, depth+1)
		}
	}
}

// list calls f for each element of a list.
func (t *thrift) list(f func(kind byte)) {
	c := t.byte()
	n := int(c >> 4)
	if n == 15 {
		n = t.length()
	}
	for i := 0; i < n && t.err == nil; i++ {
		f(c & 0x0f)
	}
}

func (t *thrift) skip(kind byte, depth int) {
	if depth > maxThriftDepth {
		t.fail(errThrift)
		return
	}
	switch kind {
	case typeTrue, typeFalse:
	case typeByte:
		t.byte()
	case typeI16, typeI32, typeI64:
		t.uvarint()
	case typeDouble:
		t.discard(8)
	case typeBinary:
		t.discard(t.length())
	case typeList, typeSet:
		t.list(func(kind byte) {
			if kind == typeTrue || kind == typeFalse {
				t.byte()
				return
			}
			t.skip(kind, depth+1)
		})
	case typeMap:
		n := t.length()
		if n == 0 || t.err != nil {
			return
		}
		kinds := t.byte()
		for i := 0; i < n && t.err == nil; i++ {
			for _, k := range []byte{kinds >> 4, kinds & 0x0f} {
				if k == typeTrue || k == typeFalse {
					t.byte()
				} else {
					t.skip(k, depth+1)
				}
			}
		}
	case typeStruct:
		t.fields(depth+1, func(int, byte) bool { return false })
	default:
		t.fail(errThrift)
	}
}

// little returns the number in the first bytes of b.
func little(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

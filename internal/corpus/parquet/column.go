package parquet

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

const (
	pageData = iota
	pageIndex
	pageDictionary
	pageDataV2
)

const (
	encPlain           = 0
	encPlainDictionary = 2
	encRLE             = 3
	encDelta           = 5
	encDeltaLength     = 6
	encDeltaBytes      = 7
	encRLEDictionary   = 8
)

// A columnReader reads the values of one column of one row group, with their levels.
type columnReader struct {
	file  *File
	node  *Node
	chunk *chunk
	in    *bufio.Reader
	left  int64 // bytes of the chunk that were not read yet

	raw  []byte // of a page as it is in the file
	page []byte // of a page as it is decompressed
	zstd *zstd.Decoder

	// The dictionary: its values one after the other, and where each begins.
	dictionary []byte
	starts     []uint32

	values int64 // left of the chunk
	inPage int64 // left of the page, null or not
	reps   hybrid
	defs   hybrid
	rep    uint32 // levels of the value at hand
	def    uint32
	loaded bool // there is a value at hand

	// The values of the page.
	encoding int32
	data     []byte
	indexes  hybrid
	delta    delta
	suffixes delta
	previous []byte // for DELTA_BYTE_ARRAY
	bit      uint
	text     []byte // scratch for digits
}

func (f *File) column(g *Group, n *Node) (*columnReader, error) {
	c := &g.chunks[n.column]
	switch {
	case c.crypt:
		return nil, fmt.Errorf("%w: the column %.60q", ErrEncrypted, n.Name)
	case c.elsewhere:
		return nil, fmt.Errorf("%w: the column %.60q is in another file", ErrUnsupported, n.Name)
	}
	start := c.data
	if c.dictionary > 0 && c.dictionary < start {
		start = c.dictionary
	}
	if start < 4 || c.compressed < 0 || start > f.size || c.compressed > f.size-start || c.values < 0 {
		return nil, damaged("the column %.60q lies outside the file", n.Name)
	}
	return &columnReader{
		file: f, node: n, chunk: c, left: c.compressed, values: c.values,
		in: bufio.NewReaderSize(io.NewSectionReader(f.r, start, c.compressed), 16<<10),
	}, nil
}

// A pageHeader is what the header of a page says.
type pageHeader struct {
	kind                     int32
	size, compressed         int32
	crc                      uint32
	hasCRC                   bool
	values, encoding         int32
	defEncoding, repEncoding int32
	defLength, repLength     int32
	plain                    bool // the values of a version 2 page are not compressed
}

func (c *columnReader) header() (pageHeader, error) {
	t := &thrift{r: c.in}
	h := pageHeader{kind: -1, values: -1}
	data := func(v2 bool) func(id int, kind byte) bool {
		return func(id int, kind byte) bool {
			switch {
			case id == 1 && kind == typeI32:
				h.values = t.i32()
			case id == 2 && kind == typeI32 && !v2, id == 4 && kind == typeI32 && v2:
				h.encoding = t.i32()
			case id == 3 && kind == typeI32 && !v2:
				h.defEncoding = t.i32()
			case id == 4 && kind == typeI32 && !v2:
				h.repEncoding = t.i32()
			case id == 5 && kind == typeI32 && v2:
				h.defLength = t.i32()
			case id == 6 && kind == typeI32 && v2:
				h.repLength = t.i32()
			case id == 7 && kind == typeFalse && v2:
				h.plain = true
			case id == 7 && kind == typeTrue && v2:
			default:
				return false
			}
			return true
		}
	}
	t.fields(0, func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == typeI32:
			h.kind = t.i32()
		case id == 2 && kind == typeI32:
			h.size = t.i32()
		case id == 3 && kind == typeI32:
			h.compressed = t.i32()
		case id == 4 && kind == typeI32:
			h.crc, h.hasCRC = uint32(t.i32()), true
		case (id == 5 || id == 7) && kind == typeStruct:
			t.fields(1, data(false))
		case id == 8 && kind == typeStruct:
			t.fields(1, data(true))
		default:
			return false
		}
		return true
	})
	c.left -= t.n
	if t.err != nil || c.left < 0 {
		return h, damaged("the header of a page of the column %.60q cannot be read", c.node.Name)
	}
	if h.size < 0 || h.compressed < 0 || int64(h.compressed) > c.left || h.values < 0 && h.kind != pageIndex {
		return h, damaged("a page of the column %.60q has an impossible size", c.node.Name)
	}
	if int64(h.size) > c.file.limits.Page || int64(h.compressed) > c.file.limits.Page {
		return h, fmt.Errorf("%w: a page of the column %.60q has %d bytes", ErrTooLarge, c.node.Name, max(h.size, h.compressed))
	}
	return h, nil
}

// nextPage reads the next page of data, and the dictionary before it.
func (c *columnReader) nextPage() error {
	for {
		if c.left <= 0 {
			return damaged("the column %.60q ends before its values do", c.node.Name)
		}
		h, err := c.header()
		if err != nil {
			return err
		}
		if cap(c.raw) < int(h.compressed) {
			c.raw = make([]byte, h.compressed)
		}
		raw := c.raw[:h.compressed]
		if _, err := io.ReadFull(c.in, raw); err != nil {
			return damaged("the column %.60q ends inside a page", c.node.Name)
		}
		c.left -= int64(h.compressed)
		if h.hasCRC && crc32.ChecksumIEEE(raw) != h.crc {
			return damaged("the checksum of a page of the column %.60q is wrong", c.node.Name)
		}
		if extra := int(h.size) - int(h.compressed); extra > 0 {
			if err := c.file.limits.Expand(extra); err != nil {
				return err
			}
		}
		switch h.kind {
		case pageIndex:
			continue
		case pageDictionary:
			if err := c.readDictionary(h, raw); err != nil {
				return err
			}
			continue
		case pageData:
			err = c.readData(h, raw)
		case pageDataV2:
			err = c.readDataV2(h, raw)
		default:
			continue // kinds that later versions may have
		}
		if err != nil {
			return err
		}
		if c.inPage > c.values {
			return damaged("a page of the column %.60q has more values than the column", c.node.Name)
		}
		if c.inPage > 0 {
			return nil
		}
	}
}

func (c *columnReader) readDictionary(h pageHeader, raw []byte) error {
	if h.encoding != encPlain && h.encoding != encPlainDictionary {
		return fmt.Errorf("%w: a dictionary in encoding %d", ErrUnsupported, h.encoding)
	}
	if c.starts != nil {
		return damaged("the column %.60q has two dictionaries", c.node.Name)
	}
	b, err := c.expand(raw, int(h.size))
	if err != nil {
		return err
	}
	// The dictionary outlives the page, whose memory the next page takes.
	c.dictionary = append([]byte(nil), b...)
	c.starts = make([]uint32, 0, min(int(h.values), len(b)/4)+1)
	at := 0
	for range h.values {
		size := c.node.Type.size()
		if c.node.Type == byteArray {
			if len(b)-at < 4 || int64(little(b[at:])) > int64(len(b)-at-4) {
				return damaged("the dictionary of the column %.60q is too short", c.node.Name)
			}
			size = 4 + int(little(b[at:]))
		}
		if size == 0 || size > len(b)-at {
			return damaged("the dictionary of the column %.60q cannot be read", c.node.Name)
		}
		c.starts = append(c.starts, uint32(at))
		at += size
	}
	c.starts = append(c.starts, uint32(at))
	return nil
}

// size returns the bytes of a value, or 0 where that is not fixed.
func (t Type) size() int {
	switch t {
	case int32_, float:
		return 4
	case int64_, double:
		return 8
	case int96:
		return 12
	}
	return 0
}

func (c *columnReader) readData(h pageHeader, raw []byte) error {
	b, err := c.expand(raw, int(h.size))
	if err != nil {
		return err
	}
	level := func(most int, encoding int32) (hybrid, error) {
		if most == 0 {
			return hybrid{}, nil
		}
		if encoding != encRLE {
			return hybrid{}, fmt.Errorf("%w: levels in encoding %d", ErrUnsupported, encoding)
		}
		if len(b) < 4 || int64(little(b)) > int64(len(b)-4) {
			return hybrid{}, damaged("the levels of a page of the column %.60q are cut", c.node.Name)
		}
		n := int(little(b))
		l := newHybrid(b[4:4+n], bitWidth(most))
		b = b[4+n:]
		return l, nil
	}
	if c.reps, err = level(c.node.maxRep, h.repEncoding); err != nil {
		return err
	}
	if c.defs, err = level(c.node.maxDef, h.defEncoding); err != nil {
		return err
	}
	c.inPage = int64(h.values)
	return c.begin(h.encoding, b)
}

func (c *columnReader) readDataV2(h pageHeader, raw []byte) error {
	if h.defLength < 0 || h.repLength < 0 || int64(h.defLength)+int64(h.repLength) > int64(len(raw)) ||
		int64(h.defLength)+int64(h.repLength) > int64(h.size) {
		return damaged("the levels of a page of the column %.60q are cut", c.node.Name)
	}
	levels := int(h.repLength + h.defLength)
	reps, defs := raw[:h.repLength], raw[h.repLength:levels]
	values := raw[levels:]
	if !h.plain && c.chunk.codec != codecNone && int(h.size) > levels {
		b, err := c.expand(values, int(h.size)-levels)
		if err != nil {
			return err
		}
		values = b
	}
	c.reps, c.defs = newHybrid(reps, bitWidth(c.node.maxRep)), newHybrid(defs, bitWidth(c.node.maxDef))
	c.inPage = int64(h.values)
	return c.begin(h.encoding, values)
}

// begin prepares the values of a page.
func (c *columnReader) begin(encoding int32, b []byte) error {
	c.encoding, c.data, c.bit, c.previous = encoding, b, 0, c.previous[:0]
	ok := true
	switch t := c.node.Type; {
	case encoding == encPlain:
	case encoding == encPlainDictionary || encoding == encRLEDictionary:
		if len(b) == 0 { // all values are null
			c.indexes = hybrid{b: nil, width: 1}
			return nil
		}
		if c.starts == nil {
			return damaged("the column %.60q has no dictionary", c.node.Name)
		}
		if b[0] > 32 {
			return damaged("a page of the column %.60q has indexes of %d bits", c.node.Name, b[0])
		}
		c.indexes = newHybrid(b[1:], uint(b[0]))
	case encoding == encRLE && t == boolean:
		if len(b) < 4 || int64(little(b)) > int64(len(b)-4) {
			return damaged("a page of the column %.60q is cut", c.node.Name)
		}
		c.indexes = newHybrid(b[4:4+int(little(b))], 1)
	case encoding == encDelta && (t == int32_ || t == int64_):
		if len(b) > 0 {
			c.delta, ok = newDelta(b)
		}
	case encoding == encDeltaLength && t == byteArray:
		if len(b) > 0 {
			if c.delta, ok = newDelta(b); ok {
				c.data, ok = c.delta.after()
			}
		}
	case encoding == encDeltaBytes && t == byteArray:
		if len(b) > 0 {
			if c.delta, ok = newDelta(b); ok {
				var rest []byte
				if rest, ok = c.delta.after(); ok {
					if c.suffixes, ok = newDelta(rest); ok {
						c.data, ok = c.suffixes.after()
					}
				}
			}
		}
	default:
		return fmt.Errorf("%w: the column %.60q has the encoding %d", ErrUnsupported, c.node.Name, encoding)
	}
	if !ok {
		return damaged("a page of the column %.60q cannot be read", c.node.Name)
	}
	return nil
}

// load makes sure that there is a value at hand, and reports whether there is. Its levels
// are then in rep and def.
func (c *columnReader) load() (bool, error) {
	if c.loaded {
		return true, nil
	}
	if c.values == 0 {
		return false, nil
	}
	if c.inPage == 0 {
		if err := c.nextPage(); err != nil {
			return false, err
		}
	}
	c.rep, c.def = 0, 0
	ok := true
	if c.node.maxRep > 0 {
		c.rep, ok = c.reps.next()
	}
	if ok && c.node.maxDef > 0 {
		c.def, ok = c.defs.next()
	}
	if !ok || c.rep > uint32(c.node.maxRep) || c.def > uint32(c.node.maxDef) {
		return false, damaged("the levels of the column %.60q are wrong", c.node.Name)
	}
	c.inPage--
	c.values--
	c.loaded = true
	return true, nil
}

// drop passes over the entry at hand, which is null.
func (c *columnReader) drop() { c.loaded = false }

// value returns the bytes of the value at hand, and passes over it. A boolean is one byte,
// and numbers are as the file has them, but for deltas, which are 8 bytes.
func (c *columnReader) value() ([]byte, error) {
	c.loaded = false
	short := func() error { return damaged("a page of the column %.60q has fewer values than it says", c.node.Name) }
	switch c.encoding {
	case encPlainDictionary, encRLEDictionary:
		i, ok := c.indexes.next()
		if !ok {
			return nil, short()
		}
		if int64(i)+1 >= int64(len(c.starts)) {
			return nil, damaged("the column %.60q names a value that its dictionary does not have", c.node.Name)
		}
		b := c.dictionary[c.starts[i]:c.starts[i+1]]
		if c.node.Type == byteArray {
			b = b[4:]
		}
		return b, c.file.limits.Expand(len(b))
	case encRLE:
		i, ok := c.indexes.next()
		if !ok {
			return nil, short()
		}
		c.text = append(c.text[:0], byte(i))
		return c.text, nil
	case encDelta:
		n, ok := c.delta.next()
		if !ok {
			return nil, short()
		}
		c.text = strconv.AppendInt(c.text[:0], n, 10)
		return c.text, nil
	case encDeltaLength:
		n, ok := c.delta.next()
		if !ok || n < 0 || n > int64(len(c.data)) {
			return nil, short()
		}
		b := c.data[:n]
		c.data = c.data[n:]
		return b, nil
	case encDeltaBytes:
		prefix, ok := c.delta.next()
		n, ok2 := c.suffixes.next()
		if !ok || !ok2 || n < 0 || n > int64(len(c.data)) || prefix < 0 || prefix > int64(len(c.previous)) {
			return nil, short()
		}
		if err := c.file.limits.Expand(int(prefix)); err != nil {
			return nil, err
		}
		if prefix+n > c.file.limits.Page {
			return nil, fmt.Errorf("%w: a value of the column %.60q has %d bytes", ErrTooLarge, c.node.Name, prefix+n)
		}
		c.previous = append(c.previous[:prefix], c.data[:n]...)
		c.data = c.data[n:]
		return c.previous, nil
	}
	// PLAIN
	switch c.node.Type {
	case boolean:
		if len(c.data) == 0 {
			return nil, short()
		}
		c.text = append(c.text[:0], c.data[0]>>c.bit&1)
		if c.bit++; c.bit == 8 {
			c.bit, c.data = 0, c.data[1:]
		}
		return c.text, nil
	case byteArray:
		if len(c.data) < 4 || int64(little(c.data)) > int64(len(c.data)-4) {
			return nil, short()
		}
		n := int(little(c.data))
		b := c.data[4 : 4+n]
		c.data = c.data[4+n:]
		return b, nil
	}
	size := c.node.Type.size()
	if size == 0 {
		return nil, fmt.Errorf("%w: the column %.60q has bytes of fixed length", ErrUnsupported, c.node.Name)
	}
	if len(c.data) < size {
		return nil, short()
	}
	b := c.data[:size]
	c.data = c.data[size:]
	return b, nil
}

// digits writes a number as JSON does.
func (c *columnReader) digits(b []byte) []byte {
	if c.encoding == encDelta {
		return b // digits already
	}
	switch c.node.Type {
	case int32_:
		c.text = strconv.AppendInt(c.text[:0], int64(int32(little(b))), 10)
	case int64_:
		c.text = strconv.AppendInt(c.text[:0], int64(uint64(little(b))|uint64(little(b[4:]))<<32), 10)
	case float:
		c.text = appendFloat(c.text[:0], float64(math.Float32frombits(little(b))), 32)
	case double:
		c.text = appendFloat(c.text[:0], math.Float64frombits(uint64(little(b))|uint64(little(b[4:]))<<32), 64)
	}
	return c.text
}

func appendFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, "NaN"...)
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, bits)
}

package parquet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The types of columns that are written.
const (
	Boolean = boolean
	Int64   = int64_
	Double  = double
	Text    = byteArray // in UTF-8
)

// A Column is a column of a table that is written.
type Column struct {
	Name     string
	Type     Type // Boolean, Int64, Double or Text
	Optional bool // may be nil
}

// A Pair is a named text in the metadata of a file.
type Pair struct{ Name, Value string }

const (
	// maxGroupRows and maxGroupBytes bound a row group, which a Writer holds in memory.
	maxGroupRows  = 1 << 14
	maxGroupBytes = 8 << 20
	magic         = "PAR1"
)

// A Writer writes a table of flat columns: PLAIN values, zstd, pages of version 1 with checksums. It
// holds one row group in memory, which has up to 16,384 rows and a little over 8 MiB. It is not safe for
// concurrent use. The package comment says why it is not parquet-go.
type Writer struct {
	w       io.Writer
	columns []Column
	values  [][]byte // PLAIN, of the row group at hand
	bits    []int    // booleans in it
	levels  [][]byte // one byte a row of an optional column: 1 is a value
	rows    int64    // of the row group at hand
	held    int      // bytes in it
	at      int64    // bytes written
	total   int64    // rows written
	groups  [][]byte // metadata of row groups, in Thrift
	zstd    *zstd.Encoder
	packed  []byte
	err     error // that ended the writing
}

// NewWriter returns a Writer of a table, and writes its beginning. It panics if a column is of another
// type than it can write.
func NewWriter(w io.Writer, columns []Column) (*Writer, error) {
	for _, c := range columns {
		if !slices.Contains([]Type{Boolean, Int64, Double, Text}, c.Type) {
			panic(fmt.Sprintf("parquet: column %s has a type that is not written", c.Name))
		}
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	x := &Writer{w: w, columns: columns, zstd: z}
	x.clear()
	x.write([]byte(magic))
	return x, x.err
}

func (w *Writer) clear() {
	n := len(w.columns)
	if w.values == nil {
		w.values, w.levels, w.bits = make([][]byte, n), make([][]byte, n), make([]int, n)
	}
	for i := range w.columns {
		w.values[i], w.levels[i], w.bits[i] = w.values[i][:0], w.levels[i][:0], 0
	}
	w.rows, w.held = 0, 0
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(b)
	w.at += int64(n)
	w.err = err
}

// Row adds a row: a bool, int64, float64 or string for each column, as its type is, or nil for an optional
// one. It panics if a value does not fit its column. After an error every call returns it.
func (w *Writer) Row(row ...any) error {
	if len(row) != len(w.columns) {
		panic(fmt.Sprintf("parquet: a row has %d values, and the table %d columns", len(row), len(w.columns)))
	}
	if w.err != nil {
		return w.err
	}
	for i, v := range row {
		c := &w.columns[i]
		before := len(w.values[i])
		switch {
		case v == nil && c.Optional:
			w.levels[i] = append(w.levels[i], 0)
			continue
		case c.Optional:
			w.levels[i] = append(w.levels[i], 1)
		}
		switch x := v.(type) {
		case bool:
			w.fits(c, Boolean)
			if w.bits[i]%8 == 0 {
				w.values[i] = append(w.values[i], 0)
			}
			if x {
				w.values[i][len(w.values[i])-1] |= 1 << (w.bits[i] % 8)
			}
			w.bits[i]++
		case int64:
			w.fits(c, Int64)
			w.values[i] = binary.LittleEndian.AppendUint64(w.values[i], uint64(x))
		case float64:
			w.fits(c, Double)
			w.values[i] = binary.LittleEndian.AppendUint64(w.values[i], math.Float64bits(x))
		case string:
			w.fits(c, Text)
			w.values[i] = binary.LittleEndian.AppendUint32(w.values[i], uint32(len(x)))
			w.values[i] = append(w.values[i], x...)
		default:
			panic(fmt.Sprintf("parquet: column %s has a value of type %T", c.Name, v))
		}
		w.held += len(w.values[i]) - before + 1
	}
	w.rows++
	if w.rows == maxGroupRows || w.held >= maxGroupBytes {
		w.flush()
	}
	return w.err
}

func (w *Writer) fits(c *Column, t Type) {
	if c.Type != t {
		panic(fmt.Sprintf("parquet: column %s has a value of another type", c.Name))
	}
}

// flush writes the row group at hand.
func (w *Writer) flush() {
	if w.rows == 0 {
		return
	}
	var chunks encoder
	chunks.list(typeStruct, len(w.columns))
	var size, packed int64
	begin := w.at
	for i := range w.columns {
		c := &w.columns[i]
		page := w.values[i]
		if c.Optional {
			levels := appendRuns(nil, w.levels[i])
			page = slices.Concat(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels, page)
		}
		w.packed = w.zstd.EncodeAll(page, w.packed[:0])
		var h encoder // PageHeader
		h.i32(1, pageData)
		h.i32(2, int32(len(page)))
		h.i32(3, int32(len(w.packed)))
		h.i32(4, int32(crc32.ChecksumIEEE(w.packed)))
		h.begin(5)
		h.i32(1, int32(w.rows))
		h.i32(2, encPlain)
		h.i32(3, encRLE)
		h.i32(4, encRLE)
		h.end()
		h.end()
		at := w.at
		w.write(h.b)
		w.write(w.packed)
		whole := int64(len(h.b) + len(page))
		size, packed = size+whole, packed+w.at-at

		chunks.open() // ColumnChunk
		chunks.i64(2, 0)
		chunks.begin(3)
		chunks.i32(1, int32(c.Type))
		chunks.field(2, typeList)
		chunks.list(typeI32, 2)
		chunks.varint(encPlain)
		chunks.varint(encRLE)
		chunks.field(3, typeList)
		chunks.list(typeBinary, 1)
		chunks.text(c.Name)
		chunks.i32(4, codecZstd)
		chunks.i64(5, w.rows)
		chunks.i64(6, whole)
		chunks.i64(7, w.at-at)
		chunks.i64(9, at)
		chunks.end()
		chunks.end()
	}
	var g encoder // RowGroup
	g.field(1, typeList)
	g.b = append(g.b, chunks.b...)
	g.i64(2, size)
	g.i64(3, w.rows)
	g.i64(5, begin)
	g.i64(6, packed)
	g.end()
	w.groups = append(w.groups, g.b)
	w.total += w.rows
	w.clear()
}

// Close writes the rest and the metadata. It does not close the writer below.
func (w *Writer) Close(by string, pairs ...Pair) error {
	w.flush()
	var f encoder // FileMetaData
	f.i32(1, 1)
	f.field(2, typeList)
	f.list(typeStruct, len(w.columns)+1)
	f.open()
	f.string(4, "schema")
	f.i32(5, int32(len(w.columns)))
	f.end()
	for _, c := range w.columns {
		f.open()
		f.i32(1, int32(c.Type))
		if c.Optional {
			f.i32(3, optional)
		} else {
			f.i32(3, required)
		}
		f.string(4, c.Name)
		if c.Type == Text {
			f.i32(6, convertedUTF8)
			f.begin(10)
			f.begin(logicalString)
			f.end()
			f.end()
		}
		f.end()
	}
	f.i64(3, w.total)
	f.field(4, typeList)
	f.list(typeStruct, len(w.groups))
	for _, g := range w.groups {
		f.b = append(f.b, g...)
	}
	if len(pairs) > 0 {
		f.field(5, typeList)
		f.list(typeStruct, len(pairs))
		for _, p := range pairs {
			f.open()
			f.string(1, p.Name)
			f.string(2, p.Value)
			f.end()
		}
	}
	f.string(6, by)
	f.end()
	w.write(f.b)
	w.write(binary.LittleEndian.AppendUint32(nil, uint32(len(f.b))))
	w.write([]byte(magic))
	if w.err == nil {
		w.err = w.zstd.Close()
	}
	return w.err
}

// appendRuns appends levels of 0 and 1 in runs.
func appendRuns(dst, levels []byte) []byte {
	for from := 0; from < len(levels); {
		to := from
		for to < len(levels) && levels[to] == levels[from] {
			to++
		}
		dst = binary.AppendUvarint(dst, uint64(to-from)<<1)
		dst = append(dst, levels[from])
		from = to
	}
	return dst
}

// An encoder writes structs in the compact protocol of Thrift. A struct ends with end.
type encoder struct {
	b    []byte
	last []int // numbers of the last fields of the structs around this one
	id   int   // of the last field of this one
}

// field begins a field of a struct.
func (e *encoder) field(id int, kind byte) {
	e.b = append(e.b, byte(id-e.id)<<4|kind) // fields ascend by less than 16
	e.id = id
}

func (e *encoder) varint(x int64) { e.b = binary.AppendVarint(e.b, x) } // both have zigzags

func (e *encoder) i32(id int, x int32) { e.field(id, typeI32); e.varint(int64(x)) }
func (e *encoder) i64(id int, x int64) { e.field(id, typeI64); e.varint(x) }

func (e *encoder) text(s string) {
	e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) string(id int, s string) { e.field(id, typeBinary); e.text(s) }

// list begins a list of n elements.
func (e *encoder) list(kind byte, n int) {
	if n < 15 {
		e.b = append(e.b, byte(n)<<4|kind)
		return
	}
	e.b = append(e.b, 15<<4|kind)
	e.b = binary.AppendUvarint(e.b, uint64(n))
}

// open begins a struct that is the element of a list, and begin one that is a field.
func (e *encoder) open()        { e.last, e.id = append(e.last, e.id), 0 }
func (e *encoder) begin(id int) { e.field(id, typeStruct); e.open() }

// end ends a struct.
func (e *encoder) end() {
	e.b = append(e.b, typeStop)
	if n := len(e.last); n > 0 {
		e.id, e.last = e.last[n-1], e.last[:n-1]
	}
}

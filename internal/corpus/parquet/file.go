// Package parquet reads the text columns of parquet files, row by row, within limits. It also writes
// flat tables, by [Writer].
//
// It is not built on parquet-go, which was weighed: 0.32.0 makes a list as long as a file
// claims it is before it reads it, so that a file of 100 bytes ends the program, and takes
// whatever a page expands to. Neither can be bounded from outside. It also adds 11.9 MB to
// a binary, as it brings protocol buffers, geometry and a writer.
//
// What is read: all physical types but INT96 and fixed-length bytes; structs, lists of both
// conventions and maps; the encodings PLAIN, dictionary, RLE, and the three deltas; pages of
// both versions; no compression, Snappy, gzip, Brotli, zstd and LZ4_RAW. Checksums of pages
// are verified where a file has them. The sources are the format's specification and
// parquet.thrift of apache/parquet-format 2.11.
package parquet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Limits bounds what reading a file may take, in bytes.
type Limits struct {
	Footer int64 // of the metadata at the end of the file
	Page   int64 // of one page, decompressed

	// Expand is called with the bytes that a value, a row or a page takes beyond what the
	// file has. Its error ends the reading.
	Expand func(n int) error
}

// Errors of files. They are wrapped with what is wrong.
var (
	ErrDamaged     = errors.New("the parquet file is damaged")
	ErrEncrypted   = errors.New("the parquet file is encrypted")
	ErrUnsupported = errors.New("the parquet file uses what is not read")
	ErrTooLarge    = errors.New("the parquet file is over a limit")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// A Type is a physical type.
type Type int8

const (
	boolean Type = iota
	int32_
	int64_
	int96
	float
	double
	byteArray
	fixedLen
)

const (
	required = iota
	optional
	repeated
)

const (
	convertedUTF8     = 0
	convertedMap      = 1
	convertedMapKV    = 2
	convertedList     = 3
	convertedEnum     = 4
	convertedJSON     = 19
	logicalString     = 1
	logicalMap        = 2
	logicalList       = 3
	maxSchemaElements = 1 << 16
	maxSchemaDepth    = 64
)

// A Node is a column, or a group of columns.
type Node struct {
	Name       string
	Children   []*Node
	Type       Type // of a column
	repetition int
	list, dict bool // annotated as LIST or MAP
	maxDef     int
	maxRep     int
	column     int // index of the column, or of the first below a group
	columns    int // number of columns below, 1 for a column
}

// A File is an open file. Its metadata has been read.
type File struct {
	Root   *Node
	Rows   int64
	Groups []Group
	r      io.ReaderAt
	size   int64
	limits Limits
	leaves []*Node
}

// A Group is a row group.
type Group struct {
	Rows   int64
	chunks []chunk
}

type chunk struct {
	codec      int32
	values     int64
	compressed int64
	data       int64
	dictionary int64
	crypt      bool
	elsewhere  bool
}

// Open reads the metadata of a file.
func Open(r io.ReaderAt, size int64, l Limits) (*File, error) {
	var tail [8]byte
	if size < 12 {
		return nil, damaged("it is %d bytes long", size)
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && err != io.EOF {
		return nil, err
	}
	switch string(tail[4:]) {
	case "PAR1":
	case "PARE":
		return nil, fmt.Errorf("%w, its metadata too", ErrEncrypted)
	default:
		return nil, damaged("its metadata is not at its end, as in a copy or download that broke off")
	}
	length := int64(little(tail[:]))
	if length > size-12 {
		return nil, damaged("its metadata is longer than the file")
	}
	if length > l.Footer {
		return nil, fmt.Errorf("%w: its metadata takes %d bytes", ErrTooLarge, length)
	}
	f := &File{r: r, size: size, limits: l}
	t := &thrift{r: bufio.NewReaderSize(io.NewSectionReader(r, size-8-length, length), 32<<10)}
	var elements []element
	t.fields(0, func(id int, kind byte) bool {
		switch {
		case id == 2 && kind == typeList:
			t.list(func(byte) {
				if len(elements) >= maxSchemaElements {
					t.fail(fmt.Errorf("%w: its schema has more than %d columns", ErrTooLarge, maxSchemaElements))
					return
				}
				elements = append(elements, t.element())
			})
		case id == 3 && kind == typeI64:
			f.Rows = t.varint()
		case id == 4 && kind == typeList:
			t.list(func(byte) { f.Groups = append(f.Groups, t.group()) })
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		if errors.Is(t.err, ErrTooLarge) {
			return nil, t.err
		}
		return nil, damaged("its metadata cannot be read (%v)", t.err)
	}
	if err := f.schema(elements); err != nil {
		return nil, err
	}
	rows := int64(0)
	for i := range f.Groups {
		g := &f.Groups[i]
		if len(g.chunks) != len(f.leaves) {
			return nil, damaged("row group %d has %d columns, and the schema %d", i, len(g.chunks), len(f.leaves))
		}
		if g.Rows < 0 || rows > math.MaxInt64-g.Rows {
			return nil, damaged("row group %d has %d rows", i, g.Rows)
		}
		rows += g.Rows
	}
	if rows != f.Rows {
		return nil, damaged("its row groups have %d rows and its metadata says %d", rows, f.Rows)
	}
	return f, nil
}

// An element is an element of the schema, which is a tree in preorder.
type element struct {
	name       string
	typ        Type
	isColumn   bool
	repetition int
	children   int
	converted  int
	logical    int
}

func (t *thrift) element() element {
	e := element{converted: -1}
	t.fields(1, func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == typeI32:
			n := t.i32()
			if n < 0 || n > int32(fixedLen) {
				t.fail(errThrift)
			}
			e.typ, e.isColumn = Type(n), true
		case id == 3 && kind == typeI32:
			if e.repetition = int(t.i32()); e.repetition < required || e.repetition > repeated {
				t.fail(errThrift)
			}
		case id == 4 && kind == typeBinary:
			e.name = t.string()
		case id == 5 && kind == typeI32:
			if e.children = int(t.i32()); e.children < 0 {
				t.fail(errThrift)
			}
		case id == 6 && kind == typeI32:
			e.converted = int(t.i32())
		case id == 10 && kind == typeStruct:
			t.fields(2, func(id int, kind byte) bool {
				e.logical = id
				return false
			})
		default:
			return false
		}
		return true
	})
	if e.children > 0 {
		e.isColumn = false
	}
	return e
}

func (t *thrift) group() Group {
	var g Group
	t.fields(1, func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == typeList:
			t.list(func(byte) { g.chunks = append(g.chunks, t.chunk()) })
		case id == 3 && kind == typeI64:
			g.Rows = t.varint()
		default:
			return false
		}
		return true
	})
	return g
}

func (t *thrift) chunk() chunk {
	c := chunk{dictionary: -1, data: -1}
	t.fields(2, func(id int, kind byte) bool {
		switch {
		case id == 1:
			c.elsewhere = true
			return false
		case id == 3 && kind == typeStruct:
			t.fields(3, func(id int, kind byte) bool {
				switch {
				case id == 4 && kind == typeI32:
					c.codec = t.i32()
				case id == 5 && kind == typeI64:
					c.values = t.varint()
				case id == 7 && kind == typeI64:
					c.compressed = t.varint()
				case id == 9 && kind == typeI64:
					c.data = t.varint()
				case id == 11 && kind == typeI64:
					c.dictionary = t.varint()
				default:
					return false
				}
				return true
			})
		case id == 8 || id == 9:
			c.crypt = true
			return false
		default:
			return false
		}
		return true
	})
	return c
}

// schema makes a tree of the elements.
func (f *File) schema(elements []element) error {
	at := 0
	var build func(depth, def, rep int) (*Node, error)
	build = func(depth, def, rep int) (*Node, error) {
		if at >= len(elements) {
			return nil, damaged("its schema ends too early")
		}
		if depth > maxSchemaDepth {
			return nil, fmt.Errorf("%w: its columns stand more than %d deep in each other", ErrTooLarge, maxSchemaDepth)
		}
		e := elements[at]
		at++
		if depth > 0 {
			switch e.repetition {
			case optional:
				def++
			case repeated:
				def++
				rep++
			}
		}
		n := &Node{
			Name: e.name, Type: e.typ, repetition: e.repetition, maxDef: def, maxRep: rep, column: len(f.leaves),
			list: e.logical == logicalList || e.converted == convertedList,
			dict: e.logical == logicalMap || e.converted == convertedMap || e.converted == convertedMapKV,
		}
		if e.isColumn {
			n.columns = 1
			f.leaves = append(f.leaves, n)
			return n, nil
		}
		for range e.children {
			c, err := build(depth+1, def, rep)
			if err != nil {
				return nil, err
			}
			n.Children = append(n.Children, c)
			n.columns += c.columns
		}
		return n, nil
	}
	root, err := build(0, 0, 0)
	if err != nil {
		return err
	}
	if at != len(elements) {
		return damaged("its schema has elements that belong to no column")
	}
	root.repetition = required
	f.Root = root
	return nil
}

// Names returns the names of the columns and groups of a row.
func (f *File) Names() []string {
	names := make([]string, len(f.Root.Children))
	for i, c := range f.Root.Children {
		names[i] = c.Name
	}
	return names
}

// String returns the node as schemas are written, for messages.
func (n *Node) String() string {
	if len(n.Children) == 0 {
		return n.Name
	}
	parts := make([]string, len(n.Children))
	for i, c := range n.Children {
		parts[i] = c.String()
	}
	return n.Name + "{" + strings.Join(parts, ", ") + "}"
}

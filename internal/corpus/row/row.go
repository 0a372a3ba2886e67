// Package row holds one row of a corpus as a tree of values: an object of JSON, a record
// of CSV, a row of parquet. A tree is read strictly (exact names, no name twice in an
// object) and within limits on depth and on the number of values, so that a hostile row
// costs time and memory in proportion to its length.
//
// Package encoding/json is not used, for four reasons. It takes "Output" for "output". It
// lets the last of two equal names win. It refuses a row for the NaN of a score that
// nobody reads, and it replaces bytes that are not UTF-8, which changes the token ids of
// the text around them.
package row

import (
	"bytes"
	"hash/maphash"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A Kind is the kind of a Value.
type Kind uint8

// The kinds of a Value. None is that of a Value that is not there.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String returns the name of the kind as messages have it, with its article.
func (k Kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

const (
	flagEscaped = 1 << iota // a string with JSON escapes
	flagName                // the name of a member of an object
)

// A node is one value in the order in which the row has them. The content of a string
// excludes its quotes.
type node struct {
	start, end uint32 // in Row.src
	next       uint32 // the index of the node after this value and all it holds
	kind       Kind
	flags      uint8
}

// A Row is a tree of values. The zero Row is ready for Parse or Build, and is meant to be
// used again for the next row. It is not safe for concurrent use.
type Row struct {
	src    []byte
	nodes  []node
	open   []uint32 // containers that Build has not closed
	hashes []hashedName
	names  []byte // decoded names, of objects with escapes in their names
	err    error
}

type hashedName struct {
	hash uint64
	node uint32
}

// Limits bounds the tree of a row.
type Limits struct {
	Depth  int // of lists and objects inside each other
	Values int // values and names in the row
}

var seed = maphash.MakeSeed()

// A Value is one value of a row. The zero Value is not there, and has kind None. Values
// are valid until the next Parse or Reset.
type Value struct {
	row *Row
	at  uint32
}

// Root returns the value of the whole row.
func (r *Row) Root() Value {
	if len(r.nodes) == 0 {
		return Value{}
	}
	return Value{r, 0}
}

func (v Value) node() *node { return &v.row.nodes[v.at] }

// Kind returns the kind of the value.
func (v Value) Kind() Kind {
	if v.row == nil {
		return None
	}
	return v.node().kind
}

// Offset returns where the value begins, in bytes from the beginning of the row's source.
// That of a string of JSON is the byte after its quote.
func (v Value) Offset() int {
	if v.row == nil {
		return 0
	}
	return int(v.node().start)
}

// Raw returns the bytes of the value as the source has them: of a string without its
// quotes and with its escapes.
func (v Value) Raw() []byte {
	if v.row == nil {
		return nil
	}
	n := v.node()
	return v.row.src[n.start:n.end]
}

// Escaped reports whether the value is a string, or a name, whose raw bytes have escapes.
func (v Value) Escaped() bool { return v.row != nil && v.node().flags&flagEscaped != 0 }

// Get returns the member of that exact name, or a Value of kind None.
func (v Value) Get(name string) Value {
	for k, x := range v.Members() {
		if k.Is(name) {
			return x
		}
	}
	return Value{}
}

// Is reports whether the value is a string, or a name, of exactly that text.
func (v Value) Is(text string) bool {
	if v.row == nil || v.node().kind != String {
		return false
	}
	if v.node().flags&flagEscaped == 0 {
		return string(v.Raw()) == text
	}
	b, _ := v.AppendText(nil)
	return string(b) == text
}

// Members returns the names and values of an object, in order. Of anything else it
// returns none.
func (v Value) Members() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.Kind() != Object {
			return
		}
		for i, end := v.at+1, v.node().next; i < end; {
			value := Value{v.row, i + 1}
			if !yield(Value{v.row, i}, value) {
				return
			}
			i = value.node().next
		}
	}
}

// Items returns the values of a list, in order. Of anything else it returns none.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		for i, end := v.at+1, v.node().next; i < end; {
			item := Value{v.row, i}
			if !yield(item) {
				return
			}
			i = item.node().next
		}
	}
}

// Len returns the number of values of a list or of members of an object, else 0.
func (v Value) Len() int {
	n := 0
	switch v.Kind() {
	case Array:
		for range v.Items() {
			n++
		}
	case Object:
		for range v.Members() {
			n++
		}
	}
	return n
}

// AppendText appends the text of a string to dst, with its escapes undone. It returns how
// many halves of surrogate pairs stood alone and became U+FFFD. Bytes that are not UTF-8
// stay as they are. Of another kind than String it appends nothing.
func (v Value) AppendText(dst []byte) (text []byte, lone int) {
	if v.Kind() != String {
		return dst, 0
	}
	raw := v.Raw()
	if v.node().flags&flagEscaped == 0 {
		return append(dst, raw...), 0
	}
	return Unescape(dst, raw)
}

// Text returns the text of a string, for short ones such as names and roles.
func (v Value) Text() string {
	b, _ := v.AppendText(nil)
	return string(b)
}

// Unescape appends to dst the content of a string of JSON, with its escapes undone. An
// escape that JSON does not know stays as it is.
func Unescape(dst, raw []byte) (text []byte, lone int) {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 || i+1 == len(raw) {
			return append(dst, raw...), lone
		}
		dst = append(dst, raw[:i]...)
		r, size, isLone := Escape(raw[i:])
		switch {
		case size == 0:
			dst, size = append(dst, '\\'), 1
		default:
			dst = utf8.AppendRune(dst, r)
		}
		if isLone {
			lone++
		}
		raw = raw[i+size:]
	}
}

// Escape returns the rune of the escape with which b begins, how many bytes of b it takes,
// and whether it is half of a surrogate pair that stands alone. The size is 0 where b does
// not begin with an escape of JSON.
func Escape(b []byte) (r rune, size int, lone bool) {
	if len(b) < 2 || b[0] != '\\' {
		return 0, 0, false
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, false
	case 'b':
		return '\b', 2, false
	case 'f':
		return '\f', 2, false
	case 'n':
		return '\n', 2, false
	case 'r':
		return '\r', 2, false
	case 't':
		return '\t', 2, false
	case 'u':
		r, ok := hex4(b[2:])
		if !ok {
			return 0, 0, false
		}
		if r < 0xd800 || r > 0xdfff {
			return r, 6, false
		}
		if r < 0xdc00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if low, ok := hex4(b[8:]); ok && low >= 0xdc00 && low <= 0xdfff {
				return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12, false
			}
		}
		return utf8.RuneError, 6, true
	}
	return 0, 0, false
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Int returns the value of a number that is a whole number of 64 bits.
func (v Value) Int() (int64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.Raw()), 10, 64)
	return n, err == nil
}

// True reports whether the value is the boolean true.
func (v Value) True() bool { return v.Kind() == Bool && v.Raw()[0] == 't' }

// repeated returns a name that stands in the object at twice, and whether there is one.
func (r *Row) repeated(at uint32) (name []byte, found bool) {
	// Few names without escapes are compared as they are.
	var few [8]uint32
	n := 0
	for i, end := at+1, r.nodes[at].next; i < end; i = r.nodes[i+1].next {
		if n == len(few) || r.nodes[i].flags&flagEscaped != 0 {
			return r.repeatedOfMany(at)
		}
		have := r.src[r.nodes[i].start:r.nodes[i].end]
		for _, j := range few[:n] {
			if bytes.Equal(have, r.src[r.nodes[j].start:r.nodes[j].end]) {
				return bytes.Clone(have), true
			}
		}
		few[n] = i
		n++
	}
	return nil, false
}

// repeatedOfMany puts the names in the order of a hash whose seed nobody knows, so that the
// work stays in proportion.
func (r *Row) repeatedOfMany(at uint32) (name []byte, found bool) {
	r.hashes = r.hashes[:0]
	r.names = r.names[:0]
	for i, end := at+1, r.nodes[at].next; i < end; i = r.nodes[i+1].next {
		r.hashes = append(r.hashes, hashedName{maphash.Bytes(seed, r.name(i)), i})
	}
	slices.SortFunc(r.hashes, func(a, b hashedName) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return int(a.node) - int(b.node)
	})
	for i := 1; i < len(r.hashes); i++ {
		if r.hashes[i].hash == r.hashes[i-1].hash && bytes.Equal(r.name(r.hashes[i].node), r.name(r.hashes[i-1].node)) {
			return bytes.Clone(r.name(r.hashes[i].node)), true
		}
	}
	return nil, false
}

// name returns the decoded name at node i. It is valid until the next object is checked.
func (r *Row) name(i uint32) []byte {
	n := r.nodes[i]
	raw := r.src[n.start:n.end]
	if n.flags&flagEscaped == 0 {
		return raw
	}
	from := len(r.names)
	r.names, _ = Unescape(r.names, raw)
	return r.names[from:]
}

package row

import "fmt"

// A Builder makes a Row of values that were not JSON: the fields of a CSV record, the
// columns of a parquet row. Strings are copied, and taken as they are.
type Builder struct {
	*Row
	Limits
}

// Build empties the row and returns a builder of it. Begin with one value.
func (r *Row) Build(l Limits) Builder {
	src := r.src[:0]
	r.Reset()
	r.src = src
	return Builder{r, l}
}

func (b Builder) add(k Kind, text []byte, flags uint8) {
	if b.err == nil && (len(b.nodes) >= b.Values || len(b.src)+len(text) > maxSource) {
		b.err = &Error{Fault: TooMany, Detail: fmt.Sprintf("the row has more than %d values", b.Values)}
	}
	if b.err == nil && len(b.open) > b.Depth {
		b.err = &Error{Fault: TooDeep, Detail: fmt.Sprintf("lists and objects stand more than %d deep in each other", b.Depth)}
	}
	if b.err != nil {
		return
	}
	start := uint32(len(b.src))
	b.src = append(b.src, text...)
	b.nodes = append(b.nodes, node{start: start, end: uint32(len(b.src)), next: uint32(len(b.nodes) + 1), kind: k, flags: flags})
}

// Null adds null.
func (b Builder) Null() { b.add(Null, nil, 0) }

// Bool adds a boolean.
func (b Builder) Bool(x bool) {
	if x {
		b.add(Bool, []byte("true"), 0)
	} else {
		b.add(Bool, []byte("false"), 0)
	}
}

// Number adds a number, given as its digits.
func (b Builder) Number(digits []byte) { b.add(Number, digits, 0) }

// String adds a string.
func (b Builder) String(text []byte) { b.add(String, text, 0) }

// Name adds the name of the member of an object whose value comes next.
func (b Builder) Name(name []byte) { b.add(String, name, flagName) }

// Begin opens a list or an object, to which all belongs up to the End of it.
func (b Builder) Begin(k Kind) {
	b.open = append(b.open, uint32(len(b.nodes)))
	b.add(k, nil, 0)
}

// End closes what was opened last. The builder of an object may repeat names: the End of
// the object then fails the row.
func (b Builder) End() {
	at := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	if b.err != nil {
		return
	}
	n := &b.nodes[at]
	n.end, n.next = uint32(len(b.src)), uint32(len(b.nodes))
	if n.kind == Object {
		if name, twice := b.repeated(at); twice {
			b.err = &Error{Fault: Repeated, Name: string(name)}
		}
	}
}

// Err returns an *Error when the row is over its limits or has a name twice, else nil.
func (b Builder) Err() error { return b.err }

package parquet

import (
	"io"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// A Rows reads the rows of one row group, with the columns that were asked for.
type Rows struct {
	file    *File
	left    int64
	columns []*columnReader // by index, nil where not read
	fields  []*Node         // of the root, that are read
}

// bytesOfRow is what a row counts as besides its values, so that rows of nulls, which take
// no bytes of a file, cost something too.
const bytesOfRow = 16

// Read returns a reader of a row group. Want chooses the fields of a row by their names.
func (f *File) Read(g *Group, want func(name string) bool) (*Rows, error) {
	r := &Rows{file: f, left: g.Rows, columns: make([]*columnReader, len(f.leaves))}
	for _, n := range f.Root.Children {
		if !want(n.Name) || n.columns == 0 {
			continue
		}
		r.fields = append(r.fields, n)
		for _, leaf := range f.leaves[n.column : n.column+n.columns] {
			c, err := f.column(g, leaf)
			if err != nil {
				return nil, err
			}
			r.columns[leaf.column] = c
		}
	}
	return r, nil
}

// Next builds the next row, an object. It returns io.EOF after the last.
func (r *Rows) Next(b row.Builder) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	if err := r.file.limits.Expand(bytesOfRow); err != nil {
		return err
	}
	b.Begin(row.Object)
	for _, n := range r.fields {
		b.Name([]byte(n.Name))
		if err := r.node(b, n); err != nil {
			return err
		}
	}
	b.End()
	return nil
}

// Close frees what the reader holds.
func (r *Rows) Close() {
	for _, c := range r.columns {
		if c != nil && c.zstd != nil {
			c.zstd.Close()
		}
	}
}

// first returns the reader of the first column below a node, with a value at hand. The
// levels of that value are those of the node for all columns below.
func (r *Rows) first(n *Node) (*columnReader, error) {
	c := r.columns[n.column]
	ok, err := c.load()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, damaged("the column %.60q has fewer values than there are rows", c.node.Name)
	}
	return c, nil
}

// null passes over the entry of each column below a node.
func (r *Rows) null(n *Node) error {
	for _, leaf := range r.file.leaves[n.column : n.column+n.columns] {
		c := r.columns[leaf.column]
		ok, err := c.load()
		if err != nil {
			return err
		}
		if !ok {
			return damaged("the column %.60q has fewer values than there are rows", leaf.Name)
		}
		c.drop()
	}
	return nil
}

// node builds the value of a node, with null and repetition.
func (r *Rows) node(b row.Builder, n *Node) error {
	if n.columns == 0 { // a group without columns has no levels
		b.Null()
		return nil
	}
	switch n.repetition {
	case optional:
		c, err := r.first(n)
		if err != nil {
			return err
		}
		if int(c.def) < n.maxDef {
			b.Null()
			return r.null(n)
		}
	case repeated:
		return r.repeat(b, n, n)
	}
	return r.present(b, n)
}

// repeat builds a list of what is repeated, of which each element is the given node: what
// is repeated itself, or its only child.
func (r *Rows) repeat(b row.Builder, n, element *Node) error {
	b.Begin(row.Array)
	c, err := r.first(n)
	if err != nil {
		return err // what was begun stays open, and the row is given up
	}
	if int(c.def) < n.maxDef {
		b.End()
		return r.null(n)
	}
	for {
		if element == n {
			err = r.present(b, n)
		} else {
			err = r.node(b, element)
		}
		if err != nil {
			return err
		}
		ok, err := c.load()
		if err != nil {
			return err
		}
		if !ok || int(c.rep) != n.maxRep {
			b.End()
			return nil
		}
		if err := b.Err(); err != nil { // a list of any length would go on
			if err := r.file.limits.Expand(1); err != nil {
				return err
			}
		}
	}
}

// present builds a value that is there.
func (r *Rows) present(b row.Builder, n *Node) error {
	if len(n.Children) == 0 {
		return r.leaf(b, n)
	}
	if n.list && len(n.Children) == 1 && n.Children[0].repetition == repeated {
		// By the convention of three levels what is repeated is a group around the element.
		// Older writers repeat the element itself.
		list := n.Children[0]
		element := list
		if len(list.Children) == 1 && list.Name != "array" && list.Name != n.Name+"_tuple" {
			element = list.Children[0]
		}
		return r.repeat(b, list, element)
	}
	if n.dict && len(n.Children) == 1 && n.Children[0].repetition == repeated {
		return r.repeat(b, n.Children[0], n.Children[0])
	}
	b.Begin(row.Object)
	for _, c := range n.Children {
		b.Name([]byte(c.Name))
		if err := r.node(b, c); err != nil {
			return err
		}
	}
	b.End()
	return nil
}

func (r *Rows) leaf(b row.Builder, n *Node) error {
	if _, err := r.first(n); err != nil {
		return err
	}
	c := r.columns[n.column]
	v, err := c.value()
	if err != nil {
		return err
	}
	switch n.Type {
	case boolean:
		b.Bool(v[0] != 0)
	case byteArray:
		b.String(v)
	case int32_, int64_, float, double:
		b.Number(c.digits(v))
	default:
		b.Null()
	}
	return nil
}

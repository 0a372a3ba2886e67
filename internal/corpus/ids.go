package corpus

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

const (
	rowObject = row.Object
	rowArray  = row.Array
)

// ids reads token ids, in any of the shapes in which people print them: lists of JSON, one
// or one on each line, nested or not, an object with a list, numbers with blanks or commas
// between them, and what Python prints of a tensor or an array.
func (r *run) ids(s *stream, m member) error {
	if r.o.Format != FormatIDs {
		return r.skip(m.place, TokenIDs, "this looks like token ids, not a text; ask for the format ids to test them as such")
	}
	number := int64(0)
	for {
		head, err := s.peek(1)
		if len(head) == 0 {
			if err == io.EOF {
				if number == 0 {
					return r.skip(m.place, Empty, "the file has no token ids; there is nothing to test")
				}
				return nil
			}
			return r.skipRest(m.place, err)
		}
		if bytes.IndexByte([]byte(" \t\r\n,"), head[0]) >= 0 {
			if head[0] == '\n' {
				s.line++
			}
			s.discard(1)
			continue
		}
		number++
		p := m.rowAt(number, s.line, s.pos())
		lists, field, err := r.idRow(s)
		if err != nil && err != io.EOF && asFault(err) == nil {
			if err := r.skip(p, Invalid, "%v; write a list of JSON, or numbers with blanks or commas between them", err); err != nil {
				return err
			}
			// What follows belongs to the same broken list, as far as can be seen.
			return nil
		}
		if err != nil && err != io.EOF {
			return r.skipRest(m.place, err)
		}
		r.rows.begin()
		for i, ids := range lists {
			path := field
			if len(lists) > 1 {
				path = index(field, i)
			}
			r.rows.add(pending{kind: Answer, field: path, ids: ids, offset: -1})
		}
		if err := r.finish(p, nil); err != nil {
			return err
		}
	}
}

// idRow reads the ids of one row: a bracketed value, or all numbers up to the end or to a
// bracket.
func (r *run) idRow(s *stream) (lists [][]int32, field string, err error) {
	head, _ := s.peek(64)
	if head[0] == '{' {
		f := framer{s: s, limit: r.o.Limits.Row, most: r.o.Limits.SkippedBy}
		raw, _, err := f.frame(nil)
		if err != nil && err != io.EOF {
			return nil, "", err
		}
		if len(raw) > r.o.Limits.Row {
			return nil, "", &fault{TooLarge, fmt.Sprintf("the object is longer than %s; write its ids as a list", byteSize(r.o.Limits.Row))}
		}
		if _, err := r.rows.tree.Parse(raw, r.rowLimits()); err != nil {
			return nil, "", fmt.Errorf("this is not JSON: %w", err)
		}
		root := r.rows.tree.Root()
		for _, name := range append(append([]string{}, idFields...), "ids", "tokens", "output", "prompt_token_ids") {
			if v := root.Get(name); v.Kind() == row.Array {
				lists, err := idLists(v.Raw())
				return lists, name, err
			}
		}
		return nil, "", fmt.Errorf("the object has no list of ids; it has %s", quotedList(fieldNames(root)))
	}
	limit := r.o.Limits.Row
	var raw []byte
	depth, brackets := 0, 0
	for {
		b, err := s.peek(1)
		if len(b) == 0 {
			if err != io.EOF {
				return nil, "", err
			}
			if depth > 0 {
				return nil, "", &fault{Cut, "the list is not closed, as in a copy that broke off"}
			}
			break
		}
		c := b[0]
		if depth == 0 && (c == '[' || c == '{') && len(raw) > 0 && (brackets > 0 || bytes.IndexByte(raw, '(') < 0) {
			break // the next row
		}
		s.discard(1)
		switch c {
		case '[', '(':
			depth++
			brackets++
		case ']', ')':
			depth--
		case '\n':
			s.line++
		}
		if len(raw) >= limit {
			return nil, "", &fault{TooLarge, fmt.Sprintf("the ids take more than %s; split them into rows", byteSize(limit))}
		}
		raw = append(raw, c)
		if depth <= 0 && brackets > 0 {
			break
		}
	}
	lists, err = idLists(raw)
	return lists, "", err
}

// idLists reads the lists of ids in a bracketed value or a row of numbers. Numbers that
// fit no vocabulary become -1.
func idLists(raw []byte) ([][]int32, error) {
	for _, p := range []string{"tensor(", "array(", "Tensor("} {
		raw = bytes.TrimPrefix(raw, []byte(p))
	}
	var lists [][]int32
	var now []int32
	started, number := false, 0
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case bytes.IndexByte([]byte(" \t\r\n,"), c) >= 0:
			i++
		case c == '[':
			if started && len(now) > 0 {
				return nil, fmt.Errorf("a list begins after number %d of another list", number)
			}
			started, now = true, nil
			i++
		case c == ']':
			if started {
				lists = append(lists, now)
			}
			started, now = false, nil
			i++
		case c == ')' || c == '(':
			i++
		case c == '.' && bytes.HasPrefix(raw[i:], []byte("...")):
			return nil, fmt.Errorf("ids are left out of the middle of what was printed (%q)", "...")
		case len(lists) > 0 && (bytes.HasPrefix(raw[i:], []byte("device=")) || bytes.HasPrefix(raw[i:], []byte("dtype="))):
			return lists, nil
		default:
			j := i
			for j < len(raw) && bytes.IndexByte([]byte(" \t\r\n,[]()"), raw[j]) < 0 {
				j++
			}
			number++
			id, err := parseID(string(raw[i:j]))
			if err != nil {
				return nil, fmt.Errorf("number %d: %w", number, err)
			}
			now = append(now, id)
			i = j
		}
	}
	if len(now) > 0 {
		lists = append(lists, now)
	}
	return lists, nil
}

// parseID reads an id. The words of a secret key are not echoed.
func parseID(s string) (int32, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
		return -1, nil
	}
	if err != nil {
		if len(s) > 24 {
			return 0, fmt.Errorf("a word of %d letters is not a token id", len(s))
		}
		return 0, fmt.Errorf("%q is not a token id", s)
	}
	if n < 0 || n > 1<<31-1 {
		return -1, nil
	}
	return int32(n), nil
}

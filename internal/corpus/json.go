package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// json reads values of JSON: one on each line, the elements of lists, or one after the
// other over any lines.
func (r *run) json(s *stream, m member, lines bool, head []byte, whole bool) error {
	if lines || onLines(head, whole) {
		return r.jsonLines(s, m)
	}
	return r.jsonValues(s, m)
}

// onLines reports whether the text has a value on each line. Its first line then is a
// whole value and not the only one, or it is longer than the head and no list.
func onLines(head []byte, whole bool) bool {
	b := bytes.TrimLeft(head, " \t\r\n\x1e")
	if len(b) == 0 {
		return true
	}
	line, rest, more := bytes.Cut(b, []byte("\n"))
	if !more {
		return b[0] != '['
	}
	var tree row.Row
	n, err := tree.Parse(line, row.Limits{Depth: 1 << 10, Values: sniffLen})
	after := bytes.TrimLeft(rest, " \t\r\n")
	if err == nil {
		if len(bytes.Trim(line[n:], " \t\r,")) > 0 {
			return b[0] != '['
		}
		return b[0] != '[' || len(after) > 0
	}
	e := err.(*row.Error)
	switch {
	case e.Fault == row.Repeated || e.Fault == row.TooDeep || e.Fault == row.TooMany:
		return b[0] != '['
	case e.Fault == row.NotJSON:
		return b[0] != '[' // a broken line, or a list of which an element is broken
	case b[0] == '[':
		return len(line) > 1 && bytes.HasPrefix(after, []byte("[")) && bytes.HasSuffix(bytes.TrimRight(line, " \r"), []byte("]"))
	}
	// The line ends inside an object. Inside a string that is a broken line, since strings
	// have no ends of lines. Else the next line tells: a member of the object, or a new one.
	return unclosedString(line) || bytes.HasPrefix(after, []byte("{"))
}

// unclosedString reports whether the line ends inside a string.
func unclosedString(line []byte) bool {
	in := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			in = !in
		case in && line[i] == '\\':
			i++
		}
	}
	return in
}

func (r *run) rowLimits() row.Limits {
	return row.Limits{Depth: r.o.Limits.Nesting, Values: r.o.Limits.Values}
}

// rowAt returns the place of a row of a file, or of a record of a crawl.
func (m *member) rowAt(number, line, offset int64) Place {
	p := m.place
	if m.record {
		offset += m.offset
	} else {
		p.Row = number
	}
	p.Line, p.Offset = line, offset
	return p
}

// jsonLines reads a value, or several, from each line that is not blank.
func (r *run) jsonLines(s *stream, m member) error {
	rows := int64(0)
	for {
		line, offset := s.line, s.pos()
		if cap(r.rows.raw) > keepBuffer {
			r.rows.raw = nil
		}
		raw, n, err := s.readLine(r.rows.raw[:0], r.o.Limits.Row+1, r.o.Limits.SkippedBy)
		r.rows.raw = raw[:0]
		p := m.rowAt(line, line, offset)
		switch {
		case len(raw) > r.o.Limits.Row && err != nil && err != io.EOF:
			return r.skipRest(p, err)
		case len(raw) > r.o.Limits.Row:
			rows++
			if err := r.skip(p, TooLarge, "the line has %s, more than %s; split its text", countBytes(n), byteSize(r.o.Limits.Row)); err != nil {
				return err
			}
		case len(bytes.Trim(raw, " \t\r\n\x1e")) > 0:
			rows++
			if err := r.jsonLine(p, raw, err); err != nil {
				return err
			}
		}
		if err != nil {
			if err == io.EOF && rows == 0 {
				return r.skip(m.place, Empty, "the file has blank lines alone; there is nothing to test")
			}
			return r.skipRest(m.place, err)
		}
	}
}

func countBytes(n int64) string {
	if n >= 10<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// jsonLine reads a line, which has one value, or several with nothing but commas between
// them. The error is that which ended the line, or nil.
func (r *run) jsonLine(p Place, raw []byte, ended error) error {
	start := p.Offset
	at := nextValue(raw, 0)
	if at == len(raw) {
		return r.skip(p, Invalid, "the line has no value of JSON; write one object on each line")
	}
	for first := true; at < len(raw); first = false {
		p.Offset = start + int64(at)
		n, err := r.rows.tree.Parse(raw[at:], r.rowLimits())
		if next := nextValue(raw, at+n); err == nil && first && next < len(raw) {
			// All of the line is looked at before any of it is read: half a line is no row.
			if err = r.validValues(raw[next:]); err == nil {
				_, err = r.rows.tree.Parse(raw[at:], r.rowLimits())
			}
		}
		if err != nil {
			var e *row.Error
			if errors.As(err, &e) && e.Fault == row.CutShort && ended != nil {
				if ended != io.EOF {
					return nil // the rest of the file says what happened
				}
				return r.skip(p, Cut, "the file ends inside a value, as a copy that broke off does (%v)", err)
			}
			return r.jsonFault(p, err)
		}
		if err := r.shape(p, r.rows.tree.Root(), p.Offset); err != nil {
			return err
		}
		at = nextValue(raw, at+n)
	}
	return nil
}

// validValues returns why the values of the rest of a line are not all JSON, or nil.
func (r *run) validValues(raw []byte) error {
	for at := 0; at < len(raw); {
		n, err := r.rows.tree.Parse(raw[at:], r.rowLimits())
		if err != nil {
			return err
		}
		at = nextValue(raw, at+n)
	}
	return nil
}

// nextValue returns where the next value of a line begins, from i on.
func nextValue(raw []byte, i int) int {
	for i < len(raw) && bytes.IndexByte([]byte(" \t\r\n\x1e,"), raw[i]) >= 0 {
		i++
	}
	return i
}

// jsonFault skips a row that is not a tree.
func (r *run) jsonFault(p Place, err error) error {
	var e *row.Error
	errors.As(err, &e)
	switch e.Fault {
	case row.Repeated:
		return r.skip(p, RepeatedField, "%v, and programs differ in which value they take; leave one of them out", err)
	case row.TooDeep, row.TooMany:
		return r.skip(p, TooLarge, "%v; write the text into a row of its own", err)
	}
	return r.skip(p, Invalid, "this is not JSON: %v", err)
}

// jsonValues reads the values of a stream one after the other, and the elements of lists in
// their place, whatever lines they take.
func (r *run) jsonValues(s *stream, m member) error {
	f := framer{s: s, limit: r.o.Limits.Row, most: r.o.Limits.SkippedBy}
	number := int64(0)
	inList := false
	for {
		c, err := f.next(inList)
		if err == io.EOF && inList {
			err = &fault{Cut, "the list is not closed, as in a copy that broke off; what came before was read"}
		}
		if err != nil {
			if err == io.EOF && number == 0 {
				return r.skip(m.place, Empty, "the file has no values; there is nothing to test")
			}
			return r.skipRest(m.place, err)
		}
		switch {
		case c == '[' && !inList:
			s.discard(1)
			inList = true
			continue
		case c == ']' && inList:
			s.discard(1)
			inList = false
			if number == 0 {
				number++
				if err := r.skip(m.place, Empty, "the list is empty; there is nothing to test"); err != nil {
					return err
				}
			}
			continue
		}
		number++
		p := m.rowAt(number, s.line, s.pos())
		if cap(r.rows.raw) > keepBuffer {
			r.rows.raw = nil
		}
		raw, n, err := f.frame(r.rows.raw[:0])
		r.rows.raw = raw[:0]
		switch {
		case err == errOpenString:
			if err := r.skip(p, Invalid, "this is not JSON: a line ends inside a string"); err != nil {
				return err
			}
			if err := f.resync(); err != nil {
				if err != io.EOF {
					return r.skipRest(m.place, err)
				}
				return nil
			}
			continue
		case err == io.EOF && (len(raw) <= r.o.Limits.Row):
			// A number or a word may end with the file. A list or string may not.
			if _, perr := r.rows.tree.Parse(raw, r.rowLimits()); perr != nil {
				s := &Skip{Place: p, Reason: Cut, Rest: true, Detail: "the file ends inside a value, as a copy that broke off does; what came before was read"}
				return r.skipItem(s)
			}
		case err != nil && err != io.EOF:
			return r.skipRest(m.place, err)
		}
		if len(raw) > r.o.Limits.Row {
			if err := r.skip(p, TooLarge, "the value has %s, more than %s; write its parts as rows", countBytes(n), byteSize(r.o.Limits.Row)); err != nil {
				return err
			}
			continue
		}
		used, perr := r.rows.tree.Parse(raw, r.rowLimits())
		if perr == nil && used != len(raw) {
			perr = &row.Error{Fault: row.NotJSON, Offset: used, Detail: "something stands after the value,"}
		}
		if perr != nil {
			err = r.jsonFault(p, perr)
		} else {
			err = r.shape(p, r.rows.tree.Root(), p.Offset)
		}
		if err != nil {
			return err
		}
	}
}

// A framer finds where values of JSON begin and end, by their brackets and quotes alone.
type framer struct {
	s     *stream
	limit int   // bytes of a value that are kept, and one more
	most  int64 // bytes of a value that are looked through
}

// errOpenString says that a line ends inside a string.
var errOpenString = errors.New("a line ends inside a string")

// next skips what may stand between values and returns the byte that comes next. Commas
// may stand between the elements of a list, and after values, where people cut a list into
// lines.
func (f *framer) next(inList bool) (byte, error) {
	for {
		b, err := f.buffered()
		if len(b) == 0 {
			return 0, err
		}
		for i, c := range b {
			switch c {
			case '\n':
				f.s.line++
			case ' ', '\t', '\r', '\x1e', ',':
			default:
				f.s.discard(i)
				return c, nil
			}
		}
		f.s.discard(len(b))
	}
}

// buffered returns at least one byte that comes next, or the error of the stream.
func (f *framer) buffered() ([]byte, error) {
	if n := f.s.br.Buffered(); n > 0 {
		return f.s.br.Peek(n)
	}
	if _, err := f.s.br.Peek(1); err != nil {
		return nil, err
	}
	return f.s.br.Peek(f.s.br.Buffered())
}

// frame appends the value that begins here to dst, of which it keeps the limit and one byte
// at most, and returns its length.
func (f *framer) frame(dst []byte) (raw []byte, n int64, err error) {
	raw = dst
	depth, inString, escaped, started := 0, false, false, false
	take := func(b []byte) {
		if room := f.limit + 1 - len(raw); room > 0 {
			raw = appendDoubling(raw, b[:min(len(b), room)])
		}
		n += int64(len(b))
		f.s.discard(len(b))
	}
	for {
		b, err := f.buffered()
		if len(b) == 0 {
			return raw, n, err
		}
		if n > f.most {
			return raw, n, &fault{TooLarge, fmt.Sprintf("a value does not end within %s; the rest of the file is not read", size(f.most))}
		}
		i := 0
	scan:
		for i < len(b) {
			c := b[i]
			if inString {
				switch {
				case escaped:
					escaped = false
					i++
				case c == '\\':
					escaped = true
					i++
				case c == '"':
					inString = false
					i++
					if depth == 0 {
						take(b[:i])
						return raw, n, nil
					}
				case c == '\n':
					take(b[:i])
					return raw, n, errOpenString
				default:
					i += max(1, row.PlainPrefix(b[i:]))
				}
				continue scan
			}
			switch c {
			case '{', '[':
				depth++
			case '}', ']':
				if depth == 0 { // the end of the list around the value, or a stray bracket
					if !started {
						i++
					}
					take(b[:i])
					return raw, n, nil
				}
				depth--
				if depth == 0 {
					take(b[:i+1])
					return raw, n, nil
				}
			case '"':
				inString = true
			case '\n':
				if depth == 0 {
					take(b[:i])
					return raw, n, nil
				}
				f.s.line++
			case ' ', '\t', '\r', ',':
				if depth == 0 && started {
					take(b[:i])
					return raw, n, nil
				}
			}
			started = true
			i++
		}
		take(b)
	}
}

// resync goes on to the next line that begins with a bracket, after a value whose end
// cannot be found.
func (f *framer) resync() error {
	for {
		if _, _, err := f.s.readLine(nil, 0, f.most); err != nil {
			return err
		}
		b, err := f.s.peek(64)
		if len(b) == 0 {
			return err
		}
		if b = bytes.TrimLeft(b, " \t"); len(b) > 0 && b[0] == '{' {
			return nil
		}
	}
}

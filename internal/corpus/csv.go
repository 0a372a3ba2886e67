package corpus

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Records of CSV are cut by this package, since encoding/csv keeps a record of any length
// in memory, and says neither where a record begins nor on which line. The grammar is that
// of RFC 4180, with quotes inside a bare field left as they are.

const (
	csvNo     = iota
	csvYes    // a header that has the name of a known field
	csvLike   // lines with the same number of fields, under what looks like a header
	csvColumn // a first line that is the name of a known field and nothing else
)

var delimiters = []byte{',', '\t', ';', '|'}

// looksCSV looks at text that is nothing else.
func looksCSV(b []byte, whole bool) int {
	first, rest, more := bytes.Cut(b, []byte("\n"))
	first = bytes.TrimRight(first, "\r")
	if line, _, ok := bytes.Cut(first, []byte("\r")); ok { // the reader refuses such ends of lines
		first, more = line, true
	}
	if !more || len(first) > 4096 {
		return csvNo
	}
	if name := strings.Trim(string(first), "\""); isField[name] || headerAlone(name) {
		return csvColumn
	}
	for _, d := range delimiters {
		if bytes.IndexByte(first, d) < 0 {
			continue
		}
		header, ok := headerOf(first, d)
		if !ok {
			continue
		}
		for _, name := range header {
			if isField[name] {
				return csvYes
			}
		}
		if len(header) >= 3 && regular(rest, d, len(header), whole) {
			return csvLike
		}
	}
	return csvNo
}

// headerAlone reports whether a line is a name that only a table has as its first line.
func headerAlone(name string) bool {
	return strings.Contains(name, "_") && (isField[strings.ToLower(name)] || strings.HasSuffix(name, "_text") || strings.HasSuffix(name, "_output"))
}

func knownHeader(b []byte) bool {
	first, _, _ := bytes.Cut(b, []byte("\n"))
	for _, d := range delimiters {
		if header, ok := headerOf(bytes.TrimRight(first, "\r"), d); ok && slices.ContainsFunc(header, func(n string) bool { return isField[n] }) {
			return true
		}
	}
	return false
}

// headerOf returns the fields of a line that may be a header: at least two different
// names. A name is not empty, not long and not a sentence.
func headerOf(line []byte, d byte) ([]string, bool) {
	var p csvParser
	p.delimiter = d
	fields, ok := p.split(line)
	if !ok || len(fields) < 2 {
		return nil, false
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		name := strings.TrimSpace(string(f))
		if name == "" && i == 0 { // the index that pandas writes
			names[i] = name
			continue
		}
		if name == "" || len(name) > 40 || strings.Count(name, " ") > 2 || strings.ContainsAny(name, ".!?\"") || slices.Contains(names[:i], name) {
			return nil, false
		}
		names[i] = name
	}
	return names, true
}

// regular reports whether at least three records follow and all have n fields.
func regular(b []byte, d byte, n int, whole bool) bool {
	s := newStream(bytes.NewReader(b))
	defer s.free()
	p := csvParser{s: s, delimiter: d, limit: sniffLen, most: sniffLen}
	for i := 0; i < 20; i++ {
		raw, _, err := p.record(nil)
		if err != nil && (err != io.EOF || !whole || len(raw) == 0) {
			return i >= 3
		}
		if fields, ok := p.split(raw); !ok || len(fields) != n {
			return false
		}
		if err != nil {
			return i >= 2
		}
	}
	return true
}

// A csvParser cuts a stream into records and those into fields.
type csvParser struct {
	s         *stream
	delimiter byte
	limit     int   // bytes of a record that are kept, and one more
	most      int64 // bytes of a record that are looked through
	fields    [][]byte
	data      []byte
}

// record appends the next record to dst, with its end, of which it keeps the limit and one
// byte at most, and returns its length.
func (p *csvParser) record(dst []byte) (raw []byte, n int64, err error) {
	raw = dst
	inQuotes, fieldStart := false, true
	for {
		var part []byte
		part, err = p.s.br.ReadSlice('\n')
		if room := p.limit + 1 - len(raw); room > 0 {
			raw = appendDoubling(raw, part[:min(len(part), room)])
		}
		n += int64(len(part))
		for _, c := range part {
			switch {
			case inQuotes:
				// A doubled quote closes and opens again, which comes to the same.
				inQuotes = c != '"'
			case c == '"' && fieldStart:
				inQuotes = true
			}
			// After a quote that closed, another opens again at once.
			fieldStart = c == p.delimiter || c == '\n' || c == '"' && !inQuotes
		}
		if n > p.most {
			return raw, n, &fault{TooLarge, fmt.Sprintf("a record does not end within %s; the rest of the file is not read", size(p.most))}
		}
		if err == nil {
			p.s.line++
			if !inQuotes {
				return raw, n, nil
			}
			fieldStart = false
			continue
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && inQuotes {
			err = errOpenQuote
		}
		return raw, n, err
	}
}

var errOpenQuote = &fault{Cut, "the file ends inside a quoted field, as a copy that broke off does, or a quote is missing"}

// split cuts a record into fields. They are valid until the next call. It fails on a quote
// that is not closed or is followed by something else than a delimiter.
func (p *csvParser) split(raw []byte) (fields [][]byte, ok bool) {
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	raw = bytes.TrimSuffix(raw, []byte("\r"))
	p.fields, p.data = p.fields[:0], p.data[:0]
	if cap(p.data) > keepBuffer {
		p.data = nil
	}
	for {
		if len(raw) > 0 && raw[0] == '"' {
			raw = raw[1:]
			i := bytes.IndexByte(raw, '"')
			if i < 0 {
				return nil, false
			}
			field := raw[:i]
			if i+1 < len(raw) && raw[i+1] == '"' {
				from := len(p.data)
				for i >= 0 && i+1 < len(raw) && raw[i+1] == '"' {
					p.data = append(p.data, raw[:i+1]...)
					raw = raw[i+2:]
					i = bytes.IndexByte(raw, '"')
				}
				if i < 0 {
					return nil, false
				}
				p.data = append(p.data, raw[:i]...)
				field = p.data[from:len(p.data):len(p.data)]
			}
			p.fields = append(p.fields, field)
			raw = raw[i+1:]
			if len(raw) == 0 {
				return p.fields, true
			}
			if raw[0] != p.delimiter {
				return nil, false
			}
			raw = raw[1:]
			continue
		}
		i := bytes.IndexByte(raw, p.delimiter)
		if i < 0 {
			p.fields = append(p.fields, raw)
			return p.fields, true
		}
		p.fields = append(p.fields, raw[:i])
		raw = raw[i+1:]
	}
}

// csv reads records under a header.
func (r *run) csv(s *stream, m member, f Format, head []byte, whole bool) error {
	p := csvParser{s: s, delimiter: ',', limit: r.o.Limits.Row, most: r.o.Limits.SkippedBy}
	first, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	if f == FormatTSV {
		p.delimiter = '\t'
	} else {
		best := 0
		for _, d := range delimiters {
			n := bytes.Count(first, []byte{d})
			if header, ok := headerOf(bytes.TrimRight(first, "\r"), d); ok && slices.ContainsFunc(header, func(n string) bool { return isField[n] }) {
				n += len(first) // the names of known fields tell more than counts
			}
			if n > best {
				best, p.delimiter = n, d
			}
		}
	}
	if rest, ok := bytes.CutPrefix(bytes.TrimRight(first, "\r"), []byte("sep=")); ok && len(rest) == 1 { // Excel
		p.delimiter = rest[0]
		s.readLine(nil, 0, sniffLen)
	}
	var header [][]byte
	number := int64(0)
	for {
		line, offset := s.line, s.pos()
		raw, n, err := p.record(r.rows.raw[:0])
		r.rows.raw = raw[:0]
		if cap(raw) > keepBuffer {
			r.rows.raw = nil
		}
		place := m.rowAt(number, line, offset)
		ended := err != nil
		switch {
		case len(bytes.TrimSpace(raw)) == 0:
			if !ended || err == errOpenQuote {
				break
			}
			switch {
			case err == io.EOF && header == nil:
				return r.skip(m.place, Empty, "the table is empty; there is nothing to test")
			case err == io.EOF && number == 0:
				return r.skip(m.place, Empty, "the table has a header and no records; there is nothing to test")
			}
			return r.skipRest(m.place, err)
		case header == nil:
			fields, ok := p.split(raw)
			if !ok || len(raw) > r.o.Limits.Row {
				return r.skip(place, Invalid, "the header of the table cannot be read: a quote is missing or too many")
			}
			for i, f := range fields {
				if i := bytes.IndexByte(f, '\r'); i >= 0 && (i+1 == len(f) || f[i+1] != '\n') {
					return r.skip(m.place, Invalid, "the lines of the table end with CR alone, which is not read; write them with LF")
				}
				name := bytes.TrimSpace(f)
				if len(name) > 0 && slices.ContainsFunc(header, func(h []byte) bool { return bytes.Equal(h, name) }) {
					return r.skip(place, RepeatedField, "the header has the field %.60q twice, so that programs differ in which they take; rename one", name)
				}
				if !utf8.Valid(name) {
					return r.skip(place, BadEncoding, "the name of field %d of the header is not UTF-8; name the encoding of the file", i+1)
				}
				header = append(header, bytes.Clone(name))
			}
		default:
			number++
			place.Row = number
			if m.record {
				place.Row = m.place.Row
			}
			if ended && err != io.EOF && err != errOpenQuote {
				return r.skipRest(m.place, err) // the rest has the record that was cut
			}
			if emit := r.csvRow(place, &p, raw, n, header, err); emit != nil {
				return emit
			}
		}
		if ended {
			switch {
			case err == errOpenQuote && (header == nil || number == 0):
				return r.skipRest(m.place, err)
			case header != nil && number == 0:
				return r.skip(m.place, Empty, "the table has a header and no records; there is nothing to test")
			}
			return nil
		}
	}
}

// csvRow reads one record.
func (r *run) csvRow(place Place, p *csvParser, raw []byte, n int64, header [][]byte, err error) error {
	if err == errOpenQuote {
		return r.skipItem(&Skip{Place: place, Reason: Cut, Rest: true, Detail: errOpenQuote.detail})
	}
	if len(raw) > r.o.Limits.Row {
		return r.skip(place, TooLarge, "the record has %s, more than %s; a quote may be missing", countBytes(n), byteSize(r.o.Limits.Row))
	}
	fields, ok := p.split(raw)
	switch {
	case !ok:
		return r.skip(place, Invalid, "the quotes of the record do not match; quotes inside a quoted field are doubled")
	case len(fields) > len(header):
		return r.skip(place, Invalid, "the record has %d fields and the header %d; quote the fields that have the delimiter in them", len(fields), len(header))
	}
	b := r.rows.tree.Build(r.rowLimits())
	b.Begin(rowObject)
	for i, f := range fields {
		if len(header[i]) == 0 {
			continue
		}
		b.Name(header[i])
		b.String(f)
	}
	b.End()
	if err := b.Err(); err != nil {
		return r.jsonFault(place, err)
	}
	return r.shape(place, r.rows.tree.Root(), -1)
}

package corpus

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// A member is a file, or something inside it that is read like one.
type member struct {
	place       Place
	name        string // for what the content leaves open
	containers  []string
	at          io.ReaderAt // the whole content by offset, or nil
	size        int64       // of the content, where at is set
	depth       int         // of containers around it
	contentType string      // that a crawl or a message declares, without parameters
	charset     string      // that it declares, or empty
	converted   bool        // its stream is UTF-8 by now, whatever a page or message in it declares
	top         bool        // the input itself
	record      bool        // a record of a crawl, whose rows are rows of the crawl
	offset      int64       // of a record's content in the crawl
}

// content reads one file or member. It returns its Source, which it has emitted unless the
// member is the input itself or a record.
func (r *run) content(in io.Reader, m member) (*Source, error) {
	outer := r.leaf
	source := outer
	if !m.record {
		source = &Source{Place: m.place, Containers: m.containers}
		r.leaf = source
		defer func() { r.leaf = outer }()
	}
	s := newStream(in)
	defer s.free()
	err := r.open(s, m)
	source.Bytes = s.pos()
	if err == nil && !m.top && !m.record {
		err = r.emit(source)
	}
	return source, err
}

// open finds out what the stream is and reads it.
func (r *run) open(s *stream, m member) error {
	head, headErr := s.peek(sniffLen)
	if len(head) == 0 {
		if headErr != nil && headErr != io.EOF {
			return r.skipRest(m.place, headErr)
		}
		r.leaf.Format, r.leaf.By = FormatText, "content"
		return r.skip(m.place, Empty, "the file is empty; there is nothing to test")
	}
	whole := headErr == io.EOF && len(head) < sniffLen
	if w := wrapped(head); w != "" {
		if m.depth >= r.o.Limits.Depth && w != wrapWARC && w != wrapParquet {
			return r.skip(m.place, Bomb, "containers stand more than %d deep in each other; unpack the outer ones first", r.o.Limits.Depth)
		}
		return r.unwrap(w, s, m)
	}
	if no := refused(head); no != nil {
		r.take(m, "")
		return r.skip(m.place, no.reason, "this looks like %s; %s", no.what, no.advice)
	}
	if r.o.Format == FormatParquet || r.o.Format == FormatWARC {
		return r.skip(m.place, Invalid, "the file does not begin as one of the format %s; leave the format out to find it by content", r.o.Format)
	}
	return r.text(s, m, head, whole)
}

// text reads a stream of text, in any encoding.
func (r *run) text(s *stream, m member, head []byte, whole bool) error {
	enc, name, bom := marked(head)
	switch {
	case name != "":
		if r.o.Encoding != "" && r.encName != name && m.top {
			r.leaf.Notes = append(r.leaf.Notes, Note{Code: NoteCharset, Offset: 0, Detail: fmt.Sprintf(
				"the file begins with the byte order mark of %s, and was read so, although the encoding %s was named", name, r.encName)})
		}
		s.discard(bom)
	case m.contentType == "text/html":
		// A page says its charset itself; the reader of pages looks.
	case m.charset != "":
		var ok bool
		if enc, name, ok = lookupEncoding(m.charset); !ok {
			r.charsetNote(m, m.charset)
			enc, name, m.charset = nil, "", ""
		}
	}
	if name == "" && r.o.Encoding != "" && m.contentType != "text/html" && !r.declaresCharset(head, whole, m) {
		enc, name = r.encoding, r.encName
	}
	m.converted = name != ""
	if name == "" {
		name = "utf-8"
	}
	if !m.record {
		r.leaf.Encoding = name
	}
	if enc != nil {
		converted := newStream(transform.NewReader(s, enc.NewDecoder()))
		defer converted.free()
		s = converted
		head, err := s.peek(sniffLen)
		if len(head) == 0 {
			if err != nil && err != io.EOF {
				return r.skipRest(m.place, err)
			}
			return r.skip(m.place, Empty, "the file holds a byte order mark and nothing else; there is nothing to test")
		}
		whole = err == io.EOF && len(head) < sniffLen
		m.offset = 0
		return r.format(s, m, head, whole)
	}
	head = head[bom:]
	if len(head) == 0 {
		return r.skip(m.place, Empty, "the file holds a byte order mark and nothing else; there is nothing to test")
	}
	return r.format(s, m, head, whole)
}

// declaresCharset reports whether text that begins so says its charset itself, which counts
// more than the encoding that the caller named.
func (r *run) declaresCharset(head []byte, whole bool, m member) bool {
	f := r.o.Format
	if f == FormatAuto || m.record {
		f, _, _ = looks(head, whole, m.name, m.contentType)
	}
	return f == FormatMail || f == FormatMbox || f == FormatHTML && declaredCharset(head) != ""
}

func (r *run) charsetNote(m member, charset string) {
	r.leaf.Notes = append(r.leaf.Notes, Note{Code: NoteCharset, Offset: -1, Detail: fmt.Sprintf(
		"%s declares the charset %.40q, which is not known; it was read as UTF-8", m.place, charset)})
}

// marked returns the encoding that a byte order mark says, nil for UTF-8, its name, and
// the length of the mark. The name is empty where there is none. The decoders of x/text
// skip a mark by themselves, and take half a pair for U+FFFD.
func marked(head []byte) (encoding.Encoding, string, int) {
	has := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case has("\xef\xbb\xbf"):
		return nil, "utf-8", 3
	case has("\xff\xfe\x00\x00") && len(head)%4 == 0 && (len(head) < 8 || head[7] == 0):
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), "utf-32le", 4
	case has("\x00\x00\xfe\xff"):
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), "utf-32be", 4
	case has("\xff\xfe"):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "utf-16le", 2
	case has("\xfe\xff"):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "utf-16be", 2
	}
	return nil, "", 0
}

// format finds the format of a stream of UTF-8 and reads it.
func (r *run) format(s *stream, m member, head []byte, whole bool) error {
	if detail := notText(cutRune(head)); detail != "" {
		return r.skip(m.place, NotText, "this does not look like text: %s", detail)
	}
	f, by := r.o.Format, "format"
	if m.record && f != FormatText {
		f = FormatAuto // the format that was asked for is that of the crawl
	}
	if f == FormatAuto {
		var no *refusal
		f, by, no = looks(head, whole, m.name, m.contentType)
		if no != nil {
			r.take(m, "")
			return r.skip(m.place, no.reason, "this looks like %s; %s", no.what, no.advice)
		}
	}
	if !m.record {
		r.leaf.Format, r.leaf.By = f, by
	}
	s.under.run, s.under.emitted, s.under.since = r, r.emitted, s.under.n
	switch f {
	case FormatJSON, FormatJSONL:
		return r.json(s, m, f == FormatJSONL && by == "format", head, whole)
	case FormatCSV, FormatTSV:
		return r.csv(s, m, f, head, whole)
	case FormatHTML:
		return r.page(s, m)
	case FormatMail:
		return r.mail(s, m)
	case FormatMbox:
		return r.mbox(s, m)
	case FormatIDs:
		return r.ids(s, m)
	}
	return r.plain(s, m)
}

// plain reads a stream that is one text.
func (r *run) plain(s *stream, m member) error {
	p := m.place
	start := s.pos()
	if !m.record {
		p.Offset, p.Line = start, 1
	}
	text, err := r.readText(s)
	if err == errTooLarge {
		return r.skip(p, TooLarge, "longer than %s, the most that is tested as one text; split it, or make it rows of JSON lines", size(int64(r.o.Limits.Text)))
	}
	if err != nil && len(bytes.TrimSpace(text)) == 0 {
		return r.skipRest(p, err)
	}
	t := pending{kind: Plain, text: text, offset: m.offset + start}
	if emitErr := r.oneText(p, t, err); emitErr != nil {
		return emitErr
	}
	return r.skipRest(m.place, err)
}

// oneText emits the document of a row that is one text, which a fault of the stream may
// have cut.
func (r *run) oneText(p Place, t pending, err error) error {
	r.rows.begin()
	r.rows.add(t)
	if err != nil && err != io.EOF {
		r.rows.notes = append(r.rows.notes, Note{Code: NoteCut, Offset: int64(len(t.text)), Detail: "the text ends where the file is damaged"})
	}
	return r.finish(p, nil)
}

var errTooLarge = &fault{TooLarge, "longer than the limit"}

// readText reads all of a reader, up to the limit of one text. Its error is errTooLarge,
// or that which ended the stream early, with the text up to there.
func (r *run) readText(in io.Reader) ([]byte, error) {
	limit := r.o.Limits.Text
	text := make([]byte, 0, 4096)
	for {
		if len(text) == cap(text) {
			text = slices.Grow(text, min(len(text), limit+1-len(text)))
		}
		n, err := in.Read(text[len(text):min(cap(text), limit+1)])
		text = text[:len(text)+n]
		switch {
		case len(text) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return text, nil
		case err != nil:
			return text, err
		}
	}
}

// inner returns the member that a container of one file, such as gzip, holds.
func (m member) inner(w wrap) member {
	name := m.name
	if ext := strings.ToLower(path.Ext(name)); ext == ".tgz" || ext == ".tbz" || ext == ".txz" {
		name = strings.TrimSuffix(name, path.Ext(name)) + ".tar"
	}
	m.name = name
	m.containers = append(slices.Clip(m.containers), string(w))
	m.depth++
	m.at, m.size = nil, 0
	return m
}

// child returns the member of that name of an archive.
func (m member) child(w wrap, name string) member {
	c := m.inner(w)
	c.name = name
	c.place.Members = append(slices.Clip(m.place.Members), name)
	c.top, c.record = false, false
	c.contentType, c.charset = "", ""
	return c
}

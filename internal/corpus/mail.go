package corpus

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"golang.org/x/text/transform"
)

const (
	maxMailHeader = 1 << 20 // of a message
	maxMailDepth  = 8       // of parts in each other
)

// mail reads one message.
func (r *run) mail(s *stream, m member) error {
	p := m.place
	if !m.record {
		p.Row, p.Offset, p.Line = 1, s.pos(), 1
	}
	end, err := r.message(s, p, m.converted)
	if err != nil {
		return err
	}
	return r.skipRest(m.place, end)
}

// message reads a message and emits its row. The charsets of its parts do not count where
// the file was converted. Its first error is that which ended the message early.
func (r *run) message(in io.Reader, p Place, converted bool) (end, err error) {
	watch := &watched{r: in}
	r.rows.begin()
	mr := mailReader{run: r, converted: converted}
	mr.message(watch, "", 0)
	if watch.err != nil && watch.err != io.EOF {
		end = watch.err
		r.rows.notes = append(r.rows.notes, Note{Code: NoteCut, Offset: -1, Detail: "the message ends where the file is damaged"})
	}
	if mr.id != "" {
		p.RecordID = mr.id
	}
	if mr.fault != nil && len(r.rows.texts) == 0 {
		return end, r.skip(p, mr.fault.reason, "%s", mr.fault.detail)
	}
	if len(r.rows.texts) == 0 && r.rows.why == "" {
		r.rows.none(Empty, "the message has no part with a text; there is nothing to test")
	}
	return end, r.finish(p, nil)
}

// A watched reader remembers the error that ended it.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// A mailReader collects the texts of a message.
type mailReader struct {
	*run
	converted bool // the message is UTF-8 by now, except for parts in base64 and the like
	id        string
	parts     int
	fault     *fault
}

// header reads the header of a message, up to its limit.
func readHeader(in *stream) ([]byte, error) {
	var head []byte
	for {
		from := len(head)
		var n int64
		var err error
		head, n, err = in.readLine(head, maxMailHeader+1-from, maxMailHeader)
		switch {
		case len(head) > maxMailHeader || n > maxMailHeader:
			return nil, &fault{TooLarge, fmt.Sprintf("the header of the message is longer than %s", size(maxMailHeader))}
		case err == io.EOF:
			return head, nil
		case err != nil:
			return head, err
		case len(bytes.TrimRight(head[from:], "\r\n")) == 0:
			return head, nil
		}
	}
}

func (r *mailReader) message(in io.Reader, path string, depth int) {
	s := newStream(in)
	defer s.free()
	head, err := readHeader(s)
	if err != nil && asFault(err) != nil && asFault(err).reason == TooLarge {
		r.fail(asFault(err))
		return
	}
	msg, err := mail.ReadMessage(bytes.NewReader(append(bytes.TrimRight(head, "\r\n"), "\r\n\r\n"...)))
	if err != nil {
		r.fail(&fault{Invalid, "the header of the message cannot be read; leave the message out, or ask for the format text"})
		return
	}
	if depth == 0 {
		r.id = msg.Header.Get("Message-ID")
	}
	r.part(s, msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), "", path, depth)
}

func (r *mailReader) fail(f *fault) {
	if r.fault == nil {
		r.fault = f
	}
}

// part reads a part of a message: a text, or parts of its own.
func (r *mailReader) part(in io.Reader, contentType, encoding, disposition, path string, depth int) {
	if path == "" {
		path = "body"
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if contentType == "" {
		kind, err = "text/plain", nil
	}
	if err != nil && kind == "" {
		kind, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(contentType)), ";")
	}
	if depth > maxMailDepth {
		r.rows.leave(path, "parts that stand more than %d deep in each other", maxMailDepth)
		r.fail(&fault{TooLarge, fmt.Sprintf("the parts of the message stand more than %d deep in each other", maxMailDepth)})
		return
	}
	if what, _, _ := mime.ParseMediaType(disposition); what == "attachment" && kind != "message/rfc822" {
		r.rows.leave(path, "an attachment of the type %.60q; save it as a file to test it", kind)
		return
	}
	if strings.HasPrefix(kind, "multipart/") {
		r.multipart(in, kind, params["boundary"], path, depth)
		return
	}
	body, asIs := decoded(in, encoding)
	asIs = asIs && r.converted
	switch kind {
	case "message/rfc822":
		r.message(body, path, depth+1)
	case "text/plain":
		r.text(body, asIs, params, path, false)
	case "text/html":
		r.text(body, asIs, params, path, true)
	default:
		r.rows.leave(path, "a part of the type %.60q, which is no text", kind)
		if !strings.HasPrefix(kind, "text/") && depth == 0 {
			r.rows.none(Binary, "the message is of the type %.60q and has no text", kind)
		}
	}
}

func (r *mailReader) multipart(in io.Reader, kind, boundary, path string, depth int) {
	if boundary == "" {
		r.fail(&fault{Invalid, "the message has parts and does not say what separates them"})
		return
	}
	mr := multipart.NewReader(in, boundary)
	plain := -1 // index of the text that is the plain one of alternatives
	first := len(r.rows.texts)
	for i := 1; ; i++ {
		p, err := mr.NextRawPart()
		if err != nil {
			if err != io.EOF && asFault(err) == nil && !errors.Is(err, io.ErrUnexpectedEOF) && i == 1 {
				r.fail(&fault{Invalid, "the parts of the message cannot be read"})
			}
			if err != io.EOF {
				r.rows.notes = append(r.rows.notes, Note{Code: NoteCut, Field: path, Offset: -1, Detail: "the message ends before its parts do"})
			}
			break
		}
		if r.parts++; r.parts > 10_000 || r.budget.member() != nil {
			r.fail(&fault{TooLarge, "the message has more than 10000 parts"})
			r.rows.leave(path, "more than 10000 parts")
			return
		}
		n := len(r.rows.texts)
		if kind == "multipart/alternative" && plain >= 0 {
			continue // another form of the same text
		}
		r.part(p, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.Header.Get("Content-Disposition"),
			fmt.Sprintf("%s.%d", path, i), depth+1)
		if kind == "multipart/alternative" && len(r.rows.texts) > n {
			ct, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
			if ct == "text/plain" || ct == "" {
				if len(bytes.TrimSpace(r.rows.bytes(&r.rows.texts[n]))) > 0 {
					// A page that stood before the plain form is the same text.
					r.rows.texts = append(r.rows.texts[:first], r.rows.texts[n:]...)
					plain = first
				} else {
					r.rows.texts = r.rows.texts[:n]
				}
			}
		}
	}
}

// text reads a part that is a text, in its charset unless it is UTF-8 already.
func (r *mailReader) text(in io.Reader, isUTF8 bool, params map[string]string, path string, page bool) {
	if label := params["charset"]; isUTF8 {
		// A charset says what the bytes were before they were converted.
	} else if label != "" {
		enc, _, ok := lookupEncoding(label)
		switch {
		case !ok:
			r.rows.notes = append(r.rows.notes, Note{Code: NoteCharset, Field: path, Offset: -1,
				Detail: fmt.Sprintf("the part declares the charset %.40q, which is not known; it was read as UTF-8", label)})
		case enc != nil:
			in = transform.NewReader(in, enc.NewDecoder())
		}
	} else if r.encoding != nil {
		in = transform.NewReader(in, r.encoding.NewDecoder())
	}
	var text []byte
	var err error
	var tooLarge string
	if page {
		text, tooLarge, err = htmlText(in, r.o.Limits.Text)
	} else if text, err = r.readText(in); err == errTooLarge {
		tooLarge = fmt.Sprintf("the part is longer than %s, the most that is tested as one text", byteSize(r.o.Limits.Text))
	}
	if tooLarge != "" {
		r.rows.leave(path, "%s", tooLarge)
		r.fail(&fault{TooLarge, tooLarge})
		return
	}
	if err != nil && asFault(err) == nil {
		r.rows.notes = append(r.rows.notes, Note{Code: NoteCut, Field: path, Offset: int64(len(text)), Detail: "the part ends where its encoding is broken"})
	}
	if !page {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		if strings.EqualFold(params["format"], "flowed") {
			text = unflow(text, strings.EqualFold(params["delsp"], "yes"))
		}
	}
	r.rows.add(pending{kind: Plain, field: path, text: text, offset: -1})
}

// decoded undoes the encoding of a part, and reports whether there was none.
func decoded(in io.Reader, encoding string) (out io.Reader, asIs bool) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(in), false
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, &base64Letters{in}), false
	}
	return in, true
}

// base64Letters passes on the letters of base64 and drops all else, as RFC 2045 asks for,
// and what stands after the padding.
type base64Letters struct{ r io.Reader }

func (b *base64Letters) Read(p []byte) (int, error) {
	for {
		n, err := b.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

// unflow puts the lines of a paragraph together that RFC 3676 lets a sender break: those
// that end with a space. It takes away the space that a line is stuffed with.
func unflow(text []byte, delsp bool) []byte {
	out := make([]byte, 0, len(text))
	flowing := false
	for len(text) > 0 {
		line, rest, more := bytes.Cut(text, []byte("\n"))
		text = rest
		quoted := len(line) > 0 && line[0] == '>'
		if !quoted && len(line) > 0 && line[0] == ' ' {
			line = line[1:]
		}
		if flowing && quoted {
			out = append(out, '\n')
		}
		signature := string(line) == "-- "
		flowing = !signature && !quoted && len(line) > 0 && line[len(line)-1] == ' '
		if flowing && delsp {
			line = line[:len(line)-1]
		}
		out = append(out, line...)
		if more && !flowing {
			out = append(out, '\n')
		}
	}
	return out
}

// mbox reads messages one after the other.
func (r *run) mbox(s *stream, m member) error {
	b := &mboxReader{s: s, most: r.o.Limits.SkippedBy}
	number := int64(0)
	for {
		line, offset, err := b.next()
		if err != nil {
			if err == io.EOF && number == 0 {
				return r.skip(m.place, Empty, "the mailbox has no messages; there is nothing to test")
			}
			return r.skipRest(m.place, err)
		}
		if err := r.budget.member(); err != nil {
			return r.skipRest(m.place, err)
		}
		number++
		end, err := r.message(b, m.rowAt(number, line, offset), m.converted)
		if err != nil {
			return err
		}
		if end != nil {
			return r.skipRest(m.place, end)
		}
	}
}

// An mboxReader reads one message of a mailbox after the other.
type mboxReader struct {
	s       *stream
	most    int64
	line    []byte // of the message, that was not handed out yet
	rest    []byte
	blank   bool // the last line was blank, so that a separator may follow
	started bool
	ended   bool // the message is at its end
	err     error
}

// next goes to the beginning of the next message.
func (b *mboxReader) next() (line, offset int64, err error) {
	if b.started {
		if _, err := io.Copy(io.Discard, b); err != nil {
			return 0, 0, err
		}
	}
	if b.err != nil {
		return 0, 0, b.err
	}
	if !b.started {
		for { // to the first separator
			head, err := b.s.peek(5)
			if string(head) == "From " {
				break
			}
			if len(head) == 0 {
				return 0, 0, err
			}
			if _, _, err := b.s.readLine(nil, 0, b.most); err != nil {
				return 0, 0, err
			}
		}
	}
	b.started, b.ended, b.blank, b.rest = true, false, false, nil
	line, offset = b.s.line, b.s.pos()
	_, _, err = b.s.readLine(nil, 0, b.most) // the separator
	if err == io.EOF {
		b.err = io.EOF
		return line, offset, nil
	}
	return line, offset, err
}

func (b *mboxReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.ended || b.err != nil {
			if b.err != nil && b.err != io.EOF {
				return 0, b.err
			}
			return 0, io.EOF
		}
		if b.blank {
			if head, _ := b.s.peek(5); string(head) == "From " {
				b.ended = true
				continue
			}
		}
		// Lines of any length pass in pieces.
		part, err := b.s.br.ReadSlice('\n')
		b.blank = len(bytes.TrimRight(part, "\r\n")) == 0 && err == nil
		if err == nil {
			b.s.line++
		}
		if err != nil && err != bufio.ErrBufferFull {
			b.err = err
		}
		part = unstuff(part)
		b.line = append(b.line[:0], part...)
		b.rest = b.line
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// unstuff takes away the mark that a mailbox puts before a line that begins with From.
func unstuff(line []byte) []byte {
	if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From ")) {
		return line[1:]
	}
	return line
}

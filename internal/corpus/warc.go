package corpus

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const maxRecordHeader = 1 << 16

// A record is one record of a crawl, without its content.
type record struct {
	kind   string // WARC-Type
	url    string
	id     string
	time   time.Time
	mime   string
	length int64
	place  Place
}

// warc reads the records of a crawl (ISO 28500). Whether each is a gzip member of its own
// makes no difference, but for places: then Place.Stored says where the member begins.
func (r *run) warc(s *stream, m member, gz *gzipReader) error {
	number := int64(0)
	found := int64(0)
	for {
		start, offset, err := r.nextRecord(s)
		if err != nil {
			if err == io.EOF && found == 0 {
				return r.skip(m.place, Empty, "the crawl has no responses, resources or texts; there is nothing to test")
			}
			return r.skipRest(m.place, err)
		}
		if err := r.budget.member(); err != nil {
			return r.skipRest(m.place, err)
		}
		number++
		p := m.place
		p.Row, p.Offset = number, offset
		if gz != nil {
			p.Stored = gz.startOf(offset)
		}
		rec, detail, err := readRecord(s, start)
		rec.place = p
		rec.place.URL, rec.place.RecordID, rec.place.Time = rec.url, rec.id, rec.time
		if err != nil {
			if err == io.EOF {
				err = &fault{Cut, "the crawl ends inside the header of a record, as a copy that broke off does; what came before was read"}
			}
			return r.skipRest(rec.place, err)
		}
		if detail != "" {
			found++
			if err := r.skip(rec.place, Invalid, "%s; the next record is looked for", detail); err != nil {
				return err
			}
			continue
		}
		content := &lengthReader{r: s, n: rec.length}
		switch rec.kind {
		case "response", "resource", "conversion":
			found++
			if err := r.record(content, m, rec); err != nil {
				return err
			}
		case "warcinfo", "request", "metadata", "revisit", "continuation":
			bump(&r.leaf.Passed, rec.kind, 1)
		default:
			bump(&r.leaf.Passed, "other", 1)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			if r.rest {
				return nil // the record said what is wrong
			}
			return r.skipRest(rec.place, err)
		}
	}
}

// nextRecord goes to the line with which the next record begins, past what stands between,
// and takes it. It returns the line and its offset.
func (r *run) nextRecord(s *stream) (line []byte, offset int64, err error) {
	from := s.pos()
	for {
		if offset = s.pos(); offset-from > r.o.Limits.SkippedBy {
			return nil, offset, &fault{TooLarge, fmt.Sprintf("no record begins within %s; the rest of the file is not read", size(r.o.Limits.SkippedBy))}
		}
		line, _, err := s.readLine(r.rows.raw[:0], 64, r.o.Limits.SkippedBy)
		r.rows.raw = line[:0]
		if bytes.HasPrefix(line, []byte("WARC/")) {
			if err == io.EOF {
				err = nil // the header then ends at once
			}
			return line, offset, err
		}
		if err != nil {
			return nil, offset, err
		}
	}
}

// readRecord reads the header of a record. The detail says why it cannot be read, while
// what follows it can.
func readRecord(s *stream, first []byte) (rec record, detail string, err error) {
	rec.length = -1
	var buf []byte
	total := len(first)
	last := ""
	seen := map[string]bool{}
	for {
		line, n, err := s.readLine(buf[:0], maxRecordHeader, 1<<40)
		buf = line
		total += int(min(n, maxRecordHeader))
		if err != nil {
			return rec, "", err
		}
		if total > maxRecordHeader {
			return rec, fmt.Sprintf("the header of the record is longer than %s", size(maxRecordHeader)), nil
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if (text[0] == ' ' || text[0] == '\t') && last != "" {
			continue // a folded line, of a field that is not used
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return rec, "a line of the record's header has no colon", nil
		}
		last = strings.ToLower(strings.TrimSpace(name))
		value = strings.TrimSpace(value)
		if seen[last] && (last == "content-length" || last == "warc-type") {
			return rec, fmt.Sprintf("the record's header has %s twice", name), nil
		}
		seen[last] = true
		switch last {
		case "warc-type":
			rec.kind = strings.ToLower(value)
		case "warc-target-uri":
			rec.url = strings.Trim(value, "<>")
		case "warc-record-id":
			rec.id = value
		case "warc-date":
			rec.time, _ = time.Parse(time.RFC3339, value)
		case "content-type":
			rec.mime = value
		case "content-length":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return rec, fmt.Sprintf("the record has the length %.24q", value), nil
			}
			rec.length = n
		}
	}
	if rec.length < 0 {
		return rec, "the record does not say how long it is", nil
	}
	if rec.kind == "" {
		return rec, "the record does not say of what type it is", nil
	}
	return rec, "", nil
}

// A lengthReader reads n bytes, and fails where the stream ends before them.
type lengthReader struct {
	r io.Reader
	n int64
}

func (l *lengthReader) Read(p []byte) (int, error) {
	if l.n <= 0 {
		return 0, io.EOF
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.n)])
	l.n -= int64(n)
	if err == io.EOF && l.n > 0 {
		err = &fault{Cut, "the file ends inside a record, as a copy that broke off does; what came before was read"}
	}
	if l.n == 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// record reads the content of a record that may have text.
func (r *run) record(content *lengthReader, m member, rec record) error {
	c := m
	c.place, c.record, c.top, c.at, c.name = rec.place, true, false, nil, ""
	c.depth = m.depth
	kind, params, _ := mime.ParseMediaType(rec.mime)
	s := newStream(content)
	defer s.free()
	var in io.Reader = s
	if head, _ := s.peek(5); kind == "application/http" && string(head) == "HTTP/" || rec.kind == "response" && string(head) == "HTTP/" {
		body, header, err := readHTTP(s)
		if err != nil {
			return r.skipRest(rec.place, err)
		}
		in = body
		kind, params, _ = mime.ParseMediaType(header["content-type"])
		if code := header["content-encoding"]; code != "" && code != "identity" {
			if in, err = r.contentCoding(in, code); err != nil {
				return r.skipRest(rec.place, err)
			}
		}
		if in == body {
			c.offset = rec.place.Offset
		}
	}
	c.contentType, c.charset = strings.ToLower(kind), params["charset"]
	if what := noText(c.contentType); what != "" {
		return r.skip(rec.place, Binary, "the record is %s (%.60s), which holds no text that can be tested", what, printable(c.contentType))
	}
	_, err := r.content(in, c)
	return err
}

// noText says what a media type is that holds no text, or "".
func noText(kind string) string {
	switch top, sub, _ := strings.Cut(kind, "/"); {
	case top == "image" && sub != "svg+xml":
		return "a picture"
	case top == "audio":
		return "a sound"
	case top == "video":
		return "a film"
	case top == "font":
		return "a font"
	case kind == "text/css":
		return "a style sheet"
	case sub == "javascript" || sub == "x-javascript" || sub == "ecmascript":
		return "a script"
	}
	return ""
}

// readHTTP reads the head of a response, and returns its body and its fields in lower case.
// Some crawlers keep the fields of a body that they have changed: a body that is said to be
// in chunks and is not, is taken as it is.
func readHTTP(s *stream) (body io.Reader, header map[string]string, err error) {
	header = map[string]string{}
	total := 0
	for first := true; ; first = false {
		line, n, err := s.readLine(nil, maxRecordHeader, 1<<40)
		if total += int(min(n, maxRecordHeader)); total > maxRecordHeader {
			return nil, nil, &fault{TooLarge, fmt.Sprintf("the HTTP header of the record is longer than %s", size(maxRecordHeader))}
		}
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" || err == io.EOF {
			break
		}
		if name, value, ok := strings.Cut(text, ":"); ok && !first {
			name = strings.ToLower(strings.TrimSpace(name))
			if _, twice := header[name]; !twice {
				header[name] = strings.ToLower(strings.TrimSpace(value))
			}
		}
	}
	if strings.Contains(header["transfer-encoding"], "chunked") {
		head, _ := s.peek(64)
		if isChunk(head) {
			return &chunkReader{s: s}, header, nil
		}
	}
	return s, header, nil
}

// isChunk reports whether the bytes begin with the length of a chunk.
func isChunk(b []byte) bool {
	line, _, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		return false
	}
	hex, _, _ := bytes.Cut(line, []byte(";"))
	_, err := strconv.ParseUint(strings.TrimSpace(string(hex)), 16, 40)
	return err == nil
}

// A chunkReader puts the chunks of a body together.
type chunkReader struct {
	s    *stream
	n    int64 // left of the chunk
	done bool
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for c.n == 0 {
		if c.done {
			return 0, io.EOF
		}
		line, _, err := c.s.readLine(nil, 64, maxRecordHeader)
		if err != nil && (err != io.EOF || len(line) == 0) {
			c.done = true
			return 0, err
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue // the end of the chunk before
		}
		text, _, _ = strings.Cut(text, ";")
		n, err := strconv.ParseUint(strings.TrimSpace(text), 16, 40)
		if err != nil {
			c.done = true
			return 0, &fault{Damaged, "the chunks of the record's body cannot be read; what came before was read"}
		}
		if n == 0 {
			c.done = true
		}
		c.n = int64(n)
	}
	n, err := c.s.Read(p[:min(int64(len(p)), c.n)])
	c.n -= int64(n)
	return n, err
}

// contentCoding undoes the compression of a body.
func (r *run) contentCoding(in io.Reader, codes string) (io.Reader, error) {
	list := strings.Split(codes, ",")
	if len(list) > 3 {
		return nil, &fault{Bomb, "the body of the record is compressed more than 3 times"}
	}
	for i := len(list) - 1; i >= 0; i-- {
		code := strings.TrimSpace(list[i])
		src := newStream(in) // goes back with the garbage: a body has one or none
		head, err := src.peek(4)
		if len(head) == 0 {
			return src, nil
		}
		var out io.Reader
		switch code {
		case "", "identity":
			out = src
		case "gzip", "x-gzip":
			if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
				in = src // the crawler undid it already
				continue
			}
			out, err = gzip.NewReader(src.br)
		case "deflate":
			// Some servers send zlib, as they should, others bare deflate.
			if len(head) > 1 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
				out, err = zlib.NewReader(src.br)
			} else {
				out, err = flate.NewReader(src.br), nil
			}
		case "br":
			out, err = brotli.NewReader(src.br), nil
		case "zstd":
			out, err = zstd.NewReader(src.br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(min(r.o.Limits.Window, 8<<20))))
		default:
			return nil, &fault{Unsupported, fmt.Sprintf("the body of the record is compressed by %.40q, which is not read", code)}
		}
		if err != nil {
			if asFault(err) == nil {
				err = &fault{Damaged, fmt.Sprintf("the %s data of the record is damaged (%s)", code, short(err))}
			}
			return nil, err
		}
		in = &guard{in: out, run: r, fault: func(err error) error {
			switch {
			case asFault(err) != nil:
				return err
			case errors.Is(err, io.ErrUnexpectedEOF):
				return &fault{Cut, fmt.Sprintf("the %s data of the record ends too early; what came before was read", code)}
			}
			return &fault{Damaged, fmt.Sprintf("the %s data of the record is damaged (%s); what came before was read", code, short(err))}
		}}
	}
	return in, nil
}

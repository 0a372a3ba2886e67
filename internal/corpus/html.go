package corpus

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// page reads a page of HTML as one text: what a browser shows of it, menus and all, with
// entities undone and scripts and styles left out.
func (r *run) page(s *stream, m member) error {
	p := m.place
	if !m.record {
		p.Offset, p.Line = s.pos(), 1
	}
	text, reason, cut := r.pageText(s, &m)
	if reason != "" {
		return r.skip(p, TooLarge, "%s", reason)
	}
	if len(bytes.TrimSpace(text)) == 0 && (cut == nil || cut == io.EOF) {
		return r.skip(p, Empty, "the page shows no text; there is nothing to test")
	}
	if err := r.oneText(p, pending{kind: Plain, text: text, offset: -1}, cut); err != nil {
		return err
	}
	return r.skipRest(m.place, cut)
}

// pageText returns the text of a page, why it is too large, if it is, and the error that
// ended it early.
func (r *run) pageText(s *stream, m *member) (text []byte, tooLarge string, cut error) {
	head, _ := s.peek(4096)
	var in io.Reader = s
	if !m.converted {
		if enc, name := r.pageEncoding(head, m); enc != nil {
			in = transform.NewReader(s, enc.NewDecoder())
			if !m.record {
				r.leaf.Encoding = name
			}
		}
	}
	return htmlText(in, r.o.Limits.Text)
}

// pageEncoding returns the encoding that the server or the page declares, else the one that
// the caller named, else nil for UTF-8.
func (r *run) pageEncoding(head []byte, m *member) (encoding.Encoding, string) {
	if m.charset != "" {
		if enc, name, ok := lookupEncoding(m.charset); ok {
			return enc, name
		}
		r.charsetNote(*m, m.charset)
	}
	if label := declaredCharset(head); label != "" {
		enc, name, ok := lookupEncoding(label)
		switch {
		case !ok:
			r.charsetNote(*m, label)
		case strings.HasPrefix(name, "utf-16"): // it could not be read in that encoding
			return nil, "utf-8"
		default:
			return enc, name
		}
	}
	if r.encoding != nil {
		return r.encoding, r.encName
	}
	return nil, "utf-8"
}

// declaredCharset returns the charset that a page declares in its first bytes, in a tag or
// in the declaration of XML, or "".
func declaredCharset(head []byte) string {
	z := html.NewTokenizer(bytes.NewReader(head))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.CommentToken: // declarations of XML come as comments
			if rest, ok := bytes.CutPrefix(z.Text(), []byte("?xml")); ok {
				if _, label, ok := strings.Cut(string(rest), "encoding="); ok {
					return untilQuote(label)
				}
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			if atom.Lookup(name) == atom.Body {
				return ""
			}
			if atom.Lookup(name) != atom.Meta {
				continue
			}
			var label string
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				switch string(key) {
				case "charset":
					label = string(value)
				case "content":
					if _, l, ok := strings.Cut(strings.ToLower(string(value)), "charset="); ok && label == "" {
						label = untilQuote(l)
					}
				}
			}
			if label = strings.TrimSpace(label); label != "" {
				return label
			}
		}
	}
}

// untilQuote returns what comes before the end of a value.
func untilQuote(s string) string {
	s = strings.TrimLeft(s, "\"' ")
	if i := strings.IndexAny(s, "\"' ;?"); i >= 0 {
		s = s[:i]
	}
	return s
}

// A block says how a tag breaks the text: by an end of line, or by a blank line as well.
var blocks = func() map[atom.Atom]int {
	m := map[atom.Atom]int{}
	for _, a := range []atom.Atom{
		atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Ul, atom.Ol, atom.Dl, atom.Pre, atom.Table,
		atom.Article, atom.Section, atom.Hr, atom.Figure, atom.Details, atom.Header, atom.Footer, atom.Main, atom.Nav, atom.Aside,
	} {
		m[a] = 2
	}
	for _, a := range []atom.Atom{
		atom.Div, atom.Li, atom.Dt, atom.Dd, atom.Tr, atom.Figcaption, atom.Address, atom.Form, atom.Fieldset, atom.Legend,
		atom.Caption, atom.Summary, atom.Option, atom.Center, atom.Body, atom.Html, atom.Thead, atom.Tbody, atom.Tfoot,
	} {
		m[a] = 1
	}
	return m
}()

// hidden are the tags whose content a browser does not show.
var hidden = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Noscript: true, atom.Template: true, atom.Head: true, atom.Title: true, atom.Svg: true,
	atom.Iframe: true, atom.Object: true, atom.Noframes: true, atom.Noembed: true, atom.Canvas: true, atom.Audio: true, atom.Video: true,
}

// htmlText returns the text that a page shows. Its error is nil at the end of the page, or
// that of the reader. The tokens of the page are read one at a time, and no tree is made of
// them, so that memory is bounded by the limit and nesting costs nothing.
func htmlText(in io.Reader, limit int) (text []byte, tooLarge string, cut error) {
	z := html.NewTokenizer(in)
	z.SetMaxBuf(limit)
	w := pageWriter{}
	var hide atom.Atom // the tag whose content is hidden
	depth := 0         // of that tag in itself
	for {
		if len(w.out) > limit {
			return nil, fmt.Sprintf("the text of the page is longer than %s, the most that is tested as one text; split it", byteSize(limit)), nil
		}
		switch z.Next() {
		case html.ErrorToken:
			err := z.Err()
			if err == html.ErrBufferExceeded {
				return nil, fmt.Sprintf("a tag, script or text of the page is longer than %s; take it out", byteSize(limit)), nil
			}
			if err == io.EOF {
				err = nil
			}
			return w.out, "", err
		case html.TextToken:
			if depth == 0 {
				w.text(z.Text())
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			switch {
			case depth > 0:
				if a == hide {
					depth++
				}
				if hide == atom.Head && a == atom.Body { // the end tag of a head is optional
					depth, hide = 0, 0
				}
			case hidden[a]:
				hide, depth = a, 1
			default:
				w.open(a)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			if depth > 0 {
				if a == hide {
					if depth--; depth == 0 {
						hide = 0
					}
				}
				continue
			}
			w.close(a)
		case html.SelfClosingTagToken:
			name, _ := z.TagName()
			if depth == 0 {
				a := atom.Lookup(name)
				w.open(a)
				if a != atom.Br {
					w.close(a)
				}
			}
		}
	}
}

// A pageWriter puts the text of a page together.
type pageWriter struct {
	out    []byte
	breaks int  // ends of lines to write before the next text
	space  bool // a space to write before the next text
	cell   bool // a tab to write before the next text
	pre    int  // of how many tags that keep blanks
}

func (w *pageWriter) flush() {
	switch {
	case len(w.out) == 0:
	case w.breaks > 0:
		w.out = append(w.out, "\n\n"[:min(w.breaks, 2)]...)
	case w.cell:
		w.out = append(w.out, '\t')
	case w.space:
		w.out = append(w.out, ' ')
	}
	w.breaks, w.space, w.cell = 0, false, false
}

func (w *pageWriter) text(b []byte) {
	if w.pre > 0 {
		if len(b) > 0 {
			w.space = false
			w.flush()
			w.out = append(w.out, b...)
		}
		return
	}
	for len(b) > 0 {
		i := bytes.IndexAny(b, " \t\r\n\f")
		if i == 0 {
			w.space = true
			b = b[1:]
			continue
		}
		if i < 0 {
			i = len(b)
		}
		w.flush()
		w.out = append(w.out, b[:i]...)
		b = b[i:]
	}
}

func (w *pageWriter) open(a atom.Atom) {
	switch a {
	case atom.Br:
		w.breaks = min(w.breaks+1, 2)
		return
	case atom.Td, atom.Th:
		w.cell = true
	}
	w.breaks = max(w.breaks, blocks[a])
	if a == atom.Pre || a == atom.Textarea || a == atom.Listing || a == atom.Xmp || a == atom.Plaintext {
		w.flush()
		w.pre++
	}
}

func (w *pageWriter) close(a atom.Atom) {
	if (a == atom.Pre || a == atom.Textarea || a == atom.Listing || a == atom.Xmp) && w.pre > 0 {
		w.pre--
	}
	w.breaks = max(w.breaks, blocks[a])
}

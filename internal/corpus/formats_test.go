package corpus_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

func TestHTML(t *testing.T) {
	for _, x := range []struct{ name, page, want string }{
		{"paragraphs", "<html><head><title>t</title></head><body><p>One.</p>\n<p>Two\n &amp; three.</p></body></html>", "One.\n\nTwo & three."},
		{"blocks", "<html><h1>Head</h1><div>a</div><div>b<br>c</div><ul><li>x</li><li>y</li></ul>", "Head\n\na\nb\nc\n\nx\ny"},
		{"hidden", "<html><script>var x = '<p>no</p>';</script><style>p{}</style><noscript>no</noscript><template><p>no</p></template><p>yes</p><svg><text>no</text></svg>", "yes"},
		{"head without an end", "<html><head><meta charset=utf-8><title>t</title><body>yes", "yes"},
		{"inline", "<html><p>one<b>two</b> <i>three</i>  four</p>", "onetwo three four"},
		{"entities", "<html><p>&eacute;t&#233; &nbsp;&lt;b&gt; &bogus;</p>", "été \u00a0<b> &bogus;"},
		{"preformatted", "<html><pre>a\n  b\t c</pre><p>d", "a\n  b\t c\n\nd"},
		{"table", "<html><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\tb\nc"},
		{"comment first", "<!-- c --><!DOCTYPE html><html><p>a", "a"},
		{"fragment", "<p>One.</p>\n<p>Two.</p>\n", "One.\n\nTwo."},
		{"xhtml", "<?xml version=\"1.0\"?><!DOCTYPE html><html><body><p>a<br/>b</p></body></html>", "a\nb"},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, sources := items(t, "x", []byte(x.page), nil)
			assert.Empty(t, skips)
			assert.Equal(t, []string{"text  " + x.want}, texts(docs))
			assert.Equal(t, corpus.FormatHTML, sources[0].Format)
		})
	}
	t.Run("charset", func(t *testing.T) {
		docs, skips, sources := items(t, "x", []byte("<html><head><meta charset=\"iso-8859-1\"></head><p>\xe9t\xe9 \xe0 la for\xeat</p>"), nil)
		assert.Empty(t, skips)
		assert.Equal(t, []string{"text  été à la forêt"}, texts(docs))
		assert.Equal(t, "windows-1252", sources[0].Encoding)
	})
	t.Run("unknown charset", func(t *testing.T) {
		docs, _, sources := items(t, "x", []byte("<html><head><meta charset=klingon></head><p>words</p>"), nil)
		require.Len(t, docs, 1)
		require.Len(t, sources[0].Notes, 1)
		assert.Contains(t, sources[0].Notes[0].Detail, "klingon")
	})
	t.Run("no charset", func(t *testing.T) {
		_, skips, _ := items(t, "x", []byte("<html><p>\xe9t\xe9 \xe0 la for\xeat</p>"), nil)
		require.Len(t, skips, 1)
		assert.Equal(t, corpus.BadEncoding, skips[0].Reason)
		docs, _, _ := items(t, "x", []byte("<html><p>\xe9t\xe9</p>"), &corpus.Options{Encoding: "latin1"})
		assert.Equal(t, []string{"text  été"}, texts(docs))
	})
	t.Run("Markdown that begins with a tag", func(t *testing.T) {
		docs, _, sources := items(t, "README.md", []byte("<div align=\"center\">\n\n# Title\n</div>\n"), nil)
		require.Len(t, docs, 1)
		assert.Equal(t, corpus.FormatText, sources[0].Format)
	})
}

const mailHead = "Return-Path: <a@example.test>\r\nFrom: a@example.test\r\nTo: b@example.test\r\nSubject: s\r\nMessage-ID: <1@example.test>\r\nMIME-Version: 1.0\r\n"

func TestMail(t *testing.T) {
	for _, x := range []struct {
		name, mail string
		want       []string
		unread     []string
	}{
		{"plain", "Content-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\nthere.\r\n", []string{"text body Hello,\nthere.\n"}, nil},
		{"no type", "\r\nHello.\r\n", []string{"text body Hello.\n"}, nil},
		{"quoted-printable", "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E9t=E9 and a long =\r\nline\r\n", []string{"text body été and a long line\n"}, nil},
		{"base64", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nw6l0w6kg\r\nKC4uLik=\r\n", []string{"text body été (...)"}, nil},
		{"html", "Content-Type: text/html\r\n\r\n<p>One.</p><p>Two.</p>", []string{"text body One.\n\nTwo."}, nil},
		{"alternative", "Content-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nPlain.\r\n--q\r\nContent-Type: text/html\r\n\r\n<p>Page.</p>\r\n--q--\r\n", []string{"text body.1 Plain."}, nil},
		{"alternative, page first", "Content-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\nContent-Type: text/html\r\n\r\n<p>Page.</p>\r\n--q\r\nContent-Type: text/plain\r\n\r\nPlain.\r\n--q--\r\n", []string{"text body.2 Plain."}, nil},
		{"mixed", "Content-Type: multipart/mixed; boundary=\"q q\"\r\n\r\n--q q\r\n\r\nOne.\r\n--q q\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<p>Two.\r\n--r--\r\n--q q\r\nContent-Type: image/png\r\n\r\nx\r\n--q q--\r\n",
			[]string{"text body.1 One.", "text body.2.1 Two."}, []string{"body.3"}},
		{"forwarded", "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nSee below.\r\n--q\r\nContent-Type: message/rfc822\r\n\r\nFrom: c\r\nContent-Type: text/plain\r\n\r\nInner.\r\n--q--\r\n", []string{"text body.1 See below.", "text body.2 Inner."}, nil},
		{"flowed", "Content-Type: text/plain; format=flowed\r\n\r\nOne long \r\nparagraph.\r\n stuffed\r\n> quoted \r\n> more\r\n-- \r\nname\r\n", []string{"text body One long paragraph.\nstuffed\n> quoted \n> more\n-- \nname\n"}, nil},
		{"flowed, delsp", "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n日本 \r\n語\r\n", []string{"text body 日本語\n"}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, sources := items(t, "x", []byte(mailHead+x.mail), nil)
			assert.Empty(t, skips)
			assert.Equal(t, x.want, texts(docs))
			require.Len(t, docs, 1)
			var unread []string
			for _, u := range docs[0].Unread {
				unread = append(unread, u.Field)
			}
			assert.Equal(t, x.unread, unread)
			assert.Equal(t, "<1@example.test>", docs[0].Place.RecordID)
			assert.Equal(t, corpus.FormatMail, sources[0].Format)
		})
	}
	t.Run("mailbox", func(t *testing.T) {
		one := "From a@example.test Mon Nov 30 10:00:00 2026\n" + strings.ReplaceAll(mailHead, "\r", "") + "\nBody %d.\n>From here on.\nFrom the middle of a paragraph.\n\n"
		box := fmt.Sprintf(one, 1) + fmt.Sprintf(one, 2)
		docs, skips, sources := items(t, "x", []byte(box), nil)
		assert.Empty(t, skips)
		assert.Equal(t, []string{"text body Body 1.\nFrom here on.\nFrom the middle of a paragraph.\n\n", "text body Body 2.\nFrom here on.\nFrom the middle of a paragraph.\n\n"}, texts(docs))
		assert.Equal(t, corpus.FormatMbox, sources[0].Format)
		assert.EqualValues(t, 1, docs[0].Place.Line)
		assert.EqualValues(t, 13, docs[1].Place.Line)
		assert.True(t, strings.HasPrefix(box[docs[1].Place.Offset:], "From a@"))
	})
	t.Run("cut", func(t *testing.T) {
		docs, _, _ := items(t, "x", []byte(mailHead+"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nOne.\r\n"), nil)
		require.Len(t, docs, 1)
		require.NotEmpty(t, docs[0].Notes)
		assert.Equal(t, corpus.NoteCut, docs[0].Notes[0].Code)
	})
}

func httpRecord(headers, body string) string {
	content := "HTTP/1.1 200 OK\r\n" + headers + "\r\n" + body
	return fmt.Sprintf("WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: <http://example.test/a>\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 2026-11-30T10:00:00Z\r\n"+
		"Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", len(content), content)
}

func TestWARC(t *testing.T) {
	page := "<html><body><p>One.</p><p>Two.</p></body></html>"
	var z, br bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write([]byte(page))
	w.Close()
	b := brotli.NewWriter(&br)
	b.Write([]byte(page))
	b.Close()
	gz := string(corpustest.Gzip([]byte(page)))
	html := "Content-Type: text/html; charset=utf-8\r\n"
	for _, x := range []struct{ name, headers, body, want string }{
		{"page", html, page, "text  One.\n\nTwo."},
		{"latin-1 of the server", "content-type: text/html; charset=iso-8859-1\r\n", "<html><p>\xe9t\xe9", "text  été"},
		{"chunks", html + "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x;x=y\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 10, page[:10], len(page)-10, page[10:]), "text  One.\n\nTwo."},
		{"chunks that were put together", html + "Transfer-Encoding: chunked\r\n", page, "text  One.\n\nTwo."},
		{"gzip", html + "Content-Encoding: gzip\r\n", gz, "text  One.\n\nTwo."},
		{"gzip that was undone", html + "Content-Encoding: gzip\r\n", page, "text  One.\n\nTwo."},
		{"gzip in chunks", html + "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(gz), gz), "text  One.\n\nTwo."},
		{"deflate", html + "Content-Encoding: deflate\r\n", z.String(), "text  One.\n\nTwo."},
		{"bare deflate", html + "Content-Encoding: deflate\r\n", z.String()[2 : z.Len()-4], "text  One.\n\nTwo."},
		{"brotli", html + "Content-Encoding: br\r\n", br.String(), "text  One.\n\nTwo."},
		{"zstd", html + "Content-Encoding: zstd\r\n", string(corpustest.Zstd([]byte(page))), "text  One.\n\nTwo."},
		{"plain", "Content-Type: text/plain\r\n", "Plain words.\n", "text  Plain words.\n"},
		{"no type", "", page, "text  One.\n\nTwo."},
		{"json", "Content-Type: application/json\r\n", `{"prompt":"p","output":"a"}`, "prompt prompt p|answer output a"},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := httpRecord(x.headers, x.body)
			docs, skips, sources := items(t, "x", []byte(r+r), nil)
			assert.Empty(t, skips)
			require.Len(t, docs, 2)
			assert.Equal(t, x.want, strings.Join(texts(docs[:1]), "|"))
			p := docs[1].Place
			assert.Equal(t, "http://example.test/a", p.URL)
			assert.Equal(t, "<urn:uuid:1>", p.RecordID)
			assert.Equal(t, 2026, p.Time.Year())
			assert.EqualValues(t, 2, p.Row)
			if x.name != "json" && x.name != "plain" {
				assert.EqualValues(t, len(r), p.Offset)
			}
			assert.Equal(t, corpus.FormatWARC, sources[0].Format)
		})
	}
	t.Run("records that are not read", func(t *testing.T) {
		r := httpRecord(html, page)
		other := strings.Replace(r, "WARC-Type: response", "WARC-Type: request", 1)
		picture := httpRecord("Content-Type: image/png\r\n", "\x89PNG\r\n\x1a\nxxxx")
		docs, skips, sources := items(t, "x", []byte(other+r+picture), nil)
		assert.Len(t, docs, 1)
		require.Len(t, skips, 1)
		assert.Equal(t, corpus.Binary, skips[0].Reason)
		assert.Equal(t, map[string]int64{"request": 1}, sources[0].Passed)
	})
	t.Run("where the members begin", func(t *testing.T) {
		r := []byte(httpRecord(html, page))
		one := corpustest.Gzip(r)
		docs, _, _ := items(t, "x", bytes.Repeat(one, 3), nil)
		require.Len(t, docs, 3)
		for i, d := range docs {
			assert.EqualValues(t, i*len(one), d.Place.Stored)
			assert.EqualValues(t, i*len(r), d.Place.Offset)
		}
		// Not cut by records: pywb cannot seek in such a file, and it is read all the same.
		docs, skips, _ := items(t, "x", corpustest.Gzip(bytes.Repeat(r, 3)), nil)
		assert.Empty(t, skips)
		require.Len(t, docs, 3)
		assert.EqualValues(t, 0, docs[0].Place.Stored)
		assert.EqualValues(t, -1, docs[1].Place.Stored)
	})
}

// A container in a container, a member in its place, and a damaged one between others.
func TestArchives(t *testing.T) {
	lines := corpustest.File("rows.jsonl")
	damaged := corpustest.Gzip(lines)
	damaged[len(damaged)/2] ^= 0xff
	var tar []byte
	for _, f := range []corpustest.Named{{Name: "a/one.jsonl", Content: lines}, {Name: "two.jsonl.gz", Content: damaged}, {Name: "three.txt", Content: []byte("Plain words.")}} {
		b := corpustest.Tar(f.Name, f.Content)
		tar = append(tar, b[:len(b)-1024]...)
	}
	tar = append(tar, make([]byte, 1024)...)
	docs, skips, sources := items(t, "x.tar", tar, nil)
	require.NotEmpty(t, skips)
	for _, s := range skips {
		assert.Equal(t, []string{"two.jsonl.gz"}, s.Place.Members)
	}
	assert.Equal(t, corpus.Damaged, skips[len(skips)-1].Reason)
	assert.Equal(t, "x.tar!a/one.jsonl:3", docs[2].Place.String())
	assert.Equal(t, "Plain words.", string(docs[len(docs)-1].Texts[0].Text))
	require.Len(t, sources, 4)
	assert.Equal(t, []string{"tar"}, sources[0].Containers)
	assert.Equal(t, []string{"tar", "gzip"}, sources[1].Containers)
	assert.Equal(t, "x.tar", sources[3].Place.File)
	assert.Empty(t, sources[3].Place.Members)
}

// Tables whose lines end with CR alone are neither empty nor one text with its prompts.
func TestTableOfCR(t *testing.T) {
	for _, name := range []string{"x.csv", "x.dat"} {
		for _, table := range []string{"prompt,response\rp,words\r", "prompt,\"response\"\rp,\"words\nmore\"\r"} {
			docs, skips, _ := items(t, name, []byte(table), nil)
			assert.Empty(t, docs)
			require.Len(t, skips, 1)
			assert.Equal(t, corpus.Invalid, skips[0].Reason, skips[0].Detail)
		}
	}
	docs, _, _ := items(t, "x.csv", []byte("\"prompt\r\nof it\",response\r\np,words\r\n"), nil)
	assert.Len(t, docs, 1)
}

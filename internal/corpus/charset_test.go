package corpus_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// A page and a message may declare a charset besides a byte order mark, the header of a server and the
// encoding that the caller named. Only one of them counts, and once.
func TestOneCharsetCounts(t *testing.T) {
	utf16 := func(s string) string { return string(corpustest.Encodings([]byte(s))[2].Content) }
	const mark, page = "\xef\xbb\xbf", "<html><body><p>été</p></body></html>"
	const meta = "<html><head><meta charset=windows-1252></head><p>été</p>"
	const eight = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain"
	message := func(rest string) string { return "From: a@example.test\r\nTo: b@example.test\r\nSubject: s\r\n" + rest }
	record := func(kind, body string) string { return httpRecord("Content-Type: "+kind+"\r\n", body) }
	for _, x := range []struct{ name, file, content, encoding string }{
		{"page in UTF-16 of a server", "x", record("text/html; charset=utf-16", utf16(page)), ""},
		{"page with a mark, and another charset of the server", "x", record("text/html; charset=iso-8859-1", mark+page), ""},
		{"page with a mark, and another charset of its own, of a server", "x", record("text/html", mark+meta), ""},
		{"XHTML of a server", "x", record("application/xhtml+xml; charset=iso-8859-1", "<html><p>\xe9t\xe9"), ""},
		{"page of no type, with its own charset", "x", record("application/octet-stream; charset=iso-8859-1", "<html><head><meta charset=utf-8></head><p>\xe9t\xe9"), ""},
		{"page with a mark, and another charset", "x.html", mark + meta, ""},
		{"page in UTF-16 with another charset", "x.html", utf16(meta), ""},
		{"page with a charset, and another that was named", "x.html", "<html><head><meta charset=utf-8></head><p>été</p>", "windows-1252"},
		{"page without a charset, and one that was named", "x.html", "<html><p>\xe9t\xe9</p>", "windows-1252"},
		{"message with a mark, and another charset", "x.eml", mark + message(eight+"; charset=iso-8859-1\r\n\r\nété"), ""},
		{"message with a charset, and another that was named", "x.eml", message(eight + "; charset=utf-8\r\n\r\nété"), "windows-1252"},
		{"message without a charset, and one that was named", "x.eml", message(eight + "\r\n\r\n\xe9t\xe9"), "windows-1252"},
		{"message with a mark and a part in base64", "x.eml", mark + message("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n6XTp\r\n"), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, _ := items(t, x.file, []byte(x.content), &corpus.Options{Encoding: x.encoding})
			assert.Empty(t, skips)
			if assert.Len(t, docs, 1) {
				assert.Equal(t, "été", string(docs[0].Texts[0].Text))
			}
		})
	}
}

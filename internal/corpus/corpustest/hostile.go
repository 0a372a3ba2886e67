package corpustest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"mime/quotedprintable"
	"net/url"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// A Case is a hostile or odd file, with what must come of it.
type Case struct {
	Name    string
	File    string // name of the file
	Content []byte
	Options corpus.Options
	Docs    int             // documents
	Reasons []corpus.Reason // of the skips, in order
	Says    string          // part of what the first skip, else the first note, says
}

const prose = "The river was high that spring, and nobody crossed it for a week. The old bridge had gone in March.\n"

func repeat(s string, n int) []byte { return bytes.Repeat([]byte(s), n) }

// Cases returns all hostile and odd files. Their limits are lower than the default ones
// where the default would take long to reach.
func Cases() []Case {
	marked := File("rows.jsonl")
	line := `{"prompt":"p","output":"An answer of a few words."}` + "\n"
	random := make([]byte, 20_000)
	x := uint32(1)
	for i := range random {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		random[i] = byte(x)
	}
	low := corpus.Options{Limits: corpus.Limits{Free: 1 << 20, Ratio: 100, Row: 1 << 16, Text: 1 << 16, SkippedBy: 1 << 20}}
	one := func(r corpus.Reason) []corpus.Reason { return []corpus.Reason{r} }
	rest := func(content []byte) []byte { return append(content, random[:2000]...) }
	u16 := func(s string) []byte { return Encodings([]byte(s))[2].Content[2:] }
	officeZip := func(names ...string) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for _, n := range names {
			f, _ := w.Create(n)
			f.Write([]byte("<x>" + prose + "</x>"))
		}
		w.Close()
		return out.Bytes()
	}
	tarOf := func(headers ...tar.Header) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for _, h := range headers {
			h.Mode = 0o644
			if h.Typeflag == tar.TypeReg || h.Typeflag == 0 {
				h.Size = int64(len(prose))
			}
			w.WriteHeader(&h)
			if h.Size > 0 {
				w.Write([]byte(prose))
			}
		}
		w.Close()
		return out.Bytes()
	}
	nested := func(n int) []byte {
		b := []byte(prose)
		for range n {
			b = Gzip(b)
		}
		return b
	}
	encrypted := bytes.Clone(Zip("a.txt", []byte(prose)))
	encrypted[6] |= 1 // the flag in the local header, and in the directory
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	deepJSON := strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)
	record := func(kind, content string) string {
		return fmt.Sprintf("WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: http://example.test/\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", kind, len(content), content)
	}
	mail := func(headers, body string) []byte {
		return []byte("From: a@example.test\r\nTo: b@example.test\r\nSubject: s\r\nMessage-ID: <1@example.test>\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n" + headers + "\r\n" + body)
	}
	sqlite := append([]byte("SQLite format 3\x00"), make([]byte, 100)...)
	return []Case{
		// Nothing, and almost nothing.
		{Name: "empty file", File: "a.txt", Content: nil, Reasons: one(corpus.Empty), Says: "empty"},
		{Name: "blanks", File: "a.txt", Content: []byte(" \n\t\r\n "), Reasons: one(corpus.Empty), Says: "empty"},
		{Name: "byte order mark alone", File: "a.txt", Content: []byte("\xef\xbb\xbf"), Reasons: one(corpus.Empty), Says: "byte order mark"},
		{Name: "UTF-16 mark alone", File: "a.txt", Content: []byte("\xff\xfe"), Reasons: one(corpus.Empty), Says: "byte order mark"},
		{Name: "blank lines under .jsonl", File: "a.jsonl", Content: []byte("\n\n \n"), Reasons: one(corpus.Empty), Says: "blank lines"},
		{Name: "empty list", File: "a.json", Content: []byte("[]\n"), Reasons: one(corpus.Empty), Says: "empty"},
		{Name: "empty object", File: "a.json", Content: []byte("{}"), Reasons: one(corpus.MissingField), Says: "name the field"},
		{Name: "header without records", File: "a.csv", Content: []byte("prompt,output\n"), Reasons: one(corpus.Empty), Says: "no records"},
		{Name: "empty gzip", File: "a.gz", Content: Gzip(nil), Reasons: one(corpus.Empty), Says: "empty"},
		{Name: "empty zip", File: "a.zip", Content: officeZip(), Reasons: one(corpus.Empty), Says: "no files"},
		{Name: "empty tar", File: "a.tar", Content: tarOf(tar.Header{Name: "d/", Typeflag: tar.TypeDir}), Reasons: one(corpus.Empty), Says: "no files"},

		// Documents that are not text.
		{Name: "PDF", File: "a.txt", Content: rest([]byte("%PDF-1.7\n")), Reasons: one(corpus.Binary), Says: "pdftotext"},
		{Name: "Word", File: "a.txt", Content: officeZip("[Content_Types].xml", "word/document.xml"), Reasons: one(corpus.Binary), Says: "Word"},
		{Name: "Excel", File: "a.csv", Content: officeZip("[Content_Types].xml", "xl/workbook.xml"), Reasons: one(corpus.Binary), Says: "Excel"},
		{Name: "LibreOffice", File: "a.odt", Content: officeZip("mimetype", "content.xml"), Reasons: one(corpus.Binary), Says: "LibreOffice"},
		{Name: "EPUB", File: "a.epub", Content: officeZip("mimetype", "META-INF/container.xml"), Reasons: one(corpus.Binary), Says: "EPUB"},
		{Name: "old Office", File: "a.doc", Content: rest([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")), Reasons: one(corpus.Binary), Says: "Office"},
		{Name: "RTF", File: "a.txt", Content: []byte(`{\rtf1\ansi ` + prose + `}`), Reasons: one(corpus.Binary), Says: "Rich Text"},
		{Name: "PNG", File: "a.txt", Content: rest([]byte("\x89PNG\r\n\x1a\n")), Reasons: one(corpus.Binary), Says: "PNG"},
		{Name: "JPEG", File: "a", Content: rest([]byte("\xff\xd8\xff\xe0\x00\x10JFIF")), Reasons: one(corpus.Binary), Says: "JPEG"},
		{Name: "MP3", File: "a", Content: rest([]byte("ID3\x04\x00")), Reasons: one(corpus.Binary), Says: "MP3"},
		{Name: "WAV", File: "a", Content: rest([]byte("RIFF\x24\x08\x00\x00WAVEfmt ")), Reasons: one(corpus.Binary), Says: "WAV"},
		{Name: "program", File: "a", Content: rest([]byte("\x7fELF\x02\x01\x01")), Reasons: one(corpus.Binary), Says: "program"},
		{Name: "Windows program", File: "a.exe", Content: append([]byte("MZ\x90\x00\x03\x00\x00\x00"), make([]byte, 100)...), Reasons: one(corpus.Binary), Says: "program"},
		{Name: "SQLite", File: "a.db", Content: sqlite, Reasons: one(corpus.Unsupported), Says: "SQLite"},
		{Name: "GGUF", File: "a", Content: rest([]byte("GGUF\x03\x00\x00\x00")), Reasons: one(corpus.Binary), Says: "GGUF"},
		{Name: "pickle", File: "a.pkl", Content: rest([]byte("\x80\x04\x95\x10")), Reasons: one(corpus.Binary), Says: "pickle"},
		{Name: "NumPy", File: "a.npy", Content: rest([]byte("\x93NUMPY\x01\x00")), Reasons: one(corpus.Binary), Says: "NumPy"},
		{Name: "Arrow", File: "a.arrow", Content: rest([]byte("ARROW1\x00\x00")), Reasons: one(corpus.Unsupported), Says: "Arrow"},
		{Name: "Git LFS pointer", File: "a.jsonl", Content: []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"), Reasons: one(corpus.Unsupported), Says: "git lfs pull"},
		{Name: "age", File: "a.txt", Content: rest([]byte("age-encryption.org/v1\n-> X25519 a\n")), Reasons: one(corpus.Encrypted), Says: "age"},
		{Name: "PGP", File: "a.txt", Content: []byte("-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"), Reasons: one(corpus.Encrypted), Says: "PGP"},
		{Name: "7-Zip", File: "a.7z", Content: rest([]byte("7z\xbc\xaf\x27\x1c")), Reasons: one(corpus.Unsupported), Says: "7-Zip"},
		{Name: "compress", File: "a.Z", Content: rest([]byte("\x1f\x9d\x90")), Reasons: one(corpus.Unsupported), Says: "compress"},
		{Name: "LZ4", File: "a.lz4", Content: rest([]byte("\x04\x22\x4d\x18")), Reasons: one(corpus.Unsupported), Says: "LZ4"},
		{Name: "random bytes", File: "a.txt", Content: random, Reasons: one(corpus.NotText), Says: "NULs"},
		{Name: "random bytes without NULs", File: "a.txt", Content: bytes.ReplaceAll(random, []byte{0}, []byte{0xfe}), Reasons: one(corpus.NotText), Says: "control"},
		{Name: "base64", File: "a.txt", Content: wrapped64(random[:900]), Reasons: one(corpus.Unsupported), Says: "base64"},
		{Name: "base64 of few lines", File: "a.txt", Content: wrapped64(random[:160]), Reasons: one(corpus.Unsupported), Says: "base64"},
		{Name: "hexadecimal", File: "a.txt", Content: []byte(hex.EncodeToString(random[:200])), Reasons: one(corpus.Unsupported), Says: "another encoding of bytes"},
		{Name: "percent-encoding", File: "a.txt", Content: []byte(url.PathEscape(prose)), Reasons: one(corpus.Unsupported), Says: "percent-encoding"},
		{Name: "quoted-printable", File: "a.txt", Content: quoted(strings.ReplaceAll(prose+prose, "\n", " ")), Reasons: one(corpus.Unsupported), Says: "quoted-printable"},
		{Name: "the log of a server", File: "vllm.log", Content: []byte(`INFO 11-30 08:00:01 logger.py:39] Received request cmpl-1: prompt: 'Some words.', params: SamplingParams(n=1)` + "\n"), Reasons: one(corpus.Unsupported), Says: "the log of a server"},
		{Name: "a log with JSON in it", File: "a.txt", Content: []byte(`2026-11-30T08:00:01Z POST /v1/chat/completions {"messages":[{"role":"user","content":"Some words."}]}` + "\n"), Reasons: one(corpus.Unsupported), Says: "the log of a server"},
		{Name: "YAML", File: "a.yaml", Content: []byte("# rows\n---\n- prompt: Some words.\n  output: |\n    An answer.\n"), Reasons: one(corpus.Unsupported), Says: "YAML or TOML"},
		{Name: "YAML of turns", File: "a", Content: []byte("messages:\n  - role: user\n    content: Some words.\n  - role: assistant\n    content: An answer.\n"), Reasons: one(corpus.Unsupported), Says: "YAML or TOML"},
		{Name: "TOML", File: "a.txt", Content: []byte("[[row]]\nprompt = \"Some words.\"\noutput = \"An answer.\"\n"), Reasons: one(corpus.Unsupported), Says: "YAML or TOML"},
		{Name: "a dump of a database", File: "a.txt", Content: []byte("-- a dump\nSET x = 1;\nCREATE TABLE t (prompt text, output text);\nINSERT INTO t VALUES ('Some words.', 'An answer.');\n"), Reasons: one(corpus.Unsupported), Says: "a dump of a database"},
		{Name: "a pickle of protocol 0", File: "a.txt", Content: []byte("(lp0\n(dp1\nVprompt\np2\nVSome words.\np3\nsa."), Reasons: one(corpus.Binary), Says: "a pickle of Python"},
		{Name: "Feather 1", File: "a.txt", Content: []byte("FEA1\x00\x00\x00\x00" + prose), Reasons: one(corpus.Unsupported), Says: "Feather 1"},
		{Name: "prose that names fields", File: "a.txt", Content: []byte("The file has two fields.\nprompt: what was asked\noutput: what was answered\n" + prose), Docs: 1},
		{Name: "settings without answers", File: "a.txt", Content: []byte("title: A text\nprompt: none\n\n" + prose), Docs: 1},
		{Name: "prose that begins with a date", File: "a.txt", Content: []byte("2026-11-30 08:00 was the time.\n" + prose), Docs: 1},
		{Name: "one long word", File: "a.txt", Content: bytes.Repeat([]byte("a"), 1000), Docs: 1},
		{Name: "an answer with questions of its own", File: "a.jsonl", Content: []byte(`{"output":"Q: Some words?\nA: An answer."}` + "\n"), Docs: 1},

		// Text that is not what it seems.
		{Name: "UTF-16 without a mark", File: "a.txt", Content: u16(prose), Reasons: one(corpus.NotText), Says: "utf-16le"},
		{Name: "UTF-32 without a mark", File: "a.txt", Content: Encodings([]byte(prose))[4].Content[4:], Reasons: one(corpus.NotText), Says: "utf-32le"},
		{Name: "UTF-16 with half a pair", File: "a.txt", Content: append(Encodings([]byte(prose))[2].Content, 0x00, 0xd8, 'a', 0), Docs: 1, Says: "U+FFFD"},
		{Name: "three NULs", File: "a.txt", Content: []byte(prose + "\x00\x00\x00" + prose), Reasons: one(corpus.NotText), Says: "NUL"},
		{Name: "recorded terminal", File: "a.txt", Content: []byte("\x1b[1mbold\x1b[0m " + prose), Reasons: one(corpus.NotText), Says: "terminal"},
		{Name: "recorded terminal, allowed", File: "a.txt", Content: []byte("\x1b[1mbold\x1b[0m " + prose), Options: corpus.Options{Terminal: true}, Docs: 1},
		{Name: "overstruck text", File: "a.txt", Content: []byte("N\bNA\bAM\bME\bE " + prose), Reasons: one(corpus.NotText), Says: "terminal"},
		{Name: "one bad byte", File: "a.txt", Content: []byte("caf\xe9 " + prose), Docs: 1, Says: "not UTF-8"},
		{Name: "Latin-1", File: "a.txt", Content: []byte("\xe9t\xe9 \xe0 la for\xeat \xe9l\xe8ve"), Reasons: one(corpus.BadEncoding), Says: "encoding"},
		{Name: "replacement characters", File: "a.txt", Content: []byte("caf\ufffd " + prose), Docs: 1, Says: "lost"},
		{Name: "zero-width spaces", File: "a.txt", Content: []byte(strings.ReplaceAll(prose, " ", " \u200b")), Docs: 1, Says: "the form spaces"},
		{Name: "look-alikes", File: "a.txt", Content: []byte(strings.ReplaceAll(prose, "e", "е")), Docs: 1, Says: "the form lookalikes"},
		{Name: "mojibake", File: "a.txt", Content: []byte("dÃ©jÃ  vu, Ã  la forÃªt"), Docs: 1, Says: "the form mojibake"},
		{Name: "XML", File: "a.txt", Content: []byte("<?xml version=\"1.0\"?>\n<doc>" + prose + "</doc>\n"), Reasons: one(corpus.Unsupported), Says: "XML"},
		{Name: "event stream", File: "a.txt", Content: []byte("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n"), Reasons: one(corpus.Unsupported), Says: "event stream"},
		{Name: "value of Python", File: "a.txt", Content: []byte("{'prompt': 'p', 'output': 'An answer.'}\n"), Reasons: one(corpus.Invalid), Says: "double quotes"},
		{Name: "list of Python", File: "a.txt", Content: []byte("[{'output': 'An answer.'}]\n"), Reasons: one(corpus.Invalid), Says: "double quotes"},
		{Name: "object of JavaScript", File: "a.txt", Content: []byte("{output: \"An answer.\"}\n"), Reasons: one(corpus.Invalid), Says: "double quotes"},
		{Name: "token ids", File: "a.txt", Content: []byte("791, 2612, 315, 279\n"), Reasons: one(corpus.TokenIDs), Says: "token ids"},
		{Name: "tensor", File: "a.txt", Content: []byte("tensor([[791, 2612, 315]])\n"), Reasons: one(corpus.TokenIDs), Says: "token ids"},
		{Name: "cut print of ids", File: "a.txt", Content: []byte("[791 2612 ... 315]\n"), Options: corpus.Options{Format: corpus.FormatIDs}, Reasons: one(corpus.Invalid), Says: "left out"},
		{Name: "table without a known column", File: "a.txt", Content: []byte("id,score,label\n1,2,x\n2,3,y\n3,4,z\n4,5,z\n"), Docs: 1},
		{Name: "table without a known column, no name", File: "a", Content: []byte("id,score,label\n1,2,x\n2,3,y\n3,4,z\n4,5,z\n"), Reasons: one(corpus.Unsupported), Says: "table"},
		{Name: "table of one column", File: "a", Content: []byte("output\nAn answer of a few words.\nAnother.\n"), Reasons: one(corpus.Unsupported), Says: "column"},
		{Name: "table of one column, named", File: "a.csv", Content: []byte("output\nAn answer of a few words.\nAnother.\n"), Docs: 2},
		{Name: "prose under .jsonl", File: "a.jsonl", Content: []byte(prose + prose), Reasons: []corpus.Reason{corpus.Invalid, corpus.Invalid}, Says: "not JSON"},
		{Name: "prose that begins with a bracket", File: "a", Content: []byte("[12] as the authors say. " + prose), Docs: 1},
		{Name: "prose that begins with a quotation", File: "a", Content: []byte("\"Come in,\" she said. " + prose), Docs: 1},
		{Name: "TeX", File: "a", Content: []byte("{\\bf Bold} " + prose), Docs: 1},

		// Rows.
		{Name: "repeated field", File: "a.jsonl", Content: []byte(`{"output":"An answer.","output":"N/A"}` + "\n"), Reasons: one(corpus.RepeatedField), Says: "twice"},
		{Name: "repeated field by an escape", File: "a.jsonl", Content: []byte(`{"output":"An answer.","\u006futput":"N/A"}` + "\n"), Reasons: one(corpus.RepeatedField), Says: "twice"},
		{Name: "repeated column", File: "a.csv", Content: []byte("output,output\na,b\n"), Reasons: one(corpus.RepeatedField), Says: "twice"},
		{Name: "field in another case", File: "a.jsonl", Content: []byte(`{"id":1,"Output":"An answer."}` + "\n"), Reasons: one(corpus.MissingField), Says: "names are exact"},
		{Name: "field of another name", File: "a.jsonl", Content: []byte(`{"id":1,"body_md":"An answer."}` + "\n"), Reasons: one(corpus.MissingField), Says: `the row has "id" and "body_md"`},
		{Name: "NaN and Infinity", File: "a.jsonl", Content: []byte(`{"output":"An answer.","score":NaN,"other":[-Infinity,Infinity]}` + "\n"), Docs: 1},
		{Name: "null answer", File: "a.jsonl", Content: []byte(`{"prompt":"p","output":null}` + "\n"), Reasons: one(corpus.Empty), Says: "null"},
		{Name: "answer that is a number", File: "a.jsonl", Content: []byte(`{"prompt":"p","output":7}` + "\n"), Reasons: one(corpus.WrongType), Says: "a number"},
		{Name: "prompt that is a number", File: "a.jsonl", Content: []byte(`{"prompt":7,"output":"An answer."}` + "\n"), Docs: 1},
		{Name: "conversation without an answer", File: "a.jsonl", Content: []byte(`{"messages":[{"role":"user","content":"p"}]}` + "\n"), Reasons: one(corpus.NoAnswer), Says: "user"},
		{Name: "failed request", File: "a.jsonl", Content: []byte(`{"custom_id":"1","response":null,"error":{"message":"overloaded"}}` + "\n"), Reasons: one(corpus.NoAnswer), Says: "error"},
		{Name: "piece of a stream", File: "a.jsonl", Content: []byte(`{"object":"chat.completion.chunk","choices":[{"delta":{"content":"An"}}]}` + "\n"), Reasons: one(corpus.Unsupported), Says: "stream"},
		{Name: "NUL in an answer", File: "a.jsonl", Content: []byte(`{"output":"An\u0000answer."}` + "\n"), Reasons: one(corpus.NotText), Says: "NUL"},
		{Name: "half a pair", File: "a.jsonl", Content: []byte(`{"output":"An answer \ud83d of words."}` + "\n"), Docs: 1, Says: "half a character"},
		{Name: "bad byte in a line", File: "a.jsonl", Content: []byte("{\"output\":\"caf\xe9 and an answer of words.\"}\n"), Docs: 1, Says: "not UTF-8"},
		{Name: "control character in a string", File: "a.jsonl", Content: []byte("{\"output\":\"a\tb\"}\n" + line), Docs: 1, Reasons: one(corpus.Invalid), Says: "control character"},
		{Name: "first line cut off", File: "a.jsonl", Content: []byte("wer of words.\"}\n" + line + line), Docs: 2, Reasons: one(corpus.Invalid), Says: "not JSON"},
		{Name: "first line cut off, no name", File: "a", Content: []byte("wer of words.\"}\n" + line + line), Docs: 2, Reasons: one(corpus.Invalid), Says: "not JSON"},
		{Name: "last line cut off", File: "a.jsonl", Content: []byte(line + line[:20]), Docs: 1, Reasons: one(corpus.Cut), Says: "ends inside"},
		{Name: "list cut off", File: "a.json", Content: []byte("[" + strings.TrimSpace(line) + "," + line[:20]), Docs: 1, Reasons: one(corpus.Cut), Says: "ends inside"},
		{Name: "list not closed", File: "a.json", Content: []byte("[" + line), Docs: 1, Reasons: one(corpus.Cut), Says: "not closed"},
		{Name: "pretty value with an open string", File: "a.json", Content: []byte("[\n {\n  \"output\": \"An\n },\n {\n  \"output\": \"An answer.\"\n }\n]\n"), Docs: 1, Reasons: one(corpus.Invalid), Says: "inside a string"},
		{Name: "deep JSON", File: "a.jsonl", Content: []byte(deepJSON + "\n" + line), Docs: 1, Reasons: one(corpus.TooLarge), Says: "deep"},
		{Name: "brackets", File: "a.json", Content: repeat("[", 100_000), Reasons: one(corpus.Cut), Says: "ends inside"},
		{Name: "many values", File: "a.jsonl", Content: append([]byte(`{"x":[`+strings.Repeat("{},", 3000)+`{}],"output":"An answer."}`+"\n"), line...), Options: corpus.Options{Limits: corpus.Limits{Values: 1000}}, Docs: 1, Reasons: one(corpus.TooLarge), Says: "1000 values"},
		{Name: "long line", File: "a.jsonl", Content: append([]byte(`{"output":"`+strings.Repeat("a ", 50_000)+`"}`+"\n"), line...), Options: low, Docs: 1, Reasons: one(corpus.TooLarge), Says: "64 KiB"},
		{Name: "long element", File: "a.json", Content: []byte(`[{"output":"` + strings.Repeat("a ", 50_000) + `"},` + line + "]"), Options: low, Docs: 1, Reasons: one(corpus.TooLarge), Says: "64 KiB"},
		{Name: "endless line", File: "a.jsonl", Content: append([]byte(`{"output":"`), repeat("a ", 1<<20)...), Options: low, Reasons: one(corpus.TooLarge), Says: "1 MiB"},
		{Name: "endless blanks", File: "a.jsonl", Content: append([]byte(line), repeat(" \n", 1<<20)...), Options: low, Docs: 1, Reasons: one(corpus.TooLarge), Says: "no row ends"},
		{Name: "long text", File: "a.txt", Content: repeat(prose, 1000), Options: low, Reasons: one(corpus.TooLarge), Says: "split it"},
		{Name: "open quote in a table", File: "a.csv", Content: []byte("prompt,output\np,\"An answer\nq,An answer\n"), Reasons: one(corpus.Cut), Says: "quote"},
		{Name: "too many fields", File: "a.csv", Content: []byte("prompt,output\np,one, two\nq,An answer of words\n"), Docs: 1, Reasons: one(corpus.Invalid), Says: "3 fields"},
		{Name: "stray quote", File: "a.csv", Content: []byte("prompt,output\np,\"a\"b\nq,An answer of words\n"), Docs: 1, Reasons: one(corpus.Invalid), Says: "quotes"},

		// Containers.
		{Name: "no gzip", File: "a.txt.gz", Content: []byte(prose), Docs: 1},
		{Name: "cut gzip", File: "a.jsonl.gz", Content: cut(Gzip(repeat(string(marked), 50)), 20), Docs: -1, Reasons: one(corpus.Cut), Says: "gzip data ends too early"},
		{Name: "damaged gzip", File: "a.jsonl.gz", Content: damage(Gzip(marked), 8), Docs: 6, Reasons: one(corpus.Damaged), Says: "checksum of the gzip data is wrong"},
		{Name: "gzip and something else", File: "a.jsonl.gz", Content: append(Gzip(marked), "trailing"...), Docs: 6, Reasons: one(corpus.Damaged), Says: "after the end"},
		{Name: "gzip and zeros", File: "a.jsonl.gz", Content: append(Gzip(marked), make([]byte, 1000)...), Docs: 6, Says: "1000 zero bytes"},
		{Name: "gzip, zeros, and gzip again", File: "a.jsonl.gz", Content: append(append(Gzip(marked), make([]byte, 100)...), Gzip(marked)...), Docs: 6, Reasons: one(corpus.Damaged), Says: "after the end"},
		{Name: "zip that claims a large directory", File: "a.zip", Content: largeDirectory(Zip("a.txt", []byte(prose))), Reasons: one(corpus.TooLarge), Says: "directory"},
		{Name: "gzip bomb", File: "a.gz", Content: Gzip(repeat("a", 8<<20)), Options: low, Reasons: one(corpus.TooLarge), Says: "64 KiB"},
		{Name: "gzip bomb of rows", File: "a.jsonl.gz", Content: Gzip(repeat("\n", 8<<20)), Options: corpus.Options{Limits: corpus.Limits{Free: 1 << 20, Ratio: 100}}, Reasons: one(corpus.Bomb), Says: "100 times"},
		{Name: "zstd bomb", File: "a.zst", Content: Zstd(repeat(line, 100_000)), Options: low, Docs: -1, Reasons: one(corpus.Bomb), Says: "100 times"},
		{Name: "bzip2 bomb", File: "a.bz2", Content: File("bomb.bz2"), Options: corpus.Options{Limits: corpus.Limits{Free: 1 << 20, Ratio: 100}}, Docs: 1, Reasons: one(corpus.Bomb), Says: "100 times"},
		{Name: "xz bomb", File: "a.xz", Content: File("bomb.xz"), Options: corpus.Options{Limits: corpus.Limits{Free: 1 << 20, Ratio: 100}}, Docs: 1, Reasons: one(corpus.Bomb), Says: "100 times"},
		{Name: "zip bomb", File: "a.zip", Content: Zip("a.jsonl", repeat("\n", 8<<20)), Options: corpus.Options{Limits: corpus.Limits{Free: 1 << 20, Ratio: 100}}, Reasons: one(corpus.Bomb), Says: "100 times"},
		{Name: "gzip in gzip in gzip", File: "a.gz", Content: nested(4), Docs: 1},
		{Name: "nested too deep", File: "a.gz", Content: nested(9), Reasons: one(corpus.Bomb), Says: "5 deep"},
		{Name: "empty members", File: "a.gz", Content: repeat(string(Gzip(nil)), 1000), Reasons: one(corpus.Empty), Says: "empty"},
		{Name: "zstd with a dictionary", File: "a.zst", Content: File("dictionary.zst"), Reasons: one(corpus.Unsupported), Says: "dictionary"},
		{Name: "zstd with a long window", File: "a.zst", Content: File("long-window.zst"), Reasons: one(corpus.TooLarge), Says: "--long=31"},
		{Name: "zstd and something else", File: "a.zst", Content: append(Zstd(marked), "trailing"...), Docs: 6, Reasons: one(corpus.Damaged), Says: "not zstd"},
		{Name: "cut zstd", File: "a.zst", Content: cut(Zstd(repeat(string(marked), 2000)), 40), Docs: -1, Reasons: one(corpus.Cut), Says: "zstd data ends too early"},
		{Name: "xz with a large dictionary", File: "a.xz", Content: File("large-dictionary.xz"), Reasons: one(corpus.TooLarge), Says: "64 MiB"},
		{Name: "encrypted zip", File: "a.zip", Content: encrypted, Reasons: one(corpus.Encrypted), Says: "password"},
		{Name: "zip without a directory", File: "a.zip", Content: Zip("a.txt", []byte(prose))[:60], Reasons: one(corpus.Damaged), Says: "directory"},
		{Name: "zip with a picture and a text", File: "a.zip", Content: officeZipOf(map[string][]byte{"a.png": rest([]byte("\x89PNG\r\n\x1a\n")), "b.txt": []byte(prose)}), Docs: 1, Reasons: one(corpus.Binary), Says: "a.zip!a.png"},
		{Name: "tar with links", File: "a.tar", Content: tarOf(tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, tar.Header{Name: "../../a.txt"}), Docs: 1, Reasons: one(corpus.Link), Says: "link"},
		{Name: "cut tar", File: "a.tar", Content: tarOf(tar.Header{Name: "a.txt"}, tar.Header{Name: "b.txt"})[:1600], Docs: 2, Reasons: one(corpus.Cut), Says: "ends too early"},
		{Name: "name that draws on a terminal", File: "a.tar", Content: tarOf(tar.Header{Name: "\x1b[2Ja\u202e.txt", Typeflag: tar.TypeSymlink, Linkname: "x"}), Reasons: one(corpus.Link), Says: `\x1b[2Ja\u202e.txt`},

		// Crawls.
		{Name: "WET", File: "a.wet", Content: []byte(record("warcinfo", "x") + record("conversion", prose)), Docs: 1},
		{Name: "cut crawl", File: "a.warc", Content: []byte(record("conversion", prose) + record("conversion", prose)[:180]), Docs: 2, Reasons: one(corpus.Cut), Says: "ends inside a record"},
		{Name: "record without a length", File: "a.warc", Content: []byte("WARC/1.0\r\nWARC-Type: response\r\n\r\nx\r\n\r\n" + record("conversion", prose)), Docs: 1, Reasons: one(corpus.Invalid), Says: "how long"},
		{Name: "record with a negative length", File: "a.warc", Content: []byte("WARC/1.0\r\nWARC-Type: response\r\nContent-Length: -5\r\n\r\nx\r\n\r\n" + record("conversion", prose)), Docs: 1, Reasons: one(corpus.Invalid), Says: "-5"},
		{Name: "record with an unknown charset", File: "a.warc", Content: []byte(strings.Replace(record("conversion", prose), "text/plain", "text/plain; charset=klingon", 1)), Docs: 1, Says: "klingon"},
		{Name: "crawl of requests", File: "a.warc", Content: []byte(record("request", "GET / HTTP/1.0\r\n\r\n")), Reasons: one(corpus.Empty), Says: "no responses"},
		{Name: "page of scripts", File: "a.html", Content: []byte("<html><head><title>t</title></head><script>" + prose + "</script></html>"), Reasons: one(corpus.Empty), Says: "no text"},
		{Name: "page with half a tag", File: "a.html", Content: []byte("<html><body><p>" + prose + "<p title=\""), Docs: 1},
		{Name: "nested page", File: "a.html", Content: append([]byte("<html>"), append(repeat("<div>", 50_000), prose...)...), Docs: 1},

		// Messages.
		{Name: "message", File: "a.eml", Content: mail("Content-Type: text/plain\r\n", prose), Docs: 1},
		{Name: "message of an attachment", File: "a.eml", Content: mail("Content-Type: multipart/mixed; boundary=b\r\n", "--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n"), Reasons: one(corpus.Empty), Says: "no part"},
		{Name: "message without a boundary", File: "a.eml", Content: mail("Content-Type: multipart/mixed\r\n", "x"), Reasons: one(corpus.Invalid), Says: "separates"},
		{Name: "message with an unknown charset", File: "a.eml", Content: mail("Content-Type: text/plain; charset=klingon\r\n", prose), Docs: 1, Says: "klingon"},
		{Name: "message of messages", File: "a.eml", Content: mail("Content-Type: message/rfc822\r\n", strings.Repeat("Content-Type: message/rfc822\r\nFrom: a\r\n\r\n", 30)+"\r\n"+prose), Reasons: one(corpus.TooLarge), Says: "deep"},

		// Columns.
		{Name: "parquet without a text", File: "a.parquet", Content: File("no-text.parquet"), Reasons: one(corpus.MissingField), Says: `the table has "id" and "score"`},
		{Name: "parquet with nulls", File: "a.parquet", Content: File("nulls.parquet"), Docs: 1, Reasons: []corpus.Reason{corpus.Empty, corpus.Empty}, Says: "null"},
		{Name: "cut parquet", File: "a.parquet", Content: cut(File("rows.parquet"), 10), Reasons: one(corpus.Damaged), Says: "not at its end"},
		{Name: "parquet that claims a long list", File: "a.parquet", Content: claims(), Reasons: one(corpus.Damaged), Says: "cannot be read"},
		{Name: "encrypted parquet", File: "a.parquet", Content: append(append([]byte("PARE"), make([]byte, 20)...), "\x04\x00\x00\x00PARE"...), Reasons: one(corpus.Encrypted), Says: "decrypt"},
	}
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

// damage changes the byte n from the end, such as one of a checksum.
func damage(b []byte, n int) []byte {
	b = bytes.Clone(b)
	b[len(b)-n] ^= 0x55
	return b
}

// largeDirectory lets an archive say that its directory takes 2 GiB.
func largeDirectory(b []byte) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[bytes.LastIndex(b, []byte("PK\x05\x06"))+12:], 1<<31-1)
	return b
}

// claims is a parquet file of 21 bytes whose schema says that it has 2^31-1 elements.
func claims() []byte {
	footer := []byte{0x15, 0x02, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07}
	b := append([]byte("PAR1"), footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, "PAR1"...)
}

func quoted(s string) []byte {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	w.Write([]byte(s))
	w.Close()
	return out.Bytes()
}

func wrapped64(b []byte) []byte {
	s := base64.StdEncoding.EncodeToString(b)
	var out []byte
	for len(s) > 76 {
		out = append(append(out, s[:76]...), '\n')
		s = s[76:]
	}
	return append(append(out, s...), '\n')
}

// officeZipOf returns an archive of files, in the order of their names.
func officeZipOf(content map[string][]byte) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, n := range []string{"a.png", "b.txt"} {
		f, _ := w.Create(n)
		f.Write(content[n])
	}
	w.Close()
	return out.Bytes()
}

// Endless is a reader that never ends: Head, and then Tail again and again.
type Endless struct {
	Head, Tail []byte
	Served     int64 // bytes that were read
	at         int
}

// Read implements io.Reader.
func (e *Endless) Read(p []byte) (int, error) {
	n := copy(p, e.Head)
	e.Head = e.Head[n:]
	for n < len(p) {
		k := copy(p[n:], e.Tail[e.at:])
		e.at = (e.at + k) % len(e.Tail)
		n += k
	}
	e.Served += int64(n)
	return n, nil
}

// Package corpustest makes files for tests of whatever reads through package corpus: the
// same rows in every layout, container and encoding, and hostile or odd files with what
// must be said about each.
package corpustest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
)

//go:embed testdata
var files embed.FS

// File returns a file of testdata.
func File(name string) []byte {
	b, err := files.ReadFile("testdata/" + name)
	if err != nil {
		panic(err)
	}
	return b
}

// A Row is a prompt and what a model made of it.
type Row struct {
	Prompt string `json:"prompt"`
	Output string `json:"output"`
}

// Rows returns the rows that all layouts of this package hold.
func Rows() []Row {
	var rows []Row
	for _, line := range bytes.Split(bytes.TrimSpace(File("rows.jsonl")), []byte("\n")) {
		var r Row
		if err := json.Unmarshal(line, &r); err != nil {
			panic(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// A Named is content under a name that says what it is.
type Named struct {
	Name    string
	Content []byte
	Text    bool // the content is text, which may have any encoding
}

func encode(v any, indent string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Layouts returns the rows in every layout that is read.
func Layouts() []Named {
	rows := Rows()
	lines := func(row func(Row) any, end string) []byte {
		var b []byte
		for _, r := range rows {
			b = append(append(b, encode(row(r), "")...), end...)
		}
		return b
	}
	type m = map[string]any
	plain := func(r Row) any { return r }
	var list []any
	for _, r := range rows {
		list = append(list, r)
	}
	table := func(comma rune) []byte {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = comma
		w.Write([]string{"id", "prompt", "output"})
		for i, r := range rows {
			w.Write([]string{fmt.Sprint(i), r.Prompt, r.Output})
		}
		w.Flush()
		return b.Bytes()
	}
	ascii := func(b []byte) []byte {
		var out []byte
		for _, r := range string(b) {
			if r < 0x80 {
				out = append(out, byte(r))
				continue
			}
			for _, u := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, u)
			}
		}
		return out
	}
	chat := func(r Row) any {
		return m{"messages": []m{{"role": "user", "content": r.Prompt}, {"role": "assistant", "content": r.Output}}}
	}
	pretty := func() (b []byte) {
		for _, r := range rows {
			b = append(append(b, encode(r, "  ")...), '\n')
		}
		return b
	}
	return []Named{
		{"lines", lines(plain, "\n"), true},
		{"lines without an end", bytes.TrimRight(lines(plain, "\n"), "\n"), true},
		{"lines with CRLF", lines(plain, "\r\n"), true},
		{"lines with blank lines", lines(plain, "\n\n  \n"), true},
		{"lines with commas", lines(plain, ",\n"), true},
		{"values on one line", lines(plain, " "), true},
		{"record separators", append([]byte("\x1e"), bytes.TrimSuffix(lines(plain, "\n\x1e"), []byte("\x1e"))...), true},
		{"escapes", ascii(lines(plain, "\n")), true},
		{"list", encode(list, ""), true},
		{"list over lines", encode(list, " "), true},
		{"list, an element a line", []byte("[\n" + strings.TrimSuffix(string(lines(plain, ",\n")), ",\n") + "\n]\n"), true},
		{"pretty values", pretty(), true},
		{"csv", table(','), true},
		{"csv with semicolons", table(';'), true},
		{"tsv", table('\t'), true},
		{"chat", lines(chat, "\n"), true},
		{"sharegpt", lines(func(r Row) any {
			return m{"conversations": []m{{"from": "human", "value": r.Prompt}, {"from": "gpt", "value": r.Output}}}
		}, "\n"), true},
		{"parts", lines(func(r Row) any {
			return m{"messages": []m{{"role": "user", "content": []m{{"type": "text", "text": r.Prompt}, {"type": "image_url", "image_url": m{"url": "x"}}}},
				{"role": "assistant", "content": []m{{"type": "text", "text": r.Output}}}}}
		}, "\n"), true},
		{"completion", lines(func(r Row) any { return m{"prompt": r.Prompt, "completion": r.Output, "score": 1} }, "\n"), true},
		{"response", lines(func(r Row) any { return m{"question": r.Prompt, "response": r.Output} }, "\n"), true},
		{"answer", lines(func(r Row) any { return m{"query": r.Prompt, "answer": r.Output} }, "\n"), true},
		{"alpaca", lines(func(r Row) any { return m{"instruction": r.Prompt, "input": "", "output": r.Output} }, "\n"), true},
		{"list of outputs", lines(func(r Row) any { return m{"prompt": r.Prompt, "output": []string{r.Output}} }, "\n"), true},
		{"chat completion", lines(func(r Row) any {
			return m{"request": m{"messages": []m{{"role": "user", "content": r.Prompt}}}, "response": m{"object": "chat.completion",
				"choices": []m{{"index": 0, "message": m{"role": "assistant", "content": r.Output}}}}}
		}, "\n"), true},
		{"batch", lines(func(r Row) any {
			return m{"custom_id": "1", "prompt": r.Prompt, "response": m{"status_code": 200, "body": m{"choices": []m{{"message": m{"role": "assistant", "content": r.Output}}}}}, "error": nil}
		}, "\n"), true},
		{"responses", lines(func(r Row) any {
			return m{"object": "response", "input": r.Prompt, "output": []m{{"type": "reasoning", "summary": []m{}},
				{"type": "message", "role": "assistant", "content": []m{{"type": "output_text", "text": r.Output}}}}}
		}, "\n"), true},
		{"anthropic batch", lines(func(r Row) any {
			return m{"custom_id": "1", "result": m{"type": "succeeded", "message": m{"role": "assistant", "content": []m{{"type": "text", "text": r.Output}}}}}
		}, "\n"), true},
		{"mapping", lines(func(r Row) any {
			return m{"title": "t", "mapping": m{
				"a": m{"id": "a", "message": nil, "parent": nil, "children": []string{"b"}},
				"b": m{"id": "b", "parent": "a", "children": []string{"c"}, "message": m{"author": m{"role": "user"}, "content": m{"content_type": "text", "parts": []string{r.Prompt}}}},
				"c": m{"id": "c", "parent": "b", "children": []string{}, "message": m{"author": m{"role": "assistant"}, "recipient": "all", "content": m{"content_type": "text", "parts": []string{r.Output}}}},
			}}
		}, "\n"), true},
		{"parquet", File("rows.parquet"), false},
		{"parquet, gzip, version 1", File("rows-v1.parquet"), false},
		{"parquet, list of struct", File("rows-chat.parquet"), false},
		{"parquet, list", File("rows-list.parquet"), false},
		{"parquet, struct", File("rows-struct.parquet"), false},
	}
}

// Encodings returns the text in every encoding that a byte order mark says.
func Encodings(text []byte) []Named {
	u16 := func(order binary.AppendByteOrder) (b []byte) {
		for _, u := range utf16.Encode([]rune("\ufeff" + string(text))) {
			b = order.AppendUint16(b, u)
		}
		return b
	}
	u32 := func(order binary.AppendByteOrder) (b []byte) {
		for _, r := range "\ufeff" + string(text) {
			b = order.AppendUint32(b, uint32(r))
		}
		return b
	}
	return []Named{
		{"utf-8", text, true},
		{"utf-8 with a mark", append([]byte("\ufeff"), text...), true},
		{"utf-16le", u16(binary.LittleEndian), true},
		{"utf-16be", u16(binary.BigEndian), true},
		{"utf-32le", u32(binary.LittleEndian), true},
		{"utf-32be", u32(binary.BigEndian), true},
	}
}

// Containers returns the content in every container that can be written here. The name is
// that of the file inside an archive.
func Containers(name string, b []byte) []Named {
	half := len(b) / 2
	return []Named{
		{"none", b, false},
		{"gzip", Gzip(b), false},
		{"gzip of two members", append(Gzip(b[:half]), Gzip(b[half:])...), false},
		{"gzip with an empty member and zeros", append(append(append(Gzip(b[:half]), Gzip(nil)...), Gzip(b[half:])...), make([]byte, 512)...), false},
		{"zstd", Zstd(b), false},
		{"zstd of two frames, a skippable one between", append(append(Zstd(b[:half]), Skippable("a note")...), Zstd(b[half:])...), false},
		{"zstd after a skippable frame", append(Skippable("first"), Zstd(b)...), false},
		{"xz", StoredXZ(b), false},
		{"xz of two streams with padding", append(append(StoredXZ(b[:half]), 0, 0, 0, 0), StoredXZ(b[half:])...), false},
		{"zip", Zip(name, b), false},
		{"tar", Tar(name, b), false},
		{"tar.gz", Gzip(Tar(name, b)), false},
		{"tar.zst", Zstd(Tar("folder/"+name, b)), false},
		{"gzip in zip", Zip(name+".gz", Gzip(b)), false},
		{"zip in tar", Tar("x.zip", Zip(name, b)), false},
	}
}

// Gzip compresses b into one member.
func Gzip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// Zstd compresses b into one frame.
func Zstd(b []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

// Skippable returns a skippable frame of zstd.
func Skippable(note string) []byte {
	b := []byte{0x53, 0x2a, 0x4d, 0x18}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(note)))
	return append(b, note...)
}

// Zip returns an archive of one file.
func Zip(name string, b []byte) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create(name)
	if err != nil {
		panic(err)
	}
	f.Write(b)
	w.Close()
	return out.Bytes()
}

// Tar returns an archive of one file.
func Tar(name string, b []byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b))}); err != nil {
		panic(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// StoredXZ returns a stream of xz whose chunks are not compressed, since no writer of xz is
// at hand. The sources are the specifications of the .xz file format and of LZMA2.
func StoredXZ(b []byte) []byte {
	sum := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	pad := func(b []byte) []byte {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		return b
	}
	flags := []byte{0, 1} // a CRC32 for each block
	out := append([]byte("\xfd7zXZ\x00"), flags...)
	out = append(out, sum(flags)...)
	header := []byte{2, 0, 0x21, 1, 0x10, 0, 0, 0} // LZMA2 with a dictionary of 1 MiB
	block := append(header, sum(header)...)
	for i, rest := 0, b; len(rest) > 0; i++ {
		n := min(len(rest), 1<<16)
		control := byte(2)
		if i == 0 {
			control = 1
		}
		block = append(block, control, byte((n-1)>>8), byte(n-1))
		block = append(block, rest[:n]...)
		rest = rest[n:]
	}
	block = append(block, 0)
	unpadded := len(block) + 4
	out = append(out, append(pad(block), sum(b)...)...)
	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded))
	index = binary.AppendUvarint(index, uint64(len(b)))
	index = pad(index)
	index = append(index, sum(index)...)
	out = append(out, index...)
	tail := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	tail = append(tail, flags...)
	out = append(out, sum(tail)...)
	return append(append(out, tail...), "YZ"...)
}

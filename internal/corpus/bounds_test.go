package corpus_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// allocated returns the bytes that f allocates in all, whatever is freed in between: a
// bound on memory that no clock and no collector has a part in.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// live returns the largest heap that stays alive while f calls sample.
func live(f func(sample func())) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base, most := m.HeapAlloc, uint64(0)
	f(func() {
		runtime.GC()
		runtime.ReadMemStats(&m)
		if m.HeapAlloc > base {
			most = max(most, m.HeapAlloc-base)
		}
	})
	return most
}

func endless(head, tail string) *corpustest.Endless {
	return &corpustest.Endless{Head: []byte(head), Tail: []byte(tail)}
}

// One line of 100 MB between two others is skipped, with its line, in the memory of a row.
func TestLongLine(t *testing.T) {
	const row = `{"output":"An answer of a few words."}` + "\n"
	for _, x := range []struct{ name, open, close string }{
		{"lines", row + `{"output":"`, `"}` + "\n" + row},
		{"list", "[" + strings.TrimSpace(row) + `,{"output":"`, `"},` + strings.TrimSpace(row) + "]\n"},
		{"table", "output,prompt\nAn answer of words,p\n\"", "\",p\nAnother answer of words,p\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			long := io.LimitReader(endless("", "words and words "), 100<<20)
			var docs []*corpus.Document
			var skips []*corpus.Skip
			n := allocated(func() {
				docs, skips, _ = stream(t, "x", io.MultiReader(strings.NewReader(x.open), long, strings.NewReader(x.close)), nil)
			})
			require.Len(t, docs, 2)
			require.Len(t, skips, 1)
			assert.Equal(t, corpus.TooLarge, skips[0].Reason)
			assert.Contains(t, skips[0].Detail, "100 MiB")
			// A buffer that doubles up to 16 MiB, and the head.
			assert.Less(t, n, uint64(80<<20))
		})
	}
}

// Readers that never end are given up after the limits, whatever they serve.
func TestEndless(t *testing.T) {
	o := &corpus.Options{Limits: corpus.Limits{SkippedBy: 1 << 20, Text: 1 << 18, Row: 1 << 18}}
	for _, x := range []struct {
		name, head, tail string
		format           corpus.Format
		docs             int
		reason           corpus.Reason
	}{
		{name: "zeros", tail: "\x00", reason: corpus.NotText},
		{name: "ones", tail: "\xff", reason: corpus.TooLarge},
		{name: "letters", tail: "a", reason: corpus.TooLarge},
		{name: "blanks", tail: " ", reason: corpus.TooLarge},
		{name: "blank lines", head: "{\"output\":\"An answer.\"}\n", tail: "\n", docs: 1, reason: corpus.TooLarge},
		{name: "string", head: "{\"output\":\"", tail: "a", reason: corpus.TooLarge},
		{name: "brackets", tail: "[", reason: corpus.TooLarge},
		{name: "element", head: "[{\"output\":\"", tail: "a\\n", reason: corpus.TooLarge},
		{name: "blanks of a list", head: "[{\"output\":\"An answer.\"},", tail: " ", docs: 1, reason: corpus.TooLarge},
		{name: "broken string", head: "[\n{\"output\":\"An\n", tail: "a\n", docs: -1, reason: corpus.TooLarge},
		{name: "quoted field", head: "output,prompt\n\"", tail: "a", reason: corpus.TooLarge},
		{name: "blank records", head: "output,prompt\n", tail: "\n", reason: corpus.TooLarge},
		{name: "tag", head: "<html><p title=\"", tail: "a", reason: corpus.TooLarge},
		{name: "page of blanks", head: "<html><p>", tail: " ", reason: corpus.TooLarge},
		{name: "page of tags", head: "<html>", tail: "<b>", reason: corpus.TooLarge},
		{name: "script", head: "<html><script>", tail: "a", reason: corpus.TooLarge},
		{name: "header", head: "Received: x\nFrom: a\nTo: b\nMessage-ID: c\n", tail: "X: y\n", reason: corpus.TooLarge},
		{name: "body", head: "Received: x\nFrom: a\nTo: b\nMessage-ID: c\n\n", tail: "words ", reason: corpus.TooLarge},
		{name: "attachment", head: "Received: x\nFrom: a\nTo: b\nMessage-ID: c\nContent-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: image/png\n\n", tail: "words\n", reason: corpus.TooLarge},
		{name: "mailbox", head: "From a Mon Nov 30\nReceived: x\nFrom: a\nTo: b\nMessage-ID: c\n\n", tail: "words ", reason: corpus.TooLarge},
		{name: "ids", tail: "12 ", format: corpus.FormatIDs, reason: corpus.TooLarge},
		{name: "list of ids", head: "[", tail: "12,", format: corpus.FormatIDs, reason: corpus.TooLarge},
		{name: "record", head: "WARC/1.0\r\n", tail: "X: y\r\n", reason: corpus.TooLarge},
		{name: "between records", head: "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 2\r\n\r\nab\r\n\r\n", tail: "\r\n", docs: 1, reason: corpus.TooLarge},
	} {
		t.Run(x.name, func(t *testing.T) {
			o := *o
			o.Format = x.format
			e := endless(x.head, x.tail)
			n := allocated(func() {
				docs, skips, _ := stream(t, "x", e, &o)
				if x.docs >= 0 {
					assert.Len(t, docs, x.docs)
				}
				require.NotEmpty(t, skips)
				assert.Equal(t, x.reason, skips[len(skips)-1].Reason, skips[len(skips)-1].Detail)
			})
			assert.Less(t, e.Served, int64(8<<20))
			assert.Less(t, n, uint64(24<<20))
		})
	}
	t.Run("device", func(t *testing.T) {
		if _, err := os.Stat("/dev/zero"); err != nil {
			t.Skip("no /dev/zero here")
		}
		docs, skips, sources := read(t, "/dev/zero", nil)
		assert.Empty(t, docs)
		require.Len(t, skips, 1)
		assert.Equal(t, corpus.NotText, skips[0].Reason)
		assert.Empty(t, sources[0].SHA256) // there is no end to hash up to
	})
}

// Memory stays the same however many rows there are, in every container and format.
func TestMemoryIsBounded(t *testing.T) {
	rows := corpustest.File("rows.jsonl")
	many := bytes.Repeat(rows, 4000) // 2.8 MB
	warc := []byte("WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 24\r\n\r\nA text of a few words, ..\r\n\r\n")
	for _, x := range []struct {
		name    string
		content []byte
		most    uint64
	}{
		{"lines", many, 1 << 20},
		{"gzip", corpustest.Gzip(many), 1 << 20},
		{"zstd", corpustest.Zstd(many), 12 << 20},
		{"xz", corpustest.StoredXZ(many), 3 << 20},
		{"tar", corpustest.Tar("a", many), 1 << 20},
		{"zip", corpustest.Zip("a", many), 1 << 20},
		{"crawl", bytes.Repeat(warc, 20_000), 1 << 20},
		{"crawl of gzip members", bytes.Repeat(corpustest.Gzip(warc), 20_000), 1 << 20},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, err := corpus.New(nil)
			require.NoError(t, err)
			docs := 0
			most := live(func(sample func()) {
				for item := range c.Stream(context.Background(), bytes.NewReader(x.content), "x") {
					if _, ok := item.(*corpus.Document); ok {
						if docs++; docs%4000 == 1000 {
							sample()
						}
					}
				}
			})
			assert.GreaterOrEqual(t, docs, 20_000)
			assert.Less(t, most, x.most)
		})
	}
	t.Run("control", func(t *testing.T) { // who keeps the documents is noticed
		c, err := corpus.New(nil)
		require.NoError(t, err)
		var kept []corpus.Item
		most := live(func(sample func()) {
			for item := range c.Stream(context.Background(), bytes.NewReader(many), "x") {
				kept = append(kept, item)
			}
			sample()
		})
		assert.Greater(t, most, uint64(4<<20))
		runtime.KeepAlive(kept)
	})
}

// A document takes a few allocations, of about its size.
func TestAllocationsPerDocument(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts allocate")
	}
	line := `{"prompt":"` + strings.Repeat("Question? ", 20) + `","output":"` + strings.Repeat("Some words and more. ", 100) + `"}` + "\n"
	content := bytes.Repeat([]byte(line), 2000)
	c, err := corpus.New(&corpus.Options{SkipHash: true})
	require.NoError(t, err)
	perDocument := testing.AllocsPerRun(3, func() {
		for range c.Stream(context.Background(), bytes.NewReader(content), "x") {
		}
	}) / 2000
	assert.LessOrEqual(t, perDocument, 8.0)
	n := allocated(func() {
		for range c.Stream(context.Background(), bytes.NewReader(content), "x") {
		}
	})
	assert.Less(t, n, uint64(len(content)*3/2))
}

// A text made of marks of a template, or of tags, takes no more memory than others, and is
// looked at once for each mark.
func TestManyTurns(t *testing.T) {
	for _, x := range []struct{ name, unit string }{
		{"turns", "[INST]p[/INST]a"},
		{"prompts", "[INST]"},
		{"chatml", "<|im_start|>user\np"},
		{"thoughts", "<think></think>\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			text := bytes.Repeat([]byte(x.unit), (8<<20)/len(x.unit))
			n := allocated(func() {
				docs, skips, _ := items(t, "x.txt", text, nil)
				assert.Len(t, append(skips, make([]*corpus.Skip, len(docs))...), 1)
				for _, d := range docs {
					assert.LessOrEqual(t, len(d.Texts), 3*4096)
				}
			})
			assert.Less(t, n, uint64(80<<20))
		})
	}
}

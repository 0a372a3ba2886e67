package corpus_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// said reports whether anything was said about a reading that is not whole.
func said(docs []*corpus.Document, skips []*corpus.Skip, sources []*corpus.Source) bool {
	if len(skips) > 0 {
		return true
	}
	for _, s := range sources {
		if len(s.Notes) > 0 {
			return true
		}
	}
	for _, d := range docs {
		if len(d.Notes) > 0 {
			return true
		}
	}
	return false
}

// A file that was cut at any byte keeps the documents that came whole before the cut, says
// that something is missing where it can be known, and never panics.
func TestCutAtEveryByte(t *testing.T) {
	want := corpustest.Rows()
	lines := corpustest.File("rows.jsonl")
	var list []byte
	for _, l := range corpustest.Layouts() {
		if l.Name == "list over lines" {
			list = l.Content
		}
	}
	page := "<html><body><p>One paragraph.</p>\n<p>Two &amp; three.</p></body></html>"
	warc := "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: " +
		fmt.Sprint(len(page)+44) + "\r\n\r\nHTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page + "\r\n\r\n"
	for _, x := range []struct {
		name    string
		content []byte
		rows    bool // the documents are the rows
		known   bool // every cut can be known, once there is something to tell a format by
	}{
		{"lines", lines, true, false},
		{"list", list, true, true},
		{"gzip", corpustest.Gzip(lines), true, true},
		{"two gzip members", append(corpustest.Gzip(lines[:300]), corpustest.Gzip(lines[300:])...), true, false},
		{"zstd", corpustest.Zstd(lines), true, true},
		{"xz", corpustest.File("rows.jsonl.xz"), true, false},
		{"bzip2", corpustest.File("rows.jsonl.bz2"), true, false},
		{"zip", corpustest.Zip("rows.jsonl", lines), true, true},
		{"tar", corpustest.Tar("rows.jsonl", lines), true, false},
		{"parquet", corpustest.File("rows.parquet"), true, true},
		{"warc", []byte(warc + warc), false, false},
		{"warc.gz", append(corpustest.Gzip([]byte(warc)), corpustest.Gzip([]byte(warc))...), false, false},
		{"page", []byte(page), false, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			step := 1
			if testing.Short() && len(x.content) > 1000 {
				step = 7
			}
			for n := 0; n < len(x.content); n += step {
				docs, skips, sources := items(t, "cut", x.content[:n], nil)
				if x.known && n > 8 {
					require.True(t, said(docs, skips, sources), "cut at %d of %d", n, len(x.content))
				}
				if !x.rows {
					continue
				}
				got := rowsOf(docs)
				require.LessOrEqual(t, len(got), len(want), "cut at %d", n)
				for i, r := range got {
					if docs[i].Texts[0].Field == "" {
						continue // a few bytes in, what is left looks like a text
					}
					require.Equal(t, want[i], r, "cut at %d", n)
				}
			}
			docs, skips, _ := items(t, "whole", x.content, nil)
			assert.Empty(t, skips)
			assert.NotEmpty(t, docs)
		})
	}
}

// What came before a cut is kept, row by row.
func TestCutKeepsWhatCameBefore(t *testing.T) {
	var lines []byte
	var want []corpustest.Row
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		r := corpustest.Row{Prompt: "p"}
		for range 30 {
			r.Output += strconv.FormatUint(rng.Uint64N(1<<20), 36) + " "
		}
		want = append(want, r)
		lines = fmt.Appendf(lines, "{\"prompt\":%q,\"output\":%q}\n", r.Prompt, r.Output)
	}
	for _, x := range []struct {
		name    string
		content []byte
	}{{"gzip", corpustest.Gzip(lines)}, {"zstd", corpustest.Zstd(lines)}, {"tar.gz", corpustest.Gzip(corpustest.Tar("a.jsonl", lines))}} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, _ := items(t, "x", x.content[:len(x.content)*3/4], nil)
			require.Greater(t, len(docs), 1000)
			for i, r := range rowsOf(docs) {
				require.Equal(t, want[i], r)
			}
			require.Len(t, skips, 1)
			assert.Equal(t, corpus.Cut, skips[0].Reason)
			assert.True(t, skips[0].Rest)
		})
	}
	t.Run("text", func(t *testing.T) {
		text := []byte(strings.Repeat("Some words that stand one after the other. ", 5000))
		z := corpustest.Gzip(text)
		docs, skips, _ := items(t, "x.txt.gz", z[:len(z)/2], nil)
		require.Len(t, docs, 1)
		require.Len(t, skips, 1)
		assert.Equal(t, corpus.Cut, skips[0].Reason)
		assert.True(t, bytes.HasPrefix(text, docs[0].Texts[0].Text))
		require.NotEmpty(t, docs[0].Notes)
		assert.Equal(t, corpus.NoteCut, docs[0].Notes[0].Code)
	})
}

package corpus_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// names are twenty names under which people keep rows.
var names = []string{
	"rows.jsonl", "rows.ndjson", "rows.json", "ROWS.JSONL", "rows.jsonl.1", "rows.jsonl.bak", "rows", "-", "/dev/fd/63", "rows.txt", "rows.log",
	"rows.md", "rows.csv", "rows.tsv", "rows.parquet", "rows.jsonl.gz", "rows.zip", "rows.html", "rows.eml", "rows.pdf", "rows (1).dat",
}

// items reads bytes under a name.
func items(t testing.TB, name string, b []byte, o *corpus.Options) (docs []*corpus.Document, skips []*corpus.Skip, sources []*corpus.Source) {
	t.Helper()
	return stream(t, name, bytes.NewReader(b), o)
}

func stream(t testing.TB, name string, in io.Reader, o *corpus.Options) (docs []*corpus.Document, skips []*corpus.Skip, sources []*corpus.Source) {
	t.Helper()
	c, err := corpus.New(o)
	require.NoError(t, err)
	var n corpus.Counts
	for item := range c.Stream(context.Background(), in, name) {
		n.Add(item)
		switch x := item.(type) {
		case *corpus.Document:
			docs = append(docs, x)
		case *corpus.Skip:
			skips = append(skips, x)
		case *corpus.Source:
			sources = append(sources, x)
		}
	}
	require.NoError(t, n.Check())
	require.NotZero(t, n.Rows)
	return docs, skips, sources
}

// rowsOf puts the prompts and answers of documents side by side.
func rowsOf(docs []*corpus.Document) (rows []corpustest.Row) {
	for _, d := range docs {
		var r corpustest.Row
		for _, x := range d.Texts {
			if x.Kind.Tested() {
				r.Output += string(x.Text)
			} else {
				r.Prompt += string(x.Text)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// Nobody is accused by a file's name: the same rows give the same documents under every
// name, in every container, encoding and layout, or a refusal.
func TestSameRows(t *testing.T) {
	want := corpustest.Rows()
	noPrompts := make([]corpustest.Row, len(want))
	for i := range want {
		noPrompts[i].Output = want[i].Output
	}
	for _, layout := range corpustest.Layouts() {
		want := want
		if layout.Name == "anthropic batch" {
			want = noPrompts // its results have no prompts
		}
		contents := []corpustest.Named{{Name: "utf-8", Content: layout.Content}}
		if layout.Text {
			contents = corpustest.Encodings(layout.Content)
		}
		t.Run(layout.Name, func(t *testing.T) {
			for i, content := range contents {
				for j, c := range corpustest.Containers("rows", content.Content) {
					for k, name := range names {
						// All names of the bare file, and some of each other combination.
						if (i > 0 || j > 0) && (i+j+k)%7 != 0 {
							continue
						}
						docs, skips, sources := items(t, name, c.Content, nil)
						what := fmt.Sprintf("%s, %s, %s, %s", layout.Name, content.Name, c.Name, name)
						if !assert.Empty(t, skips, what) || !assert.Equal(t, want, rowsOf(docs), what) {
							return
						}
						assert.NotEmpty(t, sources[len(sources)-1].SHA256)
					}
				}
			}
		})
	}
	t.Run("made elsewhere", func(t *testing.T) {
		for _, file := range []string{"rows.jsonl.bz2", "rows.jsonl.xz", "rows.x86.xz"} {
			docs, skips, _ := items(t, "x", corpustest.File(file), nil)
			assert.Empty(t, skips, file)
			assert.Equal(t, want, rowsOf(docs), file)
		}
	})
	t.Run("through a pipe", func(t *testing.T) {
		for _, layout := range corpustest.Layouts() {
			if layout.Text {
				continue
			}
			for _, c := range corpustest.Containers("rows", layout.Content) {
				docs, skips, _ := stream(t, "-", io.MultiReader(bytes.NewReader(c.Content)), nil)
				assert.Empty(t, skips, c.Name)
				assert.Equal(t, want, rowsOf(docs), c.Name)
			}
		}
	})
}

// Legacy encodings are read when they are named, and refused or noted when they are not.
func TestNamedEncodings(t *testing.T) {
	text := "L'été, à la forêt de Fontainebleau, où l'on est déjà allé; l'élève a relevé l'énigme.\n"
	lines := fmt.Sprintf("{\"prompt\":\"é\",\"output\":%q}\n", strings.TrimSpace(text))
	latin1 := func(s string) (b []byte) {
		for _, r := range s {
			b = append(b, byte(r))
		}
		return b
	}
	for _, x := range []struct {
		name    string
		content []byte
	}{{"a.txt", latin1(text)}, {"a.jsonl", latin1(lines)}, {"a.csv", latin1("prompt,output\né,\"" + strings.TrimSpace(text) + "\"\n")}} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, _ := items(t, x.name, x.content, nil)
			assert.Empty(t, docs)
			require.Len(t, skips, 1)
			assert.Equal(t, corpus.BadEncoding, skips[0].Reason)
			for _, label := range []string{"windows-1252", "latin1", "ISO-8859-1"} {
				docs, skips, sources := items(t, x.name, x.content, &corpus.Options{Encoding: label})
				assert.Empty(t, skips)
				require.Len(t, docs, 1)
				last := docs[0].Texts[len(docs[0].Texts)-1]
				assert.Equal(t, strings.TrimSpace(text), strings.TrimSpace(string(last.Text)))
				assert.Equal(t, "windows-1252", sources[0].Encoding)
			}
		})
	}
	t.Run("utf-16 without a mark", func(t *testing.T) {
		b := corpustest.Encodings([]byte(lines))[2].Content[2:]
		docs, skips, _ := items(t, "a.jsonl", b, nil)
		assert.Empty(t, docs)
		require.Len(t, skips, 1)
		assert.Contains(t, skips[0].Detail, "utf-16le")
		docs, skips, _ = items(t, "a.jsonl", b, &corpus.Options{Encoding: "utf-16le"})
		assert.Empty(t, skips)
		assert.Len(t, docs, 1)
	})
	t.Run("the mark decides", func(t *testing.T) {
		docs, _, sources := items(t, "a.txt", corpustest.Encodings([]byte(text))[2].Content, &corpus.Options{Encoding: "windows-1252"})
		require.Len(t, docs, 1)
		assert.Equal(t, text, string(docs[0].Texts[0].Text))
		require.Len(t, sources[0].Notes, 1)
		assert.Equal(t, corpus.NoteCharset, sources[0].Notes[0].Code)
	})
	t.Run("not known", func(t *testing.T) {
		_, err := corpus.New(&corpus.Options{Encoding: "klingon"})
		assert.ErrorContains(t, err, "klingon")
	})
}

package corpus_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// fuzz reads bytes under small limits and asserts what holds for every input: counts add
// up, no text is over its limit, and the work is in proportion to what was read and
// expanded. Work is counted in items and in bytes of text, so that what would take minutes
// is found without a clock.
func fuzz(t *testing.T, b []byte, o corpus.Options) {
	if len(b) > 1<<16 {
		b = b[:1<<16]
	}
	o.Limits = corpus.Limits{Text: 1 << 16, Row: 1 << 16, SkippedBy: 1 << 18, Values: 1 << 12, Members: 1 << 10,
		Expanded: 1 << 20, Free: 1 << 18, Ratio: 50, Window: 1 << 20, Page: 1 << 18, Footer: 1 << 16, Spool: 1 << 20}
	c, err := corpus.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "x.jsonl"} {
		var n corpus.Counts
		work := 0
		for item := range c.Stream(context.Background(), bytes.NewReader(b), name) {
			n.Add(item)
			work++
			d, ok := item.(*corpus.Document)
			if !ok {
				continue
			}
			tested := false
			for _, x := range d.Texts {
				if len(x.Text) > 1<<16 {
					t.Fatalf("a text of %d bytes", len(x.Text))
				}
				if x.Text == nil && x.IDs == nil {
					t.Fatal("a text with neither bytes nor ids")
				}
				tested = tested || x.Kind.Tested()
				work += len(x.Text) + 4*len(x.IDs)
			}
			if !tested {
				t.Fatal("a document without anything to test")
			}
		}
		if err := n.Check(); err != nil {
			t.Fatal(err)
		}
		if n.Rows == 0 {
			t.Fatal("nothing was said about the file")
		}
		// What is read may be expanded, and the prompts of a row may be read for each of
		// two answers.
		if most := 8 * (len(b) + 1<<20); work > most {
			t.Fatalf("%d bytes of work for %d bytes", work, len(b))
		}
	}
}

func layouts(f *mutate.F, name ...string) {
	for _, l := range corpustest.Layouts() {
		for _, n := range name {
			if l.Name == n {
				f.Add(l.Content)
			}
		}
	}
}

func cases(f *mutate.F, suffix string) {
	for _, x := range corpustest.Cases() {
		if len(x.Content) < 4<<10 && len(x.File) >= len(suffix) && x.File[len(x.File)-len(suffix):] == suffix {
			f.Add(x.Content)
		}
	}
}

func FuzzJSON(tf *testing.F) {
	f := mutate.New(tf)
	layouts(f, "lines", "list over lines", "pretty values", "mapping", "responses", "batch", "parts", "list of outputs")
	cases(f, ".jsonl")
	cases(f, ".json")
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{Format: corpus.FormatJSON}) })
}

func FuzzFields(tf *testing.F) {
	f := mutate.New(tf)
	layouts(f, "chat", "mapping")
	f.Add([]byte(`{"a":[{"b":"x"},{"b":["y",1]}],"a.b":"z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzz(t, b, corpus.Options{Fields: []string{"a.b", "messages"}, PromptField: "prompt", Roles: []string{"user"}})
	})
}

func FuzzCSV(tf *testing.F) {
	f := mutate.New(tf)
	layouts(f, "csv", "tsv", "csv with semicolons")
	cases(f, ".csv")
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{Format: corpus.FormatCSV}) })
}

func FuzzHTML(tf *testing.F) {
	f := mutate.New(tf)
	cases(f, ".html")
	f.Add([]byte("<html><head><meta charset=latin1><p>a<pre>b</pre><script>c</script><table><td>d"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{Format: corpus.FormatHTML}) })
}

func FuzzMail(tf *testing.F) {
	f := mutate.New(tf)
	cases(f, ".eml")
	f.Add([]byte(mailHead + "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Transfer-Encoding: base64\r\n\r\nw6l0w6kg\r\n--q--\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{Format: corpus.FormatMail}) })
}

func FuzzMbox(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte("From a\nFrom: b\n\nbody\n\nFrom c\nFrom: d\n\n>From e\n"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{Format: corpus.FormatMbox}) })
}

func FuzzWARC(tf *testing.F) {
	f := mutate.New(tf)
	cases(f, ".warc")
	cases(f, ".wet")
	f.Add([]byte(httpRecord("Content-Type: text/html\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n", "3\r\nabc\r\n0\r\n\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, append([]byte("WARC/1.0\r\n"), b...), corpus.Options{}) })
}

func FuzzIDs(tf *testing.F) {
	f := mutate.New(tf)
	for _, s := range []string{"[1,2]\n[3]", "1, 2 3\n", "tensor([[1, 2]])", `{"input_ids":[1]}`, "[1 ... 2]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{Format: corpus.FormatIDs}) })
}

func FuzzText(tf *testing.F) {
	f := mutate.New(tf)
	cases(f, ".txt")
	for _, e := range corpustest.Encodings([]byte("L'été — 河 😀")) {
		f.Add(e.Content)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzz(t, b, corpus.Options{})
		fuzz(t, b, corpus.Options{Encoding: "utf-16le", Terminal: true})
	})
}

// FuzzContainers has all containers: what a file begins with decides which.
func FuzzContainers(tf *testing.F) {
	f := mutate.New(tf)
	lines := corpustest.File("rows.jsonl")
	for _, c := range corpustest.Containers("rows", lines[:200]) {
		f.Add(c.Content)
	}
	for _, name := range []string{"rows.jsonl.bz2", "rows.jsonl.xz", "rows.x86.xz", "dictionary.zst"} {
		f.Add(corpustest.File(name))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{}) })
}

func FuzzParquet(tf *testing.F) {
	f := mutate.New(tf)
	for _, name := range []string{"rows.parquet", "rows-v1.parquet", "rows-chat.parquet", "rows-list.parquet", "rows-struct.parquet", "nulls.parquet"} {
		f.Add(corpustest.File(name))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, corpus.Options{}) })
}

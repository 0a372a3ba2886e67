package scan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// wordTokens has a token for each word x0 to x999, with the space after it.
type wordTokens struct{ name string }

func (w wordTokens) Name() string { return w.name }
func (w wordTokens) Digest() string {
	return "sha256:" + fmt.Sprintf("%x", sha256.Sum256([]byte(w.name)))
}
func (w wordTokens) Vocab() int { return testmark.Vocab }

func (w wordTokens) Append(dst []int32, text []byte) []int32 {
	for _, word := range bytes.Fields(text) {
		id, err := strconv.Atoi(strings.TrimPrefix(string(word), "x"))
		if err != nil {
			id = 0
		}
		dst = append(dst, int32(id))
	}
	return dst
}

func (w wordTokens) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		if id < 0 || id >= testmark.Vocab {
			return dst, tokenize.ErrName
		}
		dst = fmt.Appendf(dst, "x%d ", id)
	}
	return dst, nil
}

var words1 = wordTokens{"words"}

// markOf returns a Mark of a scorer under the tokenizer of tests.
func markOf(m *watermark.Mark, label string) Mark {
	return Mark{
		Label: label, KeyID: m.KeyID(), Profile: "sha256:test", Scheme: "greenlist", Bound: interop.Bound{Scorer: m},
		Tokenizer: words1, Vocab: m.Vocab(),
	}
}

// marksOf returns n marks with keys of their own.
func marksOf(t testing.TB, n int) []Mark {
	var list []Mark
	for i := range n {
		list = append(list, markOf(testmark.Green(t, testmark.Key(uint64(i+1)), 2), fmt.Sprintf("key%d", i)))
	}
	return list
}

func testOptions() Options {
	return Options{Alpha: 1e-6, FDR: 0.01, MinShare: 0.5, Sample: 20_000, RunKey: [16]byte{7}, Reader: "test"}
}

// text returns the text of ids.
func text(ids []watermark.Token) string {
	b, err := words1.Decode(nil, ids)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A world is a folder of files to scan.
type world struct {
	t    testing.TB
	dir  string
	rng  *rand.Rand
	mark *watermark.Mark // that some documents have
}

func newWorld(t testing.TB, seed uint64) *world {
	return &world{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1)), mark: testmark.Green(t, testmark.Key(1), 2)}
}

func (w *world) row(prompt, output string) string {
	b, err := json.Marshal(map[string]string{"prompt": prompt, "output": output})
	require.NoError(w.t, err)
	return string(b) + "\n"
}

func (w *world) file(name, content string) {
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o644))
}

func (w *world) plain(n int) string { return text(testmark.Uniform(w.rng, n, testmark.Vocab)) }
func (w *world) marked(n int) string {
	return text(testmark.Write(w.t, w.rng, n, testmark.Flat, w.mark))
}

// fill makes files with rows of every kind: marked and plain ones, repeats, prompts, skips.
func (w *world) fill(files, rows int) {
	marked, again, prompt := w.marked(200), w.plain(80), w.plain(30)
	for f := range files {
		var b strings.Builder
		for r := range rows {
			switch {
			case r == 1 && f%3 == 0:
				b.WriteString(w.row(prompt, marked))
			case r%7 == 2:
				b.WriteString(w.row("", again))
			case r%11 == 5:
				b.WriteString("not json\n")
			case r%13 == 6:
				b.WriteString(`{"id":7}` + "\n")
			default:
				b.WriteString(w.row(w.plain(5), w.plain(20+w.rng.IntN(100))))
			}
		}
		w.file(fmt.Sprintf("part-%02d.jsonl", f), b.String())
	}
	w.file("sub/page.txt", w.plain(60))
	w.file("sub/b.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
}

// input returns what Map reads: the files of the world whose index keep takes, or all.
func (w *world) input(keep func(i int) bool) *Input {
	c, err := corpus.New(nil)
	require.NoError(w.t, err)
	in := &Input{Corpus: c, Stdin: strings.NewReader("")}
	i := 0
	require.NoError(w.t, filepath.WalkDir(w.dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if keep == nil || keep(i) {
				in.Files = append(in.Files, name)
			}
			i++
		}
		return err
	}))
	return in
}

// A lines sink keeps what a scan would print.
type lines struct{ bytes.Buffer }

func (l *lines) put(v any) error {
	b, err := encode(v)
	l.Write(append(b, '\n'))
	return err
}
func (l *lines) Document(d *Document) error { return l.put(d) }
func (l *lines) Skip(s *Skip) error         { return l.put(s) }

// documents returns the documents of a sink.
func (l *lines) documents(t testing.TB) []Document {
	var list []Document
	for line := range strings.Lines(l.String()) {
		var d Document
		require.NoError(t, json.Unmarshal([]byte(line), &d))
		if d.Kind == "document" {
			list = append(list, d)
		}
	}
	return list
}

// reduced returns the result of journals.
func reduced(t testing.TB, marks []Mark, o Options, dirs ...string) (string, *Totals, *lines) {
	t.Helper()
	var l lines
	totals, err := Reduce(context.Background(), dirs, marks, o, &l, nil)
	require.NoError(t, err)
	body := l.String()
	b, err := encode(totals)
	require.NoError(t, err)
	return body + string(b), totals, &l
}

// scanned maps and reduces.
func scanned(t testing.TB, marks []Mark, o Options, in *Input, w *Work) (string, *Totals, *lines) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, Map(context.Background(), dir, marks, o, in, w))
	return reduced(t, marks, o, dir)
}

// addToPanel adds a document to a test of all documents together.
func addToPanel(p *detect.Panel, item corpus.Item) {
	d, ok := item.(*corpus.Document)
	if !ok {
		return
	}
	for _, x := range d.Texts {
		ids := words1.Append(nil, x.Text)
		if x.Kind.Tested() {
			p.Add(ids)
			continue
		}
		p.Exclude(ids)
	}
}

package corpus_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A bench tests texts under the throw-away key of the field cases.
type bench struct {
	mark      *watermark.Mark
	tokenizer tokenize.Tokenizer
}

func newBench(t testing.TB) *bench {
	t.Helper()
	// A key file that others can read is refused, and git keeps no such modes.
	text, err := os.ReadFile("testdata/field/throwaway.key")
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	key, err := watermark.ReadKeyFile(name)
	require.NoError(t, err)
	profile, err := watermark.ReadProfile("testdata/field/profile.json")
	require.NoError(t, err)
	mark, err := profile.Mark(key)
	require.NoError(t, err)
	tokenizer, err := tokenize.Get(profile.Tokenizer)
	require.NoError(t, err)
	return &bench{mark, tokenizer}
}

// test scores the documents as an audit does: each text that may be a model's own, without
// the contexts that occur in the prompts of its row.
func (b *bench) test(docs []*corpus.Document) detect.Result {
	acc := detect.NewAccumulator(b.mark, nil)
	for _, d := range docs {
		for _, x := range d.Texts {
			if x.Kind.Tested() {
				acc.Add(b.ids(x, ""))
			} else {
				acc.Exclude(b.ids(x, " "))
				acc.Exclude(b.ids(x, ""))
			}
		}
	}
	return acc.Result()
}

func (b *bench) ids(x corpus.Text, before string) []watermark.Token {
	if x.IDs != nil {
		return x.IDs
	}
	return b.tokenizer.Append(nil, append([]byte(before), x.Text...))
}

// read returns all that a file gives, and checks that its counts add up.
func read(t testing.TB, path string, o *corpus.Options) (docs []*corpus.Document, skips []*corpus.Skip, sources []*corpus.Source) {
	t.Helper()
	c, err := corpus.New(o)
	require.NoError(t, err)
	var n corpus.Counts
	for item := range c.Path(context.Background(), path) {
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
	return docs, skips, sources
}

func TestFieldCases(t *testing.T) {
	b := newBench(t)
	cp1252 := &corpus.Options{Encoding: "windows-1252"}
	ids := &corpus.Options{Format: corpus.FormatIDs}
	for _, x := range []struct {
		file          string
		options       *corpus.Options
		only          int // test document n alone, from 1
		docs          int
		green, scored int64
		log10p        float64
		form          string
	}{
		{file: "O03_special.jsonl", docs: 1, green: 515, scored: 601, log10p: -75.017},
		{file: "O05_full.txt", docs: 1, green: 179, scored: 213, log10p: -24.54},
		{file: "O06_ref.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_text.jsonl", docs: 7, green: 489, scored: 572, log10p: -70.559}, // without the prompts, whose contexts are left out elsewhere
		{file: "O06_response.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_completion.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_messages.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_sharegpt.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_outlist.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_pretty.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O06_alpaca.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O07_pasted.jsonl", docs: 6, green: 230, scored: 434, log10p: -0.94},
		{file: "O07_pasted.ndjson", docs: 6, green: 230, scored: 434, log10p: -0.94},
		{file: "O07_pasted.json", docs: 6, green: 230, scored: 434, log10p: -0.94},
		{file: "O07_pasted.csv", docs: 6, green: 230, scored: 434, log10p: -0.94},
		{file: "O07_pasted.jsonl.1", docs: 6, green: 230, scored: 434, log10p: -0.94},
		{file: "O08_u16.txt", docs: 1, green: 509, scored: 589, log10p: -76.92},
		{file: "O08_u16.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O08_cp1252_fr.txt", options: cp1252, docs: 1, green: 341, scored: 485, log10p: -19.06},
		{file: "O08_latin1_one_byte.txt", docs: 1, log10p: -75.719},
		{file: "O10_c.jsonl.gz", only: 1, docs: 2, green: 509, scored: 589, log10p: -76.92},
		{file: "O10_c.jsonl.gz", only: 2, docs: 2, log10p: -0.77},
		{file: "O10_c.jsonl.zst", only: 1, docs: 2, green: 509, scored: 589, log10p: -76.92},
		{file: "O10_c.jsonl.zst", only: 2, docs: 2, log10p: -0.77},
		{file: "O10_c.parquet", only: 1, docs: 2, green: 509, scored: 589, log10p: -76.92},
		{file: "O10_c.parquet", only: 2, docs: 2, log10p: -0.77},
		{file: "O10_c.warc.gz", only: 1, docs: 2, green: 509, scored: 589, log10p: -76.92},
		{file: "O10_c.warc.gz", only: 2, docs: 2, log10p: -0.77},
		{file: "O10_marked.txt.gz", docs: 1, green: 509, scored: 589, log10p: -76.92},
		{file: "O11_entities_fr.txt", docs: 1, green: 341, scored: 485, log10p: -19.06, form: "entities"},
		{file: "O12_escapes_fr.jsonl", docs: 1, green: 341, scored: 485, log10p: -19.06},
		{file: "O12_escapes_fr.json", docs: 1, green: 341, scored: 485, log10p: -19.06},
		{file: "O13_base.txt", docs: 1, log10p: -42.25},
		{file: "O13_nbsp.txt", docs: 1, log10p: -42.25, form: "spaces"},
		{file: "O13_nnbsp.txt", docs: 1, log10p: -42.25, form: "spaces"},
		{file: "O13_thin.txt", docs: 1, log10p: -42.25, form: "spaces"},
		{file: "O13_zwsp.txt", docs: 1, log10p: -42.25, form: "spaces"},
		{file: "O13_softhyphen.txt", docs: 1, log10p: -42.25, form: "spaces"},
		{file: "O13_fullwidth.txt", docs: 1, log10p: -42.25, form: "width"},
		{file: "O14_base100.txt", docs: 1, green: 82, scored: 96, log10p: -12.44},
		{file: "O14_quoted100.txt", docs: 1, green: 82, scored: 96, log10p: -12.44, form: "prefixes"},
		{file: "O14_wrap40.txt", docs: 1, log10p: -42.25, form: "unwrap"},
		{file: "O15_reasoning_content.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O15_think_tags.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
		{file: "O18_array.json", options: ids, docs: 1, green: 169, scored: 196, log10p: -25.889},
		{file: "O18_comma.txt", options: ids, docs: 1, green: 169, scored: 196, log10p: -25.889},
		{file: "O18_obj.json", options: ids, docs: 1, green: 169, scored: 196, log10p: -25.889},
		{file: "O18_obj.json", docs: 1, green: 169, scored: 196, log10p: -25.889},
		{file: "O18_tensor.txt", options: ids, docs: 1, green: 169, scored: 196, log10p: -25.889},
		{file: "O18_lines.jsonl", options: ids, docs: 4},
		{file: "O19_case_variant.jsonl", docs: 7, green: 483, scored: 565, log10p: -69.70},
	} {
		name := x.file
		if x.form != "" {
			name += "/" + x.form
		}
		t.Run(name, func(t *testing.T) {
			docs, skips, _ := read(t, filepath.Join("testdata/field", x.file), x.options)
			assert.Empty(t, skips)
			require.Len(t, docs, x.docs)
			if x.only > 0 {
				docs = docs[x.only-1 : x.only]
			}
			if x.form != "" {
				f, ok := forms.Lookup(x.form)
				require.True(t, ok)
				for i := range docs[0].Texts {
					docs[0].Texts[i].Text, _ = f.Apply(docs[0].Texts[i].Text)
				}
			}
			r := b.test(docs)
			t.Logf("%d/%d %.3f", r.Green, r.Scored, r.Log10P)
			if x.log10p != 0 {
				assert.InDelta(t, x.log10p, r.Log10P, 0.006)
			}
			if x.scored != 0 {
				assert.Equal(t, x.green, r.Green)
				assert.Equal(t, x.scored, r.Scored)
			}
		})
	}
}

// The ids of a file are the same in every shape in which they come.
func TestShapesOfIDs(t *testing.T) {
	o := &corpus.Options{Format: corpus.FormatIDs}
	all := func(name string) (ids []int32) {
		docs, skips, _ := read(t, filepath.Join("testdata/field", name), o)
		assert.Empty(t, skips)
		for _, d := range docs {
			for _, x := range d.Texts {
				ids = append(ids, x.IDs...)
			}
		}
		return ids
	}
	want := all("O18_array.json")
	require.Len(t, want, 200)
	for _, name := range []string{"O18_comma.txt", "O18_tensor.txt", "O18_obj.json", "O18_lines.jsonl"} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, want, all(name)) })
	}
}

// What is no text gets a reason, and never a document.
func TestFieldRefusals(t *testing.T) {
	for _, x := range []struct {
		file   string
		reason corpus.Reason
		says   string
	}{
		{"O08_cp1252_fr.txt", corpus.BadEncoding, "282 of its bytes are not UTF-8"},
		{"O09_report.docx", corpus.Binary, "a Word document"},
		{"O09_report.pdf", corpus.Binary, "a PDF"},
		{"O17_ids_o200k.json", corpus.TokenIDs, "token ids"},
		{"O17_ids_bos.json", corpus.TokenIDs, "token ids"},
		{"O18_array.json", corpus.TokenIDs, "token ids"},
		{"O18_comma.txt", corpus.TokenIDs, "token ids"},
		{"O18_lines.jsonl", corpus.TokenIDs, "token ids"},
		{"O18_tensor.txt", corpus.TokenIDs, "token ids"},
	} {
		t.Run(x.file, func(t *testing.T) {
			docs, skips, sources := read(t, filepath.Join("testdata/field", x.file), nil)
			assert.Empty(t, docs)
			require.Len(t, skips, 1)
			assert.Equal(t, x.reason, skips[0].Reason)
			assert.Contains(t, skips[0].Detail, x.says)
			require.Len(t, sources, 1)
			assert.Len(t, sources[0].SHA256, 64)
		})
	}
}

// A stray byte and a field in another case are said, and cost nothing else.
func TestFieldNotes(t *testing.T) {
	docs, _, _ := read(t, "testdata/field/O08_latin1_one_byte.txt", nil)
	require.Len(t, docs, 1)
	require.Len(t, docs[0].Notes, 1)
	assert.Equal(t, corpus.NoteBadUTF8, docs[0].Notes[0].Code)
	assert.EqualValues(t, 2, docs[0].Notes[0].Count)
	assert.EqualValues(t, 2689, docs[0].Notes[0].Offset)

	docs, _, _ = read(t, "testdata/field/O19_case_variant.jsonl", nil)
	for _, d := range docs {
		require.Len(t, d.Unread, 1)
		assert.Equal(t, "Output", d.Unread[0].Field)
	}
	for _, form := range []string{"O11_entities_fr.txt", "O13_nbsp.txt", "O13_zwsp.txt", "O13_fullwidth.txt", "O13_softhyphen.txt"} {
		docs, _, _ := read(t, filepath.Join("testdata/field", form), nil)
		require.Len(t, docs, 1)
		require.Len(t, docs[0].Notes, 1, form)
		assert.Equal(t, corpus.NoteForms, docs[0].Notes[0].Code)
	}
}

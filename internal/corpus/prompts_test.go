package corpus_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// TestPromptsAreRead: rows without answers are documents for a caller that asks for prompts, and
// skips for one that tests.
func TestPromptsAreRead(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		texts               []string
		skips               []corpus.Reason
	}{
		{"lines", "p.ndjson", `{"prompt":"one"}` + "\n" + `{"question":"two"}` + "\n" + `"three"` + "\n", []string{"prompt one", "prompt two", "text three"}, nil},
		{"a list", "p", `["one","two"]`, []string{"text one", "text two"}, nil},
		{"a table", "p.csv", "id,prompt\n1,one\n2,two\n", []string{"prompt one", "prompt two"}, nil},
		{"turns", "p.json", `[{"messages":[{"role":"system","content":"be"},{"role":"user","content":"one"}]}]`, []string{"system be", "prompt one"}, nil},
		{"empty and missing", "p.jsonl", `{"prompt":" "}` + "\n" + `{"id":1}` + "\n" + `{"prompt":"one"}` + "\n", []string{"prompt one"}, []corpus.Reason{corpus.Empty, corpus.MissingField}},
	} {
		t.Run(c.name, func(t *testing.T) {
			read, err := corpus.New(&corpus.Options{Prompts: true})
			require.NoError(t, err)
			var texts []string
			var skips []corpus.Reason
			for item := range read.Stream(t.Context(), bytes.NewReader([]byte(c.content)), c.file) {
				switch x := item.(type) {
				case *corpus.Document:
					for _, text := range x.Texts {
						texts = append(texts, text.Kind.String()+" "+string(text.Text))
					}
				case *corpus.Skip:
					skips = append(skips, x.Reason)
				}
			}
			assert.Equal(t, c.texts, texts)
			assert.Equal(t, c.skips, skips)

			tests, err := corpus.New(nil)
			require.NoError(t, err)
			for item := range tests.Stream(t.Context(), bytes.NewReader([]byte(c.content)), c.file) {
				if d, ok := item.(*corpus.Document); ok {
					assert.Equal(t, corpus.Plain, d.Texts[len(d.Texts)-1].Kind, "a prompt is not tested")
				}
			}
		})
	}
}

package corpus_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// TestAdvice: rows of known kinds whose texts cannot be told apart are skipped, and the reason says what
// to do.
func TestAdvice(t *testing.T) {
	const turns = `[{"role":"user","content":"p"},{"role":"assistant","content":"a"}]`
	for _, c := range []struct{ name, row, want string }{
		{"rows in a list", `{"object":"list","data":[{"prompt":"p","output":"a"}]}`, `jq -c '.data[]'`},
		{"a notebook", `{"cells":[{"cell_type":"markdown","source":["a"]}],"metadata":{},"nbformat":4,"nbformat_minor":5}`, "the file is a notebook"},
		{"an arena", `{"winner":"model_a","conversation_a":` + turns + `,"conversation_b":` + turns + `}`, "--field conversation_a or --field conversation_b"},
		{"a traced run", `{"run_type":"llm","inputs":{"messages":[[{"kwargs":{"content":"p"}}]]},"outputs":{"generations":[[{"text":"a"}]]}}`, "the row is a traced run"},
		{"an invocation without a known prompt", `{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":{"inputText":"p"}},"output":{"outputBodyJson":{"completion":"a"}}}`, "no prompt was found"},
		{"an invocation of a stream", `{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":{"prompt":"p"}},"output":{"outputBodyJson":[{"completion":"a"}]}}`, "one object each"},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, skips, _ := items(t, "f.jsonl", []byte(c.row+"\n"), nil)
			assert.Empty(t, docs)
			require.Len(t, skips, 1)
			assert.Equal(t, corpus.WrongType, skips[0].Reason)
			assert.Contains(t, skips[0].Detail, c.want)
		})
	}
	// With a field that is named, each side of an arena is a text of its own.
	docs, _, _ := items(t, "f.jsonl", []byte(`{"conversation_a":`+turns+`,"conversation_b":`+turns+`}`), &corpus.Options{Fields: []string{"conversation_b"}})
	assert.Equal(t, []string{"prompt conversation_b[0].content p", "answer conversation_b[1].content a"}, texts(docs))
}

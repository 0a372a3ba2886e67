package audit

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/watermark"
)

func rootKey(t *testing.T) watermark.Key {
	k, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("42", 32))
	require.NoError(t, err)
	return k
}

// plan returns a plan with 100 decoys.
func planned(stopping string) *DeclaredPlan {
	d := &DeclaredPlan{Plan: Plan{
		Version: 1, Question: "q", Statistics: []string{"distinct pairs"}, Stopping: stopping, Alpha: 1e-6, Tests: 1, Share: 0.1,
		Decoys: 100, RunKey: strings.Repeat("01", 16),
	}}
	if stopping == Sequential {
		d.Collection = &Collection{Request: collect.Request{Endpoint: "http://host/v1", API: collect.Chat, Model: "m", MaxTokens: 100}, Asks: 100, Batch: 10}
	}
	return d
}

func config(t *testing.T, d *DeclaredPlan) Config {
	mark, err := watermark.New(rootKey(t), scheme, vocab)
	require.NoError(t, err)
	decoys, err := student.NewDecoys([16]byte{1}, d.Plan.Decoys, func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, scheme, vocab) })
	require.NoError(t, err)
	return Config{Declared: d, Scorer: mark, Decoys: decoys}
}

// write returns n tokens with so much choice that marks show in them. Without marks the text is
// unmarked.
func write(t *testing.T, rng *rand.Rand, n int, marks ...*watermark.Mark) []watermark.Token {
	t.Helper()
	logits := make([]float32, vocab)
	text := make([]watermark.Token, 0, n)
	var seq *watermark.Sequence
	if len(marks) > 0 {
		var err error
		seq, err = watermark.NewSequence(marks...)
		require.NoError(t, err)
		seq.Reset(nil)
	}
	for range n {
		if seq == nil {
			text = append(text, rng.Int32N(vocab))
			continue
		}
		next := seq.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		seq.Accept(next)
		text = append(text, next)
	}
	return text
}

const vocab = 5000

var scheme = watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}

// addFile adds the rows of a file to an audit.
func addFile(t *testing.T, a *Audit, path string) {
	t.Helper()
	read, err := corpus.New(nil)
	require.NoError(t, err)
	for item := range read.Path(t.Context(), path) {
		switch x := item.(type) {
		case *corpus.Document:
			if refused := a.AddDocument(x); refused != "" {
				a.Skip(string(corpus.Unsupported))
			}
		case *corpus.Skip:
			a.Skip(string(x.Reason))
		}
	}
}

// measureLive measures how strongly both marks show in one output.
func measureLive(t *testing.T, trace detect.Scorer, provenance *Band, output []watermark.Token) (*LiveStrength, error) {
	t.Helper()
	l := NewLive(trace, nil, provenance, nil)
	refused := l.AddDocument(&corpus.Document{Texts: []corpus.Text{{Kind: corpus.Prompt, IDs: []int32{1, 2, 3}}, {Kind: corpus.Answer, IDs: output}}})
	require.Empty(t, refused)
	return l.Strength(nil)
}

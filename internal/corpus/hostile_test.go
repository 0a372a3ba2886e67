package corpus_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

func TestHostile(t *testing.T) {
	for _, x := range corpustest.Cases() {
		t.Run(x.Name, func(t *testing.T) {
			docs, skips, sources := items(t, x.File, x.Content, &x.Options)
			if x.Docs >= 0 {
				assert.Len(t, docs, x.Docs)
			} else {
				assert.NotEmpty(t, docs)
			}
			var reasons []corpus.Reason
			said := ""
			for _, s := range skips {
				reasons = append(reasons, s.Reason)
				if said == "" {
					said = s.String()
				}
			}
			assert.Equal(t, x.Reasons, reasons)
			var notes []corpus.Note
			for _, d := range docs {
				notes = append(notes, d.Notes...)
			}
			for _, s := range sources {
				notes = append(notes, s.Notes...)
			}
			if said == "" && len(notes) > 0 {
				said = notes[0].Detail
			}
			assert.Contains(t, said, x.Says)
			require.NotEmpty(t, sources)
			assert.Len(t, sources[len(sources)-1].SHA256, 64)
		})
	}
}

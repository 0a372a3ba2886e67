package nulltext_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

func TestTexts(t *testing.T) {
	names, repeats := map[string]bool{}, 0
	for _, x := range nulltext.Texts(t) {
		t.Run(x.Name, func(t *testing.T) {
			assert.False(t, names[x.Name], "two texts of one name")
			names[x.Name] = true
			if x.Repeats {
				repeats++
			}
			m := x.Mark(nulltext.Root())
			assert.Equal(t, x.Vocab, m.Vocab())
			assert.Equal(t, x.Width, m.Width())
			assert.Equal(t, x.Gamma, m.Law().(watermark.Bernoulli).P)
			assert.LessOrEqual(t, len(x.IDs), nulltext.MaxTokens)
			for _, id := range x.IDs {
				assert.True(t, 0 <= id && int(id) < x.Vocab, "id %d", id)
			}
			cut := x.Cut(10)
			assert.Equal(t, x.IDs[:10], cut.IDs)
			assert.Equal(t, x.Name, cut.Name)
		})
	}
	assert.GreaterOrEqual(t, repeats, 2)
	assert.Less(t, repeats, len(names))
}

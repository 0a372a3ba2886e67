package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKeepColours(t *testing.T) {
	shown := pageOf(t, samplePage().KeepColours(true))
	assert.Contains(t, shown, `<span class="g">one</span>`)
	assert.Contains(t, shown, "which is secret")
	hidden := pageOf(t, samplePage().KeepColours(false))
	for _, text := range []string{"one", "three"} {
		assert.Contains(t, hidden, `<span class="u">`+text+`</span>`, "one class for all tokens")
	}
	assert.NotContains(t, hidden, `<span class="g">one`)
	assert.Contains(t, hidden, "left out")
	assert.Empty(t, new(Page).KeepColours(true).Notes, "a page without a text has none")
}

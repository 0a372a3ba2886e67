package corpus

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus/forms"
)

// The page about inputs names every field, role of a text, reason, format and form.
func TestPageNamesEverything(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/inputs.md")
	require.NoError(t, err)
	has := func(name string) {
		assert.Contains(t, string(page), "`"+name+"`")
	}
	for _, n := range fieldName {
		if n != "error" && n != "request" && n != "type" {
			if n == "result" {
				n = "result.message"
			}
			has(n)
		}
	}
	for _, list := range [][]string{turnTexts, roleFields, forms.Names()} {
		for _, n := range list {
			has(n)
		}
	}
	for _, r := range Reasons() {
		has(string(r))
	}
	for _, f := range Formats() {
		has(string(f))
	}
	for _, f := range forms.All() {
		assert.Contains(t, string(page), "| `"+f.Name+"` | "+f.Undoes+" |")
	}
	for i, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "|") {
			assert.LessOrEqual(t, len([]rune(line)), 105, "line %d", i+1)
		}
	}
	assert.LessOrEqual(t, len(fieldName), maxFields)
}

// Every reason that is listed is documented in its place, and no two are equal.
func TestReasonsDiffer(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		assert.False(t, seen[r], r)
		seen[r] = true
	}
}

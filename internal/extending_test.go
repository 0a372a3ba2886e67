package internal

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExtendingPageIsAnExample checks that the code of docs/extending.md is that of the example,
// which runs with the tests.
func TestExtendingPageIsAnExample(t *testing.T) {
	page, err := os.ReadFile("../docs/extending.md")
	require.NoError(t, err)
	program, err := os.ReadFile("../watermark/example_own_test.go")
	require.NoError(t, err)
	lines := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		return b.String()
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		assert.Contains(t, lines(string(program)), lines(block[1]))
	}
}

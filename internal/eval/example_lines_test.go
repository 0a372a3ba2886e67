package eval

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExampleIsShort: a scheme of somebody else, and the run, take less than 60 lines of code.
func TestExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	lines := 0
	_, body, ok := strings.Cut(string(text), ")\n\n") // after the imports
	require.True(t, ok)
	for line := range strings.SplitSeq(body, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	assert.Less(t, lines, 60)
	assert.Greater(t, lines, 30, "the example is there")
}

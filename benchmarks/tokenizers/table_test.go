package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPageHasTheTables: docs/tokenizers.md has the table of each committed output.
func TestPageHasTheTables(t *testing.T) {
	page, err := os.ReadFile("../../docs/tokenizers.md")
	require.NoError(t, err)
	files, err := filepath.Glob("../results/tokenizers-*.txt")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		if filepath.Base(file) == "tokenizers-compared.txt" {
			continue // ids, not speeds
		}
		found++
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			want, err := table(raw)
			require.NoError(t, err)
			assert.Contains(t, string(page), want)
		})
	}
	assert.GreaterOrEqual(t, found, 2)
	for _, raw := range []string{"", "# x, go1.26\n", "# x, go1.26\na:\nb c d\n"} {
		_, err := table([]byte(raw))
		assert.Error(t, err, "%q", raw)
	}
}

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// TestReadingOfTheDocs has the header and the text that docs/reading.md shows, under the
// profile of their vocabulary.
func TestReadingOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/reading.md")
	require.NoError(t, err)
	header := regexp.MustCompile(`(?m)^\{"isotope_reading":.*$`).Find(doc)
	text := regexp.MustCompile(`(?m)^\{"tokens":.*"rows":.*$`).Find(doc)
	require.NotNil(t, header)
	require.NotNil(t, text)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	args := []string{
		"student", "--key", file("key", watermark.NewKey().Secret()), "--decoys", "100",
		"--profile", file("profile", `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":1,"vocab":128256,"tokenizer":"none"}`),
		"--reading", file("reading", string(header)+"\n"+string(text)+"\n"),
	}
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), args, strings.NewReader(""), &out, &errs), "%s", &errs)
	assert.Contains(t, out.String(), "next-token rows")
}

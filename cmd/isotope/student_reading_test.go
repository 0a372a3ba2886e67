package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// TestReadingOfTheDocs has the header and the text that docs/formats/rows.md shows, under the
// profile of their vocabulary.
func TestReadingOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats/rows.md")
	require.NoError(t, err)
	header := regexp.MustCompile(`(?m)^\{"isotope_reading":.*$`).Find(doc)
	text := regexp.MustCompile(`(?m)^\{"tokens":.*"rows":.*$`).Find(doc)
	require.NotNil(t, header)
	require.NotNil(t, text)
	dir := newDir(t)
	out := mustRun(t,
		"student", "--key", dir.file("key", watermark.NewKey().Secret(secretaccess.Allow())), "--decoys", "100",
		"--profile", dir.file("profile", `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":1,"vocab":128256,"tokenizer":"none"}`),
		"--reading", dir.file("reading", string(header)+"\n"+string(text)+"\n"))
	assert.Contains(t, out, "next-token rows")
}

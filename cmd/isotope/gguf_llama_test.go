//go:build llama && (linux || darwin || windows) && (amd64 || arm64) && !nollama

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/llamacpp"
)

// realGGUF returns the model file that internal/llamacpp/fetch.sh fetched.
func realGGUF(t *testing.T) string {
	t.Helper()
	_, err := llamacpp.FindLib()
	path := os.Getenv("ISOTOPE_LLAMA_MODEL")
	if path == "" {
		cache, _ := os.UserCacheDir()
		if dir := os.Getenv("ISOTOPE_CACHE"); dir != "" {
			cache = filepath.Dir(filepath.Join(dir, "x"))
		} else {
			cache = filepath.Join(cache, "isotope")
		}
		path = filepath.Join(cache, "SmolLM2-135M-Instruct.Q4_1.gguf")
	}
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
			t.Fatalf("the real model is not there, and ISOTOPE_REQUIRE_TOOLS is set: %v", err)
		}
		t.Skipf("!!! NOT TESTED WITH A REAL MODEL: %v. Run 'sh internal/llamacpp/fetch.sh' once. !!!", err)
	}
	return path
}

// TestRealGGUF writes marked text with a real model, finds the mark in the text as it would be
// published, and again with the model's own probabilities.
func TestRealGGUF(t *testing.T) {
	model := realGGUF(t)
	w := newDir(t)
	key := w.file("my.key", secretOf("61"))
	profile := w.file("my.json", mustRun(t, "profile", "new", "--tokenizer", model))
	text := mustRun(t, "generate", "--gguf", model, "--key", key, "--profile", profile, "--chat", "--prompt", "Describe the history of lighthouses.", "--length", "160", "--seed", "1")
	require.NotEmpty(t, text)
	call := func(text string, more ...string) []string {
		return append([]string{"detect", "--json", "--key", key, "--profile", profile, "--tokenizer", model, text}, more...)
	}
	marked := w.file("marked.txt", text)
	plain := detectJSONOf(t, call(marked)...)
	assert.Less(t, plain.Log10P, -4.0)
	rows := w.of("rows.jsonl")
	with := detectJSONOf(t, call(marked, "--reference-gguf", model, "--write-rows", rows)...)
	require.NotNil(t, with.Informed)
	assert.Less(t, *with.Informed.Log10P, plain.Log10P, "the model helps")
	assert.False(t, with.Informed.Refused)
	assert.Zero(t, with.Informed.Unknown)
	own := detectJSONOf(t, "detect", "--json", "--key", key, "--profile", profile, marked, "--reference-gguf", model)
	assert.Equal(t, with.Informed, own.Informed, "the tokenizer in the model file is that of the profile")
	line, err := json.Marshal(map[string]string{"prompt": "Describe the history of lighthouses.", "output": text})
	require.NoError(t, err)
	outputs := w.file("outputs.jsonl", string(line)+"\n")
	audited := parseReport(t, mustRun(t, "audit", "-q", "--json", "--key", key, "--profile", profile, "--prompts-unmarked", "--decoys", "100", "--reference-gguf", model, outputs))
	assert.Len(t, audited.parsed.Statistics, 2, "the model is the reference, and has the tokenizer")
	again := detectJSONOf(t, call(marked, "--probs", rows)...)
	assert.Equal(t, with.Informed.Log10P, again.Informed.Log10P)

	clean := w.file("clean.txt", mustRun(t, "generate", "--gguf", model, "--unmarked", "--chat", "--prompt", "Describe the history of lighthouses.", "--length", "100", "--seed", "1"))
	silent := detectJSONOf(t, call(clean, "--reference-gguf", model)...)
	assert.NotEqual(t, "detected", silent.Verdict)

	// A model with another tokenizer than the profile's is refused.
	words := w.file("words.json", mustRun(t, "profile", "new"))
	status, _, errs := isotope("detect", "--key", key, "--profile", words, "--reference-gguf", model, marked)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "the model has another tokenizer")
}

// TestRealGGUFDemo runs the demo on a real model.
func TestRealGGUFDemo(t *testing.T) {
	model := realGGUF(t)
	w := newDir(t)
	page := w.of("demo.html")
	var d demoJSON
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "demo", "--gguf", model, "--seed", "1", "--json", "--report", page)), &d))
	assert.EqualValues(t, "detected", d.Marked.Verdict)
	assert.NotEqualValues(t, "detected", d.Unmarked.Verdict)
	assert.Nil(t, d.Student)
	assert.Equal(t, demoDecoys, d.Decoys.N)
	assert.Contains(t, w.read(page), "SmolLM2")
}

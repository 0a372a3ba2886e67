package llamacpp

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// realFiles returns where fetch.sh has put llama.cpp and the model.
func realFiles() (Files, error) {
	lib, err := FindLib()
	if err != nil {
		return Files{}, err
	}
	path := os.Getenv("ISOTOPE_LLAMA_MODEL")
	if path == "" {
		cache, err := cacheDir()
		if err != nil {
			return Files{}, err
		}
		path = filepath.Join(cache, "SmolLM2-135M-Instruct.Q4_1.gguf")
	}
	if _, err := os.Stat(path); err != nil {
		return Files{}, err
	}
	return Files{Lib: lib, Model: path}, nil
}

// real loads the model of all tests once.
var real = sync.OnceValues(func() (*Model, error) {
	files, err := realFiles()
	if err != nil {
		return nil, err
	}
	return Open(files)
})

// realModel returns the real model. Without its files it skips the test, or fails it where
// ISOTOPE_REQUIRE_TOOLS is set.
func realModel(t testing.TB) *Model {
	t.Helper()
	if testing.Short() {
		t.Skip("the real model takes minutes")
	}
	if _, err := realFiles(); err != nil {
		if os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "" {
			t.Fatalf("the real model is not there, and ISOTOPE_REQUIRE_TOOLS is set: %v", err)
		}
		t.Skipf("!!! NOT TESTED WITH A REAL MODEL: %v. Run 'sh internal/llamacpp/fetch.sh' once. !!!", err)
	}
	m, err := real()
	require.NoError(t, err)
	return m
}

// newEngine starts an engine that ends with the test.
func newEngine(t testing.TB, m *Model, c Config) *Engine {
	t.Helper()
	e, err := NewEngine(m, c)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this program in their own processes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"isotope": func() {
			protectKeys()
			os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
		"isotope-test-root": rootHelper,
	})
}

// TestScripts runs testdata/*.txtar. All of them share one cache directory, so that
// the model is trained once.
func TestScripts(t *testing.T) {
	cache := t.TempDir()
	corpus := writeCorpus(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", cache)
			e.Setenv("CORPUS", corpus)
			return nil
		},
	})
}

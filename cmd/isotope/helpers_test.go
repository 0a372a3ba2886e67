package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// isotope runs the program in this process, without input.
func isotope(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// mustRun runs the program, which must succeed, and returns what it printed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	status, out, errs := isotope(args...)
	require.Zero(t, status, "%v: %s", args, errs)
	return out
}

// secretOf returns the text of a key whose bytes are all the same, of two hex digits. Tests
// that expect a verdict have fixed keys.
func secretOf(hex string) string { return "isotope-secret-key-1:" + strings.Repeat(hex, 32) }

// A tempDir is a directory of a test.
type tempDir struct {
	t    *testing.T
	path string
}

func newDir(t *testing.T) tempDir { return tempDir{t, t.TempDir()} }

// file writes a file that only its owner can read, and returns its path.
func (d tempDir) file(name, text string) string {
	d.t.Helper()
	path := d.of(name)
	require.NoError(d.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// of returns the path of a name.
func (d tempDir) of(name string) string { return filepath.Join(d.path, name) }

// mkdir makes a directory in the working directory of a test.
func mkdir(name string) error { return os.Mkdir(name, 0o700) }

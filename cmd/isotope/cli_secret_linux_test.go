package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoCoreDumpOnceAKeyIsRead: the program waits for standard input with the key in its memory.
func TestNoCoreDumpOnceAKeyIsRead(t *testing.T) {
	dir := newDir(t)
	program := filepath.Join(t.TempDir(), "isotope")
	require.NoError(t, os.Symlink(os.Args[0], program))
	// Whatever the limit of the test is, the child begins with one that allows core dumps.
	cmd := exec.Command("sh", "-c", `ulimit -S -c $(ulimit -H -c); exec "$@"`, "sh", program,
		"detect", "--key", dir.file("k", secretOf("5a")), "--profile", dir.file("p.json", mustRun(t, "profile")), "-")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	defer stdin.Close()
	assert.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
		return err == nil && regexp.MustCompile(`Max core file size +0 +0 `).Match(text)
	}, time.Minute, 5*time.Millisecond)
}

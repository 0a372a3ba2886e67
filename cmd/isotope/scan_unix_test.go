//go:build unix

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestScanInAProcess: a scan as a process of its own, whose pipe closes, whose disk is full, and which
// is interrupted.
func TestScanInAProcess(t *testing.T) {
	links := t.TempDir()
	program := filepath.Join(links, "isotope") // the test's program is the command under this name
	require.NoError(t, os.Symlink(os.Args[0], program))
	text, err := os.ReadFile(fieldFiles + "base_plain.txt")
	require.NoError(t, err)
	dir := newDir(t)
	for i := range 300 {
		require.NoError(t, os.WriteFile(dir.of("a"+strings.Repeat("b", i%150)+string(rune('0'+i/150))+".txt"), append([]byte(strings.Repeat("x ", i)), text...), 0o600))
	}
	args := scanArgs(t, "scan", "--json", "--run-key", scanRun)
	args = slices.DeleteFunc(args, func(x string) bool { return x == "--quiet" || x == "-q" }) // interrupts have hints
	start := func(shell string, more ...string) *exec.Cmd {
		return exec.Command("sh", append([]string{"-c", shell, "sh", program}, append(args, more...)...)...)
	}
	want, err := start(`exec "$@"`, dir.path).Output()
	require.NoError(t, err)

	t.Run("a pipe that closes", func(t *testing.T) {
		require.Greater(t, len(want), 1<<17, "more than a pipe holds")
		cmd := start(`{ "$@"; echo "status $?" >&2; } | head -n 1`, dir.path)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, strings.SplitAfter(string(want), "\n")[0], string(out))
		assert.Equal(t, "status 141\n", errs.String(), "the signal of a closed pipe ends it, as it ends other programs")
	})
	t.Run("a full disk", func(t *testing.T) {
		journal := filepath.Join(t.TempDir(), "journal")
		cmd := start(`ulimit -f 16; exec "$@"`, "--journal", journal, dir.path)
		out, err := cmd.CombinedOutput()
		var status *exec.ExitError
		require.ErrorAs(t, err, &status, "%s", out)
		assert.Equal(t, exitError, status.ExitCode(), "%s", out)
		assert.Contains(t, string(out), "the same call resumes once this is mended")
		got, err := start(`exec "$@"`, "--journal", journal, dir.path).Output()
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	})

	// Standard input that does not end keeps the scan at work until it is interrupted.
	row := `{"text":"` + strings.Repeat("more words ", 1<<15) + "\"}\n" // more than a pipe holds
	for _, c := range []struct {
		name, says string
		times      int
	}{
		{"one interrupt", "the same call resumes", 1},
		{"two interrupts", "interrupt again to end at once", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			journal := filepath.Join(t.TempDir(), "journal")
			cmd := start(`exec "$@"`, "--journal", journal, dir.path, "-")
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			said, err := cmd.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			timeout := time.AfterFunc(5*time.Minute, func() { cmd.Process.Kill() })
			defer timeout.Stop()
			_, err = io.WriteString(in, row) // returns when some of it was read, so the scan is under way
			require.NoError(t, err)
			written := make(chan int)
			go func() {
				n := 1
				for ; err == nil; n++ { // until nobody reads
					_, err = io.WriteString(in, row)
				}
				written <- n
			}()
			var errs strings.Builder
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
			lines := bufio.NewScanner(said)
			for n := 1; lines.Scan(); n++ {
				errs.WriteString(lines.Text() + "\n")
				if n < c.times {
					require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
				}
			}
			var ended *exec.ExitError
			require.ErrorAs(t, cmd.Wait(), &ended, errs.String())
			assert.Equal(t, exitIncomplete, ended.ExitCode(), errs.String())
			assert.Contains(t, errs.String(), c.says)

			whole := strings.Repeat(row, <-written)
			var outs []string
			for _, more := range [][]string{{dir.path, "-"}, {"--journal", journal, dir.path, "-"}} {
				cmd := start(`exec "$@"`, more...)
				cmd.Stdin = strings.NewReader(whole)
				out, err := cmd.Output()
				require.NoError(t, err)
				outs = append(outs, string(out))
			}
			assert.Equal(t, outs[0], outs[1], "it prints what a scan without an interrupt prints")
		})
	}
}

// TestScanOfNames: the output for people keeps to its lines, whatever the names of files hold.
func TestScanOfNames(t *testing.T) {
	dir := newDir(t)
	text, err := os.ReadFile(fieldFiles + "base_marked.txt")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir.of("a\nverdict.txt"), text, 0o600))
	require.NoError(t, os.WriteFile(dir.of("b\nverdict.txt"), append([]byte("It\xffs a \u200b start. "), text...), 0o600))
	out := mustRun(t, scanArgs(t, "scan", dir.path)...)
	assert.NotContains(t, out, "\nverdict")
	assert.Contains(t, out, `a\nverdict.txt": 1 document listed`)
	assert.Contains(t, out, `b\nverdict.txt", row 0: `)
}

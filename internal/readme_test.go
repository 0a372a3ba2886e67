package internal

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeInOrder runs every shell block of the README, one after the other in one shell, in
// a directory of its own. The blocks of TestReadmeCommands are apart: a test of the command runs
// the demo, and the tests cannot run themselves.
func TestReadmeInOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and trains the embedded model")
	}
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	const where = "/tmp/isotope" // of the README
	dir := t.TempDir()
	script := "set -euo pipefail\n"
	for _, b := range parsePage("README.md", string(text)).blocks {
		if b.lang == "sh" {
			script += "echo '## line " + strconv.Itoa(b.line) + "'\n" + strings.ReplaceAll(b.text, where, "'"+dir+"'")
		}
	}
	require.GreaterOrEqual(t, strings.Count(script, "## line"), 5)
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = ".."
	// The model is trained here, and Go's own cache stays where it is.
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "GOCACHE="+strings.TrimSpace(string(goCache)))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.GreaterOrEqual(t, strings.Count(string(out), "\ndetected"), 4, "the text of the program, that of the command twice, and the outputs\n%s", out)
	assert.NotRegexp(t, "(?m)^(not detected|inconclusive)", string(out))
	for _, name := range []string{"my.key", "profile.json", "text.json", "page.html", "both.txt"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	// The page tells readers what the program does: its Go block is all but the beginning and
	// the helpers of the file.
	program, err := os.ReadFile("../examples/quickstart/main.go")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, block, "the README has no Go example")
	assert.Contains(t, unindent(string(program)), "func main() {\n"+unindent(string(block[1]))+"}\n")
}

// TestReadmeCommands keeps the two commands in the README and in CI the same.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	for _, command := range []string{"go run ./cmd/isotope demo", "go test ./..."} {
		assert.Contains(t, string(readme), "\n    "+command+"\n")
	}
	assert.Contains(t, string(makefile), "\n\tgo test ./...\n")
	assert.True(t, strings.HasPrefix(string(readme), "# Isotope\n"))
}

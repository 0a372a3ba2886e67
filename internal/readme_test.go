package internal

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeExample keeps the README's Go code a part of a program that runs.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, block, "the README has no Go example")
	program, err := os.ReadFile("../examples/quickstart/main.go")
	require.NoError(t, err)
	indented := regexp.MustCompile("(?m)^(.)").ReplaceAll(block[1], []byte("\t$1"))
	assert.True(t, bytes.Contains(program, indented), "the example is not in examples/quickstart/main.go:\n%s", block[1])

	out, err := exec.Command("go", "run", "../examples/quickstart").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, `^detected log10p=-\d+\.\d+ z=\d+\.\d+ scored=\d+ green=\d+ skipped=\d+ tests=1\n$`, string(out)) // its key is new each time: a pair may repeat
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

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// calls finds calls of the command in the code of a page: in lines of blocks, and in code spans.
var (
	calls = regexp.MustCompile("(?:^|[\\s`/($|])isotope ((?:[a-z][a-z-]*)(?: [^`#|;&\n]*)?)")
	flag  = regexp.MustCompile(`^--?([a-z][a-z0-9-]*)(?:=.*)?$`)
	code  = regexp.MustCompile("(?ms)^```(?:sh|bash|)\n(.*?)^```|((?:^    [^\n]*\n)+)|`([^`]*)`")
)

// TestPagesCallWhatExists finds each verb and flag that a page calls in the command's own help.
func TestPagesCallWhatExists(t *testing.T) {
	root, _ := (&cli{}).root()
	names := []string{"../../README.md", "../../examples/server/README.md"}
	for _, dir := range []string{"../../docs", "../../docs/formats"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.md"))
		require.NoError(t, err)
		names = append(names, found...)
	}
	seen := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		t.Run(filepath.Base(name), func(t *testing.T) {
			for _, m := range code.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\\\n", " "), -1) {
				for _, call := range calls.FindAllStringSubmatch(m[1]+m[2]+m[3], -1) {
					seen++
					checkCall(t, root, strings.Fields(call[1]))
				}
			}
		})
	}
	assert.Greater(t, seen, 40, "the pages call the command more often")
}

func checkCall(t *testing.T, root *cobra.Command, words []string) {
	t.Helper()
	call := strings.Join(words, " ")
	verb, rest, err := root.Find(words)
	if !assert.NoError(t, err, "isotope %s", call) || !assert.NotSame(t, root, verb, "isotope %s: the verb does not exist", call) {
		return
	}
	for _, word := range rest {
		m := flag.FindStringSubmatch(word)
		if m == nil || m[1] == "help" {
			continue
		}
		known := verb.Flag(m[1]) != nil || len(m[1]) == 1 && verb.Flags().ShorthandLookup(m[1]) != nil
		assert.True(t, known, "isotope %s: the verb has no flag %s", call, word)
	}
}

package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// TestNoArgumentIsEchoed gives a key as the value of every flag of every verb, and as an argument.
// No call prints its digits, and none makes a file.
func TestNoArgumentIsEchoed(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := watermark.NewKey().Secret(secretaccess.Allow())
	digits := strings.TrimPrefix(text, "isotope-secret-key-1:")
	root, _ := new(cli).root()
	var calls [][]string
	for _, key := range []string{text, strings.ToUpper(text), base64.StdEncoding.EncodeToString([]byte(text)), "x" + strings.ReplaceAll(text, "-", "%2d") + "y", digits} {
		calls = append(calls, []string{key}, []string{"--" + key})
		for _, verb := range verbsOf(root) {
			path := strings.Fields(verb.CommandPath())[1:]
			calls = append(calls, append(path[:len(path):len(path)], key))
			verb.Flags().VisitAll(func(f *pflag.Flag) {
				calls = append(calls, append(path[:len(path):len(path)], "--"+f.Name+"="+key))
				calls = append(calls, append(path[:len(path):len(path)], "--"+f.Name, key))
			})
		}
	}
	assert.Greater(t, len(calls), 500)
	for _, call := range calls {
		status, out, errs := isotope(call...)
		require.Equal(t, exitUsage, status, "%s %s", call, errs)
		for _, shown := range []string{out, errs} {
			require.NotContains(t, strings.ToLower(shown), digits[:12])
		}
		require.NotContains(t, errs, "aXNvdG9wZS1zZWNyZXQta2V5") // base64 of the words that begin a key
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, files)
}

// verbsOf returns a command and all below it.
func verbsOf(cmd *cobra.Command) (all []*cobra.Command) {
	for _, c := range cmd.Commands() {
		all = append(append(all, c), verbsOf(c)...)
	}
	return all
}

// TestTextsHoldNoKey: a page would show a key that stands in a text.
func TestTextsHoldNoKey(t *testing.T) {
	t.Chdir(t.TempDir())
	key := watermark.NewKey()
	require.NoError(t, watermark.WriteKeyFile("my.key", key))
	status, profile, _ := isotope("profile")
	require.Zero(t, status)
	require.NoError(t, os.WriteFile("my.json", []byte(profile), 0o600))
	prose := strings.Repeat("some words of a text ", 20)
	for _, c := range []struct{ name, text string }{
		{"text", prose + key.Secret(secretaccess.Allow())},
		{"escaped", prose + strings.ReplaceAll(key.Secret(secretaccess.Allow()), "-", `\u002d`)},
		{"base64", prose + base64.StdEncoding.EncodeToString([]byte("the key is "+key.Secret(secretaccess.Allow())))},
		{"jsonl", `{"prompt":"x","output":"` + prose + key.Secret(secretaccess.Allow()) + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "a.txt")
			require.NoError(t, os.WriteFile(name, []byte(c.text), 0o600))
			page := filepath.Join(t.TempDir(), "p.html")
			_, out, errs := isotope("detect", "--key", "my.key", "--profile", "my.json", "--report", page, name)
			assert.Contains(t, errs, "secret key")
			assert.NotContains(t, out+errs, key.Secret(secretaccess.Allow())[30:])
			assert.NoFileExists(t, page)
		})
	}
}

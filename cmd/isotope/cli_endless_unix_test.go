//go:build unix

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mostRead is the most that the program may read of a file without an end, in bytes: the largest
// registry, and some more.
const mostRead = 300 << 20

// endless returns the name of a file without an end, and the number of bytes that were read of it
// so far. It ends after all when far too much was read, so that the test fails and does not hang.
func endless(t *testing.T, text string) (name string, read func() int64) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	fd := dupFD(t, r)
	require.NoError(t, r.Close())
	var count atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		block := []byte(strings.Repeat(text, 1<<16/len(text)))
		for count.Load() < 4*mostRead {
			n, err := w.Write(block)
			count.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	file := os.NewFile(uintptr(fd), "endless")
	t.Cleanup(func() {
		file.Close()
		<-done
	})
	return fmt.Sprintf("/dev/fd/%d", fd), count.Load
}

// TestFilesWithoutAnEnd gives a file without an end to every flag that takes a file. Each call ends,
// and reads no more than the largest file of its kind may have.
func TestFilesWithoutAnEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("reads some gigabytes")
	}
	if runtime.GOOS != "linux" {
		t.Skip("no /dev/fd that opens anew")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := newDir(t)
	key := dir.file("k", secretOf("5a"))
	profile, text := dir.file("p.json", mustRun(t, "profile")), dir.file("a.txt", "some words that nobody marked at all")
	// What a verb needs to get as far as reading the file of a flag.
	needs := map[string][]string{
		"detect":   {"--key", key, "--profile", profile, text},
		"generate": {"--key", key, "--profile", profile, "--tokens", "1"},
		"student":  {"--key", key, "--profile", profile, "--reference", "none", "--decoys", "100", text},
		"export":   {"--key", key, "--profile", dir.file("e.json", `{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":50257,"tokenizer":"none"}`), "--config", dir.of("c"), "--new-key", dir.of("n")},
		"keygen":   {dir.of("new.key"), "--label", "x"},
		"scan":     {"--key", key, "--profile", profile, text},
		"map":      {"--key", key, "--profile", profile, "--run-key", scanRun, "--journal", dir.of("map"), text},
		"eval":     {"--texts", "2", "--length", "50", "--edited", "40", "--null-keys", "1", "--steal", "none", "--corpus", writeWordCorpus(t)},
	}
	more := map[string][]string{
		"student --registry": {"--epoch", "e"}, "student --prompts": {"--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--journal", dir.of("j"), "--retries", "0"},
		"student --api-key-file":       {"--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--journal", dir.of("j2"), "--retries", "0"},
		"student --provenance-key":     {"--provenance-profile", profile},
		"student --live":               {"--provenance-profile", profile, "--provenance-key", key},
		"detect --selector":            {},
		"student --provenance-profile": {"--provenance-key", key},
		"eval --marked":                {"--key", key, "--profile", profile},
		"eval --key":                   {"--marked", text, "--profile", profile},
		"eval --tokenizer":             {"--marked", text, "--key", key, "--profile", profile},
		"eval --questions":             {"--gguf", dir.file("tokenizer.json", byteTokenizer(t))},
	}
	// A text without an end is read as far as one may be long; student's outputs are some of the files.
	skip := map[string]bool{"corpus": true, "report": true, "journal": true, "out": true, "skipped": true, "config": true, "new-key": true,
		"csv": true, "texts-out": true, "parquet": true, "write-rows": true, "declare": true, "signed-report": true}
	root, _ := new(cli).root()
	tried := 0
	for _, verb := range verbsOf(root) {
		path := strings.Fields(verb.CommandPath())[1:]
		verb.Flags().VisitAll(func(f *pflag.Flag) {
			if noun, _ := pflag.UnquoteUsage(f); noun != "FILE" && noun != "PARENT" || skip[f.Name] {
				return
			}
			name := strings.Join(path, " ") + " --" + f.Name
			t.Run(name, func(t *testing.T) {
				tried++
				for _, content := range []string{"\x00", "# comment\n", "[[["} {
					file, read := endless(t, content)
					args := append(append(path[:len(path):len(path)], needs[path[0]]...), more[name]...)
					for i := range len(args) - 1 {
						if args[i] == "--"+f.Name { // the flag's own value is replaced
							args = append(args[:i:i], args[i+2:]...)
							break
						}
					}
					if more[name] != nil && strings.HasPrefix(strings.Join(more[name], " "), "--endpoint") {
						args = args[:len(args):len(args)]
						for i, a := range args {
							if a == text {
								args = append(args[:i:i], args[i+1:]...)
								break
							}
						}
					}
					value := []string{"--" + f.Name, file}
					if f.NoOptDefVal != "" { // a switch that may name a file
						value = []string{"--" + f.Name + "=" + file}
					}
					status, _, errs := isotope(append(args, value...)...)
					assert.NotZero(t, status, content)
					assert.LessOrEqual(t, read(), int64(mostRead), "%q: %s", content, errs)
				}
			})
		})
	}
	assert.Greater(t, tried, 10)
	t.Run("arguments", func(t *testing.T) {
		for _, args := range [][]string{
			{"detect", "--key", key, "--profile", profile},
			{"student", "--key", key, "--profile", profile, "--reference", "none", "--decoys", "100"},
		} {
			for _, content := range []string{"\x00", "word "} {
				file, read := endless(t, content)
				status, _, errs := isotope(append(args, file)...)
				assert.NotZero(t, status)
				assert.LessOrEqual(t, read(), int64(mostRead), "%q: %s", content, errs)
			}
		}
	})
}

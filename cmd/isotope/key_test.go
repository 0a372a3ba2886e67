package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rootHelper keeps the root whose bytes are all 5a, and answers as docs/formats/provenance.md says.
func rootHelper() {
	fmt.Println("isotope-root 1")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		message, err := hex.DecodeString(strings.TrimPrefix(in.Text(), "mac "))
		if err != nil {
			fmt.Println("error this is not a request")
			continue
		}
		h := hmac.New(sha256.New, []byte(strings.Repeat("\x5a", 32)))
		h.Write(message)
		fmt.Printf("ok %x\n", h.Sum(nil))
	}
}

// TestKeyDeriveThroughAHelper derives the same key from a root in a file and from one that another
// program keeps.
func TestKeyDeriveThroughAHelper(t *testing.T) {
	d := newDir(t)
	d.file("root.key", secretOf("5a")+"\n")
	for _, path := range []string{"tenant/acme", "model/m1/2026-11"} {
		file := mustRun(t, "key", "derive", "-q", "--from", d.of("root.key"), "--path", path, "-")
		kept := mustRun(t, "key", "derive", "-q", "--helper", "isotope-test-root", "--path", path, "-")
		require.Contains(t, file, "isotope-secret-key-1:")
		assert.Equal(t, file, kept, "the key, and the id of its parent")
	}
	for _, c := range []struct{ args, says string }{
		{"key derive --path a x", "--from PARENT is missing"},
		{"key derive --from a --helper b --path a x", "two parents"},
		{"key derive --helper isotope-none --path a x", "the helper cannot be started"},
	} {
		status, _, errs := isotope(strings.Fields(c.args)...)
		assert.NotZero(t, status, c.args)
		assert.Contains(t, errs, c.says)
	}
}

// TestBadKeyFileIsExplained: the search for keys in messages leaves the words of this one.
func TestBadKeyFileIsExplained(t *testing.T) {
	w := newDir(t)
	key, text, profile := w.file("my.key", "hello\n"), w.file("text.txt", "Some words."), w.file("my.json", mustRun(t, "profile", "new"))
	for _, call := range [][]string{{"detect", "--key", key, "--profile", profile, text}, {"generate", "--key", key}, {"key", "id", key}} {
		status, _, errs := isotope(call...)
		assert.Equal(t, exitError, status, "%s", call)
		assert.Contains(t, errs, "not a key: want what 'isotope key new' writes", "%s", call)
		assert.NotContains(t, errs, "(a secret key)", "%s", call)
	}
}

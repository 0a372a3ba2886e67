package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// encrypted encrypts as "age -p" does, with less work.
func encrypted(t *testing.T, text, passphrase string, armored bool, work int) string {
	t.Helper()
	to, err := age.NewScryptRecipient(passphrase)
	require.NoError(t, err)
	to.SetWorkFactor(work)
	var out bytes.Buffer
	var w io.WriteCloser = nopCloser{&out}
	if armored {
		w = armor.NewWriter(&out)
	}
	in, err := age.Encrypt(w, to)
	require.NoError(t, err)
	_, err = io.WriteString(in, text)
	require.NoError(t, errors.Join(err, in.Close(), w.Close()))
	return out.String()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// passphraseFD returns --passphrase-fd for a pipe that holds a text.
func passphraseFD(t *testing.T, text string) string {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, errors.Join(err, w.Close()))
	// The program closes the descriptor of its own copy.
	fd := dupFD(t, r)
	require.NoError(t, r.Close())
	return fmt.Sprintf("--passphrase-fd=%d", fd)
}

// TestEncryptedKeyFiles: a key file that "age -p" encrypted is read as any other.
func TestEncryptedKeyFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file descriptors have no numbers")
	}
	dir := newDir(t)
	plain := "# my key\n" + secretOf("5a") + "\n"
	profile := dir.file("my.json", mustRun(t, "profile"))
	text := dir.file("a.txt", strings.Repeat("some words that nobody marked, ", 20))
	want := mustRun(t, "detect", "--key", dir.file("plain.key", plain), "--profile", profile, "--json", text)
	to, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	var forRecipient bytes.Buffer
	w, err := age.Encrypt(&forRecipient, to.Recipient())
	require.NoError(t, err)
	_, err = io.WriteString(w, plain)
	require.NoError(t, errors.Join(err, w.Close()))
	good := encrypted(t, plain, "open sesame", false, 10)
	for _, c := range []struct{ name, key, passphrase, says string }{
		{"binary", good, "open sesame\n", ""},
		{"armored", encrypted(t, plain, "open sesame", true, 10), "open sesame\n", ""},
		{"without a line end", good, "open sesame", ""},
		{"wrong passphrase", good, "open seasme\n", "passphrase does not fit"},
		{"no passphrase", good, "", "cannot be read"},
		{"an empty one", good, "\n", "cannot be read"},
		{"damaged", good[:len(good)-3] + "abc", "open sesame\n", "damaged"},
		{"cut short", good[:60], "open sesame\n", "damaged"},
		{"to a recipient", forRecipient.String(), "open sesame\n", "age -d"},
		{"not a key", encrypted(t, "hello", "open sesame", false, 10), "open sesame\n", "not a key"},
		{"too much work", encrypted(t, plain, "x", false, 10)[:0] + strings.Replace(good, " 10\n", " 29\n", 1), "open sesame\n", "age -d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := dir.file(strings.ReplaceAll(c.name, " ", "-")+".key", c.key)
			status, out, errs := isotope("detect", "--key", key, "--profile", profile, "--json", passphraseFD(t, c.passphrase), text)
			assert.NotContains(t, out+errs, strings.Repeat("5a", 8))
			assert.NotContains(t, out+errs, "sesame")
			if c.says != "" {
				assert.Equal(t, exitError, status)
				assert.Contains(t, errs, c.says)
				assert.Contains(t, errs, filepath.Base(key))
				return
			}
			assert.Zero(t, status, errs)
			assert.Equal(t, want, out)
		})
	}

	t.Run("two files, one passphrase", func(t *testing.T) {
		other := dir.file("other.key", encrypted(t, secretOf("77"), "open sesame", false, 10))
		key := dir.file("one.key", good)
		status, _, errs := isotope("student", "--key", key, "--profile", profile, "--reference", "none", "--decoys", "100",
			"--provenance-key", other, "--provenance-profile", dir.file("draw.json", mustRun(t, "profile", "--scheme", "gumbelmax")),
			passphraseFD(t, "open sesame\n"), text)
		assert.NotContains(t, errs, "encrypted")
		assert.Zero(t, status, errs)
	})
	t.Run("no terminal", func(t *testing.T) {
		was := openTerminal
		t.Cleanup(func() { openTerminal = was })
		openTerminal = func() (*os.File, error) { return nil, os.ErrNotExist }
		status, _, errs := isotope("detect", "--key", dir.file("t.key", good), "--profile", profile, text)
		assert.Equal(t, exitError, status)
		assert.Contains(t, errs, "--passphrase-fd")
	})
	t.Run("a closed descriptor", func(t *testing.T) {
		status, _, errs := isotope("detect", "--key", dir.file("u.key", good), "--profile", profile, "--passphrase-fd", "999", text)
		assert.Equal(t, exitError, status)
		assert.Contains(t, errs, "--passphrase-fd 999")
	})
}

// TestKeygenToAPipe: the key goes to stdout, its id to stderr, and no file is made.
func TestKeygenToAPipe(t *testing.T) {
	dir := newDir(t)
	t.Chdir(dir.path)
	status, out, errs := isotope("key", "new", "-")
	require.Zero(t, status)
	assert.NoFileExists(t, "-")
	key := dir.file("k", out)
	status, id, _ := isotope("keygen", "child", "--from", key, "--label", "x")
	require.Zero(t, status)
	assert.NotEmpty(t, id)
	assert.Contains(t, out, "# id "+strings.TrimSpace(errs))
	assert.NotContains(t, errs, "isotope-secret-key")
	// Encrypted and read again, without ever being a file.
	sealed := encrypted(t, out, "p", false, 10)
	status, again, _ := isotope("key", "derive", "-", "--from", dir.file("sealed", sealed), "--label", "x", passphraseFD(t, "p"))
	require.Zero(t, status)
	assert.Contains(t, again, "# id "+strings.TrimSpace(id))

	c := &cli{stdout: &output{terminal: true}}
	assert.ErrorContains(t, c.writeKey("-", watermark.NewKey()), "is a terminal")
}

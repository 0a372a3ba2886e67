package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/internal/openaiserver"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

// helperEnv makes the test binary the helper of a root.
const helperEnv = "ISOTOPE_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) == "" {
		os.Exit(m.Run())
	}
	key, err := hex.DecodeString(testRoot[len("isotope-secret-key-1:"):])
	if err != nil {
		panic(err)
	}
	fmt.Println("isotope-root 1")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		message, err := hex.DecodeString(strings.TrimPrefix(in.Text(), "mac "))
		if err != nil {
			fmt.Println("error this is not a request")
			continue
		}
		h := hmac.New(sha256.New, key)
		h.Write(message)
		fmt.Printf("ok %x\n", h.Sum(nil))
	}
}

// newLog makes a log without entries in a directory, and returns the file of its signing key.
func newLog(t *testing.T, dir string) (log, signKey string) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, "example.com/acme")
	require.NoError(t, err)
	log, signKey = filepath.Join(dir, "log"), filepath.Join(dir, "sign.key")
	require.NoError(t, os.Mkdir(log, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(log, "verifier"), []byte(public+"\n"), 0o644))
	require.NoError(t, os.WriteFile(signKey, []byte(private+"\n"), 0o600))
	return log, signKey
}

const ask = `{"model":"isotope-lm","prompt":"The","max_tokens":5}`

// TestRotatingServer commits to the keys of two months through a helper, serves with committed keys
// alone, and stops when one is revoked.
func TestRotatingServer(t *testing.T) {
	dir := files(t)
	t.Setenv("XDG_CACHE_HOME", dir) // of the model
	log, signKey := newLog(t, dir)
	t.Setenv(helperEnv, "1")
	common := []string{"-root-helper", os.Args[0], "-tenants", filepath.Join(dir, "tenants.json"), "-corpus", filepath.Join(dir, "corpus"), "-committed", log}
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	epochs := []string{month.Format("2006-01"), month.AddDate(0, 1, 0).Format("2006-01")} // the next one may begin during the test
	for _, epoch := range epochs {
		require.NoError(t, run(t.Context(), append([]string{"-sign-key", signKey, "-commit-epoch", epoch}, common...), io.Discard))
	}
	assert.ErrorContains(t, run(t.Context(), append([]string{"-sign-key", signKey, "-commit-epoch", epochs[0]}, common...), io.Discard), "has a key of epoch")

	p := runProgram(t, append([]string{"-rotate"}, common...)...)
	status, text := post(t, p.url+"/completions", ask)
	require.Equal(t, 200, status, "%s", text)
	assert.Contains(t, p.log.String(), `"msg":"epoch"`)

	signer, err := readSigner(signKey)
	require.NoError(t, err)
	v, err := os.ReadFile(filepath.Join(log, "verifier"))
	require.NoError(t, err)
	verifier, err := note.NewVerifier(strings.TrimSpace(string(v)))
	require.NoError(t, err)
	l, err := provenance.OpenLog(log, verifier)
	require.NoError(t, err)
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	for _, epoch := range epochs {
		_, err = l.Append(signer, provenance.Entry{
			Kind: provenance.KindRevoke, Time: time.Now().UTC().Format(time.RFC3339), Key: root.Derive("tenant", "acme", epoch).ID(), Reason: "lost",
		})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		status, _ := post(t, p.url+"/completions", ask)
		return status == 503
	}, time.Minute, 50*time.Millisecond)
	assert.Contains(t, p.log.String(), "was revoked at")
	assert.NotContains(t, p.log.String(), "isotope-secret-key")

	t.Run("keys that are not committed", func(t *testing.T) {
		tenants := filepath.Join(dir, "tenants.json")
		assert.ErrorContains(t, run(t.Context(), []string{"-root", filepath.Join(dir, "root.key"), "-tenants", tenants, "-corpus", filepath.Join(dir, "corpus"), "-committed", t.TempDir()}, io.Discard), "isotope log new")
		p := runProgram(t, common...) // of the epoch e1 of the tenants
		status, _ := post(t, p.url+"/completions", ask)
		assert.Equal(t, 503, status)
		assert.Contains(t, p.log.String(), "has no commitment")
	})
}

// given are files that the program closes. The test must neither close them nor forget them, since
// another file may have their number then.
var given []*os.File

// TestEncryptedRoot serves with a root that age encrypted.
func TestEncryptedRoot(t *testing.T) {
	dir := files(t)
	t.Setenv("XDG_CACHE_HOME", dir) // of the model
	to, err := age.NewScryptRecipient("correct horse")
	require.NoError(t, err)
	to.SetWorkFactor(10)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	require.NoError(t, err)
	_, err = io.WriteString(w, testRoot+"\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	root := filepath.Join(dir, "root.age")
	require.NoError(t, os.WriteFile(root, sealed.Bytes(), 0o600))
	args := []string{"-root", root, "-tenants", filepath.Join(dir, "tenants.json"), "-corpus", filepath.Join(dir, "corpus"), "-rotate"}
	assert.ErrorContains(t, run(t.Context(), args, io.Discard), "-passphrase-fd")
	passphrase := func(text string) string {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		_, err = io.WriteString(w, text+"\n")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		given = append(given, r)
		return strconv.Itoa(int(r.Fd()))
	}
	assert.ErrorContains(t, run(t.Context(), append(args, "-passphrase-fd", passphrase("wrong")), io.Discard), "the passphrase does not fit")
	p := runProgram(t, append(args, "-passphrase-fd", passphrase("correct horse"))...)
	status, text := post(t, p.url+"/completions", ask)
	assert.Equal(t, 200, status, "%s", text)
}

// TestProgramReceipts runs the whole program with receipts, and ends it before the second is over: the
// receipt is in the log nevertheless.
func TestProgramReceipts(t *testing.T) {
	dir := files(t)
	t.Setenv("XDG_CACHE_HOME", dir) // of the model
	log, signKey := newLog(t, dir)
	p := runProgram(t, "-root", filepath.Join(dir, "root.key"), "-tenants", filepath.Join(dir, "tenants.json"), "-corpus", filepath.Join(dir, "corpus"), "-receipts", log, "-sign-key", signKey)
	status, text := post(t, p.url+"/completions", ask)
	require.Equal(t, 200, status, "%s", text)
	require.NoError(t, p.stop())
	v, err := openaiserver.LogVerifier(log)
	require.NoError(t, err)
	l, err := provenance.OpenLog(log, v)
	require.NoError(t, err)
	require.EqualValues(t, 1, l.Size())
	assert.Equal(t, provenance.KindReceipt, l.Entry(0).Kind)
	kept, err := os.ReadFile(filepath.Join(log, "accounts", "acme"))
	require.NoError(t, err)
	assert.Contains(t, string(kept), l.Entry(0).Digest)
}

// TestKeyFlags has calls that cannot be right.
func TestKeyFlags(t *testing.T) {
	for _, c := range []struct{ name, args, says string }{
		{"two roots", "-root r -root-helper h -tenants t", "two roots"},
		{"a rotation without marks", "-unmarked -rotate", "leave out -unmarked"},
		{"a commitment without a log", "-root r -tenants t -commit-epoch e", "needs -committed DIR and -sign-key FILE"},
		{"a signing key for nothing", "-root r -tenants t -sign-key k", "leave it out"},
		{"a long overlap", "-root r -tenants t -rotate -overlap 1000h", "outside 0 to 672h"},
		{"receipts without a key", "-root r -tenants t -receipts d", "need -sign-key FILE"},
		{"receipts of unmarked answers", "-unmarked -receipts d -sign-key k", "are of marked answers"},
		{"one log for both", "-root r -tenants t -receipts d -committed d -sign-key k", "make one for each"},
		{"receipts of a commitment", "-root r -tenants t -receipts d -committed l -sign-key k -commit-epoch e", "leave out -receipts"},
		{"a registry of a helper", "-root-helper h -tenants t -write-registry r", "give -root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, run(t.Context(), strings.Fields(c.args), io.Discard), c.says)
		})
	}
}

package main

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/provenance"
)

// TestLogReceipt has a stranger check the proof of a receipt with the published key alone.
func TestLogReceipt(t *testing.T) {
	d := newDir(t)
	d.file("owner.txt", mustRun(t, at(d, "log", "new", "--name", "example.com/receipts", "--sign-key", "@sign.key", "@log")...))
	signer, err := note.NewSigner(strings.TrimSpace(fileText(t, d.of("sign.key"))))
	require.NoError(t, err)
	verifier, err := logVerifier(d.of("log"))
	require.NoError(t, err)
	l, err := provenance.CreateLog(d.of("log"), verifier)
	require.NoError(t, err)
	when := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	r := provenance.NewReceipt("a-0", "none", []string{"0011223344556677"}, sha256.Sum256([]byte("the answer\n")), when)
	b, err := provenance.NewBatch([][sha256.Size]byte{r.Leaf()})
	require.NoError(t, err)
	e, err := b.Entry(when)
	require.NoError(t, err)
	at0, err := l.Append(signer, e)
	require.NoError(t, err)
	x, err := l.Evidence(at0)
	require.NoError(t, err)
	p, err := b.Prove(r, x)
	require.NoError(t, err)
	text, err := p.JSON()
	require.NoError(t, err)
	d.file("proof.json", string(text)+"\n")
	d.file("answer.txt", "the answer\n")
	d.file("other.txt", "the answer")
	d.file("edited.json", strings.Replace(string(text), "0011223344556677", "1011223344556677", 1))
	out := mustRun(t, at(d, "log", "receipt", "--log-key", "@owner.txt", "@proof.json", "@answer.txt")...)
	assert.Contains(t, out, "is in the first 1 entries of the log example.com/receipts, and it is of the text in ")
	assert.Contains(t, out, "with the keys 0011223344556677")
	assert.Contains(t, mustRun(t, at(d, "log", "receipt", "--log-key", "@owner.txt", "@proof.json")...), "it was not compared")
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"another text", []string{"--log-key", "@owner.txt", "@proof.json", "@other.txt"}, exitError, "give the bytes that the server sent"},
		{"an edited receipt", []string{"--log-key", "@owner.txt", "@edited.json"}, exitError, "it was changed, or its salt is another"},
		{"something else", []string{"--log-key", "@owner.txt", "@answer.txt"}, exitError, "not the proof of a receipt"},
		{"no key", []string{"@proof.json"}, exitUsage, "--log-key KEY is missing"},
		{"no proof", []string{"--log-key", "@owner.txt"}, exitUsage, "PROOF is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := isotope(at(d, append([]string{"log", "receipt"}, c.args...)...)...)
			assert.Equal(t, c.status, status)
			assert.Contains(t, errs, c.says)
			assert.Empty(t, out)
		})
	}
}

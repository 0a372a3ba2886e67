package openaiserver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/provenance"
)

// openTestReceipts opens receipts in a directory that has a verifier key.
func openTestReceipts(t testing.TB, clock *testClock) (*Receipts, string, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(ones{}, "example.com/receipts")
	require.NoError(t, err)
	s, err := note.NewSigner(private)
	require.NoError(t, err)
	v, err := note.NewVerifier(public)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "verifier"), []byte(public+"\n"), 0o644))
	r, err := OpenReceipts(dir, s, clock.now)
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r, dir, v
}

var testKeys = []string{"0011223344556677", "8899aabbccddeeff", "0123456789abcdef"}

// everyFile returns all that a directory holds.
func everyFile(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	}))
	return b.String()
}

// TestReceipts puts two seconds of answers into a log, proves one of them, and forgets another.
func TestReceipts(t *testing.T) {
	clock := newClock(december)
	r, dir, v := openTestReceipts(t, clock)
	sum := sha256.Sum256([]byte("the answer"))
	require.NoError(t, r.Flush(), "nothing to do")
	for i := range 5 {
		r.Add("acme", fmt.Sprintf("a-%d", i), "none", testKeys, sum)
	}
	r.Add("globex", "g-0", "none", testKeys, sum)
	_, err := r.Prove("acme", "a-0")
	assert.ErrorIs(t, err, ErrNoReceipt, "not in the log yet")
	require.NoError(t, r.Flush())
	clock.add(time.Second)
	r.Add("acme", "b-0", "none", testKeys, sum)
	require.NoError(t, r.Flush())

	p, err := r.Prove("acme", "a-3")
	require.NoError(t, err)
	assert.EqualValues(t, 6, p.Size)
	assert.Equal(t, "2026-12-01T00:00:00Z", p.Receipt.Time)
	text, err := p.JSON()
	require.NoError(t, err)
	parsed, err := provenance.ParseReceiptProof(text)
	require.NoError(t, err)
	c, err := parsed.Check(v)
	require.NoError(t, err)
	assert.EqualValues(t, 2, c.Size, "one entry a second")
	_, err = r.Prove("globex", "a-3")
	assert.ErrorIs(t, err, ErrNoReceipt, "of another tenant")
	for _, tenant := range []string{"nobody", "../batches", ""} {
		_, err = r.Prove(tenant, "a-3")
		assert.ErrorIs(t, err, ErrNoReceipt)
	}

	salt := p.Receipt.Salt
	assert.Contains(t, everyFile(t, dir), salt)
	n, err := r.Forget("acme", "a-3")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.NotContains(t, everyFile(t, dir), salt, "erased")
	assert.NotContains(t, everyFile(t, dir), "a-3")
	_, err = r.Prove("acme", "a-3")
	assert.ErrorIs(t, err, ErrNoReceipt)
	_, err = r.Forget("acme", "a-3")
	assert.ErrorIs(t, err, ErrNoReceipt)
	for _, id := range []string{"a-0", "a-4", "b-0"} {
		p, err := r.Prove("acme", id)
		require.NoError(t, err, "others stay")
		_, err = p.Check(v)
		assert.NoError(t, err)
	}
	r.Add("acme", "c-0", "none", testKeys, sum)
	n, err = r.Forget("acme")
	require.NoError(t, err)
	assert.Equal(t, 6, n, "all of them, and the one that waited")
	_, err = r.Prove("globex", "g-0")
	assert.NoError(t, err)

	// The log goes on after a restart, and nobody else appends to it.
	require.NoError(t, r.Close())
	again, err := OpenReceipts(dir, r.signer, clock.now)
	require.NoError(t, err)
	_, err = again.Prove("globex", "g-0")
	assert.NoError(t, err)
	require.NoError(t, again.Close())
	other, _, err := note.GenerateKey(nil, "example.com/receipts")
	require.NoError(t, err)
	s, err := note.NewSigner(other)
	require.NoError(t, err)
	_, err = OpenReceipts(dir, s, clock.now)
	assert.ErrorContains(t, err, "does not sign for the log")
}

// TestReceiptsOfAFullDisk keeps receipts that could not be written.
func TestReceiptsOfAFullDisk(t *testing.T) {
	r, dir, v := openTestReceipts(t, newClock(december))
	r.Add("acme", "a-0", "none", testKeys, sha256.Sum256(nil))
	require.NoError(t, os.Rename(filepath.Join(dir, "batches"), filepath.Join(dir, "away")))
	assert.ErrorContains(t, r.Flush(), "receipts: ")
	require.NoError(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "batches")))
	require.NoError(t, r.Flush())
	p, err := r.Prove("acme", "a-0")
	require.NoError(t, err)
	_, err = p.Check(v)
	assert.NoError(t, err)
}

// TestReceiptsRun signs at each tick, and once at the end.
func TestReceiptsRun(t *testing.T) {
	r, _, _ := openTestReceipts(t, newClock(december))
	ctx, stop := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx, ticks, func(err error) { assert.NoError(t, err) })
	}()
	r.Add("acme", "a-0", "none", testKeys, sha256.Sum256(nil))
	ticks <- time.Time{}
	ticks <- time.Time{} // the first one is done now
	_, err := r.Prove("acme", "a-0")
	assert.NoError(t, err)
	r.Add("acme", "a-1", "none", testKeys, sha256.Sum256(nil))
	stop()
	<-done
	_, err = r.Prove("acme", "a-1")
	assert.NoError(t, err)
}

// TestReceiptsInTheServer serves with receipts: a customer gets the proof of an answer, and a stranger
// checks it with the published key alone.
func TestReceiptsInTheServer(t *testing.T) {
	if testing.Short() {
		t.Skip("writes some hundred tokens")
	}
	clock := newClock(december)
	r, dir, v := openTestReceipts(t, clock)
	s := start(t, func(c *Config) { c.Receipts = r })
	get := func(id, key string) (int, string) {
		req, err := http.NewRequest("GET", strings.TrimSuffix(s.url, "/v1")+"/v1/receipts/"+id, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	for _, stream := range []bool{false, true} {
		req, err := http.NewRequest("POST", strings.TrimSuffix(s.url, "/v1")+"/v1/completions", strings.NewReader(fmt.Sprintf(`{"model":%q,"prompt":"The","max_tokens":40,"stream":%v}`, s.config.Name, stream)))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+acmeKey)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode, "%s", body)
		answer := ""
		for line := range strings.Lines(string(body)) {
			var a struct{ Choices []struct{ Text string } }
			if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &a) == nil && len(a.Choices) > 0 {
				answer += a.Choices[0].Text
			}
		}
		id := resp.Header.Get("X-Request-Id") + "-0"
		status, _ := get(id, acmeKey)
		assert.Equal(t, 404, status, "before the second is over")
		require.NoError(t, r.Flush())
		status, _ = get(id, globexKey)
		assert.Equal(t, 404, status, "another account")
		status, proof := get(id, acmeKey)
		require.Equal(t, 200, status, proof)

		p, err := provenance.ParseReceiptProof([]byte(strings.TrimSpace(proof)))
		require.NoError(t, err)
		_, err = p.Check(v)
		require.NoError(t, err)
		assert.Equal(t, provenance.Digest([]byte(answer)), p.Receipt.Text, "the receipt is of what the client got")
		assert.Len(t, p.Receipt.Keys, 3)
		t.Logf("proof of %d bytes", len(proof))

		operator := httptest.NewRecorder()
		r.Operator().ServeHTTP(operator, httptest.NewRequest("DELETE", "/receipts/acme/"+id, nil))
		assert.Equal(t, 200, operator.Code)
		status, _ = get(id, acmeKey)
		assert.Equal(t, 404, status, "forgotten")
	}
	assert.NotContains(t, everyFile(t, filepath.Join(dir, "tile")), "acme", "the log names nobody")
}

// BenchmarkReceipt measures what an answer waits for: no disk is involved.
func BenchmarkReceipt(b *testing.B) {
	r, _, _ := openTestReceipts(b, newClock(december))
	sum := sha256.Sum256([]byte("the answer"))
	b.ReportAllocs()
	for b.Loop() {
		r.Add("acme", "0123456789abcdef01234567-0", "none", testKeys, sum)
		if len(r.pending) == 1000 {
			r.pending = r.pending[:0]
		}
	}
	r.pending = nil
}

// BenchmarkReceiptBatch measures what a second of 1,000 answers costs, for each of them and synced.
func BenchmarkReceiptBatch(b *testing.B) {
	r, _, _ := openTestReceipts(b, newClock(december))
	sum := sha256.Sum256([]byte("the answer"))
	for b.Loop() {
		for i := range 1000 {
			r.Add("acme", fmt.Sprintf("0123456789abcdef01234567-%d", i), "none", testKeys, sum)
		}
		if err := r.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/answer")
}

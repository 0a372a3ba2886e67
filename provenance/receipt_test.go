package provenance

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
)

// receiptProof returns the proof of one of n receipts, as JSON.
func receiptProof(t testing.TB, n, index int) (text []byte, first *Receipt) {
	t.Helper()
	var leaves [][sha256.Size]byte
	var list []*Receipt
	for i := range n {
		r := NewReceipt("answer", "none", []string{"0011223344556677"}, sha256.Sum256([]byte{byte(i)}), noon)
		leaves, list = append(leaves, r.Leaf()), append(list, r)
	}
	b, err := NewBatch(leaves)
	require.NoError(t, err)
	s, v := testSigner(t, "example.com/receipts", 1)
	l, err := CreateLog(t.TempDir(), v)
	require.NoError(t, err)
	l.Brief()
	e, err := b.Entry(noon)
	require.NoError(t, err)
	_, err = l.Append(s, digestEntry(1), e, digestEntry(2))
	require.NoError(t, err)
	x, err := l.Evidence(1)
	require.NoError(t, err)
	p, err := b.Prove(list[index], x)
	require.NoError(t, err)
	text, err = p.JSON()
	require.NoError(t, err)
	return text, list[index]
}

// TestReceiptProof checks proofs of small and large batches, and changes each part of one.
func TestReceiptProof(t *testing.T) {
	_, v := testSigner(t, "example.com/receipts", 1)
	for _, n := range []int{1, 2, 3, 100, 1000} {
		text, _ := receiptProof(t, n, n/2)
		p, err := ParseReceiptProof(text)
		require.NoError(t, err)
		c, err := p.Check(v)
		require.NoError(t, err)
		assert.EqualValues(t, 3, c.Size)
		t.Logf("a batch of %d: proof of %d bytes", n, len(text))
	}
	text, r := receiptProof(t, 6, 3)
	whole := string(text)
	for _, c := range []struct{ name, old, new, says string }{
		{"the salt", r.Salt, strings.Repeat("0", 32), "its salt is another"},
		{"the text", r.Text, Digest(nil), "it was changed"},
		{"a key", "0011223344556677", "1011223344556677", "it was changed"},
		{"the time of the receipt", `"time":"2026`, `"time":"2025`, "it was changed"},
		{"the size of the batch", `"size":6`, `"size":7`, "batch"},
		{"the place in the batch", `"index":3`, `"index":2`, "it was changed"},
		{"a hash", `"hashes":"`, `"hashes":"AAAA`, "not valid"},
		{"the entry", `\"kind\":\"receipt\"`, `\"kind\":\"report\"`, "not that of the batch"},
		{"the signature", "— example.com/receipts ", "— example.com/receipt2 ", "signature"},
		{"a version", `"isotope_receipt_proof":1`, `"isotope_receipt_proof":2`, "version 2"},
		{"an unknown field", `{"isotope_receipt_proof":1`, `{"x":1,"isotope_receipt_proof":1`, "unknown field"},
		{"a place outside the batch", `"index":3`, `"index":6`, "outside its range"},
		{"no key", `["0011223344556677"]`, `[]`, "the receipt is not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, whole, c.old)
			p, err := ParseReceiptProof([]byte(strings.Replace(whole, c.old, c.new, 1)))
			if err == nil {
				_, err = p.Check(v)
			}
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, other := testSigner(t, "example.com/receipts", 2)
	p, err := ParseReceiptProof(text)
	require.NoError(t, err)
	_, err = p.Check(other)
	assert.Error(t, err, "the log of somebody else")
	_, err = NewBatch(nil)
	assert.ErrorContains(t, err, "this one has 0")
}

// TestReceiptSaltsDiffer makes two receipts of the same answer: nobody can tell that it is the same.
func TestReceiptSaltsDiffer(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	a := NewReceipt("a", "none", []string{"0011223344556677"}, sum, noon)
	b := NewReceipt("a", "none", []string{"0011223344556677"}, sum, noon)
	assert.NotEqual(t, a.Leaf(), b.Leaf())
	b.Salt = a.Salt
	assert.Equal(t, a.Leaf(), b.Leaf())
	// Fields do not run into one another.
	b.ID, b.Time = a.ID+a.Time[:1], a.Time[1:]
	assert.NotEqual(t, a.Leaf(), b.Leaf())
}

// FuzzParseReceiptProof has files that are proofs of receipts, or not.
func FuzzParseReceiptProof(f *testing.F) {
	text, _ := receiptProof(f, 3, 1)
	f.Add(text)
	f.Add([]byte(`{"isotope_receipt_proof":1,"receipt":null,"size":1,"index":0,"root":"","hashes":"","batch":{"entry":"","proof":""}}`))
	_, v := testSigner(f, "example.com/receipts", 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			p, err := ParseReceiptProof(data)
			if err != nil {
				return
			}
			_, err = p.Check(v)
			again, e := p.JSON()
			if e != nil || err == nil && len(again) > maxReceiptProof {
				t.Errorf("%q cannot be written again", data)
			}
		})
	})
}

package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/detect"
)

func sampleAudit(t *testing.T) *Audit {
	a := &Audit{Canonical: AuditCanonical{
		Question: "Is <b>it</b>?", Declared: json.RawMessage(`{"plan":{"x":"</pre><script>"}}`), Verdict: detect.NotDetected, Claim: "none & nothing",
		Log10P: -1.5, Log10PAdjusted: Number(math.NaN()), Ending: "every question was asked", Complete: true,
		Statistics: []AuditStatistic{{Name: "<i>", Log10P: -1, Z: Number(math.NaN()), Scored: 1234567, Decoys: &AuditDecoys{Rank: 2, Log10P: []float64{-2, -1, -0.5}}}},
		Effect:     AuditEffect{Gamma: 0.5, GreenRate: Number(math.NaN()), Excess: Number(math.Inf(1))},
		Families:   []AuditFamily{{Name: "tenants", Resolution: Number(math.Inf(1)), Accounts: []AuditAccount{{ID: "acme", Named: true}, {ID: "d", Decoy: true}}}},
	}}
	require.NoError(t, a.Seal())
	a.Observed = AuditObserved{Tool: "tool", Facts: []Fact{{"reported", "today"}}, Sessions: []string{"yesterday"}}
	return a
}

func TestAuditPage(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sampleAudit(t).WriteHTML(&out))
	page := out.String()
	for _, bad := range []string{"<script", "<b>it", "<i>", "http://", "https://", "NaN", "Inf", "%!", "ZgotmplZ"} {
		assert.NotContains(t, page, bad)
	}
	main, rest, ok := strings.Cut(page, "</main>")
	require.True(t, ok)
	for _, text := range []string{"not detected", "1\u202f234\u202f567", "acme", "d (decoy)", "2 of 4", "none"} {
		assert.Contains(t, main, text)
	}
	for _, text := range []string{"today", "yesterday", "tool"} {
		assert.NotContains(t, main, ">"+text, "what differs from run to run stands after the canonical part")
		assert.Contains(t, rest, text)
	}
}

// TestAuditDigest: the digest is that of the bytes in the file, and times do not change it.
func TestAuditDigest(t *testing.T) {
	a := sampleAudit(t)
	var out bytes.Buffer
	require.NoError(t, a.WriteJSON(&out))
	var file struct {
		Version   int             `json:"version"`
		Canonical json.RawMessage `json:"canonical"`
		Digest    string          `json:"canonical_digest"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &file))
	assert.Equal(t, 1, file.Version)
	assert.Equal(t, file.Digest, a.Digest)
	sum := canonical.Digest(file.Canonical)
	assert.Equal(t, sum, file.Digest)
	assert.Contains(t, string(file.Canonical), `"log10_p_adjusted":null`)
	assert.Contains(t, string(file.Canonical), "<b>it</b>", "HTML is of no concern to JSON")
	b := sampleAudit(t)
	b.Observed = AuditObserved{}
	assert.Equal(t, a.Digest, b.Digest)
	b.Canonical.Claim = "something"
	require.NoError(t, b.Seal())
	assert.NotEqual(t, a.Digest, b.Digest)
}

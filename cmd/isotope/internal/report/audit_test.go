package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/detect"
)

func sampleAudit(t *testing.T) *Audit {
	a := &Audit{Canonical: AuditCanonical{
		Question: "Is <b>it</b>?", Declared: json.RawMessage(`{"plan":{"x":"</pre><script>"}}`), Plan: "sha256:01", Verdict: detect.NotDetected, Claim: "none & nothing",
		Log10P: -1.5, Log10PAdjusted: Number(math.NaN()), Tests: 2, Ending: "every question was asked", Complete: true,
		Terms:      []Fact{{"key", "0011"}},
		Statistics: []AuditStatistic{{Name: "<i>", Log10P: -1, Z: Number(math.NaN()), Scored: 1234567, Decoys: &AuditDecoys{Rank: 2, Log10P: []float64{-2, -1, -0.5}}}},
		Effect:     AuditEffect{Gamma: 0.5, GreenRate: Number(math.NaN()), Excess: Number(math.Inf(1))},
		Families:   []AuditFamily{{Name: "tenants", Resolution: Number(math.Inf(1)), Accounts: []AuditAccount{{ID: "acme", Named: true}, {ID: "d", Decoy: true}}}},
		NotShown:   []string{"who trained it"}, Limits: []string{"a limit"},
	}}
	require.NoError(t, a.Seal())
	a.Observed = AuditObserved{Tool: "tool", Facts: []Fact{{"reported", "today"}}, Sessions: []string{"yesterday"}}
	return a
}

// auditPage returns the parts of a page: the canonical one, and the rest.
func auditPage(t *testing.T, a *Audit) (main, rest string) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, a.WriteHTML(&out))
	requireSelfContained(t, out.String())
	assert.True(t, strings.HasPrefix(out.String(), "<!doctype html>"))
	_, body, ok := strings.Cut(out.String(), "<main>")
	require.True(t, ok)
	main, rest, ok = strings.Cut(body, "</main>")
	require.True(t, ok)
	return main, rest
}

func TestAuditPage(t *testing.T) {
	accounts := make([]AuditAccount, 300)
	for i := range accounts {
		accounts[i] = AuditAccount{ID: fmt.Sprintf("account-%d.", i)}
	}
	for _, c := range []struct {
		name     string
		change   func(*AuditCanonical)
		has, not []string
	}{
		{"as it is", func(*AuditCanonical) {}, []string{
			`<div class="box not_detected"`, `<span class="verdict">NOT DETECTED</span>`, "Is &lt;b&gt;it&lt;/b&gt;?", "none &amp; nothing", "1\u202f234\u202f567", "acme", "d (control account)", "2 of 4", "none",
			"adjusted for 2 tests", "<dt>key</dt><dd>0011</dd>", "sha256:01", "3 control keys (grey)", "who trained it", "a limit", "not estimated: no c1 was stated",
		}, []string{"claim level", "What to know before", "not complete", "Possible explanations", "would have been named with probability", "provenance band"}},
		{"detected", func(a *AuditCanonical) {
			a.Verdict, a.Level, a.Pattern, a.Rule = detect.Detected, "A", "concentrated", "the rule"
		}, []string{
			`<div class="box detected"`, `<span class="verdict">DETECTED</span>`, "claim level A: dependence", "Pattern: concentrated. Rule: the rule.",
		}, nil},
		{"one test", func(a *AuditCanonical) { a.Tests = 1 }, []string{"adjusted for 1 test:"}, nil},
		{"not complete", func(a *AuditCanonical) { a.Complete = false }, []string{"The collection is not complete."}, nil},
		{"warnings", func(a *AuditCanonical) { a.Warnings = []string{"beware"} }, []string{"What to know before you trust this", "<li>beware</li>"}, nil},
		{"no test", func(a *AuditCanonical) { a.Statistics, a.Families = nil, nil }, []string{"No test was made.", "No control keys were tested."}, []string{"<svg", "Through which accounts"}},
		{"a keyed draw", func(a *AuditCanonical) { a.Statistics[0].KeyedDraw = true }, []string{"1\u202f234\u202f567 scored"}, []string{"0 of 1\u202f234\u202f567"}},
		{"a statistic without decoys", func(a *AuditCanonical) { a.Statistics[0].Decoys = nil }, []string{"No control keys were tested."}, []string{"<svg"}},
		{"a stated c1", func(a *AuditCanonical) {
			a.Effect.C1, a.Effect.Share, a.Effect.Low, a.Effect.High = 0.2, 0.05, 0.04, 0.06
		}, []string{"95 % interval for the noise of z: 0.04 to 0.06", "stated c1 = 0.2"}, []string{"no c1 was stated"}},
		{"a provenance band", func(a *AuditCanonical) { a.Effect.Provenance = &AuditBand{Excess: 1.25} }, []string{"mean score 1.25000 standard deviations above chance"}, []string{"in text of the marked model"}},
		{"a live strength", func(a *AuditCanonical) {
			a.Effect.Provenance = &AuditBand{Excess: 1.25, Live: 1.5, LiveTrace: 0.25}
		}, []string{"excess of green 0.25000, provenance band 1.50000"}, nil},
		{"explanations", func(a *AuditCanonical) { a.Explanations = []string{"training"} }, []string{"Possible explanations", "<li>training</li>"}, nil},
		{"a resolution", func(a *AuditCanonical) { a.Families[0].Resolution = 0.125 }, []string{"a share of 0.125 of the effect would have been named with probability 0.9"}, nil},
		{"prompts", func(a *AuditCanonical) {
			a.Prompts = AuditStatistic{Name: "prompts", Log10P: -0.5, Green: 3, Scored: 8}
		}, []string{"log10 p = -0.500, 3 of 8 green"}, nil},
		{"skipped responses", func(a *AuditCanonical) {
			a.Outputs.Skipped, a.Positions = []AuditCount{{"refusal", 12}}, []AuditCount{{"scored", 34}}
		}, []string{`skipped: refusal</td><td class="n">12`, `scored</td><td class="n">34`}, nil},
		{"many accounts", func(a *AuditCanonical) { a.Families[0].Accounts = accounts }, []string{"account-4.", "300 keys tested"}, []string{"account-5."}},
		{"many for triage", func(a *AuditCanonical) {
			all := append([]AuditAccount(nil), accounts...)
			all[250].Triage = true
			a.Families[0].Accounts = all
		}, []string{"account-199."}, []string{"account-200."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sampleAudit(t)
			c.change(&a.Canonical)
			require.NoError(t, a.Seal())
			main, rest := auditPage(t, a)
			for _, part := range c.has {
				assert.Contains(t, main, part)
			}
			for _, part := range c.not {
				assert.NotContains(t, main, part)
			}
			for _, text := range []string{"today", "yesterday", "tool", a.Digest} {
				assert.NotContains(t, main, ">"+text, "what differs from run to run is not canonical")
				assert.Contains(t, rest, text)
			}
		})
	}
}

// TestAuditPageEscapes has hostile text in every string of a report.
func TestAuditPageEscapes(t *testing.T) {
	var a Audit
	fill(reflect.ValueOf(&a).Elem(), hostile)
	main, rest := auditPage(t, &a)
	assert.NotContains(t, main+rest, "<b>alert")
	assert.NotContains(t, main+rest, "</b>'")
	assert.NotContains(t, main, "</style>")
	assert.Equal(t, 1, strings.Count(main, "</pre>"), "the plan does not end before its end")
	assert.GreaterOrEqual(t, strings.Count(main+rest, "&lt;script&gt;alert("), 40, "it is all there")
}

// TestAuditJSON: every field of a report can be read again, and hostile text is the same.
func TestAuditJSON(t *testing.T) {
	var a, again Audit
	fill(reflect.ValueOf(&a).Elem(), hostile)
	require.NoError(t, a.Seal())
	var out bytes.Buffer
	require.NoError(t, a.WriteJSON(&out))
	assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "one line")
	require.NoError(t, json.Unmarshal(out.Bytes(), &again))
	assert.Equal(t, a, again)
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
	assert.Equal(t, canonical.Digest(file.Canonical), file.Digest)
	assert.Contains(t, string(file.Canonical), `"log10_p_adjusted":null`)
	assert.Contains(t, string(file.Canonical), "<b>it</b>", "JSON does not escape HTML")
	b := sampleAudit(t)
	b.Observed = AuditObserved{}
	assert.Equal(t, a.Digest, b.Digest)
	b.Canonical.Claim = "something"
	require.NoError(t, b.Seal())
	assert.NotEqual(t, a.Digest, b.Digest)
}

func TestAuditsThatCannotBeSealed(t *testing.T) {
	a := sampleAudit(t)
	a.Canonical.Declared = json.RawMessage("{")
	assert.Error(t, a.Seal())
	assert.ErrorContains(t, a.WriteJSON(new(bytes.Buffer)), "report")
	assert.Equal(t, "{", a.Canonical.Pretty(), "the page shows it as it is")
}

package provenance

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// testPlan returns a plan of one file.
func testPlan(t testing.TB) *Plan {
	t.Helper()
	files := Manifest{{Name: "a.txt", Bytes: 3, SHA256: strings.Repeat("ab", 32)}}
	return &Plan{
		Version: 1, Test: "detect", Question: "?", Log: "x", Keys: []PlanKey{{ID: testKey(1).ID(), Epoch: "e", Scheme: testScheme, Profile: json.RawMessage(`{}`)}},
		Corpus: files.Digest(), Files: files, Unit: "text", Dedup: "pair", Statistics: []string{"s"}, Alpha: 1e-6, Multiplicity: "none", Tests: 1,
		Stopping: "fixed", Controls: Controls{Keys: 100, RunKey: strings.Repeat("0c", 16)}, Tool: "t", Options: json.RawMessage(`{}`),
	}
}

func testReport(t testing.TB) *Report {
	t.Helper()
	p := testPlan(t)
	return &Report{
		Version: 1, Plan: json.RawMessage(`{}`), PlanDigest: Digest(nil), Growth: []Growth{}, Digest: Digest(nil),
		Outcome: Outcome{Verdict: "inconclusive", Files: p.Files, Controls: []ControlResult{}, Counts: Counts{Reasons: []Count{}}, Result: json.RawMessage(`{}`)},
	}
}

func TestPlanIsWrittenAsItIsRead(t *testing.T) {
	text, err := testPlan(t).Statement()
	require.NoError(t, err)
	p, err := ParsePlan(text)
	require.NoError(t, err)
	again, err := p.Statement()
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))
	assert.True(t, IsStatement(text, PlanType))
	assert.False(t, IsStatement(text, ReportType))
	for _, c := range []struct{ name, old, new string }{
		{"an unknown field", `"isotope_plan"`, `"x":1,"isotope_plan"`},
		{"another version", `"isotope_plan":1`, `"isotope_plan":2`},
		{"another verb", `"test":"detect"`, `"test":"guess"`},
		{"another corpus", `"corpus":"sha256:`, `"corpus":"sha256:0`},
		{"another subject", `"subject":[{"name":"a.txt"`, `"subject":[{"name":"b.txt"`},
		{"no subject", `{"name":"a.txt","digest":{"sha256":"` + strings.Repeat("ab", 32) + `"}}`, ""},
		{"alpha of 1", `"alpha":0.000001`, `"alpha":1`},
		{"no test", `"tests":1`, `"tests":0`},
		{"a key without an id", testKey(1).ID(), ""},
		{"a negative size", `"bytes":3`, `"bytes":-3`},
		{"null for a predicate", `"predicate":{`, `"predicate":null,"x":{`},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := strings.Replace(string(text), c.old, c.new, 1)
			require.NotEqual(t, string(text), other)
			_, err := ParsePlan([]byte(other))
			assert.Error(t, err)
		})
	}
	r, err := testReport(t).Statement()
	require.NoError(t, err)
	_, err = ParseReport(r)
	require.NoError(t, err)
	_, err = ParsePlan(r)
	assert.ErrorContains(t, err, "not a plan")
}

func TestManifestDiff(t *testing.T) {
	a := Manifest{{"a", 1, strings.Repeat("0", 64)}, {"b", 1, strings.Repeat("0", 64)}}
	assert.Empty(t, a.Diff(a))
	said := a.Diff(Manifest{{"b", 2, strings.Repeat("1", 64)}, {"c", 1, strings.Repeat("0", 64)}})
	require.Len(t, said, 3)
	assert.Equal(t, `"a" is missing`, said[0])
	assert.Contains(t, said[1], `"b" has changed`)
	assert.Equal(t, `"c" was not declared`, said[2])
	for _, bad := range []Manifest{nil, {a[1], a[0]}, {a[0], a[0]}, {{"", 1, a[0].SHA256}}, {{"a", 1, "00"}}} {
		assert.Error(t, bad.Check())
	}
}

func FuzzParsePlan(tf *testing.F) {
	f := mutate.New(tf)
	text, err := testPlan(f).Statement()
	require.NoError(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			if p, err := ParsePlan(data); err == nil {
				again, err := p.Statement()
				if err != nil || !bytes.Contains(again, []byte(p.Corpus)) {
					t.Errorf("%q was taken: %v", data, err)
				}
			}
		})
	})
}

func FuzzParseReport(tf *testing.F) {
	f := mutate.New(tf)
	text, err := testReport(f).Statement()
	require.NoError(f, err)
	f.Add(text)
	_, v := testSigner(f, "example.com/log", 1)
	plan, err := testPlan(f).Statement()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			if r, err := ParseReport(data); err == nil {
				if Check(r, plan, v).Findings.Err() == nil {
					t.Errorf("%q holds", data)
				}
			}
		})
	})
}

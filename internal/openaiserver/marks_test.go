package openaiserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// texts returns n answers of 500 tokens to an account.
func texts(t *testing.T, s *testServer, apiKey string, n int) []string {
	t.Helper()
	client := s.client(apiKey)
	var list []string
	for i := range n {
		got, err := client.Completions.New(t.Context(), textParams("", 500, int64(i)))
		require.NoError(t, err)
		list = append(list, got.Choices[0].Text)
	}
	return list
}

// testUnder tests texts as an auditor does: it tokenizes them again, and tests them under the
// mark of a profile and a path from the root.
func testUnder(t *testing.T, s *testServer, texts []string, lo, hi int, path ...string) detect.Result {
	t.Helper()
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	selector := root.Derive("selector", "e1")
	p := watermark.Profile{Scheme: testScheme, Vocab: s.ngram.tokenizer.Vocab(), Tokenizer: s.ngram.tokenizer.Name(), TokenizerDigest: s.ngram.tokenizer.Digest(),
		BandLo: lo, BandHi: hi, Selector: selector.ID()}
	mark, err := p.Mark(root.Derive(path...), selector)
	require.NoError(t, err)
	acc := detect.NewAccumulator(mark, nil)
	for _, text := range texts {
		acc.Add(s.ngram.tokenizer.Append(nil, []byte(text)))
	}
	return acc.Result()
}

// TestTenantsAreFound checks that the text of an account carries the marks of the master key, of
// its cohort and of the account, each in its part of the contexts, and no other mark.
func TestTenantsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 3000 tokens, which the race detector slows down a hundredfold")
	}
	s := start(t, nil)
	acme, globex := texts(t, s, acmeKey, 3), texts(t, s, globexKey, 3)
	type band struct {
		lo, hi int
		path   []string
	}
	master := band{0, 32768, []string{"master", "e1"}}
	east, west := band{32768, 49152, []string{"cohort", "east", "e1"}}, band{32768, 49152, []string{"cohort", "west", "e1"}}
	ofAcme, ofGlobex := band{49152, 65536, []string{"tenant", "acme", "e1"}}, band{49152, 65536, []string{"tenant", "globex", "e1"}}
	for _, c := range []struct {
		name  string
		texts []string
		has   []band
		not   []band
	}{
		{"acme", acme, []band{master, east, ofAcme}, []band{west, ofGlobex}},
		{"globex", globex, []band{master, west, ofGlobex}, []band{east, ofAcme}},
	} {
		scored := int64(0)
		for _, b := range c.has {
			r := testUnder(t, s, c.texts, b.lo, b.hi, b.path...)
			assert.Less(t, r.Log10P, -10.0, "%s %s", c.name, b.path)
			assert.Equal(t, detect.Detected, r.Verdict)
			scored += r.Scored
		}
		whole := detect.NewAccumulator(everything(t, s), nil)
		for _, text := range c.texts {
			whole.Add(s.ngram.tokenizer.Append(nil, []byte(text)))
		}
		assert.Equal(t, whole.Result().Scored, scored, "the layers share all contexts between them")
		for _, b := range append(c.not, band{0, 32768, []string{"master", "e2"}}, band{49152, 65536, []string{"tenant", "acme", "e2"}}) {
			r := testUnder(t, s, c.texts, b.lo, b.hi, b.path...)
			assert.Greater(t, r.Log10P, -6.0, "%s %s", c.name, b.path)
		}
	}
}

// everything returns a mark of all contexts.
func everything(t *testing.T, s *testServer) *watermark.Mark {
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	mark, err := watermark.New(root, testScheme, s.ngram.tokenizer.Vocab())
	require.NoError(t, err)
	return mark
}

// TestUnmarked checks that text that is served without marks has none.
func TestUnmarked(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1500 tokens")
	}
	s := start(t, func(c *Config) { c.Marker = nil })
	list := texts(t, s, acmeKey, 3)
	for _, b := range []struct {
		lo, hi int
		path   string
	}{{0, 32768, "master/e1"}, {32768, 49152, "cohort/east/e1"}, {49152, 65536, "tenant/acme/e1"}} {
		r := testUnder(t, s, list, b.lo, b.hi, strings.Split(b.path, "/")...)
		assert.Greater(t, r.Log10P, -6.0)
		assert.Greater(t, r.Scored, int64(100))
	}
	assert.Equal(t, "3", s.metrics.unmarked.String())
	assert.Equal(t, "0", s.metrics.marked.String())
	for _, e := range s.log.entries(t) {
		assert.Equal(t, false, e["marked"])
		assert.NotContains(t, e, "not_marked", "the operator wants it so")
	}
}

// TestAnyone checks that only a server without marks may have no tenants.
func TestAnyone(t *testing.T) {
	s := start(t, func(c *Config) { c.Marker, c.Tenants = nil, nil })
	status, _, _ := s.post(t, "/v1/completions", "", `{"model":"isotope-lm","prompt":"The"}`)
	assert.Equal(t, 200, status)
	c := s.config
	c.Marker = &Marker{}
	_, err := New(c)
	assert.ErrorContains(t, err, "tenants")
}

func TestMarksAreShared(t *testing.T) {
	s := start(t, nil)
	m := s.config.Marker
	a, err := m.Marks(s.config.Tenants.Find(acmeKey))
	require.NoError(t, err)
	b, err := m.Marks(s.config.Tenants.Find(globexKey))
	require.NoError(t, err)
	assert.Same(t, a[0], b[0], "the master's mark serves all requests")
	assert.NotEqual(t, a[2].KeyID(), b[2].KeyID())
	again, err := m.Marks(s.config.Tenants.Find(acmeKey))
	require.NoError(t, err)
	assert.Same(t, a[1], again[1])
	assert.Same(t, a[2], again[2])
}

// TestMarkerRefuses checks that parameters are checked when the server starts, not at a request.
func TestMarkerRefuses(t *testing.T) {
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	_, err = NewMarker(root, testTenants(t), watermark.GreenList{Gamma: 0.3, Delta: 2, Width: 2}, 1000)
	assert.ErrorContains(t, err, "gamma")
	secret := &Tenants{Epoch: "e1", List: []*Tenant{{ID: strings.Repeat("5a", 32)}}}
	_, err = NewMarker(root, secret, testScheme, 1000)
	require.ErrorContains(t, err, "tenant id", "a registry refuses what may be a key")
	assert.NotContains(t, err.Error(), "5a5a")
}

// unmarkable lists why a request cannot be marked.
var unmarkable = []struct {
	name   string
	change func(*Config)
	key    string
	reason string
}{
	{"no root key", func(c *Config) { c.Marker = &Marker{} }, acmeKey, "no root key"},
	{"no cohort", func(*Config) {}, newKey, "no cohort"},
}

// TestMarkerWithoutRoot checks that a server can start without a root key, and marks nothing then.
func TestMarkerWithoutRoot(t *testing.T) {
	m, err := NewMarker(watermark.Key{}, testTenants(t), testScheme, 1000)
	require.NoError(t, err)
	_, err = m.Marks(testTenants(t).Find(acmeKey))
	assert.ErrorIs(t, err, errUnmarkable)
}

func TestFailClosed(t *testing.T) {
	for _, c := range unmarkable {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", c.name, stream), func(t *testing.T) {
				s := start(t, c.change)
				status, text, header := s.post(t, "/v1/completions", c.key, fmt.Sprintf(`{"model":"isotope-lm","prompt":"The","stream":%v}`, stream))
				assert.Equal(t, 503, status)
				assert.JSONEq(t, `{"error":{"message":"This account cannot be served at the moment.","type":"server_error","code":"not_available","param":null}}`, text)
				assert.Equal(t, "1", header.Get("Retry-After"))
				e := s.log.entries(t)
				require.Len(t, e, 1)
				assert.Equal(t, "WARN", e[0]["level"])
				assert.Contains(t, e[0]["not_marked"], c.reason)
				assert.EqualValues(t, 0, e[0]["completion_tokens"])
				assert.Equal(t, "0", s.metrics.unmarked.String())
				assert.Equal(t, "0", s.metrics.completion.String())
			})
		}
	}
}

func TestFailOpen(t *testing.T) {
	for _, c := range unmarkable {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, func(config *Config) {
				c.change(config)
				config.FailClosed = false
			})
			client := s.client(c.key)
			got, err := client.Completions.New(t.Context(), textParams("The", 20, 1))
			require.NoError(t, err)
			assert.EqualValues(t, 20, got.Usage.CompletionTokens)
			e := s.log.entries(t)
			require.Len(t, e, 1)
			assert.Equal(t, "WARN", e[0]["level"], "an operator must notice")
			assert.Equal(t, false, e[0]["marked"])
			assert.Contains(t, e[0]["not_marked"], c.reason)
			assert.Equal(t, "1", s.metrics.unmarked.String())
		})
	}
}

// TestKeysAreThoseOfTheRegistry checks that a tenant's requests are marked with the keys and the
// bands that an auditor derives from the registry.
func TestKeysAreThoseOfTheRegistry(t *testing.T) {
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	file := testTenants(t)
	marker, err := NewMarker(root, file, testScheme, 1000)
	require.NoError(t, err)
	r, err := file.Registry(root.ID(), 100)
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	r, err = registry.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	master, cohorts, tenants, err := r.Accounts(root, "e1", testScheme, 1000)
	require.NoError(t, err)
	assert.Len(t, cohorts, 102)
	assert.Len(t, tenants, 103)
	for i, tenant := range file.List[:2] {
		t.Run(tenant.ID, func(t *testing.T) {
			marks, err := marker.Marks(tenant)
			require.NoError(t, err)
			assert.Equal(t, []string{tenant.Cohort, tenant.ID}, []string{cohorts[i].ID, tenants[i].ID})
			// The id of a mark holds the ids of its key and its selector, scheme, vocabulary and band.
			var got, layers []string
			for _, m := range marks {
				got, layers = append(got, m.ID()), append(layers, layerOf(m))
			}
			assert.Equal(t, []string{master.ID(), cohorts[i].Mark.ID(), tenants[i].Mark.ID()}, got)
			assert.Equal(t, []string{"master", "cohort", "tenant"}, layers)
		})
	}
}

// TestNewLogsProfiles checks that the operator finds the profiles of the marks in the log.
func TestNewLogsProfiles(t *testing.T) {
	s := start(t, nil)
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	var got []string
	for line := range strings.Lines(s.log.String()) {
		var e struct{ Msg, Layer, Profile, Selector string }
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		if e.Msg == "mark" {
			assert.Equal(t, root.Derive("selector", "e1").ID(), e.Selector)
			got = append(got, e.Layer+" "+e.Profile)
		}
	}
	tok := s.ngram.tokenizer
	var want []string
	for _, l := range []struct {
		name   string
		lo, hi int
	}{{"master", 0, 32768}, {"cohort", 32768, 49152}, {"tenant", 49152, 65536}} {
		p := watermark.Profile{Scheme: testScheme, Vocab: tok.Vocab(), Tokenizer: tok.Name(), TokenizerDigest: tok.Digest(),
			BandLo: l.lo, BandHi: l.hi, Selector: root.Derive("selector", "e1").ID(), Marked: watermark.MarkedScored}
		want = append(want, l.name+" "+p.ID())
	}
	assert.Equal(t, want, got)
}

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
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

// testUnder tests texts as an auditor does: tokenized again, under the mark of a profile
// and a path from the root.
func testUnder(t *testing.T, s *testServer, texts []string, lo, hi int, path ...string) detect.Result {
	t.Helper()
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	selector := root.Derive("selector", "e1")
	p := watermark.Profile{Scheme: testScheme, Vocab: s.tokenizer.Vocab(), Tokenizer: s.tokenizer.Name(), TokenizerDigest: s.tokenizer.Digest(),
		BandLo: lo, BandHi: hi, Selector: selector.ID()}
	mark, err := p.Mark(root.Derive(path...), selector)
	require.NoError(t, err)
	acc := detect.New(mark, nil)
	for _, text := range texts {
		acc.Add(s.tokenizer.Append(nil, []byte(text)))
	}
	return acc.Result()
}

// TestTenantsAreFound: the text of an account carries the marks of the master key, of its
// cohort and of itself, each in its part of the contexts, and those of nobody else.
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
		whole := detect.New(everything(t, s), nil)
		for _, text := range c.texts {
			whole.Add(s.tokenizer.Append(nil, []byte(text)))
		}
		assert.Equal(t, whole.Result().Scored, scored, "the layers share all contexts between them")
		for _, b := range append(c.not, band{0, 32768, []string{"master", "e2"}}, band{49152, 65536, []string{"tenant", "acme", "e2"}}) {
			r := testUnder(t, s, c.texts, b.lo, b.hi, b.path...)
			assert.Greater(t, r.Log10P, -6.0, "%s %s", c.name, b.path)
		}
	}
}

// everything is a mark whose band is all contexts.
func everything(t *testing.T, s *testServer) *watermark.Mark {
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	mark, err := watermark.New(root, testScheme, s.tokenizer.Vocab())
	require.NoError(t, err)
	return mark
}

// TestUnmarked: what is served without marks has none.
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
		assert.NotContains(t, e, "not_marked", "it is meant to be so")
	}
}

// TestAnyone: an unmarked server may have no tenants; a marked one may not.
func TestAnyone(t *testing.T) {
	s := start(t, func(c *Config) { c.Marker, c.Tenants = nil, nil })
	status, _, _ := s.post(t, "/v1/completions", "", `{"model":"isotope-lm","prompt":"The"}`)
	assert.Equal(t, 200, status)
	c := s.config
	c.Marker = &Marker{}
	_, err := NewServer(c)
	assert.ErrorContains(t, err, "tenants")
}

func TestMarksAreShared(t *testing.T) {
	s := start(t, nil)
	m := s.config.Marker
	a, err := m.Marks(&Tenant{ID: "a", Cohort: "c"})
	require.NoError(t, err)
	b, err := m.Marks(&Tenant{ID: "b", Cohort: "c"})
	require.NoError(t, err)
	assert.Same(t, a[0], b[0])
	assert.Same(t, a[1], b[1])
	assert.NotEqual(t, a[2].KeyID(), b[2].KeyID())
	again, err := m.Marks(&Tenant{ID: "a", Cohort: "c"})
	require.NoError(t, err)
	assert.Same(t, a[2], again[2])
}

// TestMarkerRefuses: parameters are checked when the server starts, not at a request.
func TestMarkerRefuses(t *testing.T) {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	_, err = NewMarker(root, "e1", watermark.GreenList{Gamma: 0.3, Delta: 2, Width: 2}, tok)
	assert.ErrorContains(t, err, "gamma")
}

// unmarkable are the ways in which a request cannot be marked.
func unmarkable(t *testing.T) map[string]struct {
	change func(*Config)
	key    string
	reason string
} {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	noRoot, err := NewMarker(watermark.Key{}, "e1", testScheme, tok)
	require.NoError(t, err)
	return map[string]struct {
		change func(*Config)
		key    string
		reason string
	}{
		"no root key": {func(c *Config) { c.Marker = noRoot }, acmeKey, "no root key"},
		"no cohort":   {func(*Config) {}, newKey, "no cohort"},
	}
}

func TestFailClosed(t *testing.T) {
	for name, c := range unmarkable(t) {
		for _, stream := range []bool{false, true} {
			s := start(t, c.change)
			status, text, header := s.post(t, "/v1/completions", c.key, fmt.Sprintf(`{"model":"isotope-lm","prompt":"The","stream":%v}`, stream))
			assert.Equal(t, 503, status, name)
			assert.JSONEq(t, `{"error":{"message":"This account cannot be served at the moment.","type":"server_error","code":"not_available","param":null}}`, text)
			assert.Equal(t, "1", header.Get("Retry-After"))
			e := s.log.entries(t)
			require.Len(t, e, 1)
			assert.Equal(t, "WARN", e[0]["level"])
			assert.Contains(t, e[0]["not_marked"], c.reason)
			assert.EqualValues(t, 0, e[0]["completion_tokens"])
			assert.Equal(t, "0", s.metrics.unmarked.String())
			assert.Equal(t, "0", s.metrics.completion.String())
		}
	}
}

func TestFailOpen(t *testing.T) {
	for name, c := range unmarkable(t) {
		s := start(t, func(config *Config) {
			c.change(config)
			config.FailClosed = false
		})
		client := s.client(c.key)
		got, err := client.Completions.New(t.Context(), textParams("The", 20, 1))
		require.NoError(t, err, name)
		assert.EqualValues(t, 20, got.Usage.CompletionTokens)
		e := s.log.entries(t)
		require.Len(t, e, 1)
		assert.Equal(t, "WARN", e[0]["level"], "nobody shall overlook it")
		assert.Equal(t, false, e[0]["marked"])
		assert.Contains(t, e[0]["not_marked"], c.reason)
		assert.Equal(t, "1", s.metrics.unmarked.String())
	}
}

// TestKeysAreThoseOfTheRegistry: what a tenant's requests are marked with is what an auditor
// derives from the registry: the same keys in the same bands.
func TestKeysAreThoseOfTheRegistry(t *testing.T) {
	root, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	tokenizer, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	marker, err := NewMarker(root, "2026-11", testScheme, tokenizer)
	require.NoError(t, err)
	reg, err := registry.Generate(root.ID(), "2026-11", []registry.Tenant{{ID: "acme", Cohort: "east"}, {ID: "globex", Cohort: "west"}}, 1)
	require.NoError(t, err)
	master, cohorts, tenants, err := reg.Accounts(root, "2026-11", testScheme, tokenizer.Vocab())
	require.NoError(t, err)
	for i, tenant := range []*Tenant{{ID: "acme", Cohort: "east"}, {ID: "globex", Cohort: "west"}} {
		marks, err := marker.Marks(tenant)
		require.NoError(t, err)
		require.Len(t, marks, 3)
		assert.Equal(t, master.KeyID(), marks[0].KeyID())
		assert.Equal(t, tenant.Cohort, cohorts[i].ID)
		assert.Equal(t, tenant.ID, tenants[i].ID)
		// The id of a mark holds those of its key and its selector, scheme, vocabulary and band.
		assert.Equal(t, []string{master.ID(), cohorts[i].Mark.ID(), tenants[i].Mark.ID()}, []string{marks[0].ID(), marks[1].ID(), marks[2].ID()})
	}
}

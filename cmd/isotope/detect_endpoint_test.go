package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// An echoServer answers completions with the logprobs of their prompts.
type echoServer struct {
	logprob func(at int, id watermark.Token) *float64
	top     func(at int, id watermark.Token) map[string]float64
	token   func(id watermark.Token) string
	must    int // smallest max_tokens that it takes
	asked   []echoRequest
}

func (e *echoServer) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q echoRequest
		assert.Equal(t, "/v1/completions", r.URL.Path)
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&q))
		if q.MaxTokens < e.must {
			http.Error(w, "max_tokens must be at least 1", http.StatusBadRequest)
			return
		}
		e.asked = append(e.asked, q)
		l := echoLogprobs{}
		for i, id := range q.Prompt {
			l.Tokens, l.Drawn, l.Top = append(l.Tokens, e.token(id)), append(l.Drawn, e.logprob(i, id)), append(l.Top, e.top(i, id))
		}
		text, err := json.Marshal(map[string]any{"choices": []any{map[string]any{"text": "", "logprobs": l}}})
		assert.NoError(t, err)
		w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// informedResult is what the tests look at of the JSON of detect.
type informedResult struct {
	Verdict  detect.Verdict `json:"verdict"`
	Tests    int64          `json:"tests"`
	Informed *informedJSON  `json:"informed"`
	Warnings []string       `json:"warnings"`
}

// TestDetectReferenceEndpoint: the logprobs of a server test as those numbers do in package informed,
// as a second test. A token of which the server says nothing weakens the test alone.
func TestDetectReferenceEndpoint(t *testing.T) {
	dir := newDir(t)
	ids, entropy := halfFree(t, 300)
	key, err := watermark.ParseKey(secretOf("5a"))
	require.NoError(t, err)
	p, err := watermark.ParseProfile([]byte(weightedProfile))
	require.NoError(t, err)
	mark, err := p.Mark(key)
	require.NoError(t, err)
	probability := func(at int) float64 {
		if entropy[at] > 1 {
			return 0.002
		}
		return 0.95
	}
	args := []string{
		"detect", "-q", "--json", "--key", dir.file("my.key", secretOf("5a")+"\n"), "--profile", dir.file("my.json", weightedProfile),
		"--ids", dir.file("ids.json", strings.ReplaceAll(fmt.Sprint(ids), " ", ",")), "--reference-model", "ref",
	}
	for _, c := range []struct {
		name    string
		must    int
		unknown func(at int) bool
	}{
		{"a server that writes nothing", 0, func(int) bool { return false }},
		{"a server that must write", 1, func(int) bool { return false }},
		{"a server that leaves tokens out", 0, func(at int) bool { return at%5 == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &echoServer{
				logprob: func(at int, _ watermark.Token) *float64 {
					x := math.Log(probability(at))
					if at == 0 || c.unknown(at) {
						return nil
					}
					return &x
				},
				top: func(int, watermark.Token) map[string]float64 { return nil }, token: func(id watermark.Token) string { return fmt.Sprint("token_id:", id) }, must: c.must,
			}
			var got informedResult
			require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(args, "--reference-endpoint", e.serve(t))...)), &got))
			probs := make([]float64, len(ids))
			for i := range probs {
				if probs[i] = float64(float32(probability(i))); i == 0 || c.unknown(i) {
					probs[i] = math.NaN()
				}
			}
			test := informed.New(mark, &informed.Options{Dedup: detect.OptionsOf(mark).Dedup, Tests: 2})
			test.Add(ids, probs)
			want := test.Result()
			require.NotNil(t, got.Informed)
			assert.InDelta(t, want.Log10P, *got.Informed.Log10P, 1e-6)
			assert.Equal(t, want.Unknown, got.Informed.Unknown)
			assert.Equal(t, int64(2), got.Tests)
			assert.Less(t, *got.Informed.Log10P, -6.0)
			assert.Contains(t, strings.Join(got.Warnings, "\n"), "nobody tested whether its model depends on the key")
			require.Len(t, e.asked, 1)
			assert.Equal(t, ids, e.asked[0].Prompt)
			assert.Equal(t, c.must, e.asked[0].MaxTokens)
		})
	}
}

// TestReferenceEndpointRows: a cut list of likeliest tokens stays a part of a law, the token that was
// drawn is in it, and what a server says wrong is an error.
func TestReferenceEndpointRows(t *testing.T) {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	ids := tok.Append(nil, []byte("The cat sat on the mat"))
	number := func(x float64) *float64 { return &x }
	e := &echoServer{
		logprob: func(at int, _ watermark.Token) *float64 {
			if at == 0 {
				return nil
			}
			return number(math.Log(0.25))
		},
		top: func(at int, _ watermark.Token) map[string]float64 {
			if at == 3 {
				return map[string]float64{"\ufffd\ufffd": math.Log(0.7)}
			}
			return map[string]float64{" dog": math.Log(0.5), " bird": math.Log(0.125)}
		},
		token: func(id watermark.Token) string {
			text, err := tok.Decode(nil, []watermark.Token{id})
			assert.NoError(t, err)
			return string(text)
		},
	}
	server := e.serve(t)
	open := func() *rowsEndpoint {
		r, err := newRowsEndpoint(server, "ref", tok)
		require.NoError(t, err)
		return r
	}
	r := open()
	rows, err := r.rows(t.Context(), ids[:1], ids[1:])
	require.NoError(t, err)
	require.Len(t, rows, len(ids)-1)
	dog := tok.Append(nil, []byte(" dog"))[0]
	for i, row := range rows {
		require.NoError(t, row.Check(tok.Vocab()))
		if i == 2 {
			assert.Nil(t, row.Probs, "the likeliest token has no id")
			continue
		}
		assert.Equal(t, dog, row.Choice())
		assert.Contains(t, row.Tokens, ids[i+1])
	}
	assert.False(t, r.blind)

	e.top = func(int, watermark.Token) map[string]float64 { return nil }
	r = open()
	_, err = r.rows(t.Context(), nil, ids)
	require.NoError(t, err)
	assert.True(t, r.blind)

	e.logprob = func(int, watermark.Token) *float64 { return number(0.5) }
	_, err = open().rows(t.Context(), nil, ids)
	assert.ErrorContains(t, err, "not that of a probability")
	e.logprob = func(int, watermark.Token) *float64 { return number(-1) }
	e.token = func(watermark.Token) string { return "x" }
	_, err = open().rows(t.Context(), nil, ids)
	assert.ErrorContains(t, err, "ask a model with that tokenizer")
	e.must = 2
	_, err = open().rows(t.Context(), nil, ids)
	assert.ErrorContains(t, err, "400 Bad Request")

	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, server, http.StatusTemporaryRedirect)
	}))
	defer elsewhere.Close()
	server = elsewhere.URL
	_, err = open().rows(t.Context(), nil, ids)
	assert.ErrorContains(t, err, "307")
	_, err = newRowsEndpoint("host/v1", "ref", tok)
	assert.ErrorContains(t, err, "not an address")
}

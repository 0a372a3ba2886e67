package collect

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzJournal: a journal is read whole, or refused. A whole one that is cut short anywhere stays one
// whose lines are whole.
func FuzzJournal(tf *testing.F) {
	f := mutate.New(tf)
	landed, err := filepath.Glob("../../testdata/landed/*/journals/*.jsonl")
	require.NoError(f, err)
	require.NotEmpty(f, landed)
	for _, name := range landed {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(text[:min(len(text), 4096)])
	}
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			rec, err := readJournal(bytes.NewReader(text))
			if err != nil {
				return
			}
			require.Equal(t, int64(len(text)), rec.size+rec.torn)
			again, err := readJournal(bytes.NewReader(text[:rec.size]))
			require.NoError(t, err)
			assert.Equal(t, rec.Head, again.Head)
			assert.Zero(t, again.torn)
		})
	})
}

// FuzzRecord: a line that is sealed again after any change of its parts reads back as the same record.
func FuzzRecord(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(`{"ask":0,"skip":"error"}`), []byte(`{"attempts":1,"status":500}`))
	f.Fuzz(func(t *testing.T, c, o []byte) {
		if !json.Valid(c) || !json.Valid(o) {
			return
		}
		line, _, err := record{Kind: kindAnswer, Canonical: c, Observed: o}.seal()
		if err != nil {
			return
		}
		rec, err := unseal(line)
		if err != nil {
			return // repeated fields, for one
		}
		again, _, err := rec.seal()
		require.NoError(t, err)
		assert.Equal(t, string(line), string(again))
	})
}

// FuzzPrompts: what is taken as prompts may be sent.
func FuzzPrompts(tf *testing.F) {
	f := mutate.New(tf)
	for _, seed := range []string{"one\ntwo\n", "one\n\none", "\ufeffa\r\nb", markingKey, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			prompts, _, err := Distinct(strings.Split(string(text), "\n"))
			if err != nil {
				assert.Empty(t, prompts)
				return
			}
			for _, p := range prompts {
				assert.False(t, secret.Holds(p))
			}
			assert.NotEmpty(t, prompts)
		})
	})
}

// FuzzRetryAfter: whatever an endpoint asks for is a pause between nothing and longest.
func FuzzRetryAfter(tf *testing.F) {
	f := mutate.New(tf)
	for _, seed := range []string{"1", "1e300", "-1", "NaN", "Fri, 31 Dec 1999 23:59:59 GMT", "0x1p-2"} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, seconds, millis string) {
		d := retryAfter(http.Header{"Retry-After": {seconds}, "Retry-After-Ms": {millis}})
		assert.GreaterOrEqual(t, d, time.Duration(0))
		assert.LessOrEqual(t, d, longest)
	})
}

// FuzzSieve: a body that holds the API key anywhere, whatever is around it, is not recorded with it.
func FuzzSieve(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(`{"choices":[{"message":{"content":"`), []byte(`"}}]}`))
	f.Add([]byte("data: {\"x\":\""), []byte("\"}\n\ndata: [DONE]"))
	s := newSieve(apiKey)
	f.Fuzz(func(t *testing.T, before, after []byte) {
		testmark.InTime(t, before, func(before []byte) {
			x := new(Exchange)
			clean, hidden := s.body(append(append(bytes.Clone(before), apiKey...), after...), x)
			assert.NotZero(t, x.Redacted)
			assert.True(t, hidden || !bytes.Contains(clean, []byte(apiKey)))
		})
	})
}

// FuzzFraming: a stream that is cut anywhere before its end is not whole, unless a choice ended.
func FuzzFraming(tf *testing.F) {
	f := mutate.New(tf)
	f.Add("a text", uint16(3))
	f.Add("data: [DONE]\n\n", uint16(40))
	f.Fuzz(func(t *testing.T, text string, cut uint16) {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		var b bytes.Buffer
		io.WriteString(&b, `data: {"choices":[{"index":0,"delta":{"content":`)
		b.Write(quoted)
		io.WriteString(&b, "}}]}\n\n")
		assert.False(t, ended(b.Bytes()[:min(int(cut), b.Len())]))
		assert.False(t, ended(b.Bytes()))
		io.WriteString(&b, "data: [DONE]\n\n")
		assert.True(t, ended(b.Bytes()))
	})
}

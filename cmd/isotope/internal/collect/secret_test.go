package collect

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	markingDigits = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"
	markingKey    = "isotope-secret-key-1:" + markingDigits
)

// keyForms are a marking key as somebody might write it.
var keyForms = map[string]string{
	"plain": markingKey, "in a sentence": "What is " + markingKey + " for?", "upper case": strings.ToUpper(markingKey),
	"escaped": strings.ReplaceAll(markingKey, "-", `\u002d`), "base64": base64.StdEncoding.EncodeToString([]byte(markingKey)),
	"digits alone": markingDigits, "percent": strings.ReplaceAll(markingKey, "s", "%73"),
}

// TestNoMarkingKeyIsSent: a suspect that has seen a marking key can mark text for ever. So a
// declaration that holds one is refused before there is a journal.
func TestNoMarkingKeyIsSent(t *testing.T) {
	f := newFake(t, nil)
	quoted := func(s string) json.RawMessage {
		text, err := json.Marshal(map[string]any{"x": []string{s}})
		require.NoError(t, err)
		return text
	}
	for form, key := range keyForms {
		for _, place := range []struct {
			name string
			put  func(*Declaration)
		}{
			{"prompt 2", func(d *Declaration) { d.Prompts[1] = key }},
			{"the system prompt", func(d *Declaration) { d.Request.System = key }},
			{"the name of the model", func(d *Declaration) { d.Request.Model = key }},
			{"the extra fields", func(d *Declaration) { d.Request.Extra = quoted(key) }},
			{"the endpoint's URL", func(d *Declaration) { d.Request.Endpoint += "/" + strings.ReplaceAll(key, " ", "") }},
			{"the plan", func(d *Declaration) { d.Plan = quoted(key) }},
		} {
			if form == "digits alone" && place.name == "the plan" {
				continue // plans hold hashes
			}
			t.Run(place.name+" "+form, func(t *testing.T) {
				d := f.declare(3)
				place.put(&d)
				path := journalPath(t)
				_, err := OpenJournal(path, d)
				if !strings.Contains(form, "percent") || place.name != "the endpoint's URL" { // a URL may be refused as one
					assert.ErrorContains(t, err, place.name)
				}
				require.Error(t, err)
				assert.NotContains(t, strings.ToLower(err.Error()), markingDigits[:16])
				assert.NoFileExists(t, path)
			})
		}
	}
	assert.Zero(t, f.total())
}

// TestPromptsHoldNoKey: a key in a file of prompts.
func TestPromptsHoldNoKey(t *testing.T) {
	for form, key := range keyForms {
		t.Run(form, func(t *testing.T) {
			_, _, err := Distinct([]string{"one", key})
			require.ErrorContains(t, err, "prompt 2")
			require.ErrorContains(t, err, "secret key")
			assert.NotContains(t, err.Error(), markingDigits[:16])
		})
	}
}

// TestJournalsWithAKeyStayReadable: an older version recorded a key that was given as a prompt.
func TestJournalsWithAKeyStayReadable(t *testing.T) {
	whole := recorded(t, 1)
	rec, err := readJournal(forged(t, whole, func(r *record) {
		if r.Kind == kindPlan {
			r.Canonical = []byte(strings.Replace(string(r.Canonical), "prompt 0", markingKey, 1))
		}
	}))
	require.NoError(t, err)
	assert.Len(t, rec.Answers, 1)
	assert.Error(t, rec.Declaration.Check(), "and nothing is sent from it")
	assert.False(t, errors.Is(rec.Declaration.Check(), ErrChain))
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTenants(t *testing.T) {
	tenants := testTenants(t)
	assert.Equal(t, "acme", tenants.Find(acmeKey).ID)
	assert.Equal(t, "globex", tenants.Find(globexKey).ID)
	assert.Nil(t, tenants.Find(wrongKey))
	assert.Nil(t, tenants.Find(""))
	assert.Nil(t, tenants.Find(hashOf(acmeKey)), "the file's own text opens nothing")

	two, err := ParseTenants(fmt.Appendf(nil, `{"epoch":"e","tenants":[{"id":"a","cohort":"c","api_keys":[%q,%q]}]}`, hashOf("old"), hashOf("new")))
	require.NoError(t, err)
	assert.Same(t, two.Find("old"), two.Find("new"))
}

func TestBadTenants(t *testing.T) {
	h, other := hashOf("one"), hashOf("two")
	for text, want := range map[string]string{
		``:                                   "EOF",
		`{"epoch":"e","tenants":[]}`:         "no tenant has an API key",
		`{"tenants":[]}`:                     "epoch",
		`{"epoch":"a/b","tenants":[]}`:       "epoch",
		`{"epoch":"e","tenant":[]}`:          "unknown field",
		`{"epoch":"e","tenants":[]} {}`:      "follows",
		`{"epoch":"e","tenants":[null]}`:     "tenant 0",
		`{"epoch":"e","tenants":[{}]}`:       "tenant 0",
		`{"epoch":"e","tenants":[{"id":7}]}`: "cannot unmarshal",
		`{"epoch":"e","tenants":[{"id":"a","api_keys":["` + h + `"]},{"id":"a","api_keys":["` + other + `"]}]}`: "occurs twice",
		`{"epoch":"e","tenants":[{"id":"a","api_keys":["` + h + `"]},{"id":"b","api_keys":["` + h + `"]}]}`:     "one of a already",
		`{"epoch":"e","tenants":[{"id":"a","cohort":"x y"}]}`:                                                   "cohort",
		`{"epoch":"e","tenants":[{"id":"a","api_keys":["sk-secret"]}]}`:                                         "never keys",
		`{"epoch":"e","tenants":[{"id":"a","api_keys":["` + strings.TrimPrefix(h, "sha256:") + `"]}]}`:          "never keys",
		`{"epoch":"e","tenants":[{"id":"a","api_keys":["` + h[:70] + `"]}]}`:                                    "never keys",
	} {
		_, err := ParseTenants([]byte(text))
		if assert.ErrorContains(t, err, want, text) {
			assert.NotContains(t, err.Error(), "sk-secret")
		}
	}
}

func TestReadTenants(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenants.json")
	_, err := ReadTenants(file)
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte(`{"epoch":"e","tenants":[{"id":"a","api_keys":["`+hashOf("one")+`"]}]}`), 0o600))
	tenants, err := ReadTenants(file)
	require.NoError(t, err)
	assert.Equal(t, "e", tenants.Epoch)
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = ReadTenants(file)
	assert.ErrorContains(t, err, "tenants.json")
}

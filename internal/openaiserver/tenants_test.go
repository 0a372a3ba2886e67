package openaiserver

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
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, "empty"},
		{"no tenants", `{"epoch":"e","tenants":[]}`, "no tenant has an API key"},
		{"no epoch", `{"tenants":[]}`, "epoch"},
		{"an epoch with a slash", `{"epoch":"a/b","tenants":[]}`, "epoch"},
		{"an epoch twice", `{"epoch":"e","epoch":"f","tenants":[]}`, "occurs twice"},
		{"another spelling", `{"Epoch":"e","tenants":[]}`, "unknown field"},
		{"deep", `{"epoch":` + strings.Repeat("[", 1<<20), "nested deeper"},
		{"an unknown field", `{"epoch":"e","tenant":[]}`, "unknown field"},
		{"text after the object", `{"epoch":"e","tenants":[]} {}`, "not JSON at byte 28"},
		{"a null tenant", `{"epoch":"e","tenants":[null]}`, "tenant 0"},
		{"a tenant without an id", `{"epoch":"e","tenants":[{}]}`, "tenant 0"},
		{"an id that is a number", `{"epoch":"e","tenants":[{"id":7}]}`, "is not a string"},
		{"an id twice", `{"epoch":"e","tenants":[{"id":"a","api_keys":["` + h + `"]},{"id":"a","api_keys":["` + other + `"]}]}`, "occurs twice"},
		{"a key twice", `{"epoch":"e","tenants":[{"id":"a","api_keys":["` + h + `"]},{"id":"b","api_keys":["` + h + `"]}]}`, "tenants a and b have the same API key"},
		{"a cohort with a space", `{"epoch":"e","tenants":[{"id":"a","cohort":"x y"}]}`, "cohort"},
		{"a key in place of its hash", `{"epoch":"e","tenants":[{"id":"a","api_keys":["sk-secret"]}]}`, "never the key"},
		{"a hash without its name", `{"epoch":"e","tenants":[{"id":"a","api_keys":["` + strings.TrimPrefix(h, "sha256:") + `"]}]}`, "never the key"},
		{"a hash cut short", `{"epoch":"e","tenants":[{"id":"a","api_keys":["` + h[:70] + `"]}]}`, "never the key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseTenants([]byte(c.text))
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "sk-secret")
			assert.NotContains(t, err.Error(), h[10:30])
		})
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

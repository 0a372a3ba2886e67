package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func testRoot(t testing.TB) watermark.Key {
	k, err := watermark.ParseKey("isotope-secret-key-1:" + fmt.Sprintf("%064x", 99))
	require.NoError(t, err)
	return k
}

var scheme = watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}

// sample is a registry with everything in it.
func sample(t testing.TB) string {
	return `{"isotope_registry":1,"root":"` + testRoot(t).ID() + `",
"epochs":[{"id":"m3"},{"id":"m4","master":"a/master","selector":"a/selector"}],
"cohorts":[{"id":"w07","epoch":"m3"},{"id":"w07","epoch":"m4","path":"a/w07"},{"id":"d","epoch":"m3","decoy":true}],
"tenants":[
 {"id":"acme","cohort":"w07","epoch":"m3"},
 {"id":"acme","cohort":"w07","epoch":"m4","path":"x/acme/m4"},
 {"id":"mail@example.org","epoch":"m3"},
 {"id":"l1","epoch":"m3","lane":{"group":7,"index":0}},
 {"id":"l2","cohort":"w07","epoch":"m3","lane":{"group":7,"index":127}},
 {"id":"nobody","epoch":"m3","decoy":true},
 {"id":"lost","cohort":"d","epoch":"m3"}]}`
}

func TestParse(t *testing.T) {
	r, err := Parse(strings.NewReader(sample(t)))
	require.NoError(t, err)
	assert.Equal(t, []Epoch{{"m3", "master/m3", "selector/m3"}, {"m4", "a/master", "a/selector"}}, r.Epochs())
	assert.Equal(t, []Cohort{{"w07", "m3", "cohort/w07/m3", false}, {"d", "m3", "cohort/d/m3", true}}, r.Cohorts("m3"))
	tenants := r.Tenants("m3")
	require.Len(t, tenants, 6)
	assert.Equal(t, "tenant/acme/m3", tenants[0].Path)
	assert.Equal(t, "tenants/7/m3", tenants[2].Path)
	assert.Len(t, r.Tenants("m4"), 1)
	assert.Empty(t, r.Tenants("m5"))
	assert.Equal(t, testRoot(t).ID(), r.Root())

	text, err := json.Marshal(r)
	require.NoError(t, err)
	again, err := Parse(bytes.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, r, again)
}

func TestParseRefuses(t *testing.T) {
	secret := testRoot(t).Secret()
	good := sample(t)
	swap := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	for name, text := range map[string]string{
		"empty":                      "",
		"white space":                " \n",
		"an array":                   "[]",
		"null":                       "null",
		"a number":                   "7",
		"cut":                        good[:len(good)-1],
		"text after the end":         good + "{}",
		"a number after the end":     good + " 1",
		"another version":            swap(`"isotope_registry":1`, `"isotope_registry":2`),
		"an unknown field":           swap(`"root":`, `"rood":"","root":`),
		"a field in another place":   swap(`"root":`, `"id":"x","root":`),
		"a field twice":              swap(`"root":`, `"root":"","root":`),
		"a field twice inside":       swap(`"id":"acme",`, `"id":"acme","id":"acme",`),
		"another case":               swap(`"tenants"`, `"Tenants"`),
		"an id with a slash":         swap(`"id":"acme"`, `"id":"ac/me"`),
		"an id with a control":       swap(`"id":"acme"`, `"id":"ac\u0000me"`),
		"no id":                      swap(`"id":"acme"`, `"id":""`),
		"a long id":                  swap(`"id":"acme"`, `"id":"`+strings.Repeat("a", 129)+`"`),
		"an id twice":                swap(`"mail@example.org"`, `"acme"`),
		"an epoch twice":             swap(`{"id":"m3"}`, `{"id":"m4"}`),
		"an epoch not listed":        swap(`"cohort":"w07","epoch":"m3"}`, `"cohort":"w07","epoch":"m9"}`),
		"a cohort not listed":        swap(`"cohort":"w07"`, `"cohort":"w08"`),
		"a cohort of another epoch":  swap(`"cohort":"w07","epoch":"m4"`, `"cohort":"d","epoch":"m4"`),
		"one key for two":            swap(`"x/acme/m4"`, `"tenant/acme/m3"`),
		"the master's key":           swap(`"x/acme/m4"`, `"a/master"`),
		"a key derived from another": swap(`"x/acme/m4"`, `"tenant/acme/m3/more"`),
		"a parent of another":        swap(`"x/acme/m4"`, `"cohort/w07"`),
		"a parent of lanes":          swap(`"x/acme/m4"`, `"tenants/7"`),
		"a lane's key":               swap(`"x/acme/m4"`, `"tenants/7/m3"`),
		"a lane twice":               swap(`"index":127`, `"index":0`),
		"a lane outside":             swap(`"index":127`, `"index":128`),
		"a negative lane":            swap(`"index":127`, `"index":-1`),
		"an empty label":             swap(`"x/acme/m4"`, `"x//m4"`),
		"many labels":                swap(`"x/acme/m4"`, `"`+strings.Repeat("x/", 20)+`m4"`),
		"a type":                     swap(`"id":"acme"`, `"id":7`),
		"no root":                    swap(testRoot(t).ID(), ""),
		"a root that is no id":       swap(testRoot(t).ID(), "0123456789ABCDEF"),
		"deep":                       swap(`"group":7`, `"group":{"index":{}}`),
		"deep arrays":                strings.Repeat("[", 1000),
		"no epochs":                  `{"isotope_registry":1,"root":"0123456789abcdef","epochs":[],"cohorts":[],"tenants":[]}`,
	} {
		_, err := Parse(strings.NewReader(text))
		require.Error(t, err, name)
		assert.True(t, strings.HasPrefix(err.Error(), "registry: "), "%s: %v", name, err)
		assert.Less(t, len(err.Error()), 400, name)
	}
	// A secret key is refused wherever it stands, and not quoted.
	digits := strings.TrimPrefix(secret, "isotope-secret-key-1:")
	for name, text := range map[string]string{
		"as a path":   swap(`"x/acme/m4"`, `"`+secret+`"`),
		"as an id":    swap(`"id":"acme"`, `"id":"`+secret+`"`),
		"as a label":  swap(`"x/acme/m4"`, `"x/`+digits+`"`),
		"upper case":  swap(`"x/acme/m4"`, `"x/`+strings.ToUpper(digits)+`"`),
		"with escape": swap(`"x/acme/m4"`, `"x/\u0069sotope-secret-key-1:`+digits[:20]+`"`),
		"as a name":   swap(`"root":`, `"`+secret+`":1,"root":`),
		"in escapes":  swap(`"x/acme/m4"`, `"x/\u0030`+digits[1:]+`"`),
	} {
		_, err := Parse(strings.NewReader(text))
		require.ErrorIs(t, err, ErrSecret, name)
		assert.NotContains(t, err.Error(), digits[:16], name)
	}
	// A file of hashes is no registry either, and no reason to replace a key.
	_, err := Parse(strings.NewReader(`{"epoch":"m4","tenants":[{"id":"acme","api_keys":["sha256:` + strings.Repeat("5a", 32) + `"]}]}`))
	require.ErrorIs(t, err, ErrSecret)
	assert.Contains(t, err.Error(), "as a key or a hash has: if it is a key,")
	_, err = New(testRoot(t).ID(), []Epoch{{ID: digits}}, nil, nil)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), digits[:16])
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample(f)))
	f.Add([]byte(`{"isotope_registry":1,"root":"0123456789abcdef","epochs":[{"id":"a"}],"tenants":[{"id":"b","epoch":"a","lane":{"group":1,"index":1}}]}`))
	f.Add([]byte(`{"tenants":[{"lane":{"lane":{}}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		require.NoError(t, err)
		same, err := Parse(bytes.NewReader(again))
		require.NoError(t, err, "%s", again)
		require.Equal(t, r, same)
		_, _, _, err = r.Accounts(watermark.Key{}, r.Epochs()[0].ID, scheme, 100)
		require.Error(t, err, "another root")
	})
}

// TestMarksAndAccountsAgree: what a request is marked with is what a test looks for.
func TestMarksAndAccountsAgree(t *testing.T) {
	root := testRoot(t)
	r, err := Parse(strings.NewReader(sample(t)))
	require.NoError(t, err)
	for _, epoch := range []string{"m3", "m4"} {
		master, cohorts, tenants, err := r.Accounts(root, epoch, scheme, 1000)
		require.NoError(t, err)
		ids := map[string]string{}
		for _, c := range cohorts {
			ids["cohort "+c.ID] = c.Scorer.ID()
		}
		seen := map[string]bool{master.ID(): true}
		for i, a := range tenants {
			require.False(t, seen[a.Scorer.ID()], "a key twice")
			seen[a.Scorer.ID()] = true
			entry := r.Tenants(epoch)[i]
			assert.Equal(t, []any{entry.ID, entry.Cohort, entry.Decoy, entry.Lane != nil}, []any{a.ID, a.Cohort, a.Decoy, a.Lane})
			marks, err := r.Marks(root, epoch, a.ID, scheme, 1000)
			if a.Decoy || a.Cohort == "d" {
				assert.ErrorContains(t, err, "decoy", a.ID)
				continue
			}
			require.NoError(t, err)
			_, err = watermark.NewSequence(marks...)
			require.NoError(t, err)
			assert.Equal(t, master.ID(), marks[0].ID())
			assert.Equal(t, a.Scorer.ID(), marks[len(marks)-1].ID())
			if a.Cohort != "" {
				require.Len(t, marks, 3)
				assert.Equal(t, ids["cohort "+a.Cohort], marks[1].ID())
			} else {
				require.Len(t, marks, 2)
			}
		}
	}
	_, err = r.Marks(root, "m3", "unknown", scheme, 1000)
	assert.ErrorContains(t, err, "no tenant")
	_, err = r.Marks(root, "m5", "acme", scheme, 1000)
	assert.ErrorContains(t, err, "no epoch")
	_, err = r.Marks(root.Derive("x"), "m3", "acme", scheme, 1000)
	assert.ErrorContains(t, err, "root")
	_, err = r.Marks(root, "m3", "acme", scheme, 0)
	assert.Error(t, err)
	bind, err := r.MasterBinder(root, "m3", scheme, 1000)
	require.NoError(t, err)
	s, err := bind(root.Derive("decoy"))
	require.NoError(t, err)
	master, _, _, err := r.Accounts(root, "m3", scheme, 1000)
	require.NoError(t, err)
	lo, hi, selector := s.(*watermark.Mark).Band()
	wantLo, wantHi, wantSelector := master.Band()
	assert.Equal(t, []any{wantLo, wantHi, wantSelector}, []any{lo, hi, selector})
}

func TestGenerateThousands(t *testing.T) {
	root := testRoot(t)
	var tenants [][2]string
	for i := range 10_000 {
		tenants = append(tenants, [2]string{fmt.Sprintf("t%d", i), fmt.Sprintf("c%d", i%32)})
	}
	r, err := Generate(root, "m3", tenants, 100)
	require.NoError(t, err)
	master, cohorts, accounts, err := r.Accounts(root, "m3", scheme, 1000)
	require.NoError(t, err)
	assert.Len(t, cohorts, 132)
	assert.Len(t, accounts, 10_100)
	ids := map[string]bool{master.ID(): true}
	decoys := 0
	for _, a := range append(cohorts, accounts...) {
		require.False(t, ids[a.Scorer.ID()])
		ids[a.Scorer.ID()] = true
		if a.Decoy {
			decoys++
		}
	}
	assert.Equal(t, 200, decoys)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.NotContains(t, string(text), root.Secret()[30:])
	_, err = Generate(root, "m3", [][2]string{{"a", ""}, {"a", ""}}, 0)
	assert.ErrorContains(t, err, "twice")
	_, err = Generate(root, "m3", [][2]string{{"decoy-1", ""}}, 1)
	assert.ErrorContains(t, err, "twice")
}

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

func testRoot(t testing.TB) watermark.Key {
	k, err := watermark.ParseKey("isotope-secret-key-1:" + fmt.Sprintf("%064x", 99))
	require.NoError(t, err)
	return k
}

var scheme = watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}

// sample is a registry with every kind of entry.
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

func parse(t testing.TB, text string) *Registry {
	r, err := Parse(strings.NewReader(text))
	require.NoError(t, err)
	return r
}

func TestParse(t *testing.T) {
	r := parse(t, sample(t))
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
	assert.Equal(t, r, parse(t, string(text)))
}

// TestMarshalIsFixed pins the bytes: audits record the digest of a registry.
func TestMarshalIsFixed(t *testing.T) {
	r, err := New("0123456789abcdef", []Epoch{{ID: "e1"}}, []Cohort{{ID: "east", Epoch: "e1"}},
		[]Tenant{{ID: "acme", Cohort: "east", Epoch: "e1"}, {ID: "l1", Epoch: "e1", Lane: &Lane{Group: 7, Index: 3}}, {ID: "decoy-1", Epoch: "e1", Decoy: true}})
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Equal(t, `{"isotope_registry":1,"root":"0123456789abcdef",`+
		`"epochs":[{"id":"e1","master":"master/e1","selector":"selector/e1"}],`+
		`"cohorts":[{"id":"east","epoch":"e1","path":"cohort/east/e1"}],`+
		`"tenants":[{"id":"acme","cohort":"east","epoch":"e1","path":"tenant/acme/e1"},`+
		`{"id":"l1","epoch":"e1","path":"tenants/7/e1","lane":{"group":7,"index":3}},`+
		`{"id":"decoy-1","epoch":"e1","path":"tenant/decoy-1/e1","decoy":true}]}`, string(text))
}

func TestParseRefuses(t *testing.T) {
	good := sample(t)
	swap := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "cut short"},
		{"white space", " \n", "registry"},
		{"an array", "[]", "wrong type"},
		{"null", "null", "not a JSON object"},
		{"a number", "7", "not a JSON object"},
		{"cut", good[:len(good)-1], "cut short"},
		{"text after the end", good + "{}", "follows the end"},
		{"a number after the end", good + " 1", "follows the end"},
		{"another version", swap(`"isotope_registry":1`, `"isotope_registry":2`), "format 2 is not supported"},
		{"an unknown field", swap(`"root":`, `"rood":"","root":`), `unknown field "rood"`},
		{"a field in another place", swap(`"root":`, `"id":"x","root":`), `unknown field "id"`},
		{"a field twice", swap(`"root":`, `"root":"","root":`), "occurs twice"},
		{"a field twice inside", swap(`"id":"acme",`, `"id":"acme","id":"acme",`), "occurs twice"},
		{"another case", swap(`"tenants"`, `"Tenants"`), `unknown field "Tenants"`},
		{"an id with a slash", swap(`"id":"acme"`, `"id":"ac/me"`), "does not have the form"},
		{"an id with a control character", swap(`"id":"acme"`, `"id":"ac\u0000me"`), "does not have the form"},
		{"no id", swap(`"id":"acme"`, `"id":""`), "does not have the form"},
		{"a long id", swap(`"id":"acme"`, `"id":"`+strings.Repeat("z", 129)+`"`), "does not have the form"},
		{"an id twice", swap(`"mail@example.org"`, `"acme"`), "occurs twice"},
		{"an epoch twice", swap(`{"id":"m3"}`, `{"id":"m4"}`), "occurs twice"},
		{"an unlisted epoch", swap(`"cohort":"w07","epoch":"m3"}`, `"cohort":"w07","epoch":"m9"}`), `names epoch "m9"`},
		{"an unlisted cohort", swap(`"cohort":"w07"`, `"cohort":"w08"`), `names cohort "w08"`},
		{"a cohort of another epoch", swap(`"cohort":"w07","epoch":"m4"`, `"cohort":"d","epoch":"m4"`), `names cohort "d"`},
		{"one key for two", swap(`"x/acme/m4"`, `"tenant/acme/m3"`), "the same key"},
		{"the key of the master", swap(`"x/acme/m4"`, `"a/master"`), "the same key"},
		{"a key derived from another", swap(`"x/acme/m4"`, `"tenant/acme/m3/more"`), "derives from"},
		{"a parent of another", swap(`"x/acme/m4"`, `"cohort/w07"`), "derives from"},
		{"a parent of lanes", swap(`"x/acme/m4"`, `"tenants/7"`), "derives from"},
		{"the key of a lane", swap(`"x/acme/m4"`, `"tenants/7/m3"`), "the same key"},
		{"a lane twice", swap(`"index":127`, `"index":0`), "the same key"},
		{"a lane outside the range", swap(`"index":127`, `"index":128`), "outside 0 to 127"},
		{"a negative lane", swap(`"index":127`, `"index":-1`), "outside 0 to 127"},
		{"an empty label", swap(`"x/acme/m4"`, `"x//m4"`), "holds the label"},
		{"many labels", swap(`"x/acme/m4"`, `"`+strings.Repeat("x/", 20)+`m4"`), "up to 16 labels"},
		{"a wrong type", swap(`"id":"acme"`, `"id":7`), "wrong type"},
		{"no root", swap(testRoot(t).ID(), ""), "root"},
		{"a root that is not a key id", swap(testRoot(t).ID(), "0123456789ABCDEF"), "root"},
		{"deep objects", swap(`"group":7`, `"group":{"index":{}}`), "nested too deeply"},
		{"deep arrays", strings.Repeat("[", 1000), "nested too deeply"},
		{"no epochs", `{"isotope_registry":1,"root":"0123456789abcdef","epochs":[],"cohorts":[],"tenants":[]}`, "no epochs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(c.text))
			require.ErrorContains(t, err, c.want)
			assert.True(t, strings.HasPrefix(err.Error(), "registry: "), "%v", err)
			assert.Less(t, len(err.Error()), 400)
		})
	}
}

// TestParseRefusesSecrets checks that a key is refused wherever it occurs, and never quoted.
func TestParseRefusesSecrets(t *testing.T) {
	secret, good := testRoot(t).Secret(secretaccess.Allow()), sample(t)
	digits := strings.TrimPrefix(secret, "isotope-secret-key-1:")
	for _, c := range []struct{ name, old, new string }{
		{"as a path", `"x/acme/m4"`, `"` + secret + `"`},
		{"as an id", `"id":"acme"`, `"id":"` + secret + `"`},
		{"as a label", `"x/acme/m4"`, `"x/` + digits + `"`},
		{"upper case", `"x/acme/m4"`, `"x/` + strings.ToUpper(digits) + `"`},
		{"prefix with an escape", `"x/acme/m4"`, `"x/\u0069sotope-secret-key-1:` + digits[:20] + `"`},
		{"as a name", `"root":`, `"` + secret + `":1,"root":`},
		{"digits with an escape", `"x/acme/m4"`, `"x/\u0030` + digits[1:] + `"`},
		{"a hash, as a file of API keys has", `"id":"acme"`, `"id":"sha256:` + strings.Repeat("5a", 32) + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, good, c.old)
			_, err := Parse(strings.NewReader(strings.Replace(good, c.old, c.new, 1)))
			require.ErrorIs(t, err, ErrSecret)
			assert.NotContains(t, err.Error(), digits[:16])
			assert.NotContains(t, err.Error(), "5a5a")
		})
	}
	t.Run("New", func(t *testing.T) {
		_, err := New(testRoot(t).ID(), []Epoch{{ID: digits}}, nil, nil)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), digits[:16])
	})
}

func FuzzParse(tf *testing.F) {
	f := mutate.New(tf)
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

// TestMarksAndAccountsAgree checks that a test looks for what a request was marked with.
func TestMarksAndAccountsAgree(t *testing.T) {
	root, r := testRoot(t), parse(t, sample(t))
	for _, epoch := range []string{"m3", "m4"} {
		master, cohorts, tenants, err := r.Accounts(root, epoch, scheme, 1000)
		require.NoError(t, err)
		marker, err := r.Marker(root, epoch, scheme, 1000)
		require.NoError(t, err)
		ids := map[string]string{}
		for _, c := range cohorts {
			ids[c.ID] = c.Mark.ID()
		}
		seen := map[string]bool{master.ID(): true}
		for i, a := range tenants {
			t.Run(epoch+" "+a.ID, func(t *testing.T) {
				require.False(t, seen[a.Mark.ID()], "a key twice")
				seen[a.Mark.ID()] = true
				entry := r.Tenants(epoch)[i]
				assert.Equal(t, []any{entry.ID, entry.Cohort, entry.Decoy, entry.Lane != nil}, []any{a.ID, a.Cohort, a.Decoy, a.Lane})
				marks, err := marker.Marks(a.ID)
				if a.Decoy || a.Cohort == "d" {
					require.ErrorContains(t, err, "decoy")
					return
				}
				require.NoError(t, err)
				_, err = watermark.NewSequence(marks...)
				require.NoError(t, err)
				assert.Equal(t, master.ID(), marks[0].ID())
				assert.Equal(t, a.Mark.ID(), marks[len(marks)-1].ID())
				if a.Cohort == "" {
					require.Len(t, marks, 2)
					return
				}
				require.Len(t, marks, 3)
				assert.Equal(t, ids[a.Cohort], marks[1].ID())
			})
		}
	}
}

// TestMarkerSharesMarks checks that requests share marks, also when they come at once.
func TestMarkerSharesMarks(t *testing.T) {
	root := testRoot(t)
	r, err := Generate(root.ID(), "e1", []Tenant{{ID: "a", Cohort: "c"}, {ID: "b", Cohort: "c"}}, 0)
	require.NoError(t, err)
	marker, err := r.Marker(root, "e1", scheme, 1000, watermark.MaskRepeats{})
	require.NoError(t, err)
	marks := make([][]*watermark.Mark, 16)
	var wg sync.WaitGroup
	for i := range marks {
		wg.Go(func() {
			m, err := marker.Marks([]string{"a", "b"}[i%2])
			assert.NoError(t, err)
			marks[i] = m
		})
	}
	wg.Wait()
	for _, m := range marks {
		require.Len(t, m, 3)
	}
	for i, m := range marks {
		assert.Same(t, marks[0][0], m[0], "the master")
		assert.Same(t, marks[0][1], m[1], "the cohort")
		assert.Same(t, marks[i%2][2], m[2], "the tenant")
		assert.True(t, m[2].MasksRepeats(), "options apply")
	}
	assert.NotEqual(t, marks[0][2].KeyID(), marks[1][2].KeyID())
	allocs := testing.AllocsPerRun(100, func() {
		_, err := marker.Marks("a")
		assert.NoError(t, err)
	})
	assert.Less(t, allocs, 10.0, "a request does not make marks again")
}

func TestMarkerRefuses(t *testing.T) {
	root, r := testRoot(t), parse(t, sample(t))
	for _, c := range []struct {
		name  string
		root  watermark.Key
		epoch string
		vocab int
		opts  []watermark.Option
		want  string
	}{
		{"another root", root.Derive("x"), "m3", 1000, nil, "belongs to root"},
		{"no root", watermark.Key{}, "m3", 1000, nil, "belongs to root"},
		{"an unknown epoch", root, "m5", 1000, nil, `no epoch "m5"`},
		{"a vocabulary of 0", root, "m3", 0, nil, "vocab"},
		{"a band", root, "m3", 1000, []watermark.Option{watermark.Band{Hi: watermark.BandSize}}, "watermark.Band"},
		{"a lane", root, "m3", 1000, []watermark.Option{watermark.Lane{Index: 1}}, "watermark.Lane"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.Marker(c.root, c.epoch, scheme, c.vocab, c.opts...)
			assert.ErrorContains(t, err, c.want)
		})
	}
	t.Run("an unknown tenant", func(t *testing.T) {
		marker, err := r.Marker(root, "m3", scheme, 1000)
		require.NoError(t, err)
		_, err = marker.Marks("unknown")
		assert.ErrorContains(t, err, `no tenant "unknown"`)
	})
	t.Run("MasterBinder", func(t *testing.T) {
		_, err := r.MasterBinder(root, "m5", scheme, 1000)
		assert.ErrorContains(t, err, "no epoch")
	})
}

// TestMasterBinder checks that control keys are tested like the master: same scheme, same band.
func TestMasterBinder(t *testing.T) {
	root, r := testRoot(t), parse(t, sample(t))
	bind, err := r.MasterBinder(root, "m3", scheme, 1000)
	require.NoError(t, err)
	control, err := bind(root.Derive("control"))
	require.NoError(t, err)
	master, _, _, err := r.Accounts(root, "m3", scheme, 1000)
	require.NoError(t, err)
	assert.Equal(t, master.ID(), strings.Replace(control.ID(), root.Derive("control").ID(), master.KeyID(), 1))
}

func TestGenerateThousands(t *testing.T) {
	root := testRoot(t)
	var tenants []Tenant
	for i := range 10_000 {
		tenants = append(tenants, Tenant{ID: fmt.Sprintf("t%d", i), Cohort: fmt.Sprintf("c%d", i%32)})
	}
	r, err := Generate(root.ID(), "m3", tenants, 100)
	require.NoError(t, err)
	master, cohorts, accounts, err := r.Accounts(root, "m3", scheme, 1000)
	require.NoError(t, err)
	assert.Len(t, cohorts, 132)
	assert.Len(t, accounts, 10_100)
	ids := map[string]bool{master.ID(): true}
	decoys := 0
	for _, a := range append(cohorts, accounts...) {
		require.False(t, ids[a.Mark.ID()])
		ids[a.Mark.ID()] = true
		if a.Decoy {
			decoys++
		}
	}
	assert.Equal(t, 200, decoys)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.NotContains(t, string(text), root.Secret(secretaccess.Allow())[30:])
}

func TestGenerate(t *testing.T) {
	root := testRoot(t).ID()
	t.Run("without cohorts there are no decoy cohorts", func(t *testing.T) {
		r, err := Generate(root, "e1", []Tenant{{ID: "a"}, {ID: "l", Epoch: "other", Lane: &Lane{Group: 1}}}, 2)
		require.NoError(t, err)
		assert.Empty(t, r.Cohorts("e1"))
		assert.Equal(t, []Tenant{
			{ID: "a", Epoch: "e1", Path: "tenant/a/e1"},
			{ID: "l", Epoch: "e1", Path: "tenants/1/e1", Lane: &Lane{Group: 1}},
			{ID: "decoy-1", Epoch: "e1", Path: "tenant/decoy-1/e1", Decoy: true},
			{ID: "decoy-2", Epoch: "e1", Path: "tenant/decoy-2/e1", Decoy: true},
		}, r.Tenants("e1"))
	})
	for _, c := range []struct {
		name    string
		root    string
		tenants []Tenant
		want    string
	}{
		{"a tenant twice", root, []Tenant{{ID: "a"}, {ID: "a"}}, "twice"},
		{"the name of a decoy", root, []Tenant{{ID: "decoy-1"}}, "twice"},
		{"no root", "", nil, "root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Generate(c.root, "e1", c.tenants, 1)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// TestLargeFilesEndAtTheFirstFault: a large file that is refused anyhow is not searched for keys, which
// takes minutes. The error does not quote it.
func TestLargeFilesEndAtTheFirstFault(t *testing.T) {
	secret := "isotope-secret-key-1:" + strings.Repeat("5a", 32)
	_, err := Parse(strings.NewReader(`{"isotope_registry":1,"tenants":` + strings.Repeat("[", 2<<20) + `"` + secret + `"`))
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrSecret)
	assert.Contains(t, err.Error(), "nested too deeply")
	assert.NotContains(t, err.Error(), "5a5a")
}

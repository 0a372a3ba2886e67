package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

const results = "../results/realmodel/"

// committed returns the mark and the texts of a committed file, and the unmarked texts of its temperature.
func committed(t *testing.T, profile, key, texts string) (*measurement, []line) {
	t.Helper()
	secret, err := os.ReadFile(results + "texts/" + key) // git leaves it open to others, which ReadKeyFile refuses
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, secret, 0o600))
	p, k, err := readProfile(results+"texts/"+profile, file)
	require.NoError(t, err)
	mark, err := p.Mark(k)
	require.NoError(t, err)
	lines, err := readLines(results + "texts/" + texts)
	require.NoError(t, err)
	return &measurement{profile: p, key: k, mark: mark}, lines
}

// A student is a line of students.jsonl.
type student struct {
	Answers      string
	Profile, Key string // of the mark; those of the first teacher if they are missing
	Registry     string // of the accounts, if the teacher's answers went to one of them
	Closed       struct {
		Statistics []struct {
			Log10P float64 `json:"log10_p"`
			Scored int64
		}
		Families []struct {
			Name     string
			Named    int
			Accounts []struct {
				ID            string
				Scored, Green int64
				Log10P        float64 `json:"log10_p"`
			}
		}
	}
}

// TestStudents: the closed tests of students.jsonl follow from the committed answers, and the students are
// silent under a key that did not teach them.
func TestStudents(t *testing.T) {
	var want []student
	text, err := os.ReadFile(results + "students.jsonl")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte("["+strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ",")+"]"), &want))
	profiles := map[string]string{} // by key
	for i := range want {
		if w := &want[i]; w.Profile == "" {
			w.Profile, w.Key = "green-d3-k1.json", "t1.key.txt"
		}
		profiles[want[i].Key] = want[i].Profile
	}
	for _, w := range want {
		t.Run(w.Answers, func(t *testing.T) {
			test := func(profile, key string) detect.Result {
				m, lines := committed(t, profile, key, "../"+w.Answers)
				a := detect.NewAccumulator(m.mark, detect.OptionsOf(m.mark))
				for _, l := range lines {
					a.Add(l.Output)
				}
				return a.Result()
			}
			if w.Registry != "" {
				w.testAccounts(t)
				return
			}
			r := test(w.Profile, w.Key)
			assert.Equal(t, w.Closed.Statistics[0].Scored, r.Scored)
			assert.InDelta(t, w.Closed.Statistics[0].Log10P, r.Log10P, 1e-9)
			for key, profile := range profiles {
				if key != w.Key {
					assert.Greater(t, test(profile, key).Log10P, -2.0, key)
				}
			}
		})
	}
	assert.Len(t, want, 9)
	assert.Len(t, profiles, 2)
}

// testAccounts repeats the closed tests of a student that learned from one account: under the marks of
// the master, of the account's cohort and of the account.
func (w *student) testAccounts(t *testing.T) {
	secret, err := os.ReadFile(results + "texts/" + w.Key)
	require.NoError(t, err)
	o := writeFlags{profile: results + "texts/" + w.Profile, key: filepath.Join(t.TempDir(), "key"), registry: results + w.Registry, epoch: "2026-11", account: "account-1"}
	require.NoError(t, os.WriteFile(o.key, secret, 0o600))
	marking, err := o.marking()
	require.NoError(t, err)
	lines, err := readLines(results + w.Answers)
	require.NoError(t, err)
	marks := marking.Marks(0)
	require.Len(t, marks, 3)
	require.Len(t, w.Closed.Families, 2)
	for i, m := range marks {
		a := detect.NewAccumulator(m, detect.OptionsOf(m))
		for _, l := range lines {
			a.Add(l.Output)
		}
		r := a.Result()
		if i == 0 {
			assert.Equal(t, w.Closed.Statistics[0].Scored, r.Scored)
			assert.InDelta(t, w.Closed.Statistics[0].Log10P, r.Log10P, 1e-9)
			continue
		}
		best := w.Closed.Families[i-1].Accounts[0] // the first has the smallest p-value
		assert.Equal(t, []string{"", "cohort-2", "account-1"}[i], best.ID)
		assert.Equal(t, best.Scored, r.Scored, best.ID)
		assert.Equal(t, best.Green, r.Green, best.ID)
		assert.InDelta(t, best.Log10P, r.Log10P, 1e-9, best.ID)
	}
}

// TestMarkingOfAccount: with a registry, text has the marks of the account and no key of another one.
func TestMarkingOfAccount(t *testing.T) {
	dir := t.TempDir()
	root := watermark.NewKey()
	reg, err := registry.Generate(root.ID(), "e1", []registry.Tenant{{ID: "acme", Cohort: "east"}, {ID: "other", Cohort: "east"}}, 100)
	require.NoError(t, err)
	text, err := json.Marshal(reg)
	require.NoError(t, err)
	o := writeFlags{profile: results + "texts/green-d3-k1.json", key: filepath.Join(dir, "key"), registry: filepath.Join(dir, "registry"), epoch: "e1"}
	require.NoError(t, watermark.WriteKeyFile(o.key, root))
	require.NoError(t, os.WriteFile(o.registry, text, 0o600))
	ids := map[string][]string{}
	for _, account := range []string{"acme", "other"} {
		o.account = account
		marking, err := o.marking()
		require.NoError(t, err)
		for _, m := range marking.Marks(0) {
			ids[account] = append(ids[account], m.KeyID())
		}
	}
	require.Len(t, ids["acme"], 3)
	assert.Equal(t, ids["acme"][:2], ids["other"][:2], "master and cohort")
	assert.NotEqual(t, ids["acme"][2], ids["other"][2])
	o.account = "decoy-1"
	_, err = o.marking()
	assert.Error(t, err, "a decoy never marks")
}

// TestPlanKeepsItsPromise: of texts that a real model wrote with a mark, as many are detected as the plan
// for their kind says, at the number of scored tokens that it says. The texts are not those of its
// histograms.
func TestPlanKeepsItsPromise(t *testing.T) {
	m, lines := committed(t, "green-d2-k2.json", "a.key.txt", "green-d2-k2-t0.7.jsonl.gz")
	for _, c := range []struct {
		kind            string
		enough, least   int // texts with so many scored tokens, and how many of them must be detected
		planned, pooled float64
	}{
		{"chat", 9, 9, 0.768, 0.816},
		{"reasoning", 6, 6, 0.734, 0.811},
		{"code", 1, 1, 0.685, 0.743},
	} {
		t.Run(c.kind, func(t *testing.T) {
			h, ok := plan.Measured(c.kind)
			require.True(t, ok)
			law, err := plan.Histogram(h)
			require.NoError(t, err)
			e := law.Effect(2 / h.Temperature())
			promise := e.Plan(1)
			promise.Alpha = 1e-6
			n, err := promise.Tokens(0.9)
			require.NoError(t, err)

			var scored, green int64
			enough, detected := 0, 0
			for _, l := range lines {
				if l.Kind != c.kind {
					continue
				}
				whole := test(m.mark, l.Output)
				scored, green = scored+whole.Scored, green+whole.Green
				if whole.Scored < n {
					continue
				}
				enough++
				if firstScored(m.mark, l.Output, n).Log10P <= level {
					detected++
				}
			}
			assert.Equal(t, c.enough, enough)
			assert.GreaterOrEqual(t, detected, c.least)
			assert.InDelta(t, c.planned, e.Green, 0.001)
			assert.InDelta(t, c.pooled, float64(green)/float64(scored), 0.001)
			assert.Greater(t, float64(green)/float64(scored), e.Green, "the plan does not promise too much")
		})
	}
}

// firstScored tests the shortest beginning of a text that has n scored tokens.
func firstScored(m *watermark.Mark, tokens []watermark.Token, n int64) detect.Result {
	for length := int(n); ; length++ {
		if r := test(m, tokens[:length]); r.Scored >= n {
			return r
		}
	}
}

// TestCommittedRows: the committed measurements follow from the committed texts. It repeats those that need
// neither the model nor its tokenizer.
func TestCommittedRows(t *testing.T) {
	var want []row
	text, err := os.ReadFile(results + "measured.jsonl")
	require.NoError(t, err)
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var r row
		require.NoError(t, d.Decode(&r))
		want = append(want, r)
	}
	for _, c := range []struct {
		name, profile, key, texts string
		lengths                   []int
	}{
		{"a green list of width 2", "green-d2-k2.json", "a.key.txt", "green-d2-k2-t0.7.jsonl.gz", []int{50, 100, 200, 300}},
		{"GumbelMax", "gumbelmax-k4.json", "a.key.txt", "gumbelmax-k4-t0.7.jsonl.gz", []int{50, 100, 200, 300}},
		{"a tournament", "tournament-k4.json", "a.key.txt", "tournament-k4-t0.7.jsonl.gz", []int{50, 100, 200, 300}},
		{"French", "green-d2-k2-scored.json", "a.key.txt", "green-d2-k2-french-t0.7.jsonl.gz", []int{50, 100, 200, 300, 400}},
		{"GumbelMax in French", "gumbelmax-k4-scored.json", "a.key.txt", "gumbelmax-k4-french-t0.7.jsonl.gz", []int{50, 100, 200, 300, 400}},
		{"temperature 0", "green-d2-k2-scored.json", "a.key.txt", "green-d2-k2-t0.jsonl.gz", []int{50, 100, 200, 300}},
		{"GumbelMax, 800 tokens", "gumbelmax-k4-scored.json", "a.key.txt", "gumbelmax-k4-800-t0.7.jsonl.gz", []int{50, 100, 200, 300, 400, 800}},
		{"delta 2, 800 tokens", "green-d2-k2-scored.json", "a.key.txt", "green-d2-k2-800-t0.7.jsonl.gz", []int{50, 100, 200, 300, 400, 800}},
		{"delta 1, 800 tokens", "green-d1-k2.json", "a.key.txt", "green-d1-k2-800-t0.7.jsonl.gz", []int{50, 100, 200, 300, 400, 800}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, lines := committed(t, c.profile, c.key, c.texts)
			var got bytes.Buffer
			m.out = json.NewEncoder(&got)
			m.file = strings.TrimSuffix(c.texts, ".jsonl.gz")
			kinds := 0
			for _, kind := range []string{"chat", "reasoning", "code", "french"} {
				m.kind, m.texts = kind, nil
				for _, l := range lines {
					if l.Kind == kind {
						m.texts = append(m.texts, l)
					}
				}
				if len(m.texts) == 0 {
					continue
				}
				kinds++
				for _, n := range c.lengths {
					require.NoError(t, m.power(n))
				}
			}
			rows := 0
			for d := json.NewDecoder(&got); d.More(); rows++ {
				var r row
				require.NoError(t, d.Decode(&r))
				assert.Contains(t, want, r)
			}
			assert.Equal(t, kinds*len(c.lengths), rows)
			assert.NotZero(t, kinds)
		})
	}
}

// TestUnmarkedTextsOfTheModel: none of the unmarked texts is detected under the real key.
func TestUnmarkedTextsOfTheModel(t *testing.T) {
	for _, texts := range []string{"none-t0.7.jsonl.gz", "none-t1.jsonl.gz"} {
		m, lines := committed(t, "green-d2-k2.json", "a.key.txt", texts)
		require.NotEmpty(t, lines)
		for _, l := range lines {
			assert.Greater(t, test(m.mark, l.Output).Log10P, -4.0)
		}
	}
}

// TestKinds: the measured kinds of package plan are the committed histograms.
func TestKinds(t *testing.T) {
	for kind, file := range map[string]string{"chat": "chat", "reasoning": "reason", "code": "code"} {
		want, err := os.ReadFile(results + "green-mass-t0.7-" + file + ".json")
		require.NoError(t, err)
		h, ok := plan.Measured(kind)
		require.True(t, ok)
		got, err := json.Marshal(h)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got), kind)
	}
}

// TestPrompts: prompts are distinct, and the topics that a student is asked about are not those that it
// learned from.
func TestPrompts(t *testing.T) {
	for name, list := range topics {
		for other, of := range topics {
			if name != other {
				for _, x := range list {
					assert.NotContains(t, of, x, "%s and %s", name, other)
				}
			}
		}
	}
	all, err := promptsOf([]string{"chat", "code"}, "texts", 60, 1)
	require.NoError(t, err)
	seen := make(map[prompt]bool)
	for i, p := range all {
		assert.Equal(t, []string{"chat", "code"}[i%2], p.kind)
		assert.False(t, seen[p], p.text)
		seen[p] = true
	}
	short, err := promptsOf([]string{"chat", "code"}, "texts", 10, 1)
	require.NoError(t, err)
	assert.Equal(t, all[:20], short, "more texts begin with the same prompts, so that a file can be continued")
	for _, c := range []struct{ kind, topics, says string }{
		{"poetry", "texts", `"poetry" is not a kind`}, {"chat", "birds", `no topics "birds"`},
	} {
		_, err := promptsOf([]string{c.kind}, c.topics, 1, 1)
		assert.ErrorContains(t, err, c.says)
	}
	_, err = promptsOf([]string{"code"}, "texts", 61, 1)
	assert.ErrorContains(t, err, "there are 60 prompts")
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		k, n   int
		lo, hi float64
	}{ // Clopper and Pearson 1934; scipy.stats.binomtest(k, n).proportion_ci()
		{0, 10, 0, 0.3085}, {10, 10, 0.6915, 1}, {9, 10, 0.5550, 0.9975}, {3, 10, 0.0667, 0.6525},
	} {
		lo, hi := interval(c.k, c.n)
		assert.InDelta(t, c.lo, lo, 1e-4)
		assert.InDelta(t, c.hi, hi, 1e-4)
	}
}

func TestCommon(t *testing.T) {
	for _, c := range []struct {
		a, b []watermark.Token
		want int
	}{
		{nil, nil, 0}, {[]watermark.Token{1, 2, 3}, []watermark.Token{1, 2, 3}, 3}, {[]watermark.Token{1, 2, 3, 4}, []watermark.Token{9, 2, 4, 4}, 2},
		{[]watermark.Token{5, 1, 5}, []watermark.Token{1, 5, 5}, 2},
	} {
		assert.Equal(t, c.want, common(c.a, c.b))
	}
}

package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// TestTestsAreCounted: a sequential test and a fixed one count as two tests. Only the sequential
// one is reported if it ended the collection.
func TestTestsAreCounted(t *testing.T) {
	mark := config(t, planned(Fixed)).Scorer.(*watermark.Mark)
	for _, c := range []struct {
		name     string
		stopping string
		marked   bool
		end      collect.End
		names    []string
		verdict  detect.Verdict
		tests    int64
	}{
		{"fixed, marked", Fixed, true, collect.Asked, []string{"distinct pairs"}, detect.Detected, 1},
		{"fixed, unmarked", Fixed, false, collect.Asked, []string{"distinct pairs"}, detect.Inconclusive, 1},
		{"fixed, the budget is spent", Fixed, false, collect.Exhausted, []string{"distinct pairs"}, detect.Inconclusive, 1},
		{"fixed, interrupted", Fixed, true, collect.Interrupted, nil, detect.Inconclusive, 1},
		{"sequential, it detects", Sequential, true, collect.Decided, []string{"distinct pairs, while collecting"}, detect.Detected, 2},
		{"sequential, unmarked", Sequential, false, collect.Asked, []string{"distinct pairs, while collecting", "distinct pairs"}, detect.Inconclusive, 2},
		{"sequential, the endpoint fails", Sequential, false, collect.Failing, []string{"distinct pairs, while collecting"}, detect.Inconclusive, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := New(config(t, planned(c.stopping)))
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(1, 1))
			for range 6 {
				if c.marked {
					a.Add(nil, write(t, rng, 200, mark))
				} else {
					a.Add(nil, write(t, rng, 200))
				}
			}
			r, err := a.Report(c.end, nil)
			require.NoError(t, err)
			var names []string
			for _, s := range r.Canonical.Statistics {
				names = append(names, s.Name)
			}
			assert.Equal(t, c.names, names, "%+v", c)
			assert.Equal(t, c.verdict, r.Canonical.Verdict, "%+v", c)
			assert.Equal(t, c.tests, r.Canonical.Tests, "%+v", c)
			assert.Equal(t, c.end.Complete(), r.Canonical.Complete)
			best := 0.0
			for _, s := range r.Canonical.Statistics {
				assert.InDelta(t, min(0, float64(s.Log10P)+math.Log10(float64(c.tests))), float64(s.Log10PAdjusted), 1e-9)
				best = min(best, float64(s.Log10PAdjusted))
			}
			assert.Equal(t, best, float64(r.Canonical.Log10PAdjusted))
			assert.Equal(t, c.verdict == detect.Detected, r.Canonical.Level == "A")
			positions := int64(0)
			for _, p := range r.Canonical.Positions {
				positions += p.Count
			}
			if names != nil {
				assert.Equal(t, r.Canonical.Outputs.Tokens, positions, "every token is scored or skipped")
			}
		})
	}
}

// TestFutility: with a stated c1 the sequential test ends a collection without a mark, and the
// fixed test is made.
func TestFutility(t *testing.T) {
	d := planned(Sequential)
	d.Plan.C1, d.Plan.Share, d.Plan.C1Pairs = 1, 0.5, 1000
	a, err := New(config(t, d))
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(2, 1))
	for range 4 {
		a.Add(nil, write(t, rng, 200))
	}
	enough, err := a.Look(nil)
	require.NoError(t, err)
	assert.True(t, enough)
	r, err := a.Report(collect.Decided, nil)
	require.NoError(t, err)
	assert.Equal(t, detect.NotDetected, r.Canonical.Verdict)
	assert.Len(t, r.Canonical.Statistics, 2)
	assert.Contains(t, r.Canonical.Claim, "A share of 0.5")
}

func TestMarkedPrompts(t *testing.T) {
	for _, c := range []struct {
		name     string
		unmarked bool
	}{{"excluded", false}, {"declared to be unmarked", true}} {
		t.Run(c.name, func(t *testing.T) {
			unmarked := c.unmarked
			d := planned(Fixed)
			d.Plan.PromptsUnmarked = unmarked
			c := config(t, d)
			a, err := New(c)
			require.NoError(t, err)
			prompt := write(t, rand.New(rand.NewPCG(3, 1)), 300, c.Scorer.(*watermark.Mark))
			a.Add(prompt, prompt) // a model that copies
			r, err := a.Report(collect.Asked, nil)
			require.NoError(t, err)
			assert.Equal(t, detect.Inconclusive, r.Canonical.Verdict)
			assert.Equal(t, unmarked, r.Canonical.Refused)
			assert.Contains(t, r.Canonical.Warnings, student.ErrMarkedPrompts.Error())
			assert.Zero(t, r.Canonical.Log10PAdjusted)
		})
	}
}

// TestWhatIsGivenIsExcluded: marked text that a clean model copies from a field of the request or
// from the system prompt is not detected.
func TestWhatIsGivenIsExcluded(t *testing.T) {
	tokenizer, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	mark, err := watermark.New(rootKey(t), scheme, tokenizer.Vocab())
	require.NoError(t, err)
	decoys, err := student.NewDecoys([16]byte{1}, 100, func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, scheme, tokenizer.Vocab()) })
	require.NoError(t, err)
	// Words of which all pairs are green, as they come out of the text again.
	rng := rand.New(rand.NewPCG(4, 1))
	words := []string{" the", " a", " of", " in", " and", " we", " see", " time", " light", " water", " stone", " hand", " house", " field", " river", " night"}
	text, ids := "", []watermark.Token(nil)
	for len(ids) < 300 {
		next := text + words[rng.IntN(len(words))]
		got := tokenizer.Append(nil, []byte(next))
		n := len(got)
		if n > 2 && mark.Score(nil, []detect.Pair{{Context: got[n-3 : n-1], Token: got[n-1]}})[0] != 1 {
			continue
		}
		text, ids = next, got
	}
	extra, err := json.Marshal(map[string]any{"documents": []any{map[string]string{"text": text}}})
	require.NoError(t, err)
	for _, field := range []struct {
		name   string
		detect bool
		change func(*collect.Request)
	}{
		{"not given", true, func(*collect.Request) {}},
		{"in the system prompt", false, func(r *collect.Request) { r.System = text }},
		{"in an extra field", false, func(r *collect.Request) { r.Extra = extra }},
	} {
		t.Run(field.name, func(t *testing.T) {
			d := planned(Sequential)
			field.change(&d.Collection.Request)
			c := Config{Declared: d, Scorer: mark, Decoys: decoys, Tokenizer: tokenizer}
			a, err := New(c)
			require.NoError(t, err)
			enough, err := a.Look([]collect.Answer{{Prompt: "Say it.", Texts: []string{text}}})
			require.NoError(t, err)
			assert.Equal(t, field.detect, enough)
			r, err := a.Report(collect.Asked, nil)
			require.NoError(t, err)
			assert.Equal(t, field.detect, r.Canonical.Verdict == detect.Detected)
		})
	}
}

// TestAQuotedPromptIsExcluded: prompts that were cut from marked text are quoted in the middle of
// sentences, where their first words are other tokens.
func TestAQuotedPromptIsExcluded(t *testing.T) {
	tokenizer, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	mark, err := watermark.New(rootKey(t), scheme, tokenizer.Vocab())
	require.NoError(t, err)
	decoys, err := student.NewDecoys([16]byte{1}, 100, func(k watermark.Key) (detect.Scorer, error) { return watermark.New(k, scheme, tokenizer.Vocab()) })
	require.NoError(t, err)
	words := strings.Fields("the a of in and we see time light water stone hand house field river night")
	var prompts []string
	for _, a := range strings.Fields("some every no such this that each any") { // which begin a prompt and occur nowhere else
		for _, b := range words {
			for _, c := range words {
				ids := tokenizer.Append(nil, []byte(" "+a+" "+b+" "+c))
				if len(ids) == 3 && len(prompts) < 400 && mark.Score(nil, []detect.Pair{{Context: ids[:2], Token: ids[2]}})[0] == 1 {
					prompts = append(prompts, a+" "+b+" "+c)
				}
			}
		}
	}
	require.Len(t, prompts, 400)
	d := planned(Fixed)
	c := Config{Declared: d, Scorer: mark, Decoys: decoys, Tokenizer: tokenizer}
	var lines bytes.Buffer
	var answers []collect.Answer
	for _, p := range prompts {
		answers = append(answers, collect.Answer{Prompt: p, Texts: []string{"You say: " + p}})
		require.NoError(t, json.NewEncoder(&lines).Encode(map[string]string{"prompt": p, "output": "You say: " + p}))
	}
	path := filepath.Join(t.TempDir(), "outputs.jsonl")
	require.NoError(t, os.WriteFile(path, lines.Bytes(), 0o600))
	for _, source := range []struct {
		name string
		add  func(*Audit) error
	}{
		{"answers", func(a *Audit) error { _, err := a.Look(answers); return err }},
		{"file", func(a *Audit) error { addFile(t, a, path); return nil }},
	} {
		t.Run(source.name, func(t *testing.T) {
			d.Collection = planned(Sequential).Collection
			a, err := New(c)
			require.NoError(t, err)
			require.NoError(t, source.add(a))
			r, err := a.Report(collect.Asked, nil)
			require.NoError(t, err)
			assert.Greater(t, float64(r.Canonical.Log10P), -3.0)
			assert.NotZero(t, r.Canonical.Outputs.Tested)
		})
	}
}

// servedTo returns the marks of the requests of a tenant.
func servedTo(t *testing.T, reg *registry.Registry, root watermark.Key, tenant string) []*watermark.Mark {
	marker, err := reg.Marker(root, "e1", scheme, vocab)
	require.NoError(t, err)
	marks, err := marker.Marks(tenant)
	require.NoError(t, err)
	return marks
}

// useRegistry makes the accounts of a registry those of a test, with 100 decoys of the master.
func useRegistry(t *testing.T, c *Config, reg *registry.Registry, root watermark.Key) {
	master, cohorts, tenants, err := reg.Accounts(root, "e1", scheme, vocab)
	require.NoError(t, err)
	c.Scorer, c.Cohorts, c.Tenants = master, student.Accounts(cohorts), student.Accounts(tenants)
	bind, err := reg.MasterBinder(root, "e1", scheme, vocab)
	require.NoError(t, err)
	c.Decoys, err = student.NewDecoys([16]byte{1}, 100, func(k watermark.Key) (detect.Scorer, error) { return bind(k) })
	require.NoError(t, err)
}

// TestAccounts: text that was served to one tenant is found under the tenant's key, by name.
func TestAccounts(t *testing.T) {
	root := rootKey(t)
	reg, err := registry.Generate(root.ID(), "e1", []registry.Tenant{{ID: "acme", Cohort: "big"}, {ID: "globex", Cohort: "big"}, {ID: "initech", Cohort: "small"}}, 100)
	require.NoError(t, err)
	served := servedTo(t, reg, root, "acme")
	for _, stopping := range []string{Fixed, Sequential} {
		t.Run(stopping, func(t *testing.T) {
			if testing.Short() && stopping == Sequential {
				t.Skip("left out by -short: accounts after a sequential test")
			}
			d := planned(stopping)
			d.Plan.Registry = &Registry{Root: reg.Root(), Epoch: "e1", Cohorts: 102, Tenants: 103}
			c := Config{Declared: d}
			useRegistry(t, &c, reg, root)
			a, err := New(c)
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(4, 1))
			for range 10 {
				a.Add(nil, write(t, rng, 300, served...))
			}
			end := collect.Asked
			if stopping == Sequential {
				end = collect.Decided
			}
			r, err := a.Report(end, nil)
			require.NoError(t, err)
			x := &r.Canonical
			assert.Equal(t, detect.Detected, x.Verdict)
			assert.Equal(t, string(student.PatternConcentrated), x.Pattern)
			assert.Contains(t, x.Claim, `"acme"`)
			require.Len(t, x.Families, 2)
			for i, id := range []string{"big", "acme"} {
				assert.Equal(t, 1, x.Families[i].Named)
				assert.Equal(t, id, x.Families[i].Accounts[0].ID)
				assert.Zero(t, x.Families[i].DecoysNamed)
			}
			bundles := int64(1)
			if stopping == Sequential {
				bundles = 2
			}
			assert.Equal(t, 3*bundles, x.Tests, "master, cohorts, tenants")
			assert.InDelta(t, float64(x.Statistics[0].Log10P)+math.Log10(float64(3*bundles)), float64(x.Log10PAdjusted), 1e-9)
			for _, s := range x.Statistics {
				assert.Equal(t, x.Tests, s.Tests, "each statistic is counted as the finding is")
				assert.InDelta(t, float64(s.Log10P)+math.Log10(float64(x.Tests)), float64(s.Log10PAdjusted), 1e-9)
			}
			var page bytes.Buffer
			require.NoError(t, r.WriteHTML(&page))
			assert.Contains(t, page.String(), "Through which accounts")
		})
	}
	few, err := registry.Generate(root.ID(), "e1", []registry.Tenant{{ID: "acme"}}, 99)
	require.NoError(t, err)
	c := config(t, planned(Fixed))
	_, _, tenants, err := few.Accounts(root, "e1", scheme, vocab)
	require.NoError(t, err)
	c.Tenants = student.Accounts(tenants)
	_, err = New(c)
	assert.ErrorContains(t, err, "99 control accounts")
}

// TestALaneIsDetected: a page is not headed "not detected" beside a lane with a small p-value.
func TestALaneIsDetected(t *testing.T) {
	for _, c := range []struct {
		name string
		x    student.AccountResult
		want bool
	}{
		{"below alpha", student.AccountResult{Lane: true, Log10P: -40, Log10PHolm: -38}, true},
		{"above alpha", student.AccountResult{Lane: true, Log10P: -7, Log10PHolm: -5.9}, false},
		{"a control lane", student.AccountResult{Lane: true, Decoy: true, Log10P: -40, Log10PHolm: -38}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &finding{trace: &student.TraceResult{Alpha: 1e-6, Tenants: &student.FamilyResult{Accounts: []student.AccountResult{c.x}}}}
			assert.Equal(t, c.want, f.named())
			log10P, adjusted := f.namedP()
			if c.want {
				assert.Equal(t, []float64{-40, -38}, []float64{log10P, adjusted})
			} else {
				assert.Zero(t, adjusted)
			}
		})
	}
}

// TestTheSequentialTestCountsAccounts: it ends the collection when the verdict is detected, and
// not before, although the verdict is adjusted for families of accounts.
func TestTheSequentialTestCountsAccounts(t *testing.T) {
	root := rootKey(t)
	reg, err := registry.Generate(root.ID(), "e1", []registry.Tenant{{ID: "acme", Cohort: "big"}}, 100)
	require.NoError(t, err)
	served := servedTo(t, reg, root, "acme")
	d := planned(Sequential)
	d.Plan.Registry = &Registry{Root: reg.Root(), Epoch: "e1", Cohorts: 101, Tenants: 101}
	c := Config{Declared: d}
	useRegistry(t, &c, reg, root)
	a, err := New(c)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(6, 1))
	for range 1000 {
		a.Add(nil, write(t, rng, 3, served...)) // a pair at most
		enough, err := a.Look(nil)
		require.NoError(t, err)
		if !enough {
			continue
		}
		r, err := a.Report(collect.Decided, nil)
		require.NoError(t, err)
		assert.Equal(t, detect.Detected, r.Canonical.Verdict)
		assert.Greater(t, float64(r.Canonical.Log10PAdjusted), math.Log10(d.Plan.Alpha)-0.5, "no later than it has to")
		return
	}
	assert.Fail(t, "it never ends")
}

// TestFilesOfOutputs: every line is tested or skipped with a reason.
func TestFilesOfOutputs(t *testing.T) {
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	c := config(t, planned(Fixed))
	c.Tokenizer = tok
	a, err := New(c)
	require.NoError(t, err)
	addFile(t, a, file("a.jsonl", strings.Join([]string{
		`{"prompt":"p","output":"an answer"}`, `{"output":[1,2,3,-1,999999999999]}`, `{"prompt":[5],"output":"x","id":3}`, ``,
		`{"prompt":"only"}`, `{"output":null}`, `{"output":{}}`, `{"output":[1.5]}`, `{"output":" "}`, `{"output":[]}`,
		`{"prompt":"q","reasoning":"a thought","output":"an answer"}`, `{"output":"last line without an end"}`,
	}, "\n")))
	addFile(t, a, file("b.txt", "a text of its own"))
	addFile(t, a, file("c.txt", " \n"))
	addFile(t, a, filepath.Join(dir, "none"))
	assert.EqualValues(t, 6, a.tested)
	assert.EqualValues(t, 7, a.texts, "reasoning is a text of its own")
	assert.EqualValues(t, 14, a.in, "the blank line is not a row")
	skipped := int64(0)
	for _, n := range a.skipped {
		skipped += n
	}
	assert.Equal(t, a.in, a.tested+skipped)
	assert.EqualValues(t, 4, a.skipped[string(corpus.Empty)])
	assert.EqualValues(t, 1, a.skipped[string(corpus.Unreadable)])

	c.Tokenizer = nil // ids only
	a, err = New(c)
	require.NoError(t, err)
	addFile(t, a, filepath.Join(dir, "b.txt"))
	addFile(t, a, file("f.jsonl", `{"prompt":"p","output":[1,2,3]}`+"\n"+`{"output":"text"}`))
	assert.EqualValues(t, 1, a.tested)
	assert.EqualValues(t, 2, a.skipped[string(corpus.Unsupported)])
}

// TestReadings: a model that chooses green tokens is detected, by each kind of reading file.
func TestReadings(t *testing.T) {
	c := config(t, planned(Fixed))
	c.Declared.Plan.Statistics = []string{"reading mode"}
	mark := c.Scorer.(*watermark.Mark)
	rng := rand.New(rand.NewPCG(5, 1))
	mask := make([]uint64, (vocab+63)/64)
	for _, file := range []struct{ kind, more string }{{"choices", ""}, {"mass", ""}, {"difference", `,"base":"public"`}} {
		for _, marked := range []bool{true, false} {
			kind, more := file.kind, file.more
			t.Run(fmt.Sprintf("%s, marked %v", kind, marked), func(t *testing.T) {
				var b strings.Builder
				fmt.Fprintf(&b, `{"isotope_reading":1,"kind":"%s","vocab":%d,"tokenizer":"none","model":"m"%s}`+"\n", kind, vocab, more)
				for range 8 {
					text := write(t, rng, 80)
					line := map[string]any{"tokens": text}
					var choices []watermark.Token
					var rows, base []any
					for i := range text {
						next := rng.Int32N(vocab)
						if i > 0 && marked {
							clear(mask)
							mark.Mask(mask, text[i-1:i+1])
							for mask[next/64]>>(next%64)&1 == 0 {
								next = rng.Int32N(vocab)
							}
						}
						choices = append(choices, next)
						rows = append(rows, map[string]any{"ids": []watermark.Token{next}, "p": []float32{0.5}})
						base = append(base, map[string]any{"ids": []watermark.Token{rng.Int32N(vocab)}, "p": []float32{0.25}})
					}
					switch kind {
					case "choices":
						line["choices"] = choices
					case "difference":
						line["base"] = base
						fallthrough
					default:
						line["rows"] = rows
					}
					text2, err := json.Marshal(line)
					require.NoError(t, err)
					b.Write(append(text2, '\n'))
				}
				path := filepath.Join(t.TempDir(), "r.jsonl")
				require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
				_, h, err := ReadingStatistic(path)
				require.NoError(t, err)
				assert.Equal(t, kind, string(h.Kind))
				r, err := TestWeights(c, path)
				require.NoError(t, err)
				assert.Equal(t, marked, r.Canonical.Verdict == detect.Detected, "%s %v: %v", kind, marked, r.Canonical.Log10P)
				assert.Equal(t, marked, r.Canonical.Level == "A")
				assert.EqualValues(t, 8, r.Canonical.Outputs.Tested)
				require.NoError(t, r.WriteHTML(new(bytes.Buffer)))
			})
		}
	}
	_, _, err := ReadingStatistic(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestReadingsOfMarkedTexts: only the test of marked texts may use texts that depend on the key.
func TestReadingsOfMarkedTexts(t *testing.T) {
	c := config(t, planned(Fixed))
	mark := c.Scorer.(*watermark.Mark)
	for _, file := range []struct{ name, header string }{{"not declared", ""}, {"declared", `,"marked":true`}} {
		t.Run(file.name, func(t *testing.T) {
			header := file.header
			rng := rand.New(rand.NewPCG(7, 1))
			var b strings.Builder
			fmt.Fprintf(&b, `{"isotope_reading":1,"kind":"choices","vocab":%d,"tokenizer":"none","model":"m"%s}`+"\n", vocab, header)
			for range 8 {
				text := write(t, rng, 80, mark)
				// The choices of a student are those of the teacher.
				line, err := json.Marshal(map[string]any{"tokens": text, "choices": append(slices.Clone(text[1:]), -1)})
				require.NoError(t, err)
				b.Write(append(line, '\n'))
			}
			path := filepath.Join(t.TempDir(), "r.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
			r, err := TestWeights(c, path)
			require.NoError(t, err)
			x := &r.Canonical
			assert.Equal(t, header == "", x.Refused)
			assert.Equal(t, header != "", x.Verdict == detect.Detected)
			assert.Equal(t, header == "", x.Log10PAdjusted == 0)
			assert.Equal(t, header == "", strings.Contains(strings.Join(x.Warnings, " "), "carry the mark"))
		})
	}
}

func TestPlans(t *testing.T) {
	d := planned(Sequential)
	again, err := ParseDeclared(d.JSON())
	require.NoError(t, err)
	require.NoError(t, d.Same(again))
	assert.Equal(t, d.Digest(), again.Digest())
	again.Plan.Alpha, again.Collection.Asks = 1e-3, 7
	assert.EqualError(t, d.Same(again), "this is not the declared plan: collection.asks was declared as 100 and is now 7; plan.alpha was declared as 0.000001 and is now 0.001")
	for _, bad := range []string{
		"", "{}", `{"plan":{"isotope_student":2}}`, `{"plan":{"isotope_student":1,"colour":"green"}}`, string(d.JSON()) + "{}",
		strings.Replace(string(d.JSON()), `"alpha"`, `"Alpha"`, 1), strings.Replace(string(d.JSON()), `"alpha"`, `"alpha":0.5,"alpha"`, 1),
	} {
		_, err := ParseDeclared([]byte(bad))
		assert.Error(t, err, bad)
	}
	_, err = (&Plan{RunKey: "00"}).RunKeyBytes()
	assert.Error(t, err)

	// By the law z = c1 share sqrt(n).
	d.Plan.C1 = 0.2
	n := d.Need(2)
	assert.Equal(t, plan.Student{C1: 0.2, Alpha: 1e-6, Tests: 2}.Tokens(0.1, 0.9), n.Scored, "a sequential test and a fixed one")
	assert.Equal(t, n.Scored/100, n.Answers)
	d.Plan.C1 = 0
	assert.Equal(t, Published(2), d.Need(2).C1)
	assert.Nil(t, d.Need(4))
}

// TestByteOrderMark: the mark that some editors write before the first line is not part of it.
func TestByteOrderMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("\ufeff{\"output\":[1,2,3]}\r\n{\"output\":[4]}\n"), 0o600))
	a, err := New(config(t, planned(Fixed)))
	require.NoError(t, err)
	addFile(t, a, path)
	r, err := a.Report(collect.Asked, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 2, r.Canonical.Outputs.Tested)
	assert.Contains(t, strings.Join(r.Canonical.Warnings, "\n"), "2 outputs came without their prompt")
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// A fakeGGUF is a model over bytes: a hundred of its tokens may follow a token.
type fakeGGUF struct {
	vocab  int
	shift  int                            // its ids spell other bytes than those of the ids
	lean   func(last, next int32) float64 // a factor of a probability; nil is 1
	end    bool                           // it ends its texts after 50 tokens
	asked  []float64                      // temperatures
	closed int
	text   []watermark.Token // that it was asked about last
}

// useGGUF makes --gguf and the like open a fake.
func useGGUF(t *testing.T, f *fakeGGUF) {
	t.Helper()
	before := openGGUF
	openGGUF = func(_, path string) (ggufModel, error) { return f, nil }
	t.Cleanup(func() { openGGUF = before })
}

func (f *fakeGGUF) Vocab() int              { return f.vocab }
func (f *fakeGGUF) Description() string     { return "a fake" }
func (f *fakeGGUF) Digest() (string, error) { return "sha256:00", nil }
func (f *fakeGGUF) Close()                  { f.closed++ }

// The last id ends an answer.
func (f *fakeGGUF) Special() []watermark.Token    { return []watermark.Token{int32(f.vocab) - 1} }
func (f *fakeGGUF) IsEnd(id watermark.Token) bool { return int(id) == f.vocab-1 }

func (f *fakeGGUF) Decode(ids []watermark.Token) (string, error) {
	var text []byte
	for _, id := range ids {
		text = append(text, byte(int(id)+f.shift))
	}
	return string(text), nil
}

func (f *fakeGGUF) Prompt(text string) ([]watermark.Token, error) {
	ids := []watermark.Token{0}
	for _, b := range []byte(text) {
		ids = append(ids, watermark.Token(b))
	}
	return ids, nil
}

func (f *fakeGGUF) Chat(turns []ggufTurn) ([]watermark.Token, error) {
	text := ""
	for _, t := range turns {
		text += "<" + t.role + ">" + t.text
	}
	return f.Prompt(text + "<assistant>")
}

// law is the law after a token.
func (f *fakeGGUF) law(last watermark.Token, temperature float64) []float32 {
	h := fnv.New64a()
	fmt.Fprint(h, last)
	rng := rand.New(rand.NewPCG(h.Sum64(), 3))
	row := make([]float32, f.vocab)
	sum := 0.0
	for range 100 {
		next := rng.IntN(f.vocab)
		x := math.Exp(1.5 * rng.NormFloat64() / max(temperature, 0.1))
		if f.lean != nil {
			x *= f.lean(last, int32(next))
		}
		row[next] += float32(x)
		sum += x
	}
	for i := range row {
		row[i] = float32(float64(row[i]) / sum)
	}
	return row
}

func (f *fakeGGUF) Rows(_ context.Context, tokens []watermark.Token, from int, temperature float64, each func(int, []float32) error) error {
	f.asked, f.text = append(f.asked, temperature), tokens
	for i := from; i < len(tokens); i++ {
		if err := each(i, f.law(tokens[i], temperature)); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeGGUF) Write(_ context.Context, r *ggufRequest) ([]int32, error) {
	rng := rand.New(rand.NewChaCha8(r.seed))
	last := r.prompt[len(r.prompt)-1]
	var ids []int32
	for len(ids) < r.length && !(f.end && len(ids) == 50) {
		law := f.law(last, 1)
		for i, p := range law {
			law[i] = float32(math.Log(float64(p)))
		}
		if last = r.sequence.Sample(law, r.sampler, rng.Float64()); last < 0 {
			break // a bias lets nothing stand
		}
		r.sequence.Accept(last)
		ids = append(ids, last)
	}
	return ids, nil
}

// ggufWorld has a key, a profile, and a file of outputs that the fake wrote, with their mark.
type ggufWorld struct {
	tempDir
	key, profile, marked, clean string
	mark                        *watermark.Mark
}

const ggufVocab = 1000

func newGGUFWorld(t *testing.T, f *fakeGGUF, outputs, length int) *ggufWorld {
	t.Helper()
	return newGGUFWorldOf(t, f, `"greenlist","gamma":0.5,"delta":1`, outputs, length)
}

// newGGUFWorldOf is newGGUFWorld with the mark of a scheme in a profile.
func newGGUFWorldOf(t *testing.T, f *fakeGGUF, scheme string, outputs, length int) *ggufWorld {
	t.Helper()
	w := &ggufWorld{tempDir: newDir(t)}
	w.key = w.file("my.key", secretOf("31"))
	w.profile = w.file("my.json", fmt.Sprintf(`{"isotope":1,"scheme":%s,"width":1,"vocab":%d,"tokenizer":"none"}`, scheme, ggufVocab))
	p, err := watermark.ReadProfile(w.profile)
	require.NoError(t, err)
	key, err := watermark.ReadKeyFile(w.key)
	require.NoError(t, err)
	w.mark, err = p.Mark(key)
	require.NoError(t, err)
	w.marked = w.file("marked.jsonl", w.write(f, outputs, length, w.mark))
	w.clean = w.file("clean.jsonl", w.write(f, outputs, length))
	return w
}

// write lets the fake write outputs.
func (w *ggufWorld) write(f *fakeGGUF, outputs, length int, marks ...*watermark.Mark) string {
	var text strings.Builder
	for i := range outputs {
		s, err := watermark.NewSequence(marks...)
		require.NoError(w.t, err)
		prompt := []watermark.Token{int32(900 + i%50), int32(950 + i%7)}
		s.Reset(prompt)
		ids, err := f.Write(context.Background(), &ggufRequest{prompt: prompt, length: length, sequence: s, sampler: watermark.Sampler{Temperature: 1}, seed: [32]byte{byte(i), byte(len(marks))}})
		require.NoError(w.t, err)
		line, err := json.Marshal(map[string]any{"prompt": prompt, "output": ids})
		require.NoError(w.t, err)
		text.Write(append(line, '\n'))
	}
	return text.String()
}

func (w *ggufWorld) audit(more ...string) []string {
	return append([]string{"audit", "--key", w.key, "--profile", w.profile, "--prompts-unmarked", "--decoys", "100", "--run-key", strings.Repeat("07", 16), "-q"}, more...)
}

// TestAuditAgainstGGUF tests outputs against a model that llama.cpp would run, and against the rows
// that it wrote.
func TestAuditAgainstGGUF(t *testing.T) {
	f := &fakeGGUF{vocab: ggufVocab}
	w := newGGUFWorld(t, f, 12, 100)
	useGGUF(t, f)
	model := w.file("model.gguf", "GGUF")
	rows := w.of("rows.jsonl")

	whole := parseReport(t, mustRun(t, w.audit("--reference-gguf", model, "--reference-temperature", "1.5", "--write-rows", rows, "--json", w.marked)...))
	assert.Equal(t, "detected", whole.parsed.Verdict)
	require.Len(t, whole.parsed.Statistics, 2)
	assert.Less(t, whole.parsed.Statistics[1].Log10P, -20.0)
	assert.Equal(t, 12, len(f.asked))
	assert.Equal(t, 1.5, f.asked[0])
	assert.Equal(t, 1, f.closed)
	assert.Contains(t, string(whole.Canonical), `gguf model.gguf (a fake), sha256:00 at temperature 1.5`)

	again := parseReport(t, mustRun(t, w.audit("--reference", rows, "--json", w.marked)...))
	assert.Equal(t, whole.parsed.Statistics, again.parsed.Statistics, "the rows in the file are those of the model")

	clean := parseReport(t, mustRun(t, w.audit("--reference-gguf", model, "--json", w.clean)...))
	assert.Equal(t, "inconclusive", clean.parsed.Verdict)

	// Rows for other outputs are none for these.
	status, _, errs := isotope(w.audit("--reference", rows, w.clean)...)
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "none of them is an output that is tested")

	// Rows for some of the outputs are said to be some.
	text, err := os.ReadFile(rows)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	half := mustRun(t, w.audit("--reference", w.file("half.jsonl", strings.Join(lines[:7], "")), w.marked)...)
	assert.Contains(t, strings.Join(strings.Fields(half), " "), fmt.Sprintf("%d positions of the outputs have no row of the reference model", 6*99))

	// A model that prefers the key's colours cannot be the reference.
	f.lean = func(last, next int32) float64 {
		return 1 + 0.5*float64(w.mark.Score(nil, []watermark.Pair{{Context: []watermark.Token{last}, Token: next}})[0])
	}
	leaning := parseReport(t, mustRun(t, w.audit("--reference-gguf", model, "--json", w.marked)...))
	assert.Equal(t, "inconclusive", leaning.parsed.Verdict)
	assert.Contains(t, string(leaning.Canonical), "the reference model depends on the key")
}

// TestReferencesThatDoNotFit has calls that name a reference model wrongly.
func TestReferencesThatDoNotFit(t *testing.T) {
	f := &fakeGGUF{vocab: ggufVocab}
	w := newGGUFWorld(t, f, 2, 30)
	useGGUF(t, f)
	model := w.file("model.gguf", "GGUF")
	head := func(more string) string {
		return `{"isotope_reading":1,"kind":"reference","vocab":1000,"tokenizer":"none","model":"m"` + more + "}\n"
	}
	text := `{"start":1,"tokens":[1,2],"rows":[{"ids":[2],"p":[0.5]},null]}` + "\n"
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"two references", []string{"--reference-gguf", model, "--reference", "none"}, exitUsage, "give one"},
		{"a corpus for a file", []string{"--reference", w.file("a", head(`,"top":1`)+text), "--corpus", w.path}, exitUsage, "leave one of them out"},
		{"no such rows", []string{"--reference", w.of("nothing.jsonl")}, exitUsage, "no such file of rows"},
		{"a file of another kind", []string{"--reference", w.file("b", strings.Replace(head(""), "reference", "mass", 1))}, exitError, "rows of a reference model have the kind reference"},
		{"rows without the likeliest", []string{"--reference", w.file("c", head("")+text)}, exitError, "likeliest"},
		{"a larger vocabulary", []string{"--reference", w.file("d", strings.Replace(head(`,"top":1`), "1000", "1001", 1))}, exitError, "vocabulary of 1001"},
		{"another temperature", []string{"--reference", w.file("e", head(`,"top":1,"temperature":0.7`)+text), "--reference-temperature", "0.8"}, exitUsage, "are for 0.7"},
		{"a temperature of nothing", []string{"--reference", "none", "--reference-temperature", "0.8"}, exitUsage, "for --reference-gguf"},
		{"rows of nothing", []string{"--reference", "none", "--write-rows", w.of("x")}, exitUsage, "--write-rows"},
		{"a negative temperature", []string{"--reference-gguf", model, "--reference-temperature", "-1"}, exitUsage, "reference-temperature"},
		{"no such model", []string{"--reference-gguf", w.of("nothing.gguf")}, exitError, "nothing.gguf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := isotope(w.audit(append(c.args, w.marked)...)...)
			assert.Equal(t, c.status, status, errs)
			assert.Contains(t, errs, c.says)
		})
	}
	status, _, errs := isotope("audit", "--key", w.key, "--profile", w.profile, "--reading", w.file("g", head(`,"top":1`)+text))
	assert.Equal(t, exitError, status)
	assert.Contains(t, errs, "which --reference takes")
	status, _, errs = isotope("audit", "--key", w.key, "--profile", w.profile, "--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--journal", w.of("j"), "--reference", w.file("f", head(`,"top":1`)))
	assert.Equal(t, exitUsage, status)
	assert.Contains(t, errs, "--reference-gguf FILE")
}

// TestWithoutLlama: a program without llama.cpp says how to get one that has it.
func TestWithoutLlama(t *testing.T) {
	w := newGGUFWorld(t, &fakeGGUF{vocab: ggufVocab}, 1, 20)
	model := w.file("model.gguf", "GGUF")
	status, _, errs := isotope(w.audit("--reference-gguf", model, "--llama-lib", w.of("no"), w.marked)...)
	assert.Equal(t, exitError, status)
	assert.Regexp(t, `build it with 'go build -tags llama ./cmd/isotope'|no holds no llama.cpp`, errs)
}

// TestSparseRows keeps what a residual needs.
func TestSparseRows(t *testing.T) {
	law := []float32{0.1, 0.2, 0.4, 0, 1e-6, 0.29999}
	for _, c := range []struct {
		name   string
		follow []int32
		ids    []int32
	}{
		{"the likeliest alone", nil, []int32{2}},
		{"the likeliest among them", []int32{1, 2, 5}, []int32{1, 2, 5}},
		{"the likeliest before", []int32{5}, []int32{2, 5}},
		{"the likeliest behind", []int32{0, 1}, []int32{0, 1, 2}},
		{"tiny ones and ids outside", []int32{-1, 3, 4, 99}, []int32{2, 4}}, // 4 was drawn
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sparse(law, c.follow, 4)
			assert.Equal(t, c.ids, r.Tokens)
			require.NoError(t, r.Check(len(law)))
			assert.True(t, slices.IsSorted(r.Tokens))
			assert.EqualValues(t, 2, r.Choice())
		})
	}
}

// detectJSONOf runs detect on one text and returns its JSON object.
func detectJSONOf(t *testing.T, args ...string) (d struct {
	Verdict        string
	Log10PAdjusted float64 `json:"log10_p_adjusted"`
	Log10P         float64 `json:"log10_p"`
	Tests          int64
	Informed       *informedJSON
	Warnings       []string
	Results        []struct{ Verdict string }
}) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, args...)), &d))
	return d
}

// TestDetectWithProbabilities: a model that knows how sure it was of each token finds a mark where the
// test without it does not.
func TestDetectWithProbabilities(t *testing.T) {
	f := &fakeGGUF{vocab: ggufVocab}
	// After most tokens the model is nearly sure of one.
	f.lean = func(last, next int32) float64 {
		if last%8 != 0 && next%97 == last%97 {
			return 2000
		}
		return 1
	}
	w := newGGUFWorldOf(t, f, `"gumbelmax"`, 1, 500)
	useGGUF(t, f)
	model := w.file("model.gguf", "GGUF")
	rows := w.of("rows.jsonl")
	call := func(text string, more ...string) []string {
		return append([]string{"detect", "--key", w.key, "--profile", w.profile, "--json", "-q", text}, more...)
	}
	plain := detectJSONOf(t, call(w.marked)...)
	require.Nil(t, plain.Informed)
	with := detectJSONOf(t, call(w.marked, "--reference-gguf", model, "--write-rows", rows)...)
	require.NotNil(t, with.Informed)
	assert.Less(t, *with.Informed.Log10P, 1.4*plain.Log10P, "the model helps")
	assert.Equal(t, plain.Log10P, with.Log10P)
	assert.EqualValues(t, 2, with.Tests)
	assert.InDelta(t, min(plain.Log10P, *with.Informed.Log10P)+math.Log10(2), with.Log10PAdjusted, 1e-9)
	assert.Zero(t, with.Informed.Unknown)
	assert.Equal(t, "model.gguf (a fake), sha256:00", with.Informed.Model)
	require.NotNil(t, with.Informed.ModelLog10P)

	again := detectJSONOf(t, call(w.marked, "--probs", rows)...)
	assert.Equal(t, with.Informed.Log10P, again.Informed.Log10P, "the rows in the file are those of the model")
	assert.Equal(t, with.Log10PAdjusted, again.Log10PAdjusted)

	// With several marks, --any tests each with the model, and counts all tests.
	otherKey := w.file("other.key", secretOf("7d")+"\n")
	byEach := detectJSONOf(t, "detect", "--any", "--key", w.key, "--profile", w.profile, "--key", otherKey, "--profile", w.profile, "--probs", rows, "--json", "-q", w.marked)
	assert.EqualValues(t, 4, byEach.Tests)
	assert.Equal(t, with.Informed.Log10P, byEach.Informed.Log10P)
	assert.InDelta(t, with.Log10PAdjusted+math.Log10(2), byEach.Log10PAdjusted, 1e-9)

	// Silence is told from the probabilities.
	clean := detectJSONOf(t, call(w.clean, "--reference-gguf", model, "--min-share", "1")...)
	assert.NotEqual(t, "detected", clean.Verdict)
	assert.EqualValues(t, 300, clean.Informed.Simulated)
	assert.Equal(t, clean.Verdict == "not_detected", clean.Informed.Found > 280, "%d found", clean.Informed.Found)
	words := mustRun(t, "detect", "--key", w.key, "--profile", w.profile, w.clean, "--reference-gguf", model)
	assert.Contains(t, words, "  informed  log10 p ")
	assert.Contains(t, words, "of 300 simulated texts with these probabilities, of which 50 % is marked, ")

	// A text without rows is tested without them, still as one of two tests.
	without := detectJSONOf(t, call(w.clean, "--probs", rows)...)
	assert.EqualValues(t, 2, without.Tests)
	assert.Zero(t, *without.Informed.Log10P)
	assert.Equal(t, without.Informed.Scored, without.Informed.Unknown)
	assert.Contains(t, strings.Join(without.Warnings, "\n"), "scored tokens have no probability")

	// Several texts: the p-values are adjusted for all of them.
	both, err := os.ReadFile(w.marked)
	require.NoError(t, err)
	other, err := os.ReadFile(w.clean)
	require.NoError(t, err)
	several := detectJSONOf(t, call(w.file("both.jsonl", string(both)+string(other)), "--reference-gguf", model)...)
	require.Len(t, several.Results, 2)
	assert.Equal(t, with.Verdict, several.Results[0].Verdict)
	assert.Equal(t, "inconclusive", several.Results[1].Verdict)
	assert.InDelta(t, with.Log10PAdjusted+math.Log10(2), byEach.Log10PAdjusted, 1e-9)
}

// TestDetectRefusesMarkedModels: a model that prefers the key's colours tells nothing about a text.
func TestDetectRefusesMarkedModels(t *testing.T) {
	f := &fakeGGUF{vocab: ggufVocab}
	w := newGGUFWorld(t, f, 1, 500)
	useGGUF(t, f)
	model := w.file("model.gguf", "GGUF")
	for _, c := range []struct {
		name    string
		green   float64
		refused bool
	}{{"prefers green", 2, true}, {"prefers red", 0.5, true}, {"independent", 1, false}} {
		t.Run(c.name, func(t *testing.T) {
			f.lean = func(last, next int32) float64 {
				if w.mark.Score(nil, []watermark.Pair{{Context: []watermark.Token{last}, Token: next}})[0] == 1 {
					return c.green
				}
				return 1
			}
			d := detectJSONOf(t, "detect", "--key", w.key, "--profile", w.profile, "--json", w.clean, "--reference-gguf", model)
			assert.Equal(t, c.refused, d.Informed.Refused, "%v", *d.Informed.ModelLog10P)
			assert.NotEqual(t, "detected", d.Verdict)
			if c.refused {
				assert.Zero(t, *d.Informed.Log10P)
				assert.Contains(t, strings.Join(d.Warnings, "\n"), "the model of the probabilities depends on the key")
			}
		})
	}
}

// TestDetectProbabilitiesThatDoNotFit has calls that name the model wrongly.
func TestDetectProbabilitiesThatDoNotFit(t *testing.T) {
	f := &fakeGGUF{vocab: ggufVocab}
	w := newGGUFWorld(t, f, 1, 30)
	useGGUF(t, f)
	model := w.file("model.gguf", "GGUF")
	text := w.file("text.txt", "Some text that is cut by a tokenizer.")
	words := w.file("words.json", mustRun(t, "profile", "new"))
	engine := w.file("engine.json", `{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":1000,"tokenizer":"none"}`)
	engineKey := w.file("engine.key", "integer-key-1:7000000000000000000\n")
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"two models", []string{"--profile", w.profile, "--key", w.key, "--probs", "x", "--reference-gguf", model, w.clean}, exitUsage, "give one"},
		{"no such file", []string{"--profile", w.profile, "--key", w.key, "--probs", w.of("nothing"), w.clean}, exitError, "nothing"},
		{"bands", []string{"--profile", w.profile, "--key", w.key, "--profile", w.profile, "--key", w.key, "--reference-gguf", model, w.clean}, exitUsage, "give --any"},
		{"an engine's mark", []string{"--profile", engine, "--key", engineKey, "--reference-gguf", model, w.clean}, exitUsage, "test that profile without them"},
		{"a temperature of nothing", []string{"--profile", w.profile, "--key", w.key, "--reference-temperature", "0.5", w.clean}, exitUsage, "for --reference-gguf"},
		{"rows of nothing", []string{"--profile", w.profile, "--key", w.key, "--write-rows", "x", w.clean}, exitUsage, "--write-rows"},
		{"another tokenizer", []string{"--profile", words, "--key", w.key, "--reference-gguf", model, text}, exitError, "the model has another tokenizer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := isotope(append([]string{"detect"}, c.args...)...)
			assert.Equal(t, c.status, status, errs)
			assert.Contains(t, errs, c.says)
		})
	}
}

// TestGenerateWithGGUF lets a model write marked ids, which detect finds.
func TestGenerateWithGGUF(t *testing.T) {
	f := &fakeGGUF{vocab: ggufVocab, end: true}
	w := newGGUFWorld(t, f, 1, 10)
	useGGUF(t, f)
	model := w.file("model.gguf", "GGUF")
	call := func(more ...string) []string {
		return append([]string{"generate", "--key", w.key, "--profile", w.profile, "--gguf", model, "--seed", "3", "--temperature", "1", "--top-k", "0", "--min-p", "0"}, more...)
	}
	status, ids, errs := isotope(call("--length", "200", "--print-ids")...)
	require.Zero(t, status, errs)
	assert.Contains(t, errs, "the text has 50 tokens: the model ended it")
	assert.Len(t, strings.Fields(ids), 50)
	f.end = false
	ids = mustRun(t, call("--length", "200", "--print-ids", "--chat", "--prompt", "What?")...)
	d := detectJSONOf(t, "detect", "--key", w.key, "--profile", w.profile, "--json", "--ids", w.file("ids", ids))
	assert.Equal(t, "detected", d.Verdict)
	assert.Equal(t, ids, mustRun(t, call("--length", "200", "--print-ids", "--chat", "--prompt", "What?")...), "a seed makes it reproducible")
	text := mustRun(t, call("--length", "20")...)
	assert.NotEmpty(t, text)
	assert.Equal(t, 4, f.closed)

	other := w.file("other.json", strings.Replace(w.read(w.profile), fmt.Sprint(ggufVocab), "999", 1))
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"a corpus", call("--corpus", w.path), exitUsage, "leave out --corpus"},
		{"a chat of nothing", call("--chat"), exitUsage, "--chat asks"},
		{"a chat without a model", []string{"generate", "--key", w.key, "--chat", "--prompt", "x"}, exitUsage, "are for --gguf"},
		{"another vocabulary", []string{"generate", "--key", w.key, "--profile", other, "--gguf", model}, exitUsage, "the model has 1000"},
		{"a file that holds no tokenizer", []string{"generate", "--key", w.key, "--gguf", model}, exitError, "the tokenizer in the model file cannot be read"},
		{"no such file", []string{"generate", "--key", w.key, "--gguf", w.of("nothing")}, exitError, "nothing"},
		{"a demo of two models", []string{"demo", "--gguf", model, "--corpus", w.path, "--report", w.of("x.html")}, exitUsage, "give one"},
		{"a demo of a file that holds no tokenizer", []string{"demo", "--gguf", model, "--report", w.of("x.html")}, exitError, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := isotope(c.args...)
			assert.Equal(t, c.status, status, errs)
			assert.Contains(t, errs, c.says)
		})
	}
}

// read returns what a file holds.
func (d tempDir) read(path string) string {
	d.t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(d.t, err)
	return string(text)
}

// TestDetectWithProbabilitiesOfEveryScheme tests texts for marks of all kinds, and for several keys.
func TestDetectWithProbabilitiesOfEveryScheme(t *testing.T) {
	for _, c := range []struct{ name, scheme string }{
		{"greenlist", `"greenlist","gamma":0.25,"delta":2`},
		{"context dedup", `"greenlist","gamma":0.5,"delta":2,"dedup":"context"`},
		{"payload", `"greenlist","gamma":0.5,"delta":2,"payload":4`},
		{"gumbelmax", `"gumbelmax","dedup":"context"`},
		{"two keys", `"gumbelmax","dual":0.5`},
		{"tournament", `"tournament","depth":30,"candidates":2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeGGUF{vocab: ggufVocab}
			w := &ggufWorld{tempDir: newDir(t)}
			useGGUF(t, f)
			w.key = w.file("my.key", secretOf("32"))
			w.profile = w.file("my.json", fmt.Sprintf(`{"isotope":1,"scheme":%s,"width":1,"vocab":%d,"tokenizer":"none"}`, c.scheme, ggufVocab))
			args := []string{"generate", "--key", w.key, "--profile", w.profile, "--gguf", w.file("model.gguf", "GGUF"), "--seed", "4", "--length", "300", "--print-ids", "--temperature", "1", "--top-k", "0", "--min-p", "0"}
			if c.name == "payload" {
				args = append(args, "--message", "5")
			}
			ids := w.file("ids", mustRun(t, args...))
			d := detectJSONOf(t, "detect", "--key", w.key, "--profile", w.profile, "--json", "--ids", ids, "--reference-gguf", w.of("model.gguf"))
			require.NotNil(t, d.Informed)
			assert.Less(t, *d.Informed.Log10P, -6.0)
			assert.Equal(t, "detected", d.Verdict)
			if c.name == "payload" {
				return // a keyring tests the mark without its messages
			}
			rows := w.of("rows.jsonl")
			ring := w.file("ring", "a\nb\nc\n")
			f.asked = nil
			k := detectJSONOf(t, "detect", "--key", w.key, "--profile", w.profile, "--keyring", ring, "--json", "--ids", ids, "--reference-gguf", w.of("model.gguf"), "--write-rows", rows)
			assert.EqualValues(t, 6, k.Tests, "three keys, and two tests of each")
			assert.Len(t, f.asked, 1, "the model is asked once for all keys")
			assert.Len(t, strings.Split(strings.TrimSpace(w.read(rows)), "\n"), 2)
			assert.NotEqual(t, "detected", k.Verdict)
		})
	}
}

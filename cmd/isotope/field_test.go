package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/corpustest"
)

// fieldFiles are files as people bring them, with right values that other programs computed.
const fieldFiles = "../../internal/corpus/testdata/field/"

// fieldArgs returns the flags of the throw-away key that marked the files.
func fieldArgs(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(fieldFiles + "throwaway.key")
	require.NoError(t, err)
	// A key file that others can read is refused, and git keeps no such modes.
	return []string{"--json", "-q", "--key", newDir(t).file("key", string(text)), "--profile", fieldFiles + "profile.json"}
}

// A fieldResult is what the JSON of detect and of audit has in common, and some of each.
type fieldResult struct {
	Verdict *string
	Log10P  *float64 `json:"log10_p"`
	Green   int64
	Scored  int64
	Form    string
	Rows    struct{ Found, Tested, Skipped int64 }
	Results []struct {
		Verdict       string
		Log10P        float64 `json:"log10_p"`
		Green, Scored int64
		Row           int64
	}
	Warnings  []string
	Canonical *struct {
		Claim      string
		Statistics []struct {
			Green, Scored int64
			Log10P        float64 `json:"log10_p"`
		}
	}
}

func parseField(t *testing.T, out string) (r fieldResult) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(out), &r), "%s", out)
	return r
}

// TestFieldTexts has the cases of one text. The numbers are those of the best form, without the
// adjustment for the others.
func TestFieldTexts(t *testing.T) {
	base := append([]string{"detect"}, fieldArgs(t)...)
	for _, c := range []struct {
		name          string
		args          []string
		verdict       string
		green, scored int64 // 0: not looked at
		log10P        float64
		form          string
		says          string
	}{
		{"O05 prompt and answer", []string{"O05_full.txt"}, "detected", 179, 213, -24.54, "", ""},
		{"O05 with the prompt", []string{"--prompt-file", fieldFiles + "O05_prompt.txt", "O05_full.txt"}, "detected", 167, 195, -24.87, "", ""},
		{"O08 UTF-16", []string{"O08_u16.txt"}, "detected", 509, 589, -76.92, "", ""},
		{"O08 another encoding, named", []string{"--encoding", "windows-1252", "O08_cp1252_fr.txt"}, "detected", 341, 485, -19.06, "", ""},
		{"O08 a stray byte", []string{"O08_latin1_one_byte.txt"}, "detected", 0, 0, -75.72, "", "not UTF-8"},
		{"O10 gzip", []string{"O10_marked.txt.gz"}, "detected", 509, 589, -76.92, "", ""},
		{"O11 entities", []string{"--normalize=entities", "O11_entities_fr.txt"}, "detected", 341, 485, -19.06, "entities", ""},
		{"O11 entities are hinted at", []string{"O11_entities_fr.txt"}, "", 0, 0, 0, "", "the form entities undoes"},
		{"O12 escapes", []string{"O12_escapes_fr.jsonl"}, "detected", 341, 485, -19.06, "", ""},
		{"O12 escapes in an object", []string{"O12_escapes_fr.json"}, "detected", 341, 485, -19.06, "", ""},
		{"O13 as written", []string{"O13_base.txt"}, "detected", 0, 0, -42.25, "", ""},
		{"O13 no-break spaces", []string{"--normalize=spaces", "O13_nbsp.txt"}, "detected", 0, 0, -42.25, "spaces", ""},
		{"O13 narrow no-break spaces", []string{"--normalize=spaces", "O13_nnbsp.txt"}, "detected", 0, 0, -42.25, "spaces", ""},
		{"O13 thin spaces", []string{"--normalize=spaces", "O13_thin.txt"}, "detected", 0, 0, -42.25, "spaces", ""},
		{"O13 zero-width spaces", []string{"--normalize=spaces", "O13_zwsp.txt"}, "detected", 0, 0, -42.25, "spaces", ""},
		{"O13 soft hyphens", []string{"--normalize=spaces", "O13_softhyphen.txt"}, "detected", 0, 0, -42.25, "spaces", ""},
		{"O13 full width", []string{"--normalize=width", "O13_fullwidth.txt"}, "detected", 0, 0, -42.25, "width", ""},
		{"O13 all by default", []string{"--normalize", "O13_zwsp.txt"}, "detected", 0, 0, -42.25, "*", ""},
		{"O14 as written", []string{"O14_base100.txt"}, "detected", 82, 96, -12.44, "", ""},
		{"O14 quoted", []string{"--normalize=prefixes", "O14_quoted100.txt"}, "detected", 82, 96, -12.44, "prefixes", ""},
		{"O14 on one line", []string{"O14_oneline.txt"}, "detected", 0, 0, -24.64, "", ""},
		{"O14 wrapped", []string{"--normalize=unwrap", "O14_wrap40.txt"}, "detected", 0, 0, -42.25, "unwrap", ""},
		{"O17 ids of another tokenizer", []string{"--ids", fieldFiles + "O17_ids_o200k.json"}, "inconclusive", 0, 0, 0, "", "they belong to another tokenizer, or are special tokens"},
		{"O18 a list of ids", []string{"--ids", fieldFiles + "O18_array.json"}, "detected", 169, 196, -25.889, "", ""},
		{"O18 ids with commas", []string{"--ids", fieldFiles + "O18_comma.txt"}, "detected", 169, 196, -25.889, "", ""},
		{"O18 a tensor", []string{"--ids", fieldFiles + "O18_tensor.txt"}, "detected", 169, 196, -25.889, "", ""},
		{"O18 ids in an object", []string{"O18_obj.json"}, "detected", 169, 196, -25.889, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(base[:len(base):len(base)], c.args...)
			if last := len(args) - 1; args[last-1] != "--ids" {
				args[last] = fieldFiles + args[last]
			}
			r := parseField(t, mustRun(t, args...))
			require.NotNil(t, r.Verdict)
			if c.verdict != "" {
				assert.Equal(t, c.verdict, *r.Verdict)
			}
			if c.scored > 0 {
				assert.Equal(t, [2]int64{c.green, c.scored}, [2]int64{r.Green, r.Scored})
			}
			if c.log10P != 0 {
				assert.InDelta(t, c.log10P, *r.Log10P, 0.006)
			}
			if c.form != "*" {
				assert.Equal(t, c.form, r.Form)
			}
			assert.Contains(t, strings.Join(r.Warnings, "\n"), c.says)
			assert.EqualValues(t, 0, r.Rows.Skipped)
		})
	}
}

// TestFieldTokens has the cases of tokenizers. tiktoken 0.14.0 and the tokenizers of Hugging Face made
// the ids, and testdata/vectors/isotope1.py the counts.
func TestFieldTokens(t *testing.T) {
	dir := newDir(t)
	count := func(t *testing.T, args ...string) (tokens, scored, green int64) {
		var r struct{ Tokens, Scored, Green int64 }
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(append([]string{"detect"}, fieldArgs(t)...), args...)...)), &r))
		return r.Tokens, r.Scored, r.Green
	}
	t.Run("O01 one letter", func(t *testing.T) {
		tokens, scored, _ := count(t, dir.file("a.txt", strings.Repeat("a", 100_000)))
		assert.Equal(t, [2]int64{12_500, 1}, [2]int64{tokens, scored})
	})
	t.Run("O01 letters without a blank", func(t *testing.T) {
		tokens, scored, green := count(t, fieldFiles+"O01_letters100k.txt")
		assert.Equal(t, [3]int64{53_952, 53_562, 26_886}, [3]int64{tokens, scored, green})
	})
	t.Run("O01 one sign", func(t *testing.T) {
		text := dir.file("signs.txt", strings.Repeat("^", 1_000_000))
		for _, tokenizer := range []string{"cl100k_base", "r50k_base"} {
			ids := mustRun(t, "tokenize", "--json", "-q", "--tokenizer", tokenizer, text)
			assert.Equal(t, 250_000-1, strings.Count(ids, ","), tokenizer)
		}
	})
	for _, c := range []struct{ tokenizer, ids string }{
		{"cl100k_base", "[157,110,231,3855,87189,110,238,362,157,110,232,65,87189,110,231,157,110,232,596,198]"},
		{"o200k_base", "[157,110,231,7570,220,157,110,238,355,157,110,232,65,220,157,110,231,157,110,232,885,198]"},
	} {
		t.Run("O02 a letter of Unicode 16, "+c.tokenizer, func(t *testing.T) {
			out := mustRun(t, "tokenize", "--json", "-q", "--tokenizer", c.tokenizer, fieldFiles+"O02_u1c89.txt")
			assert.JSONEq(t, c.ids, out)
		})
	}
	for _, c := range []struct {
		profile, ids         string
		green, scored, vocab int64
	}{
		{"50265", "opt", 1001, 1998, 0},
		{"50265", "opt_pad", 1022, 1995, 5},
		{"50272", "opt", 1001, 1998, 0},
		{"50272", "opt_pad", 1025, 2000, 0},
	} {
		t.Run("O04 "+c.ids+" under a vocabulary of "+c.profile, func(t *testing.T) {
			args := fieldArgs(t)
			args[len(args)-1] = fieldFiles + "O04_pv_" + c.profile + ".json"
			var r struct {
				Green, Scored int64
				Skipped       struct{ Vocab int64 }
			}
			out := mustRun(t, append(append([]string{"detect"}, args...), "--ids", fieldFiles+"O04_tk_"+c.ids+".json")...)
			require.NoError(t, json.Unmarshal([]byte(out), &r))
			assert.Equal(t, [3]int64{c.green, c.scored, c.vocab}, [3]int64{r.Green, r.Scored, r.Skipped.Vocab})
		})
	}
	t.Run("O16 o200k_harmony", func(t *testing.T) {
		var p struct {
			Tokenizer string
			Vocab     int
		}
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, "profile", "new", "-q", "--tokenizer", "o200k_harmony")), &p))
		assert.Equal(t, 201_088, p.Vocab)
		text := fieldFiles + "base_marked.txt"
		assert.Equal(t, mustRun(t, "tokenize", "-q", "--tokenizer", "o200k_base", text),
			mustRun(t, "tokenize", "-q", "--tokenizer", "o200k_harmony", text))
	})
	t.Run("O18 a list a line", func(t *testing.T) {
		args := append(append([]string{"detect"}, fieldArgs(t)...), "--ids", fieldFiles+"O18_lines.jsonl")
		r := parseField(t, mustRun(t, args...))
		require.Len(t, r.Results, 4)
		var green, scored int64
		for i, want := range []float64{-11.379, -10.183, -6.506, -2.559} { // by p-value
			assert.InDelta(t, want, r.Results[i].Log10P, 0.001)
			green, scored = green+r.Results[i].Green, scored+r.Results[i].Scored
		}
		// The four lists are the one of O18_array.json in parts, without the contexts over their borders.
		assert.Equal(t, [2]int64{166, 192}, [2]int64{green, scored})
	})
}

// siblings are layouts that no case of the page has. Each has the rows of O06_ref.jsonl.
func siblings(rows []corpustest.Row) []corpustest.Named {
	type m = map[string]any
	lines := func(row func(r corpustest.Row) any) (b []byte) {
		for _, r := range rows {
			line, err := json.Marshal(row(r))
			if err != nil {
				panic(err)
			}
			b = append(append(b, line...), '\n')
		}
		return b
	}
	text := func(before, prompt, answer, after string) (b []byte) {
		b = append(b, before...)
		for _, r := range rows {
			b = append(b, prompt+r.Prompt+answer+r.Output+after...)
		}
		return b
	}
	return []corpustest.Named{
		{Name: "gemini.jsonl", Content: lines(func(r corpustest.Row) any {
			return m{"contents": []m{{"role": "user", "parts": []m{{"text": r.Prompt}}}, {"role": "model", "parts": []m{{"text": r.Output}}}}}
		})},
		{Name: "ratings.jsonl", Content: lines(func(r corpustest.Row) any {
			return m{"instruction": r.Prompt, "completions": []m{{"model": "m", "response": r.Output}}}
		})},
		{Name: "evaluation.jsonl", Content: lines(func(r corpustest.Row) any {
			return m{"prompt": r.Prompt, "resps": [][]string{{r.Output}}}
		})},
		{Name: "questions.jsonl", Content: lines(func(r corpustest.Row) any {
			return m{"question": r.Prompt, "choices": []m{{"index": 0, "turns": []string{r.Output}}}}
		})},
		{Name: "dialog.txt", Content: text("", "User: ", "\nAssistant: ", "\n\n")},
		{Name: "dialog.md", Content: text("", "## User\n\n", "\n\n## Assistant\n\n", "\n\n")},
		{Name: "bold.md", Content: text("", "**User:** ", "\n\n**Assistant:** ", "\n\n")},
		{Name: "copied.txt", Content: text("", "You said:\n", "\n\nChatGPT said:\n", "\n\n")},
		{Name: "faq.txt", Content: text("", "Q: ", "\nA: ", "\n\n")},
		{Name: "prompts.txt", Content: text("", "Prompt: ", "\nResponse: ", "\n\n")},
		{Name: "deepseek.txt", Content: text("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")},
		{Name: "harmony.txt", Content: text("", "<|start|>user<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>", "<|return|>")},
		{Name: "cohere.txt", Content: text("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
			"<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>")},
	}
}

// TestFieldSiblings: the rows of a case give its right value in layouts that no case has.
func TestFieldSiblings(t *testing.T) {
	base := append(append([]string{"audit"}, fieldArgs(t)...), "--reference", "none", "--decoys", "100", "--run-key", strings.Repeat("0c", 16))
	dir := newDir(t)
	for _, c := range siblings(fieldRows(t)) {
		t.Run(c.Name, func(t *testing.T) {
			r := parseField(t, mustRun(t, append(base[:len(base):len(base)], dir.file(c.Name, string(c.Content)))...))
			require.NotNil(t, r.Canonical)
			assert.EqualValues(t, 0, r.Rows.Skipped)
			pairs := r.Canonical.Statistics[0]
			assert.Equal(t, [2]int64{483, 565}, [2]int64{pairs.Green, pairs.Scored})
			assert.InDelta(t, -69.70, pairs.Log10P, 0.006)
		})
	}
}

// fieldRows returns the rows of O06_ref.jsonl.
func fieldRows(t *testing.T) (rows []corpustest.Row) {
	t.Helper()
	text, err := os.ReadFile(fieldFiles + "O06_ref.jsonl")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var r corpustest.Row
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		rows = append(rows, r)
	}
	return rows
}

// TestInconclusiveSaysWhy: silence that says nothing has a reason, which is not always the length.
func TestInconclusiveSaysWhy(t *testing.T) {
	args := append([]string{"detect"}, fieldArgs(t)[1:]...)
	for _, c := range []struct {
		name  string
		args  []string
		first string
	}{
		{"too short", []string{newDir(t).file("a.txt", "A few words.")}, "inconclusive: too little text to tell"},
		{"ids of another tokenizer", []string{"--ids", fieldFiles + "O17_ids_o200k.json"}, "inconclusive: the notes say why"},
		{"a part was skipped", []string{"--rate", "0.3", fieldFiles + "base_plain.txt", fieldFiles + "O09_report.pdf"}, "inconclusive: nothing was detected, and a part was not tested (1 of 2 rows were tested, and 1 skipped)"},
		{"no rate", []string{fieldFiles + "base_plain.txt"}, "inconclusive: nothing was detected, and no --rate says how much a marked text like this one would show"},
		{"a low rate", []string{"--rate", "0.05", fieldFiles + "base_plain.txt"}, "inconclusive: nothing was detected, and a marked text like this one might not have been"},
		{"silence", []string{"--rate", "0.3", fieldFiles + "base_plain.txt"}, "not detected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := mustRun(t, append(args[:len(args):len(args)], c.args...)...)
			first, _, _ := strings.Cut(out, "\n")
			assert.Equal(t, c.first, first)
		})
	}
}

// TestFieldRows has the cases of outputs, which audit tests together.
func TestFieldRows(t *testing.T) {
	base := append(append([]string{"audit"}, fieldArgs(t)...), "--reference", "none", "--decoys", "100", "--run-key", strings.Repeat("0c", 16))
	for _, c := range []struct {
		file          string
		rows          int64
		green, scored int64
		log10P        float64
	}{
		{"O03_special.jsonl", 1, 515, 601, -75.017},
		{"O06_ref.jsonl", 7, 483, 565, -69.70},
		{"O06_text.jsonl", 7, 489, 572, -70.559}, // its rows have no prompts
		{"O06_response.jsonl", 7, 483, 565, -69.70},
		{"O06_completion.jsonl", 7, 483, 565, -69.70},
		{"O06_messages.jsonl", 7, 483, 565, -69.70},
		{"O06_sharegpt.jsonl", 7, 483, 565, -69.70},
		{"O06_outlist.jsonl", 7, 483, 565, -69.70},
		{"O06_pretty.jsonl", 7, 483, 565, -69.70},
		{"O06_alpaca.jsonl", 7, 483, 565, -69.70},
		{"O07_pasted.jsonl", 6, 230, 434, -0.94},
		{"O07_pasted.ndjson", 6, 230, 434, -0.94},
		{"O07_pasted.json", 6, 230, 434, -0.94},
		{"O07_pasted.csv", 6, 230, 434, -0.94},
		{"O07_pasted.jsonl.1", 6, 230, 434, -0.94},
		{"O08_u16.jsonl", 7, 483, 565, -69.70},
		{"O15_reasoning_content.jsonl", 7, 483, 565, -69.70},
		{"O15_think_tags.jsonl", 7, 483, 565, -69.70},
		{"O19_case_variant.jsonl", 7, 483, 565, -69.70},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := parseField(t, mustRun(t, append(base[:len(base):len(base)], fieldFiles+c.file)...))
			require.NotNil(t, r.Canonical)
			assert.Equal(t, [3]int64{c.rows, c.rows, 0}, [3]int64{r.Rows.Found, r.Rows.Tested, r.Rows.Skipped})
			pairs := r.Canonical.Statistics[0]
			assert.Equal(t, [2]int64{c.green, c.scored}, [2]int64{pairs.Green, pairs.Scored})
			assert.InDelta(t, c.log10P, pairs.Log10P, 0.006)
			assert.Equal(t, c.log10P < -7, *r.Verdict == "detected")
		})
	}
}

// TestFieldDocuments has files of two documents, one of them marked: each has its own result.
func TestFieldDocuments(t *testing.T) {
	base := append([]string{"detect"}, fieldArgs(t)...)
	for _, file := range []string{"O10_c.jsonl.gz", "O10_c.jsonl.zst", "O10_c.parquet", "O10_c.warc.gz"} {
		t.Run(file, func(t *testing.T) {
			r := parseField(t, mustRun(t, append(base[:len(base):len(base)], fieldFiles+file)...))
			require.Len(t, r.Results, 2)
			assert.EqualValues(t, 1, r.Results[0].Row)
			assert.Equal(t, [2]int64{509, 589}, [2]int64{r.Results[0].Green, r.Results[0].Scored})
			assert.InDelta(t, -76.92, r.Results[0].Log10P, 0.006)
			assert.InDelta(t, -0.77, r.Results[1].Log10P, 0.006)
			assert.Equal(t, "detected", r.Results[0].Verdict)
			assert.NotEqual(t, "detected", r.Results[1].Verdict)
		})
	}
}

// dependenceWords stand in sentences about a result. Nothing may print one of them when nothing was
// tested.
var dependenceWords = []string{"not_detected", "not detected", "inconclusive", "depend", "log10", "power", "would have", "claim", "no mark"}

// TestFieldRefusals: bytes that are not text get no verdict under any name.
func TestFieldRefusals(t *testing.T) {
	args := fieldArgs(t)
	dir := newDir(t)
	for _, c := range []struct{ file, says string }{
		{"O08_cp1252_fr.txt", "282 of its bytes are not UTF-8"},
		{"O09_report.docx", "a Word document"},
		{"O09_report.pdf", "a PDF"},
		{"O17_ids_bos.json", "token ids"},
		{"O18_array.json", "token ids"},
	} {
		text, err := os.ReadFile(fieldFiles + c.file)
		require.NoError(t, err)
		for _, name := range []string{c.file, "renamed", "renamed.txt"} {
			path := dir.file(name, string(text))
			for _, verb := range [][]string{{"detect"}, {"audit", "--reference", "none", "--decoys", "100"}} {
				t.Run(c.file+" as "+name+" to "+verb[0], func(t *testing.T) {
					page := dir.of("page.html")
					call := append(append(verb[:len(verb):len(verb)], args...), "--report", page, path)
					status, out, errs := isotope(call...)
					assert.Equal(t, exitError, status)
					assert.Contains(t, errs, "nothing was tested: ")
					assert.Contains(t, errs, c.says)
					r := parseField(t, out)
					assert.Nil(t, r.Verdict)
					assert.EqualValues(t, 0, r.Rows.Tested)
					for _, word := range dependenceWords {
						assert.NotContains(t, out+errs, word)
					}
					assert.NoFileExists(t, page)
				})
			}
		}
	}
}

// rowNames are twenty names under which people keep rows.
var rowNames = []string{
	"rows.jsonl", "rows.ndjson", "rows.json", "ROWS.JSONL", "rows.jsonl.1", "rows.jsonl.bak", "rows", "rows~", "rows.txt", "rows.log",
	"rows.md", "rows.csv", "rows.tsv", "rows.parquet", "rows.jsonl.gz", "rows.zip", "rows.html", "rows.eml", "rows.pdf", "rows (1).dat",
}

// TestNobodyIsAccusedByAName: the same rows give the same numbers under every name, in every
// container, layout and encoding, or nothing at all.
func TestNobodyIsAccusedByAName(t *testing.T) {
	dir := newDir(t)
	key := dir.file("key", secretOf("5a")+"\n")
	profile := dir.file("profile", mustRun(t, "profile", "-q"))
	audit := []string{"audit", "--json", "-q", "--key", key, "--profile", profile, "--reference", "none", "--decoys", "100", "--run-key", strings.Repeat("0c", 16)}
	numbers := func(t *testing.T, name string, content []byte) string {
		path := dir.of(name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		defer os.Remove(path)
		status, out, errs := isotope(append(audit[:len(audit):len(audit)], path)...)
		if status == exitError {
			require.Contains(t, errs, "nothing was tested")
			return ""
		}
		require.Zero(t, status, errs)
		r := parseField(t, out)
		return fmt.Sprint(*r.Verdict, r.Rows.Tested, r.Canonical.Statistics[0])
	}
	layouts := corpustest.Layouts()
	want := numbers(t, "want.jsonl", layouts[0].Content)
	require.NotEmpty(t, want)
	compared, refused := 0, 0
	for i, layout := range layouts {
		if layout.Name == "anthropic batch" {
			continue // its rows have no prompts
		}
		t.Run(layout.Name, func(t *testing.T) {
			contents := []corpustest.Named{{Name: "as it is", Content: layout.Content}}
			if layout.Text {
				contents = corpustest.Encodings(layout.Content)
			}
			for j, content := range contents {
				for k, c := range corpustest.Containers("rows", content.Content) {
					for n, name := range rowNames {
						// The bare file of the first layout has all names. The others share them out.
						if (i > 0 || j > 0 || k > 0) && (n != (7*i+5*j+3*k)%len(rowNames) || (i+2*j+k)%6 > 0) {
							continue
						}
						compared++
						got := numbers(t, name, c.Content)
						if got == "" {
							refused++
							continue
						}
						require.Equal(t, want, got, "%s, %s, %s", content.Name, c.Name, name)
					}
				}
			}
		})
	}
	assert.Greater(t, compared, 100)
	assert.Zero(t, refused, "all of these are read today")
}

// TestHostileFiles gives every hostile or odd file to detect and to audit: each has a message that
// names it, and a verdict only for its text.
func TestHostileFiles(t *testing.T) {
	dir := newDir(t)
	key := dir.file("key", secretOf("5a")+"\n")
	profile := dir.file("profile", mustRun(t, "profile", "-q"))
	cases := corpustest.Cases()
	assert.GreaterOrEqual(t, len(cases), 60, "kinds of files")
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			o := c.Options
			switch {
			case o.Limits != (corpus.Limits{}):
				t.Skip("its limits are lower than those of the command")
			case strings.ContainsAny(c.File, "/\x00"):
				t.Skip("not the name of a file")
			}
			path := dir.of(c.File)
			require.NoError(t, os.WriteFile(path, c.Content, 0o600))
			defer os.Remove(path)
			args := []string{"-q", "--key", key, "--profile", profile}
			for _, x := range []struct {
				flag   string
				values []string
			}{{"format", []string{string(o.Format)}}, {"encoding", []string{o.Encoding}}, {"field", o.Fields}, {"prompt-field", []string{o.PromptField}}, {"role", o.Roles}} {
				for _, v := range x.values {
					if v != "" {
						args = append(args, "--"+x.flag, v)
					}
				}
			}
			verbs := [][]string{{"detect"}}
			if o.Terminal {
				verbs[0] = append(verbs[0], "--normalize=terminal")
			} else if c.Docs == 0 {
				verbs = append(verbs, []string{"audit", "--reference", "none", "--decoys", "100"})
			}
			says := c.Says
			if place, ok := strings.CutPrefix(says, c.File); ok {
				says = path + place
			}
			for _, verb := range verbs {
				call := append(append(verb[:len(verb):len(verb)], args...), path)
				status, out, errs := isotope(call...)
				assert.Contains(t, out+errs, says)
				_, asJSON, _ := isotope(append(call, "--json")...)
				r := parseField(t, asJSON)
				assert.EqualValues(t, len(c.Reasons), r.Rows.Skipped)
				if len(c.Reasons) > 0 {
					assert.Contains(t, asJSON, `"reason":"`+string(c.Reasons[0])+`"`)
				}
				if r.Rows.Tested > 0 {
					assert.Contains(t, []int{exitOK, exitIncomplete}, status, errs)
					assert.NotNil(t, r.Verdict)
					continue
				}
				assert.Equal(t, exitError, status)
				assert.Nil(t, r.Verdict)
				assert.Empty(t, out)
				for _, word := range dependenceWords {
					assert.NotContains(t, strings.ReplaceAll(asJSON+errs, c.File, ""), word)
				}
			}
		})
	}
}

// TestPlansDeclareTheReading: other columns of the same files are another test.
func TestPlansDeclareTheReading(t *testing.T) {
	dir := newDir(t)
	base := append(append([]string{"audit"}, fieldArgs(t)...), "--reference", "none", "--decoys", "100")
	file := fieldFiles + "O06_alpaca.jsonl"
	plan := func(flags ...string) string {
		out := mustRun(t, append(append(append(base[:len(base):len(base)], "--dry-run"), flags...), file)...)
		return dir.file("plan.json", out)
	}
	test := func(plan string, flags ...string) (int, string) {
		status, _, errs := isotope(append(append(append(base[:len(base):len(base)], "--plan-file", plan), flags...), file)...)
		return status, errs
	}
	for _, c := range []struct{ flag, value, name string }{
		{"--field", "output", "fields"}, {"--prompt-field", "instruction", "prompt_field"}, {"--role", "assistant", "roles"},
		{"--format", "jsonl", "format"}, {"--encoding", "utf-8", "encoding"}, {"--max-skipped", "5%", "max_skipped"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			declared := plan(c.flag, c.value)
			status, errs := test(declared, c.flag, c.value)
			assert.Equal(t, exitOK, status, errs)
			status, errs = test(declared)
			assert.NotEqual(t, exitOK, status)
			assert.Contains(t, errs, "this is not the declared plan: ")
			assert.Contains(t, errs, c.name)
			status, errs = test(plan(), c.flag, c.value)
			assert.NotEqual(t, exitOK, status)
			assert.Contains(t, errs, c.name)
		})
	}
}

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

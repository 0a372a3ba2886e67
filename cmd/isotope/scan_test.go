package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scanArgs are a call of a verb of scans over the field's key and profile.
func scanArgs(t *testing.T, verb string, more ...string) []string {
	t.Helper()
	return append(append([]string{verb}, fieldArgs(t)[1:]...), more...) // without --json
}

// scanRun is the run key of tests.
var scanRun = strings.Repeat("0c", 16)

// scanLines returns the documents of a scan in JSON, and the last line.
func scanLines(t *testing.T, out string) (documents []map[string]any, totals map[string]any) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for i, line := range lines {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		if i == len(lines)-1 {
			require.Equal(t, "scan", v["kind"])
			return documents, v
		}
		require.Equal(t, "document", v["kind"])
		documents = append(documents, v)
	}
	return nil, nil
}

// TestScanOfFieldCases scans files that people reported, and compares with what detect says.
func TestScanOfFieldCases(t *testing.T) {
	schema := jsonSchema(t, true)
	var files []string
	for _, name := range []string{"O06_ref.jsonl", "O06_messages.jsonl", "O07_pasted.jsonl", "O08_u16.txt", "O09_report.pdf", "O10_c.jsonl.gz", "O10_c.jsonl.zst", "O10_c.parquet", "O10_c.warc.gz", "O15_reasoning_content.jsonl", "base_plain.txt", "base_marked.txt"} {
		files = append(files, fieldFiles+name)
	}
	out := mustRun(t, scanArgs(t, "scan", append([]string{"--json", "--run-key", scanRun}, files...)...)...)
	for line := range strings.Lines(out) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(v), line)
	}
	documents, totals := scanLines(t, out)
	rows := 0.0
	byFile := map[string]int{}
	for _, d := range documents {
		rows += d["count"].(float64)
		byFile[filepath.Base(d["file"].(string))]++
	}
	assert.Equal(t, totals["documents"], rows)
	r := totals["rows"].(map[string]any)
	assert.Equal(t, r["found"], r["tested"].(float64)+r["skipped"].(float64))
	assert.Equal(t, "detected", totals["verdict"])
	assert.Zero(t, byFile["O07_pasted.jsonl"]-6, "answers alone: six turns")
	assert.Zero(t, byFile["O10_c.jsonl.zst"], "the same documents in another container are repeats")

	// The p-value of a document is the one of detect.
	var one struct {
		Log10P float64 `json:"log10_p"`
		Scored int64
		Green  int64
	}
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, append(append([]string{"detect"}, fieldArgs(t)...), fieldFiles+"base_marked.txt")...)), &one))
	found := false
	for _, d := range documents {
		if d["scored"] == float64(one.Scored) && d["green"] == float64(one.Green) {
			found = true
			assert.Equal(t, one.Log10P, d["log10_p"])
			assert.Equal(t, true, d["detected"])
			assert.GreaterOrEqual(t, d["count"], 6.0, "in UTF-16, gzip, zstd, parquet, a crawl and alone")
		}
	}
	assert.True(t, found)

	t.Run("for people", func(t *testing.T) {
		out := mustRun(t, scanArgs(t, "scan", append([]string{"--run-key", scanRun, "--rate", "0.35"}, files...)...)...)
		assert.True(t, strings.HasPrefix(out, "detected: documents of this corpus depend on the key\n"), out)
		assert.Contains(t, out, "O06_ref.jsonl:")
		assert.Contains(t, out, "of the distinct pairs are marked by the stated rate, between")
		assert.Contains(t, out, "1 binary")
	})
	t.Run("in parts", func(t *testing.T) {
		dir := t.TempDir()
		var parts []string
		for i := range 5 {
			part := filepath.Join(dir, fmt.Sprint(i))
			parts = append([]string{part}, parts...)
			var these []string
			for j := i; j < len(files); j += 5 {
				these = append(these, files[j])
			}
			out := mustRun(t, scanArgs(t, "map", append([]string{"--run-key", scanRun, "--journal", part}, these...)...)...)
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(v), out)
		}
		assert.Equal(t, out, mustRun(t, scanArgs(t, "reduce", append([]string{"--json"}, parts...)...)...))
	})
	t.Run("spans", func(t *testing.T) {
		out := mustRun(t, scanArgs(t, "scan", "--json", "--spans", fieldFiles+"base_marked.txt", fieldFiles+"base_plain.txt")...)
		documents, totals := scanLines(t, out)
		assert.Equal(t, 2.0, totals["tests_per_document"])
		marked := 0
		for _, d := range documents {
			for _, s := range d["spans"].([]any) {
				marked++
				x := s.(map[string]any)
				assert.Equal(t, "base_marked.txt", filepath.Base(d["file"].(string)))
				assert.Less(t, x["byte_start"], x["byte_end"])
				assert.Less(t, x["log10_p_adjusted"], -6.0)
			}
		}
		assert.Positive(t, marked)
	})
}

// TestScanStatuses: the exit status of every way in which a scan can end.
func TestScanStatuses(t *testing.T) {
	dir := newDir(t)
	marked, plain := fieldFiles+"base_marked.txt", fieldFiles+"base_plain.txt"
	png := dir.file("b.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	list := dir.file("list", marked+"\r\n\n"+plain+"\n")
	list0 := dir.file("list0", marked+"\x00"+plain+"\x00")
	journal := dir.of("journal")
	for _, c := range []struct {
		name     string
		args     []string
		status   int
		out, err string
	}{
		{"silence", []string{plain}, exitOK, "inconclusive: nothing was detected, and no --rate", ""},
		{"the verdict of --fail-on", []string{"--fail-on", "detected", marked}, exitVerdict, "detected", ""},
		{"another verdict", []string{"--fail-on", "detected", plain}, exitOK, "inconclusive", ""},
		{"nothing tested", []string{png}, exitError, "", "nothing was tested: all 1 rows were skipped (1 binary)"},
		{"no file", []string{dir.of("none")}, exitError, "", "there is no file of this name"},
		{"an unreadable file", []string{dir.of("none"), marked}, exitIncomplete, "1 unreadable", ""},
		{"too many skips", []string{"--max-skipped", "0", png, marked}, exitIncomplete, "1 binary", ""},
		{"a list", []string{"--files-from", list}, exitOK, "2 rows in 2 files", ""},
		{"a list with NULs", []string{"--files0-from", list0}, exitOK, "2 rows in 2 files", ""},
		{"an empty list", []string{"--files-from", dir.file("empty", "\n")}, exitError, "", "names no file"},
		{"a journal", []string{"--journal", journal, marked}, exitOK, "detected", ""},
		{"the journal again", []string{"--journal", journal, marked}, exitOK, "detected", ""},
		{"the journal of other files", []string{"--journal", journal, plain}, exitError, "", "make the call that began it, or name another journal"},
		{"the journal of another call", []string{"--journal", journal, "--spans", marked}, exitError, "", "its tests of parts (--spans) differ"},
		{"too little disk", []string{"--max-disk", "1K", marked}, exitError, "", "the budget of the disk is used up"},
		{"no path", nil, exitUsage, "", "PATH is missing"},
		{"two lists", []string{"--files-from", list, "--files0-from", list0}, exitUsage, "", "are two lists"},
		{"a run key", []string{"--run-key", "abc", marked}, exitUsage, "", "it is not 32 hex digits"},
		{"a size", []string{"--max-disk", "much", marked}, exitUsage, "", "is not a size, such as 500M or 20G"},
		{"a level", []string{"--fdr", "1", marked}, exitUsage, "", "--fdr 1 is outside (0,1)"},
		{"standard input twice", []string{"--files-from", "-", "-"}, exitUsage, "", "standard input is named for 2 inputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := isotope(scanArgs(t, "scan", c.args...)...)
			assert.Equal(t, c.status, status, out+errs)
			assert.Contains(t, out, c.out)
			assert.Contains(t, errs, c.err)
		})
	}
	t.Run("map", func(t *testing.T) {
		status, _, errs := isotope(scanArgs(t, "map", "--journal", dir.of("m"), marked)...)
		assert.Equal(t, exitUsage, status)
		assert.Contains(t, errs, "--run-key DIGITS is missing")
		status, _, errs = isotope(scanArgs(t, "map", "--run-key", scanRun, marked)...)
		assert.Equal(t, exitUsage, status)
		assert.Contains(t, errs, "--journal DIR is missing")
	})
	t.Run("reduce", func(t *testing.T) {
		status, _, errs := isotope(scanArgs(t, "reduce")...)
		assert.Equal(t, exitUsage, status)
		assert.Contains(t, errs, "DIR is missing")
		status, _, errs = isotope(scanArgs(t, "reduce", dir.of("none"))...)
		assert.Equal(t, exitError, status)
		assert.Contains(t, errs, "there is no journal")
		status, _, errs = isotope(scanArgs(t, "reduce", journal, journal+string(filepath.Separator))...)
		assert.Equal(t, exitError, status)
		assert.Contains(t, errs, "are the same folder")
	})
}

// TestScanOfADirectoryThatGrows: files that came after the journal began are not scanned, and a hint says
// so.
func TestScanOfADirectoryThatGrows(t *testing.T) {
	dir := newDir(t)
	marked, err := os.ReadFile(fieldFiles + "base_marked.txt")
	require.NoError(t, err)
	sub := dir.of("sub")
	require.NoError(t, os.Mkdir(sub, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(sub, "b.txt"), marked, 0o600))
	call := func(verb string) (out, errs string) {
		args := scanArgs(t, verb, "--run-key", scanRun, "--journal", filepath.Join(sub, "journal"), sub)
		for i, a := range args {
			if a == "--quiet" || a == "-q" {
				args = append(args[:i:i], args[i+1:]...)
				break
			}
		}
		status, out, errs := isotope(args...)
		require.Zero(t, status, errs)
		return out, errs
	}
	first, errs := call("scan")
	assert.Empty(t, errs)
	again, errs := call("scan") // with the journal below the directory
	assert.Equal(t, first, again)
	assert.Empty(t, errs)
	for _, name := range []string{"a.txt", "c.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(sub, name), marked, 0o600))
	}
	again, errs = call("scan")
	assert.Equal(t, first, again)
	assert.Contains(t, errs, "2 files were not there when the scan of this journal began, such as "+filepath.Join(sub, "a.txt"))
	again, errs = call("map")
	assert.Contains(t, again, `"files":1,`)
	assert.Contains(t, errs, "2 files were not there")
}

// TestScanOfStandardInput: standard input is a file of a name that the call may give.
func TestScanOfStandardInput(t *testing.T) {
	text, err := os.ReadFile(fieldFiles + "base_marked.txt")
	require.NoError(t, err)
	for want, args := range map[string][]string{"-": {"-"}, "part-17": {"-", "--stdin-name", "part-17"}} {
		var out, errs strings.Builder
		status := run(context.Background(), scanArgs(t, "scan", append(args, "--json")...), strings.NewReader(string(text)), &out, &errs)
		require.Zero(t, status, errs.String())
		documents, _ := scanLines(t, out.String())
		require.Len(t, documents, 1)
		assert.Equal(t, want, documents[0]["file"])
	}
}

// TestScanOfADataSet: of a folder of the Hub the data is read once.
func TestScanOfADataSet(t *testing.T) {
	args := scanArgs(t, "scan", "--json", ".")
	args[5], _ = filepath.Abs(args[5])
	t.Chdir(t.TempDir())
	row := func(s string) string {
		return fmt.Sprintf(`{"text":"a row of a data set about %s, in some words"}`+"\n", s)
	}
	for name, text := range map[string]string{
		"set/README.md": "# A card of the data set, with a lot of words in it", "set/LICENSE": "a licence", "set/dataset_infos.json": `{"a":1}`,
		"set/data/train-00000-of-00002.jsonl": row("boats"), "set/data/train-00001-of-00002.jsonl": row("nets"),
		"hub/refs/main": "abc", "hub/blobs/abc": row("sails"), "hub/snapshots/abc/data.jsonl": row("sails"),
		"notes/README.md": "a text of its own, which nobody calls a card",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	documents, totals := scanLines(t, mustRun(t, args...))
	var files []string
	for _, d := range documents {
		files = append(files, filepath.ToSlash(d["file"].(string)))
	}
	assert.Equal(t, []string{"hub/snapshots/abc/data.jsonl", "notes/README.md", "set/data/train-00000-of-00002.jsonl", "set/data/train-00001-of-00002.jsonl"}, files)
	assert.Contains(t, fmt.Sprint(totals["notes"]), "3 cards, licences and scripts were left out")
	assert.Contains(t, fmt.Sprint(totals["notes"]), "2 other files were left out")
}

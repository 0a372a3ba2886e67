package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus/parquet"
	"github.com/isotope-wm/isotope/internal/corpus/row"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// tableRows reads a table that --parquet wrote.
func tableRows(t *testing.T, path string, each func(row.Value)) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := parquet.Open(bytes.NewReader(b), int64(len(b)), parquet.Limits{Footer: 1 << 20, Page: 16 << 20, Expand: func(int) error { return nil }})
	require.NoError(t, err)
	for i := range f.Groups {
		if each == nil {
			break
		}
		rows, err := f.Read(&f.Groups[i], func(string) bool { return true })
		require.NoError(t, err)
		for range f.Groups[i].Rows {
			var r row.Row
			require.NoError(t, rows.Next(r.Build(row.Limits{Values: 1000, Depth: 4})))
			each(r.Root())
		}
		rows.Close()
	}
	return f.Rows
}

// TestScanReport writes the page and the table of a scan, and compares them with the JSON.
func TestScanReport(t *testing.T) {
	dir := newDir(t)
	files := []string{fieldFiles + "O06_ref.jsonl", fieldFiles + "O10_c.warc.gz", fieldFiles + "O09_report.pdf", fieldFiles + "base_plain.txt"}
	page, table := dir.of("scan.html"), dir.of("scan.parquet")
	args := scanArgs(t, "scan", append([]string{"--json", "--spans", "--run-key", scanRun}, files...)...)
	plain := mustRun(t, args...)
	assert.Equal(t, plain, mustRun(t, append(args, "--report", page, "--parquet", table)...), "neither changes a number")
	documents, totals := scanLines(t, plain)

	text := read(t, page)
	for _, part := range []string{
		totals["manifest"].(string), "It means:</strong> texts of this corpus depend on the key", "less than once in 10^38 unrelated corpora", scanRun,
		"The pile under 100 control keys", "smallest log10 p of 100", "skipped: binary", "isotope scan", "1e-06", "UTC", `<span class="g">`, `<mark title="tokens`,
		"Where each number comes from", "<dt>URL</dt>", fmt.Sprintf("%d distinct documents", len(documents)),
	} {
		assert.True(t, strings.Contains(text, part), part)
	}
	assert.False(t, strings.Contains(text, "isotope-secret-key-1"))
	listed := 0
	for _, d := range documents {
		if d["listed"].(bool) {
			listed++
			assert.True(t, strings.Contains(text, d["sha256"].(string)), d["sha256"])
		}
	}
	assert.Equal(t, min(listed+notListed, len(documents)), strings.Count(text, "<section "), "the list, and what follows it")

	t.Run("table", func(t *testing.T) {
		i := 0
		n := tableRows(t, table, func(v row.Value) {
			for _, c := range tableColumns {
				want, there := documents[i][c.Name]
				switch x := want.(type) {
				case nil:
					assert.True(t, v.Get(c.Name).Kind() == row.Null || !there && v.Get(c.Name).Text() == "[]", c.Name)
				case string:
					assert.Equal(t, x, v.Get(c.Name).Text(), c.Name)
				case bool:
					assert.Equal(t, x, v.Get(c.Name).True(), c.Name)
				case float64:
					var got float64
					require.NoError(t, json.Unmarshal(v.Get(c.Name).Raw(), &got), c.Name)
					assert.Equal(t, x, got, c.Name)
				default:
					wanted, err := json.Marshal(x)
					require.NoError(t, err)
					assert.JSONEq(t, string(wanted), v.Get(c.Name).Text(), c.Name)
				}
			}
			i++
		})
		assert.EqualValues(t, len(documents), n)
		assert.Equal(t, len(documents), i)
	})
	t.Run("table in pyarrow", func(t *testing.T) {
		python := os.Getenv("ISOTOPE_PYTHON")
		if python == "" || exec.Command(python, "-c", "import pyarrow.parquet").Run() != nil {
			t.Skip("NOT COMPARED with pyarrow: ISOTOPE_PYTHON does not name a python3 that has it")
		}
		out, err := exec.Command(python, "-c", `import sys, json, pyarrow.parquet as p
t = p.read_table(sys.argv[1], page_checksum_verification=True)
print(json.dumps({"n": t.num_rows, "names": t.column_names, "p": t["log10_p"].to_pylist(), "listed": t["listed"].to_pylist(), "line": t["line"].to_pylist()}))`, table).CombinedOutput()
		require.NoError(t, err, "%s", out)
		var got struct {
			N      int
			Names  []string
			P      []float64
			Listed []bool
			Line   []any
		}
		require.NoError(t, json.Unmarshal(out, &got))
		assert.Equal(t, len(documents), got.N)
		assert.Len(t, got.Names, len(tableColumns))
		for i, d := range documents {
			assert.Equal(t, d["log10_p"], got.P[i])
			assert.Equal(t, d["listed"], got.Listed[i])
			assert.Equal(t, d["line"], got.Line[i])
		}
	})
	t.Run("without colours", func(t *testing.T) {
		mustRun(t, append(args, "--report", page, "--no-colours", "--decoys", "0")...)
		text := read(t, page)
		assert.NotContains(t, text, `<blockquote><span class="g">`)
		assert.Zero(t, strings.Count(regexp.MustCompile(`(?s)<blockquote>.*?</blockquote>`).FindString(text), `class="g"`))
		assert.Contains(t, text, "There were no control keys for the pile.")
		assert.NotContains(t, text, "smallest log10 p of")
	})
	t.Run("of parts", func(t *testing.T) {
		journal, page, table := dir.of("journal"), dir.of("parts.html"), dir.of("parts.parquet")
		mustRun(t, scanArgs(t, "map", append([]string{"--spans", "--run-key", scanRun, "--journal", journal}, files...)...)...)
		mustRun(t, scanArgs(t, "reduce", "--spans", "--report", page, "--parquet", table, journal)...)
		assert.EqualValues(t, len(documents), tableRows(t, table, nil))
		assert.Equal(t, sections(text), sections(read(t, page)))
	})
	t.Run("what cannot be read again", func(t *testing.T) {
		var out, errs bytes.Buffer
		status := run(t.Context(), scanArgs(t, "scan", "--report", page, "-"), strings.NewReader(read(t, fieldFiles+"O06_ref.jsonl")), &out, &errs)
		require.Zero(t, status, errs.String())
		assert.Contains(t, read(t, page), "it came through standard input, which cannot be read a second time")
	})
	t.Run("silence", func(t *testing.T) {
		mustRun(t, scanArgs(t, "scan", "--report", page, fieldFiles+"base_plain.txt")...)
		text := read(t, page)
		assert.Contains(t, text, "No document is on the list.")
		assert.Contains(t, text, "It does not mean:</strong> that the corpus has no marked text")
		assert.NotContains(t, text, "It means:")
	})
}

// sections returns the documents that a page shows.
func sections(page string) []string {
	return regexp.MustCompile(`(?s)<section .*?</section>`).FindAllString(page, -1)
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

func TestScanReportsThatAreRefused(t *testing.T) {
	dir := newDir(t)
	text := dir.file("notes.txt", "some notes")
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"a page over another file", "exists and is not an HTML page", []string{"--report", text}},
		{"a table over another file", "exists and is not a parquet file", []string{"--parquet", text}},
		{"a table that is a directory", "is a directory", []string{"--parquet", filepath.Dir(text)}},
		{"a table in no directory", "there is no directory", []string{"--parquet", dir.of("none/a.parquet")}},
		{"a table to standard output", "is not the name of one", []string{"--parquet", "-"}},
		{"one file for both", "name the same file", []string{"--parquet", dir.of("x"), "--report", dir.of("x")}},
		{"few control keys", "--decoys 50 is outside 100 to 10000", []string{"--report", dir.of("x.html"), "--decoys", "50"}},
		{"control keys without a page", "--decoys is for the page of --report", []string{"--decoys", "200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errs := isotope(scanArgs(t, "scan", append(c.args, fieldFiles+"base_plain.txt")...)...)
			assert.NotZero(t, status)
			assert.Contains(t, errs, c.want)
		})
	}
	left, err := os.ReadDir(filepath.Dir(text))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing is left behind")
}

// TestScanReportOfManyDocuments feeds 200,000 documents to a page and a table.
func TestScanReportOfManyDocuments(t *testing.T) {
	const n = 200_000
	dir := newDir(t)
	cmd := (&cli{}).scanCommand()
	o := &scanOutput{scanning: &scanning{cli: &cli{stdout: new(bytes.Buffer), args: []string{"scan"}}, flags: &scanFlags{given: cmd.Flags().Changed}}, report: &scanReport{}}
	o.flags.report, o.flags.json = dir.of("a.html"), false
	o.marks = []scan.Mark{{KeyID: "76f2aa0d81fb226b", Bound: interop.Bound{Scorer: testmark.Green(t, testmark.Key(1), 2)}}}
	table, err := newTable(dir.of("a.parquet"))
	require.NoError(t, err)
	defer table.remove()
	o.table = table
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	for i := range n {
		d := &scan.Document{
			Kind: "document", Place: scan.Place{File: fmt.Sprintf("crawl/part-%05d.jsonl", i/1000), Row: int64(i), Line: int64(i)}, Kinds: []string{"answer"},
			SHA256: strings.Repeat("ab", 32), Count: 1, KeyID: "76f2aa0d81fb226b", Log10PDocument: -float64(i%997) / 100, Log10Q: -1, Listed: i%997 > 900,
			Notes: []string{strings.Repeat("a note ", 20)}, Spans: []scan.Span{},
		}
		require.NoError(t, o.Document(d))
	}
	assert.Less(t, int64(held())-int64(before), int64(32<<20), "what a page and a table hold does not grow with the documents")
	verdict := detect.Inconclusive
	totals := &scan.Totals{Verdict: &verdict, Complete: true, Alpha: 1e-6, FDR: 0.01, Distinct: n, Documents: n, Tests: 1, Rows: scan.RowsTotals{Found: n, Tested: n}}
	require.NoError(t, o.endFiles(t.Context(), totals))
	page := read(t, o.flags.report)
	assert.Less(t, len(page), 1<<20)
	assert.Contains(t, page, "its file cannot be read here")
	assert.Equal(t, shownDocuments, strings.Count(page, "<section "))
	assert.Contains(t, page, "200\u202f000 distinct documents")
	assert.EqualValues(t, n, tableRows(t, table.path, nil))
}

// TestShareWords: the table says how much is marked, or why it does not.
func TestShareWords(t *testing.T) {
	silent, found := detect.NotDetected, detect.Detected
	rate, share, high := 0.5, 0.2, 0.3
	for _, c := range []struct {
		name string
		pile scan.PileTotals
		want string
	}{
		{"nobody asks", scan.PileTotals{Verdict: &silent, Scored: 9, Scheme: "gumbelmax"}, ""},
		{"colours and nobody asks", scan.PileTotals{Verdict: &silent, Scored: 9, Estimate: &scan.Estimate{}}, ""},
		{"no pairs", scan.PileTotals{Verdict: &silent, Rate: &rate, Scheme: "gumbelmax"}, ""},
		{"draws that are found", scan.PileTotals{Verdict: &found, Scored: 9, Scheme: "gumbelmax"}, "not estimated: the interval is one of colours, and scores of the scheme gumbelmax are not colours"},
		{"draws and a rate", scan.PileTotals{Verdict: &silent, Scored: 9, Rate: &rate, Scheme: "tournament"}, "not estimated: the interval is one of colours, and scores of the scheme tournament are not colours"},
		{"colours that are found", scan.PileTotals{Verdict: &found, Scored: 9, Estimate: &scan.Estimate{Confidence: 0.95, ShareLow: 0.1}}, "at least 0.1 of the distinct pairs are marked, with a confidence of 0.95; --rate gives an estimate"},
		{"colours and a rate", scan.PileTotals{Verdict: &silent, Scored: 9, Rate: &rate, Estimate: &scan.Estimate{Confidence: 0.95, Share: &share, ShareLow: 0.1, ShareHigh: &high}}, "0.2 of the distinct pairs are marked by the stated rate, between 0.1 and 0.3 with a confidence of 0.95"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, shareWords(&c.pile)) })
	}
}

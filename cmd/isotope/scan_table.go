package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus/parquet"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/internal/secret"
)

// tableColumns are the columns of --parquet. docs/scan.md explains them.
var tableColumns = []parquet.Column{
	{Name: "file", Type: parquet.Text},
	{Name: "members", Type: parquet.Text}, // JSON
	{Name: "row", Type: parquet.Int64},
	{Name: "line", Type: parquet.Int64, Optional: true},
	{Name: "offset", Type: parquet.Int64, Optional: true},
	{Name: "stored_offset", Type: parquet.Int64, Optional: true},
	{Name: "row_group", Type: parquet.Int64, Optional: true},
	{Name: "url", Type: parquet.Text, Optional: true},
	{Name: "record_id", Type: parquet.Text, Optional: true},
	{Name: "kinds", Type: parquet.Text},  // JSON
	{Name: "fields", Type: parquet.Text}, // JSON
	{Name: "bytes", Type: parquet.Int64},
	{Name: "tokens", Type: parquet.Int64},
	{Name: "sha256", Type: parquet.Text},
	{Name: "count", Type: parquet.Int64},
	{Name: "mark", Type: parquet.Int64},
	{Name: "label", Type: parquet.Text, Optional: true},
	{Name: "key_id", Type: parquet.Text},
	{Name: "scored", Type: parquet.Int64},
	{Name: "green", Type: parquet.Int64},
	{Name: "sum", Type: parquet.Int64},
	{Name: "log10_p", Type: parquet.Double},
	{Name: "log10_p_document", Type: parquet.Double},
	{Name: "log10_p_adjusted", Type: parquet.Double},
	{Name: "log10_q", Type: parquet.Double},
	{Name: "log10_floor", Type: parquet.Double},
	{Name: "listed", Type: parquet.Boolean},
	{Name: "detected", Type: parquet.Boolean},
	{Name: "spans", Type: parquet.Text}, // JSON
	{Name: "notes", Type: parquet.Text}, // JSON
}

// A scanTable writes documents to a parquet file. A regular file is there whole or not at all.
type scanTable struct {
	path string // of the file at the end
	file *os.File
	temp string // its name until then, or "" if it is written directly
	out  *bufio.Writer
	w    *parquet.Writer
}

// checkTable returns an error if a table cannot be written to path. A table may replace an earlier
// table and nothing else.
func checkTable(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case path == "-":
		return usagef("a table is written to a file, and - is not the name of one")
	case err == nil && info.IsDir():
		return fmt.Errorf("the table cannot be written: %s is a directory; name a file in it", path)
	case err == nil && info.Mode().IsRegular() && info.Size() > 0:
		if table, err := isTable(path); err != nil || !table {
			return errors.Join(err, fmt.Errorf("the table cannot be written: %s exists and is not a parquet file; choose another name", path))
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return wordedError{fmt.Sprintf("the table cannot be written to %s: there is no directory %s; make it, or name another file", path, filepath.Dir(path)), err}
	}
	return nil
}

// isTable reports whether a file begins as a parquet file does.
func isTable(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4))
	return string(b) == "PAR1", err
}

// newTable begins a table.
func newTable(path string) (*scanTable, error) {
	if err := checkTable(path); err != nil {
		return nil, err
	}
	t := &scanTable{path: path}
	var err error
	if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
		t.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			t.path = target
		}
		t.temp = filepath.Join(filepath.Dir(t.path), ".isotope-"+rand.Text()+".parquet")
		t.file, err = os.OpenFile(t.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	}
	if err != nil {
		return nil, tableError(path, err)
	}
	t.out = bufio.NewWriterSize(t.file, 1<<16)
	if t.w, err = parquet.NewWriter(t.out, tableColumns); err != nil {
		t.remove()
		return nil, tableError(path, err)
	}
	return t, nil
}

func tableError(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the table cannot be written to %s: %w", path, err)
}

// remove takes away what is not finished.
func (t *scanTable) remove() {
	t.file.Close()
	if t.temp != "" {
		os.Remove(t.temp)
	}
}

// add adds a document.
func (t *scanTable) add(d *scan.Document) error {
	return tableError(t.path, t.w.Row(
		tableText(d.File), tableJSON(d.Members), d.Row, orNull(d.Line), orNil(d.Offset), orNil(d.Stored), rowGroup(d.RowGroup), orEmpty(d.URL), orEmpty(d.RecordID),
		tableJSON(d.Kinds), tableJSON(d.Fields), d.Bytes, d.Tokens, d.SHA256, d.Count, int64(d.Mark), orEmpty(d.Label), tableText(d.KeyID),
		d.Scored, d.Green, d.Sum, d.Log10P, d.Log10PDocument, d.Log10PAdjusted, d.Log10Q, d.Log10Floor, d.Listed, d.Detected, tableJSON(d.Spans), tableJSON(d.Notes),
	))
}

// finish writes the rest, and gives the file its name.
func (t *scanTable) finish(totals *scan.Totals) error {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	err := t.w.Close(toolVersion(),
		parquet.Pair{Name: "isotope.manifest", Value: totals.Manifest}, parquet.Pair{Name: "isotope.run_key", Value: totals.RunKey},
		parquet.Pair{Name: "isotope.alpha", Value: number(totals.Alpha)}, parquet.Pair{Name: "isotope.fdr", Value: number(totals.FDR)},
		parquet.Pair{Name: "isotope.tests_per_document", Value: strconv.FormatInt(totals.Tests, 10)},
		parquet.Pair{Name: "isotope.complete", Value: strconv.FormatBool(totals.Complete)})
	if err == nil {
		err = t.out.Flush()
	}
	if err = errors.Join(err, t.file.Close()); err == nil && t.temp != "" {
		err = os.Rename(t.temp, t.path)
	}
	return tableError(t.path, err)
}

// tableText returns text as a table may have it: UTF-8, without a secret key.
func tableText(s string) string {
	if secret.MayHold(s) && secret.Holds(s) {
		s = secret.Hide(s)
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// tableJSON returns a list as JSON.
func tableJSON[T any](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic("table: " + err.Error()) // numbers are finite and the rest is text
	}
	return tableText(string(b))
}

func orEmpty(s string) any {
	if s == "" {
		return nil
	}
	return tableText(s)
}

func orNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func orNil(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

func rowGroup(n *int) any {
	if n == nil {
		return nil
	}
	return int64(*n)
}

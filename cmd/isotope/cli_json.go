package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
)

// An envelope is what every JSON object of this program begins with. docs/json.md describes it.
type envelope struct {
	Version int      `json:"version"` // 1
	Kind    string   `json:"kind"`    // the verb
	Tool    toolJSON `json:"tool"`
}

// A toolJSON names the program.
type toolJSON struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Wire    string `json:"wire_format"`
	Go      string `json:"go"`
}

// newEnvelope returns the envelope of a verb.
func newEnvelope(kind string) envelope { return envelope{Version: 1, Kind: kind, Tool: tool()} }

// tool returns the name and the versions of this program.
func tool() toolJSON {
	t := toolJSON{Name: "isotope", Version: "unknown", Wire: "isotope/1", Go: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		t.Version, t.Go = versionOf(info, executableHash), info.GoVersion
	}
	return t
}

// toolVersion returns the name and the version of this program in one line, for reports.
func toolVersion() string {
	t := tool()
	return fmt.Sprintf("%s %s, wire format %s, %s", t.Name, t.Version, t.Wire, t.Go)
}

// A tested says what a test read and what it found.
type tested struct {
	Verdict  *detect.Verdict `json:"verdict"` // null: nothing was tested
	Alpha    float64         `json:"alpha"`
	Complete bool            `json:"complete"`
	Inputs   []inputJSON     `json:"inputs"`
	Rows     rowsJSON        `json:"rows"`
}

// An inputJSON is one file of a call.
type inputJSON struct {
	Name       string          `json:"name"`
	SHA256     string          `json:"sha256"` // 64 hex digits; empty if not all of the file was read
	Bytes      int64           `json:"bytes"`
	Format     string          `json:"format"`
	By         string          `json:"format_by"` // content, name or format
	Encoding   string          `json:"encoding,omitempty"`
	Containers []string        `json:"containers,omitempty"`
	Rows       int64           `json:"rows"`
	Tested     int64           `json:"tested"`
	Skipped    int64           `json:"skipped"`
	Verdict    *detect.Verdict `json:"verdict"` // null: none of its rows was tested, or it has no verdict of its own
}

// A rowsJSON accounts for all rows of a call.
type rowsJSON struct {
	Found   int64             `json:"found"` // Tested + Skipped
	Tested  int64             `json:"tested"`
	Skipped int64             `json:"skipped"`
	Reasons []inputs.Count    `json:"reasons"` // of the skips
	First   []inputs.SkipLine `json:"first_skipped"`
	Unread  []unreadJSON      `json:"unread_fields"`
}

// An unreadJSON is a field that might hold text and was not read.
type unreadJSON struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Rows   int64  `json:"rows"`
}

// newTested accounts for what a call read. verdicts has the verdict of each file, or is nil.
func newTested(l *inputs.Ledger, alpha float64, verdict detect.Verdict, verdicts []detect.Verdict) tested {
	t := tested{Verdict: verdictOrNil(verdict), Alpha: alpha, Inputs: []inputJSON{}, Rows: rowsJSON{
		Found: l.Tested() + l.Skipped(), Tested: l.Tested(), Skipped: l.Skipped(),
		Reasons: l.Reasons(), First: []inputs.SkipLine{}, Unread: []unreadJSON{},
	}}
	for i, f := range l.Files {
		x := inputJSON{
			Name: f.Name, SHA256: f.SHA256, Bytes: f.Bytes, Format: string(f.Format), By: f.By, Encoding: f.Encoding, Containers: f.Containers,
			Rows: f.Rows, Tested: f.Tested, Skipped: f.Skipped,
		}
		if verdicts != nil {
			x.Verdict = verdictOrNil(verdicts[i])
		}
		t.Inputs = append(t.Inputs, x)
	}
	for _, s := range l.Skips {
		t.Rows.First = append(t.Rows.First, inputs.NewSkipLine(s))
	}
	for _, u := range l.Unread {
		t.Rows.Unread = append(t.Rows.Unread, unreadJSON{u.Field, u.Detail, u.Count})
	}
	return t
}

func verdictOrNil(v detect.Verdict) *detect.Verdict {
	if v == "" {
		return nil
	}
	return &v
}

// writeJSON writes one object on one line, without the escapes that HTML needs.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

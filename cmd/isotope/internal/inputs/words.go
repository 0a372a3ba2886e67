package inputs

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// Rows says how many rows were tested, and how many were not: "4 of 7 rows were tested, 3 skipped".
// It is empty if no row was skipped.
func (l *Ledger) Rows() string {
	if l.Skipped() == 0 {
		return ""
	}
	n := l.Tested() + l.Skipped()
	return fmt.Sprintf("%d of %s tested, and %d skipped", l.Tested(), plural(n, "1 row was", "%d rows were"), l.Skipped())
}

// SkipWords says why rows were skipped: the reasons with their counts, and the first rows with
// their places.
func (l *Ledger) SkipWords() []string {
	if l.Skipped() == 0 {
		return nil
	}
	var reasons []string
	for _, c := range l.Reasons() {
		reasons = append(reasons, fmt.Sprintf("%d %s", c.Count, c.Name))
	}
	out := []string{strings.Join(reasons, ", ")}
	for _, s := range l.Skips {
		out = append(out, SkipWord(s))
	}
	if more := l.Skipped() - int64(len(l.Skips)); more > 0 {
		out = append(out, fmt.Sprintf("and %d more; --skipped FILE lists all of them", more))
	}
	return out
}

// SkipWord says in one line where a row stands, and why it was skipped.
func SkipWord(s *corpus.Skip) string {
	return fmt.Sprintf("%s: %s (%s)", place(s.Place), s.Detail, s.Reason)
}

// place words a place, with standard input by name.
func place(p corpus.Place) string {
	switch p.File {
	case Stdin:
		p.File = "standard input"
	case "":
		p.File = `""`
	}
	if p.Row == 0 {
		p.Line = 0 // of the file as a whole
	}
	return p.String()
}

// PlaceWords returns the place of a row in one line.
func PlaceWords(p corpus.Place) string { return place(p) }

// NoteWords returns the remarks about what was read, with the fields that were not read.
func (l *Ledger) NoteWords() []string {
	var out []string
	for _, n := range l.Notes {
		where := place(n.Place)
		if n.Field != "" {
			where += ", " + n.Field
		}
		out = append(out, where+": "+n.Detail)
	}
	if more := l.NotesIn - int64(len(l.Notes)); more > 0 {
		out = append(out, fmt.Sprintf("and %s", plural(more, "1 more note on the text", "%d more notes on the texts")))
	}
	for _, u := range l.Unread {
		out = append(out, fmt.Sprintf("%s was not read%s: %s", quoteField(u.Field), times(u.Count), u.Detail))
	}
	return out
}

func quoteField(field string) string {
	if field == "" {
		return "a value"
	}
	return fmt.Sprintf("field %.60q", field)
}

func times(n int64) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" in %d rows", n)
}

// Plain reports whether a file is one text in UTF-8 and nothing around it.
func (f *File) Plain() bool {
	return f.Format == corpus.FormatText && len(f.Containers) == 0 && f.Encoding == "utf-8" && f.By != "format"
}

// Taken says how a file was read: "JSON lines in gzip, UTF-8".
func (f *File) Taken() string {
	words := formatWords[f.Format]
	if words == "" {
		words = "not read"
	}
	for i := len(f.Containers) - 1; i >= 0; i-- {
		words += " in " + f.Containers[i]
	}
	if f.Members > 0 {
		words += fmt.Sprintf(" with %s", plural(f.Members, "1 member", "%d members"))
	}
	if f.Format == corpus.FormatIDs {
		return words
	}
	if f.Encoding != "" {
		words += ", " + strings.ToUpper(f.Encoding)
	}
	switch f.By {
	case "name":
		words += " (by its name)"
	case "format":
		words += " (by --format)"
	}
	return words
}

var formatWords = map[corpus.Format]string{
	corpus.FormatText: "one text", corpus.FormatJSON: "JSON", corpus.FormatJSONL: "JSON lines", corpus.FormatCSV: "CSV", corpus.FormatTSV: "TSV",
	corpus.FormatParquet: "parquet", corpus.FormatHTML: "an HTML page", corpus.FormatMail: "a mail message", corpus.FormatMbox: "mail messages",
	corpus.FormatWARC: "a crawl (WARC)", corpus.FormatIDs: "token ids",
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// Package inputs finds the files that a call names, reads them with package corpus, and keeps
// account of every row: rows are tested or skipped, and each skip has its place and reason.
package inputs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/secret"
)

// Kept is the number of skips, of notes and of values that were not read that a Ledger keeps in
// full. It counts the others.
const Kept = 5

// A File is one file of a call, and what became of its rows.
type File struct {
	Name       string
	SHA256     string // of the file as it is; empty if not all of it was read
	Bytes      int64
	Format     corpus.Format // of the first thing in it that has rows
	By         string        // what decided the format
	Encoding   string
	Containers []string
	Members    int64 // of archives
	Rows       int64 // Tested + Skipped
	Tested     int64
	Skipped    int64
	Unreadable bool // the system could not open or read it
}

// A Note is a remark about what was read, with its place.
type Note struct {
	Place corpus.Place
	corpus.Note
}

// An Unread is a field that might hold text and was not read, with how often it occurred.
type Unread struct {
	corpus.Unread
	Count int64
}

// A Ledger accounts for everything that was read. The zero Ledger is ready. It is not safe for
// concurrent use.
type Ledger struct {
	Files   []File
	Counts  corpus.Counts
	Skips   []*corpus.Skip // the first ones
	Notes   []Note         // the first ones
	NotesIn int64          // all of them
	Unread  []Unread       // the first fields that were not read

	// Sidecar gets a line of JSON for each skip, unless it is nil.
	Sidecar io.Writer

	refused int64 // documents of the current file that the caller refused
	err     error
}

// A Reader reads files and standard input.
type Reader struct {
	Corpus *corpus.Corpus
	Stdin  io.Reader
}

// Items returns the items of a file of a List. Each goes to a Ledger before anything else looks at
// it.
func (r *Reader) Items(ctx context.Context, name string) iter.Seq[corpus.Item] {
	if name == Stdin {
		return r.Corpus.Stream(ctx, r.Stdin, "-")
	}
	if _, err := os.Stat(name); err != nil && strings.Contains(name, "://") {
		return r.unreadable(name, "this is an address and not a file; download it, and give the file")
	}
	return r.Corpus.Path(ctx, name)
}

// unreadable returns the items of a file that cannot be read.
func (r *Reader) unreadable(name, detail string) iter.Seq[corpus.Item] {
	return func(yield func(corpus.Item) bool) {
		p := corpus.Place{File: name, Offset: -1, Stored: -1, RowGroup: -1}
		if yield(&corpus.Skip{Place: p, Reason: corpus.Unreadable, Detail: detail, Rest: true}) {
			yield(&corpus.Source{Place: p, Rows: 1, Skipped: 1})
		}
	}
}

// Documents reads one file into the ledger and yields its documents.
func (l *Ledger) Documents(ctx context.Context, r *Reader, name string) iter.Seq[*corpus.Document] {
	return func(yield func(*corpus.Document) bool) {
		l.Open(name)
		for item := range r.Items(ctx, name) {
			l.Add(item)
			d, ok := item.(*corpus.Document)
			if ok && holdsSecret(d) {
				l.Refuse(d, Secret, "the row holds a secret key, which a report would show; give another text, and treat the key as leaked if it was meant as text")
				continue
			}
			if ok && !yield(d) {
				return
			}
		}
	}
}

// Secret is the reason of rows that hold a secret key.
const Secret corpus.Reason = "secret"

// holdsSecret reports whether a text of a row holds a secret key.
func holdsSecret(d *corpus.Document) bool {
	return slices.ContainsFunc(d.Texts, func(t corpus.Text) bool { return secret.Holds(t.Text) })
}

// Open begins a file.
func (l *Ledger) Open(name string) {
	l.Files = append(l.Files, File{Name: name})
	l.refused = 0
}

// Add counts an item of the current file.
func (l *Ledger) Add(item corpus.Item) {
	f := &l.Files[len(l.Files)-1]
	l.Counts.Add(item)
	switch x := item.(type) {
	case *corpus.Document:
		f.Rows++
		f.Tested++
		for _, n := range x.Notes {
			l.note(x.Place, n)
		}
		for _, u := range x.Unread {
			l.unread(u)
		}
	case *corpus.Skip:
		f.Rows++
		f.Skipped++
		f.Unreadable = f.Unreadable || x.Reason == corpus.Unreadable
		l.skip(x)
	case *corpus.Source:
		if len(x.Place.Members) > 0 {
			f.Members++
		} else {
			f.SHA256, f.Bytes = x.SHA256, x.Bytes
		}
		if f.Format == "" && (x.Rows > 0 || len(x.Place.Members) == 0) {
			f.Format, f.By, f.Encoding = x.Format, x.By, x.Encoding
		}
		if len(x.Place.Members) == 0 || len(f.Containers) == 0 {
			f.Containers = x.Containers
		}
		for _, n := range x.Notes {
			l.note(x.Place, n)
		}
	}
}

// Refuse turns a document that was added into a skip: it is one that the caller cannot test.
func (l *Ledger) Refuse(d *corpus.Document, reason corpus.Reason, detail string) {
	f := &l.Files[len(l.Files)-1]
	f.Tested--
	f.Skipped++
	l.refused++
	l.Counts.Documents--
	s := &corpus.Skip{Place: d.Place, Reason: reason, Detail: detail}
	l.Counts.Add(s)
	l.skip(s)
}

func (l *Ledger) skip(s *corpus.Skip) {
	if len(l.Skips) < Kept {
		l.Skips = append(l.Skips, s)
	}
	if l.Sidecar != nil && l.err == nil {
		line, err := json.Marshal(NewSkipLine(s))
		if err == nil {
			_, err = l.Sidecar.Write(append(line, '\n'))
		}
		l.err = err
	}
}

func (l *Ledger) note(p corpus.Place, n corpus.Note) {
	l.NotesIn++
	if len(l.Notes) < Kept {
		l.Notes = append(l.Notes, Note{p, n})
	}
}

// unread counts a field that was not read. The numbers of elements of lists do not make it another
// field.
func (l *Ledger) unread(u corpus.Unread) {
	u.Field = withoutIndexes(u.Field)
	for i := range l.Unread {
		if x := &l.Unread[i]; x.Field == u.Field && x.Detail == u.Detail {
			x.Count++
			return
		}
	}
	if len(l.Unread) < Kept {
		l.Unread = append(l.Unread, Unread{u, 1})
	}
}

// withoutIndexes writes a path without the numbers of elements: "a[].b" for "a[17].b".
func withoutIndexes(path string) string {
	var b strings.Builder
	inside := false
	for _, r := range path {
		switch {
		case r == '[':
			inside = true
			b.WriteRune(r)
		case r == ']':
			inside = false
			b.WriteRune(r)
		case !inside:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Tested returns the number of rows that were tested.
func (l *Ledger) Tested() int64 { return l.Counts.Documents }

// Skipped returns the number of rows that were skipped.
func (l *Ledger) Skipped() int64 { return l.Counts.Skipped }

// Unreadable returns the number of files that the system could not open or read.
func (l *Ledger) Unreadable() (n int64) {
	for i := range l.Files {
		if l.Files[i].Unreadable {
			n++
		}
	}
	return n
}

// Check returns an error unless every row was tested or skipped and the sidecar was written.
func (l *Ledger) Check() error {
	if l.err != nil {
		return fmt.Errorf("the list of skipped rows cannot be written: %w", l.err)
	}
	rows := int64(0)
	for i := range l.Files {
		rows += l.Files[i].Rows
	}
	if rows != l.Tested()+l.Skipped() {
		return fmt.Errorf("%d rows were read, but %d were tested and %d skipped; this is a fault of the program", rows, l.Tested(), l.Skipped())
	}
	return nil
}

// Reasons returns the reasons of skips with their counts, the most frequent first.
func (l *Ledger) Reasons() []Count {
	out := []Count{}
	for _, r := range l.Counts.ReasonList() {
		out = append(out, Count{string(r), l.Counts.Reasons[r]})
	}
	return out
}

// A Count is a named number.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// A SkipLine is a skip in JSON: a line of a sidecar.
type SkipLine struct {
	File    string   `json:"file"`
	Members []string `json:"members,omitempty"` // of archives, from the outside in
	Row     int64    `json:"row"`               // 0 is the file as a whole
	Line    int64    `json:"line,omitempty"`
	Offset  *int64   `json:"offset,omitempty"` // in bytes, after decompression
	Reason  string   `json:"reason"`
	Detail  string   `json:"detail"`
	Fields  []string `json:"fields,omitempty"` // that the row has, when the wanted one is missing
	Rest    bool     `json:"rest,omitempty"`   // all of the file from there on
}

// NewSkipLine returns the JSON form of a skip.
func NewSkipLine(s *corpus.Skip) SkipLine {
	line := SkipLine{
		File: s.Place.File, Members: slices.Clone(s.Place.Members), Row: s.Place.Row, Line: s.Place.Line,
		Reason: string(s.Reason), Detail: s.Detail, Fields: s.Fields, Rest: s.Rest,
	}
	if s.Place.Offset >= 0 && (s.Place.Row > 0 || s.Rest) {
		offset := s.Place.Offset
		line.Offset = &offset
	}
	return line
}

package corpus

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Item is what reading yields: a *Document, a *Skip or a *Source. Items belong to the
// caller, who may keep them and hand them to other goroutines.
type Item interface{ item() }

func (*Document) item() {}
func (*Skip) item()     {}
func (*Source) item()   {}

// A Document is one row that has text.
type Document struct {
	Place  Place
	Texts  []Text   // in the order of the row; at least one is not a prompt, unless Options.Prompts is set
	Unread []Unread // values of the row that might be text and were not read
	Notes  []Note   // about the texts
}

// A Kind says whose words a text is.
type Kind uint8

// The kinds of a Text.
const (
	Plain     Kind = iota // a text that names no author: a file, a page, a field "text"
	Answer                // what a model or assistant answered
	Reasoning             // what a model wrote before its answer
	Prompt                // what a model was asked
	System                // instructions that stand before a conversation
	Tool                  // results of tools, shown to the model
)

// String returns the name of the kind.
func (k Kind) String() string {
	return [...]string{"text", "answer", "reasoning", "prompt", "system", "tool"}[k]
}

// Tested reports whether a text of this kind may be a model's own words: Plain, Answer and
// Reasoning. The others are what a model was shown.
func (k Kind) Tested() bool { return k <= Reasoning }

// A Text is one text of a document.
type Text struct {
	Kind Kind
	Role string // as the row has it: "assistant", "gpt"; empty where it has none

	// Field is the path of the value in its row, such as "output" or
	// "choices[0].message.content", and empty where the row is the text.
	Field string

	// Text is UTF-8, except for stray bytes, which a Note counts and which stay as they
	// are. It is nil where the row has token ids.
	Text []byte

	// IDs are token ids in place of a text. What fits no vocabulary is -1.
	IDs []int32

	// Offset is where the value begins, in bytes of the stream that Place.Offset counts,
	// or -1 where that has no meaning. A string of JSON begins after its quote.
	Offset int64
}

// An Unread is a value of a row that might be text and was not read.
type Unread struct {
	Field  string
	Detail string // what it is, or why it was not read
}

// A NoteCode names a kind of Note.
type NoteCode string

// The notes. None contradicts a verdict: each says what may have been lost.
const (
	NoteBadUTF8   NoteCode = "bad_utf8"   // stray bytes that are not UTF-8
	NoteReplaced  NoteCode = "replaced"   // U+FFFD, where some program could not decode a byte
	NoteSurrogate NoteCode = "surrogate"  // halves of surrogate pairs in JSON, read as U+FFFD
	NoteCharset   NoteCode = "charset"    // a declared charset that is unknown or wrong
	NoteForms     NoteCode = "forms"      // characters that hint at a loss; see package forms
	NoteCut       NoteCode = "cut"        // the text ends where a damaged file ends
	NoteTrailing  NoteCode = "trailing"   // bytes after the end of a container, all zero
	NoteChanged   NoteCode = "changed"    // the file changed while it was read
	NoteName      NoteCode = "name"       // the name says another kind than the content
	NoteMany      NoteCode = "many_kinds" // several forms of an answer stand side by side
)

// A Note is a remark about a text or a file that was read nevertheless.
type Note struct {
	Code   NoteCode
	Field  string // of the text it is about, or empty
	Count  int64  // how often, or 0
	Offset int64  // where first, in bytes of the text or file, or -1
	Detail string // in words
}

// A Skip is one row that gives no document.
type Skip struct {
	Place  Place
	Reason Reason
	Detail string   // what happened, then what to do
	Fields []string // the fields that the row has, when the wanted one is missing
	Rest   bool     // the skip is for the rest of the file, however many rows that were
}

// String returns the place and the detail.
func (s *Skip) String() string { return s.Place.String() + ": " + s.Detail }

// A Reason is why a row was skipped.
type Reason string

// The reasons. They are part of what the command writes, so they do not change.
const (
	Unreadable    Reason = "unreadable"     // the system could not open or read the file
	Binary        Reason = "binary"         // not text: a PDF, a picture, a program
	NotText       Reason = "not_text"       // NULs, control characters or terminal sequences
	BadEncoding   Reason = "bad_encoding"   // too many bytes that are not UTF-8
	Invalid       Reason = "invalid"        // breaks the grammar of its format
	RepeatedField Reason = "repeated_field" // a name twice in one object
	MissingField  Reason = "missing_field"  // no field that holds a text
	WrongType     Reason = "wrong_type"     // the field holds something else than a text
	NoAnswer      Reason = "no_answer"      // a prompt or an error, without an answer
	Empty         Reason = "empty"          // nothing, or blanks
	TooLarge      Reason = "too_large"      // over Limits.Row, Limits.Text or another limit
	Cut           Reason = "cut"            // the file ends too early
	Damaged       Reason = "damaged"        // the container's bytes do not hold together
	Bomb          Reason = "bomb"           // expands beyond the budget
	Encrypted     Reason = "encrypted"      // needs a password or a key
	Unsupported   Reason = "unsupported"    // a variant that is not read
	TokenIDs      Reason = "token_ids"      // token ids where a text was wanted
	Link          Reason = "link"           // a link or a device in an archive
)

// Reasons lists every Reason.
func Reasons() []Reason {
	return []Reason{
		Unreadable, Binary, NotText, BadEncoding, Invalid, RepeatedField, MissingField, WrongType, NoAnswer, Empty,
		TooLarge, Cut, Damaged, Bomb, Encrypted, Unsupported, TokenIDs, Link,
	}
}

// A Source says how one file, or one member of an archive, was read. It comes after the
// items of the file.
type Source struct {
	Place      Place
	Format     Format
	Containers []string // from the outside in: "gzip", "tar"
	By         string   // what decided the format: "content", "name" or "format" (Options.Format)
	Encoding   string   // of the file, where it is text: "utf-8", "utf-16le"
	Bytes      int64    // that were read of the file as it is, or of the member as it is expanded
	SHA256     string   // of the whole file, as it is; empty for members, and where not all was read
	Rows       int64    // that were found; each is a Document or a Skip
	Documents  int64
	Skipped    int64
	Passed     map[string]int64 // records that hold no text by their nature, by type
	Notes      []Note
}

// A Place says where a row stands.
type Place struct {
	File    string
	Members []string // of archives, from the outside in

	// Row counts the rows of the file, or of its last member, from 1. In a file of JSON
	// lines it is the number of the line. It is 0 for the file as a whole.
	Row int64

	// Line is the number of the line at which the row begins, from 1, as `sed -n Np` has
	// it, and 0 in a format without lines.
	Line int64

	// Offset is where the row begins, in bytes of the file or member after it was
	// decompressed, and after it was converted to UTF-8 where Source.Encoding is another.
	// It is -1 where a format has no such place.
	Offset int64

	// Stored is where the compressed member that holds the row begins, in bytes of the
	// compressed file, for the records of a crawl, and else -1. Indexes of crawls use it.
	Stored int64

	RowGroup int // of parquet, from 0, and else -1

	URL      string    // of a record of a crawl
	RecordID string    // WARC-Record-ID or Message-ID
	Time     time.Time // WARC-Date
}

// String returns the place in one line, such as `a.tar.gz!b.jsonl:17`.
func (p Place) String() string {
	var b strings.Builder
	b.WriteString(printable(p.File))
	for _, m := range p.Members {
		b.WriteByte('!')
		b.WriteString(printable(m))
	}
	switch {
	case p.Line > 0:
		b.WriteByte(':')
		b.WriteString(strconv.FormatInt(p.Line, 10))
	case p.Row > 0 && p.URL != "":
		fmt.Fprintf(&b, ": record %d (%s)", p.Row, printable(p.URL))
	case p.Row > 0:
		fmt.Fprintf(&b, ": row %d", p.Row)
	}
	return b.String()
}

// printable returns s, quoted if it holds something that a terminal would not show as it
// is: names come from archives and crawls.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.QuoteToGraphic(s)
		}
	}
	return s
}

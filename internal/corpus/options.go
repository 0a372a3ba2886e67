package corpus

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// A Format says how the bytes of a file are cut into rows, once they are decompressed.
type Format string

// The formats. The zero Format finds the format by content and name.
const (
	FormatAuto    Format = ""
	FormatText    Format = "text"    // the file is one text
	FormatJSON    Format = "json"    // values of JSON: on lines, in a list, one after the other, or one
	FormatJSONL   Format = "jsonl"   // a value of JSON on each line, whatever the first line looks like
	FormatCSV     Format = "csv"     // records with a header; the delimiter is found
	FormatTSV     Format = "tsv"     // the same, with tabs
	FormatParquet Format = "parquet" // columns
	FormatHTML    Format = "html"    // a page, read as its visible text
	FormatMail    Format = "mail"    // one message
	FormatMbox    Format = "mbox"    // messages one after the other
	FormatWARC    Format = "warc"    // a crawl, or the texts of one (WET)
	FormatIDs     Format = "ids"     // token ids
)

// Formats lists the formats that may be asked for.
func Formats() []Format {
	return []Format{
		FormatText, FormatJSON, FormatJSONL, FormatCSV, FormatTSV, FormatParquet, FormatHTML, FormatMail, FormatMbox, FormatWARC, FormatIDs,
	}
}

// Options says how inputs are read. The zero Options finds everything by itself.
type Options struct {
	// Format overrides what the content says. Containers are opened all the same.
	Format Format

	// Encoding is the name of the encoding of files that do not say theirs: a label of the
	// WHATWG list or of IANA, such as "windows-1252", "shift_jis", "utf-16le". The default
	// is UTF-8, strictly. A byte order mark and a charset declared by a page or a message
	// go first.
	Encoding string

	// Fields are the paths of the fields that hold the texts to test, such as "output" or
	// "a.b", in place of the known shapes. A path goes through all elements of a list.
	Fields []string

	// PromptField is the path of the field that holds the prompt, in place of the known
	// names.
	PromptField string

	// Roles are the roles whose turns are answers, in place of assistant and its synonyms.
	Roles []string

	// Terminal lets texts with terminal sequences pass, for a caller that removes them
	// with the form of that name. By default they are skipped as NotText.
	Terminal bool

	// Prompts reads rows for what a model is to be asked: a row with a prompt is a Document,
	// whether or not it has an answer.
	Prompts bool

	// SkipHash leaves out Source.SHA256.
	SkipHash bool

	// Limits bounds memory and work. Zero fields have the values of DefaultLimits.
	Limits Limits
}

// Limits bounds what reading one input may cost. Sizes are in bytes.
type Limits struct {
	Text      int   // of one text
	Row       int   // of one row, as the file has it
	SkippedBy int64 // of a row that is over Row and is passed over in search of its end
	Depth     int   // of containers in each other
	Nesting   int   // of lists and objects in each other in a row
	Values    int   // of one row: its fields, names and elements
	Members   int64 // of one input: members of archives, records of a crawl, parts of messages
	Expanded  int64 // of one input: all that decompressors wrote
	Ratio     int64 // of what decompressors wrote to what was read, once they wrote Free
	Free      int64 // what decompressors may write whatever the ratio
	Window    int64 // what a decompressor needs to remember
	Page      int64 // of one page of a parquet file, decompressed
	Footer    int64 // of the directory of a parquet or zip file
	Spool     int64 // of a temporary file, for a parquet or zip file that comes through a pipe
}

// DefaultLimits returns the limits that zero fields of Options.Limits have. One reading
// takes a few times Row at most, and what a decompressor remembers, Window at most. Rows of
// ordinary size take about 1 MiB, and 12 with zstd.
func DefaultLimits() Limits {
	return Limits{
		Text:      16 << 20,
		Row:       16 << 20,
		SkippedBy: 4 << 30,
		Depth:     5,
		Nesting:   128,
		Values:    1 << 20,
		Members:   1 << 24,
		Expanded:  1 << 40,
		Ratio:     1000,
		Free:      256 << 20,
		Window:    64 << 20,
		Page:      32 << 20, // writers make pages of 1 MiB, unless one value is longer
		Footer:    16 << 20,
		Spool:     4 << 30,
	}
}

func (l *Limits) fill() error {
	d := DefaultLimits()
	var err error
	set := func(name string, have *int64, def int64) {
		switch {
		case *have < 0:
			err = errors.Join(err, fmt.Errorf("limit %s is %d; want more than 0", name, *have))
		case *have == 0:
			*have = def
		}
	}
	setInt := func(name string, have *int, def int) {
		n := int64(*have)
		set(name, &n, int64(def))
		*have = int(n)
	}
	setInt("Text", &l.Text, d.Text)
	setInt("Row", &l.Row, d.Row)
	set("SkippedBy", &l.SkippedBy, d.SkippedBy)
	setInt("Depth", &l.Depth, d.Depth)
	setInt("Nesting", &l.Nesting, d.Nesting)
	setInt("Values", &l.Values, d.Values)
	set("Members", &l.Members, d.Members)
	set("Expanded", &l.Expanded, d.Expanded)
	set("Ratio", &l.Ratio, d.Ratio)
	set("Free", &l.Free, d.Free)
	set("Window", &l.Window, d.Window)
	set("Page", &l.Page, d.Page)
	set("Footer", &l.Footer, d.Footer)
	set("Spool", &l.Spool, d.Spool)
	return err
}

// A Corpus reads inputs under one set of options. It is immutable, and safe for concurrent
// use.
type Corpus struct {
	o        Options
	encoding encoding.Encoding // nil: UTF-8
	encName  string
	fields   [][]string
	prompt   []string
	roles    map[string]bool // nil: the known ones
}

// New returns a Corpus. It fails on an option that is not known. A nil Options is the zero
// one.
func New(o *Options) (*Corpus, error) {
	c := &Corpus{}
	if o != nil {
		c.o = *o
	}
	if err := c.o.Limits.fill(); err != nil {
		return nil, err
	}
	if c.o.Format != FormatAuto && !slices.Contains(Formats(), c.o.Format) {
		return nil, fmt.Errorf("format %q is not known; the formats are %s", c.o.Format, list(Formats()))
	}
	if c.o.Encoding != "" {
		enc, name, ok := lookupEncoding(c.o.Encoding)
		if !ok {
			return nil, fmt.Errorf("encoding %q is not known; give a name such as windows-1252, utf-16le or shift_jis", c.o.Encoding)
		}
		c.encoding, c.encName = enc, name
	}
	for _, f := range c.o.Fields {
		path, err := parsePath(f)
		if err != nil {
			return nil, err
		}
		c.fields = append(c.fields, path)
	}
	if c.o.PromptField != "" {
		path, err := parsePath(c.o.PromptField)
		if err != nil {
			return nil, err
		}
		c.prompt = path
	}
	for _, r := range c.o.Roles {
		if c.roles == nil {
			c.roles = map[string]bool{}
		}
		c.roles[r] = true
	}
	return c, nil
}

func list[S ~string](names []S) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, ", ")
}

func parsePath(s string) ([]string, error) {
	path := strings.Split(s, ".")
	for _, name := range path {
		if name == "" {
			return nil, fmt.Errorf("field %q is not a path; give names with a dot between them, such as response.text", s)
		}
	}
	return path, nil
}

// lookupEncoding returns the encoding of a label, its canonical name, and whether it is
// known. The encoding is nil for UTF-8.
func lookupEncoding(label string) (encoding.Encoding, string, bool) {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\"'"))
	switch label {
	case "utf-32", "utf-32le", "ucs-4":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), "utf-32le", true
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM), "utf-32be", true
	case "us-ascii", "ascii":
		return nil, "utf-8", true // every ASCII text is UTF-8, and what is not is then noticed
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "utf-16le", true
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "utf-16be", true
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		if enc, err = ianaindex.IANA.Encoding(label); err != nil || enc == nil {
			return nil, "", false
		}
		name, _ := ianaindex.IANA.Name(enc)
		return enc, strings.ToLower(name), true
	}
	name, err := htmlindex.Name(enc)
	if err != nil || name == "replacement" {
		return nil, "", false
	}
	if name == "utf-8" {
		return nil, name, true
	}
	return enc, name, true
}

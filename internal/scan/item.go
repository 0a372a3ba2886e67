package scan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"slices"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// A Place says where a row stands; see corpus.Place.
type Place struct {
	File     string   `json:"file,omitempty"`
	Members  []string `json:"members,omitempty"` // of archives, from the outside in
	Row      int64    `json:"row"`               // from 1; 0 is the file as a whole
	Line     int64    `json:"line,omitempty"`
	Offset   *int64   `json:"offset,omitempty"`        // in bytes, after decompression
	Stored   *int64   `json:"stored_offset,omitempty"` // of the compressed member of a crawl
	RowGroup *int     `json:"row_group,omitempty"`     // of parquet
	URL      string   `json:"url,omitempty"`
	RecordID string   `json:"record_id,omitempty"`
}

func placeOf(p *corpus.Place) Place {
	x := Place{Members: p.Members, Row: p.Row, Line: p.Line, URL: p.URL, RecordID: p.RecordID}
	if p.Offset >= 0 {
		x.Offset = &p.Offset
	}
	if p.Stored >= 0 {
		x.Stored = &p.Stored
	}
	if p.RowGroup >= 0 {
		x.RowGroup = &p.RowGroup
	}
	return x
}

// A Span is a part of a document that depends on the key; see detect.Span.
type Span struct {
	Start     int    `json:"start"` // in tokens of the document's texts, one after the other
	End       int    `json:"end"`
	Field     string `json:"field,omitempty"`
	ByteStart *int   `json:"byte_start"` // in the text of the field; null for token ids
	ByteEnd   *int   `json:"byte_end"`
	FieldEnd  string `json:"field_end,omitempty"` // in which the part ends, if that is another
	Scored    int64  `json:"scored"`
	Green     int64  `json:"green"`
	// Log10PAdjusted is adjusted for every part and every test of all documents.
	Log10PAdjusted float64 `json:"log10_p_adjusted"`
}

// A finding is what testing a document gave, as a journal keeps it.
type finding struct {
	Place
	Digest string   `json:"d"`
	Kinds  []string `json:"k"`
	Fields []string `json:"f,omitempty"`
	Bytes  int64    `json:"b"`
	Tokens int64    `json:"t"`
	Mark   int      `json:"m"`
	Scored int64    `json:"n"`
	Green  int64    `json:"g"`
	Sum    int64    `json:"s"`
	P      float64  `json:"p"` // log10 p of the mark
	Best   float64  `json:"a"` // log10 p of the document: adjusted for its tests
	Spans  []Span   `json:"x,omitempty"`
	Notes  []string `json:"o,omitempty"`
	Unread []unread `json:"u,omitempty"`
	// Foreign counts ids that the mark's tokenizer makes of no text.
	Foreign int64 `json:"i,omitempty"`
}

// unread is a field that might hold text and was not read.
type unread struct {
	Field  string `json:"f"`
	Detail string `json:"d"`
}

// A skipped row, as a journal keeps it.
type skipped struct {
	Place
	Reason string   `json:"r"`
	Detail string   `json:"e"`
	Fields []string `json:"f,omitempty"`
	Rest   bool     `json:"rest,omitempty"`
}

// itemsBody is the body of a record of items. The fields of itemsHead come first.
type itemsBody struct {
	itemsHead
	Items []itemBody `json:"items"`
}

// itemBody is one row: one of the fields is set.
type itemBody struct {
	Doc  *finding `json:"doc,omitempty"`
	Skip *skipped `json:"skip,omitempty"`
}

// sourceBody is what the end of a file says.
type sourceBody struct {
	Format     string           `json:"format"`
	By         string           `json:"by"`
	Encoding   string           `json:"encoding,omitempty"`
	Containers []string         `json:"containers,omitempty"`
	Bytes      int64            `json:"bytes"`
	SHA256     string           `json:"sha256"`
	Modified   int64            `json:"modified,omitempty"` // of a regular file, in nanoseconds of Unix time
	Rows       int64            `json:"rows"`
	Changed    bool             `json:"changed,omitempty"`
	Notes      []string         `json:"notes,omitempty"` // the first ones
	Passed     map[string]int64 `json:"passed,omitempty"`
}

// digestOf returns the digest of what decides the result of a document: its texts, the prompts that
// are left out, and the borders between them.
func digestOf(texts []corpus.Text) [sha256.Size]byte {
	h := sha256.New()
	write := func(b []byte) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for i := range texts {
		t := &texts[i]
		kind := byte(0)
		if !t.Kind.Tested() {
			kind = 1
		}
		if t.IDs != nil {
			b := make([]byte, 0, 4*len(t.IDs))
			for _, id := range t.IDs {
				b = binary.LittleEndian.AppendUint32(b, uint32(id))
			}
			h.Write([]byte{kind | 2})
			write(b)
			continue
		}
		h.Write([]byte{kind})
		write(t.Text)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// A chain digests the items of a file in their order, so that a scan that resumes sees whether the
// file is still the one of before.
type chain struct {
	h   hash.Hash
	sum [sha256.Size]byte
}

func (c *chain) add(item corpus.Item, digest *[sha256.Size]byte) {
	if c.h == nil {
		c.h = sha256.New()
	}
	c.h.Reset()
	c.h.Write(c.sum[:])
	switch x := item.(type) {
	case *corpus.Document:
		c.h.Write([]byte("d"))
		c.h.Write(digest[:])
	case *corpus.Skip:
		c.h.Write([]byte("s" + string(x.Reason) + x.Detail))
	}
	c.h.Sum(c.sum[:0])
}

func (c *chain) String() string { return hex.EncodeToString(c.sum[:]) }

// withoutIndexes writes a path without the numbers of elements: "a[].b" for "a[17].b".
func withoutIndexes(path string) string {
	out := make([]byte, 0, len(path))
	inside := false
	for i := range len(path) {
		switch c := path[i]; {
		case c == '[':
			inside = true
			out = append(out, c)
		case c == ']':
			inside = false
			out = append(out, c)
		case !inside:
			out = append(out, c)
		}
	}
	return string(out)
}

// marshal returns the JSON of an item.
func marshal(i *itemBody) json.RawMessage {
	b, err := encode(i)
	if err != nil {
		panic("scan: " + err.Error()) // numbers are finite and the rest is text
	}
	return b
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

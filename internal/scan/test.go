package scan

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/tokenize"
)

// A tester tests documents and gathers their pairs. One goroutine at a time uses it.
type tester struct {
	*design
	panels  []*detect.Panel
	pile    []*gatherer
	held    []atomic.Int64 // weights of what each gatherer of the pile has, after the last batch
	scratch []byte
	ids     []token  // of all documents of a batch
	read    []tokens // of all documents of a batch, each by reader
}

// tokens is the token ids of a document's parts, one after the other.
type tokens struct {
	known  bool // the reader has ids for this document
	ids    []token
	starts []int
	given  [][]token // of the prompts
}

func newTester(d *design, shared []*sample) *tester {
	t := &tester{design: d, held: make([]atomic.Int64, len(d.samples))}
	for i := range d.groups {
		g := &d.groups[i]
		t.panels = append(t.panels, detect.NewPanel(g.scorers, &g.options))
	}
	for i, s := range d.samples {
		g := &d.groups[s.group]
		t.pile = append(t.pile, newGatherer(shared[i], g.vocab, g.exempt))
	}
	return t
}

// testAll tests the documents among the items of a batch, and returns a body for each item.
//
// Each step takes all documents before the next step begins. So what a step looks things up in, such as
// the vocabulary, stays in the cache of the processor.
func (t *tester) testAll(b *batch) []itemBody {
	bodies := make([]itemBody, len(b.items))
	parts := make([][]*corpus.Text, len(b.items))
	r := len(t.readers)
	t.ids = t.ids[:0]
	t.read = slices.Grow(t.read[:0], r*len(b.items))[:r*len(b.items)]
	for i, item := range b.items {
		switch x := item.(type) {
		case *corpus.Document:
			bodies[i].Doc, parts[i] = t.begin(x, &b.digests[i], t.read[r*i:r*(i+1)])
			if bodies[i].Doc == nil {
				bodies[i] = *refuse(x, corpus.Unsupported, "this is a text, and no profile has a tokenizer; give token ids, or a profile with the tokenizer of the model")
			}
		case *corpus.Skip:
			bodies[i].Skip = skipBody(x)
		}
	}
	for i := range bodies {
		if f := bodies[i].Doc; f != nil {
			t.test(f, parts[i], t.read[r*i:r*(i+1)])
		}
	}
	for s, g := range t.pile {
		d := &t.groups[t.samples[s].group]
		for i := range bodies {
			if x := &t.read[r*i+d.reader]; bodies[i].Doc != nil && x.known {
				d.gather(g, x)
			}
		}
		t.held[s].Store(int64(g.own.weight()))
	}
	return bodies
}

// begin reads a document, and returns what is known about it without a test. It returns nil if no mark
// has a tokenizer for it.
func (t *tester) begin(doc *corpus.Document, digest *[32]byte, read []tokens) (*finding, []*corpus.Text) {
	var parts, prompts []*corpus.Text
	f := &finding{Place: placeOf(&doc.Place), Digest: hex.EncodeToString(digest[:])}
	for i := range doc.Texts {
		x := &doc.Texts[i]
		if !x.Kind.Tested() {
			prompts = append(prompts, x)
			continue
		}
		parts = append(parts, x)
		f.Bytes += int64(len(x.Text))
		f.Kinds = appendNew(f.Kinds, x.Kind.String())
		f.Fields = appendNew(f.Fields, x.Field)
	}
	any := false
	for i := range t.readers {
		read[i] = t.tokenize(t.readers[i], parts, prompts)
		any = any || read[i].known
	}
	if !any {
		return nil, nil
	}
	for _, n := range doc.Notes {
		f.Notes = append(f.Notes, n.Detail)
	}
	for _, u := range doc.Unread {
		f.Unread = append(f.Unread, unread{withoutIndexes(u.Field), u.Detail})
	}
	return f, parts
}

// test tests one document under all marks.
func (t *tester) test(f *finding, parts []*corpus.Text, read []tokens) {
	first := true
	for g := range t.groups {
		x := &read[t.groups[g].reader]
		if !x.known {
			continue
		}
		mark, found := t.group(g, x)
		adjusted := t.adjust(mark, found.Log10P)
		if first || adjusted < f.Best {
			f.Mark, f.Scored, f.Green, f.Sum, f.P, f.Best = mark, found.Scored, found.Green, found.Sum, found.Log10P, adjusted
			f.Tokens = int64(len(x.ids))
		}
		first = false
	}
	if t.Spans {
		t.spans(f, parts, read)
	}
	f.Foreign = t.foreign(t.readers[t.groupOf(f.Mark).reader], parts)
}

func refuse(doc *corpus.Document, reason corpus.Reason, detail string) *itemBody {
	return &itemBody{Skip: &skipped{Place: placeOf(&doc.Place), Reason: string(reason), Detail: detail}}
}

// adjust adjusts a p-value of a mark for all tests of the document.
func (t *tester) adjust(mark int, log10P float64) float64 {
	return min(max(tail.Bonferroni(log10P, t.tests), t.floor(mark)), 0)
}

// groupOf returns the group of a mark.
func (d *design) groupOf(mark int) *group {
	i := slices.IndexFunc(d.groups, func(g group) bool { return slices.Contains(g.marks, mark) })
	return &d.groups[i]
}

// tokenize turns a document into token ids. The ids stay until the next batch.
func (t *tester) tokenize(tokenizer tokenize.Tokenizer, parts, prompts []*corpus.Text) (x tokens) {
	from := len(t.ids)
	for _, p := range parts {
		x.starts = append(x.starts, len(t.ids)-from)
		switch {
		case p.IDs != nil:
			t.ids = append(t.ids, p.IDs...)
		case tokenizer == nil:
			t.ids = t.ids[:from]
			return tokens{}
		default:
			t.ids = tokenizer.Append(t.ids, p.Text)
		}
	}
	x.known, x.ids = true, t.ids[from:len(t.ids):len(t.ids)]
	for _, p := range prompts {
		switch {
		case p.IDs != nil:
			x.given = append(x.given, p.IDs)
		case tokenizer != nil:
			// An answer may quote the prompt at its start, or after a space.
			t.scratch = append(append(t.scratch[:0], ' '), p.Text...)
			x.given = append(x.given, tokenizer.Append(nil, p.Text), tokenizer.Append(nil, t.scratch))
		}
	}
	return x
}

// part returns the tokens of part i.
func (x *tokens) part(i int) []token {
	to := len(x.ids)
	if i+1 < len(x.starts) {
		to = x.starts[i+1]
	}
	return x.ids[x.starts[i]:to]
}

// group tests the marks of a group. It returns the mark with the smallest p-value.
func (t *tester) group(g int, x *tokens) (mark int, found detect.Tail) {
	d, panel := &t.groups[g], t.panels[g]
	panel.Reset()
	for _, given := range x.given {
		panel.Exclude(given)
	}
	for i := range x.starts {
		panel.Add(d.text(x, i))
	}
	at, found := panel.Smallest()
	return d.marks[at], found
}

// text returns part i of a document as the detector of the group scores it.
func (d *group) text(x *tokens, i int) []token {
	text := x.part(i)
	if d.engine != nil {
		text = d.bound.Frame(nil, text).Tokens
	}
	return text
}

// gather adds the pairs of a document to the pile.
func (d *group) gather(g *gatherer, x *tokens) {
	for _, given := range x.given {
		g.exclude(given)
	}
	for i := range x.starts {
		g.add(d.text(x, i))
	}
}

// spans tests each mark with the parts of the document, and keeps the smallest p-value.
func (t *tester) spans(f *finding, parts []*corpus.Text, read []tokens) {
	f.Best = 0
	for g := range t.groups {
		d := &t.groups[g]
		x := &read[d.reader]
		if !x.known {
			continue
		}
		for i, s := range d.scorers {
			framed := frame(d, x)
			o := &detect.TextOptions{Options: d.options, Prompts: x.given, Breaks: framed.breaks, Spans: true}
			o.Tests = t.tests / 2 // Text counts the parts
			r := detect.Text(s, framed.ids, o)
			best := min(max(r.Log10PAdjusted, t.floor(d.marks[i])), 0)
			if best < f.Best || f.Spans == nil && best == f.Best && f.Mark == d.marks[i] {
				f.Mark, f.Scored, f.Green, f.Sum, f.P, f.Best = d.marks[i], r.Scored, r.Green, r.Sum, r.Log10P, best
				f.Tokens = int64(len(x.ids))
				f.Spans = t.places(d, x, framed, parts, r.Scan.Spans)
			}
		}
	}
}

// A framed text is a document in the sequence that the detector of a mark scores.
type framed struct {
	ids    []token
	breaks []int
	starts []int // of the parts
	shift  []int // what to add to an offset to have that of the document
}

func frame(d *group, x *tokens) *framed {
	f := &framed{}
	for i := range x.starts {
		if i > 0 {
			f.breaks = append(f.breaks, len(f.ids))
		}
		f.starts = append(f.starts, len(f.ids))
		text, before, cut := x.part(i), 0, 0
		if d.engine != nil {
			y := d.bound.Frame(nil, text)
			text, before, cut = y.Tokens, y.Before, y.Start
		}
		f.shift = append(f.shift, x.starts[i]+cut-len(f.ids)-before)
		f.ids = append(f.ids, text...)
	}
	return f
}

// place returns the part of an offset, and the offset in the document.
func (f *framed) place(at int, end bool) (part, offset int) {
	part = len(f.starts) - 1
	for part > 0 && (at < f.starts[part] || end && at == f.starts[part]) {
		part--
	}
	return part, max(at+f.shift[part], 0)
}

// places returns spans with their places in the document.
func (t *tester) places(d *group, x *tokens, f *framed, parts []*corpus.Text, spans []detect.Span) []Span {
	tokenizer := t.readers[d.reader]
	bytesAt := func(part, offset int) *int {
		if parts[part].IDs != nil {
			return nil
		}
		n := 0
		var text []byte
		for at := x.starts[part]; at < offset; at++ {
			text, _ = tokenizer.Decode(text[:0], x.ids[at:at+1]) // the tokenizer made them
			n += len(text)
		}
		return &n
	}
	list := []Span{}
	for _, s := range spans {
		from, start := f.place(s.DisplayStart, false)
		to, end := f.place(s.DisplayEnd, true)
		y := Span{
			Start: start, End: end, Field: parts[from].Field, ByteStart: bytesAt(from, start), ByteEnd: bytesAt(to, end),
			Scored: s.Scored, Green: s.Green, Log10PAdjusted: s.Log10PAdjusted,
		}
		if to != from {
			y.FieldEnd = parts[to].Field
		}
		list = append(list, y)
	}
	return list
}

// foreign counts ids of a document that a tokenizer makes of no text.
func (t *tester) foreign(tokenizer interface {
	Decode([]byte, []token) ([]byte, error)
}, parts []*corpus.Text) (n int64) {
	for _, p := range parts {
		if p.IDs == nil || tokenizer == nil {
			continue
		}
		for _, id := range p.IDs {
			if _, err := tokenizer.Decode(t.scratch[:0], []token{id}); err != nil {
				n++
			}
		}
	}
	return n
}

// skipBody returns what a journal keeps of a skip.
func skipBody(s *corpus.Skip) *skipped {
	return &skipped{Place: placeOf(&s.Place), Reason: string(s.Reason), Detail: s.Detail, Fields: s.Fields, Rest: s.Rest}
}

// sourceOf returns what a journal keeps of the end of a file.
func sourceOf(s *corpus.Source) *sourceBody {
	b := &sourceBody{
		Format: string(s.Format), By: s.By, Encoding: s.Encoding, Containers: s.Containers, Bytes: s.Bytes, SHA256: s.SHA256, Rows: s.Rows,
	}
	b.add(s)
	return b
}

// keptNotes is how many notes of a file are kept in words.
const keptNotes = 5

// add adds what the end of a file or of a member of it says.
func (b *sourceBody) add(s *corpus.Source) {
	for kind, n := range s.Passed {
		if b.Passed == nil {
			b.Passed = map[string]int64{}
		}
		b.Passed[kind] += n
	}
	for _, n := range s.Notes {
		b.Changed = b.Changed || n.Code == corpus.NoteChanged
		if len(b.Notes) < keptNotes {
			b.Notes = append(b.Notes, fmt.Sprintf("%s: %s", s.Place, n.Detail))
		}
	}
}

// number returns x, or nil if JSON does not have it.
func number(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

package corpus

import (
	"bytes"
	"fmt"

	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/internal/corpus/row"
)

// rowState is what a run knows about the row at hand. Its buffers serve all rows.
type rowState struct {
	tree   row.Row
	raw    []byte // the bytes of a row
	data   []byte // the texts of a row, one after the other
	texts  []pending
	spare  []pending
	parts  [][]byte // the texts of a row, for one copy of them all
	unread []Unread
	notes  []Note
	fields []string // of the row, when none of them holds a text
	why    Reason   // the row has no text for this reason, if no other is found
	detail string
}

// A pending is a text of a row that was found and not looked at yet.
type pending struct {
	kind     Kind
	role     string
	field    string
	text     []byte // the text where it has memory of its own, else nil
	from, to int    // the text in rowState.data
	ids      []int32
	offset   int64
	lone     int // halves of surrogate pairs
}

// keepBuffer is what buffers keep from one row to the next.
const keepBuffer = 1 << 20

// begin forgets the row before.
func (s *rowState) begin() {
	if cap(s.data) > keepBuffer {
		s.data = nil
	}
	s.data, s.texts, s.unread, s.notes, s.fields, s.why, s.detail = s.data[:0], s.texts[:0], nil, nil, nil, "", ""
}

func (s *rowState) add(p pending) { s.texts = append(s.texts, p) }

func (s *rowState) bytes(p *pending) []byte {
	if p.text != nil {
		return p.text
	}
	return s.data[p.from:p.to]
}

// none notes why the row has no text; what was noted first stays.
func (s *rowState) none(why Reason, format string, args ...any) {
	if s.why == "" {
		s.why, s.detail = why, fmt.Sprintf(format, args...)
	}
}

// leave notes a value that might be text and is not read.
func (s *rowState) leave(field, format string, args ...any) {
	s.unread = append(s.unread, Unread{Field: field, Detail: fmt.Sprintf(format, args...)})
}

// finish emits the row whose texts are pending. The names of its fields are asked for only
// when none holds a text.
func (r *run) finish(p Place, fields func() []string) error {
	s := &r.rows
	s.split()
	kept, tested := 0, 0
	wanted := func(k Kind) bool { return k.Tested() || r.o.Prompts }
	for i := range s.texts {
		t := &s.texts[i]
		if t.ids != nil {
			if len(t.ids) == 0 {
				if wanted(t.kind) {
					s.none(Empty, "%shas no token ids; there is nothing to test", subject(t.field))
				}
				continue
			}
		} else {
			b := s.bytes(t)
			if len(bytes.TrimSpace(b)) == 0 {
				if wanted(t.kind) {
					s.none(Empty, "%sis empty; there is nothing to test", subject(t.field))
				}
				continue
			}
			if len(b) > r.o.Limits.Text {
				if wanted(t.kind) {
					s.none(TooLarge, "%sis longer than %s, the most that is tested as one text; split it", subject(t.field), byteSize(r.o.Limits.Text))
				}
				s.leave(t.field, "longer than %s", byteSize(r.o.Limits.Text))
				continue
			}
			var e examined
			e.look(b)
			if reason, detail := e.reject(len(b), r.o.Terminal); reason != "" {
				if wanted(t.kind) {
					s.none(reason, "%sis not read: %s", subject(t.field), detail)
				}
				s.leave(t.field, "%s", detail)
				continue
			}
			s.remark(t, b, &e)
		}
		if wanted(t.kind) {
			tested++
		}
		s.texts[kept] = *t
		kept++
	}
	s.texts = s.texts[:kept]
	if tested == 0 {
		skip := &Skip{Place: p, Reason: s.why, Detail: s.detail}
		if skip.Reason == "" {
			if kept > 0 {
				skip.Reason, skip.Detail = NoAnswer, "the row has a prompt and no answer; there is nothing to test"
			} else {
				skip.Reason, skip.Detail = MissingField, "no field of the row holds a text; name the field that does"
			}
		}
		if fields != nil && (skip.Reason == MissingField || skip.Reason == WrongType || skip.Reason == NoAnswer) {
			skip.Fields = fields()
			if len(skip.Fields) > 0 {
				skip.Detail += "; the row has " + quotedList(skip.Fields)
			}
		}
		return r.skipItem(skip)
	}
	d := &Document{Place: p, Unread: s.unread, Notes: s.notes, Texts: make([]Text, kept)}
	// One allocation for all texts of the row, which Join does not clear before it copies.
	s.parts = s.parts[:0]
	for i := range s.texts {
		if t := &s.texts[i]; t.ids == nil && t.text == nil {
			s.parts = append(s.parts, s.data[t.from:t.to])
		}
	}
	block := bytes.Join(s.parts, nil)
	for i := range s.texts {
		t := &s.texts[i]
		text := t.text
		if t.ids == nil && text == nil {
			n := t.to - t.from
			text, block = block[:n:n], block[n:]
		}
		d.Texts[i] = Text{Kind: t.kind, Role: t.role, Field: t.field, Text: text, IDs: t.ids, Offset: t.offset}
	}
	return r.document(d)
}

// subject is the beginning of a sentence about the value of a field.
func subject(field string) string {
	if field == "" {
		return "the text "
	}
	return fmt.Sprintf("the value of %q ", field)
}

func byteSize(n int) string { return size(int64(n)) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// remark notes what may have been lost in a text that is read.
func (s *rowState) remark(t *pending, b []byte, e *examined) {
	if !t.kind.Tested() {
		return
	}
	if e.bad > 0 {
		s.notes = append(s.notes, Note{Code: NoteBadUTF8, Field: t.field, Count: int64(e.bad), Offset: int64(e.firstBad),
			Detail: plural(e.bad, "a byte is not UTF-8", "%d bytes are not UTF-8") + "; the tokens around are others than the model wrote, and the rest is tested as it is"})
	}
	if t.lone > 0 {
		s.notes = append(s.notes, Note{Code: NoteSurrogate, Field: t.field, Count: int64(t.lone), Offset: -1,
			Detail: plural(t.lone, "half a character is escaped", "%d halves of characters are escaped") + " without its other half, and was read as U+FFFD"})
	} else if e.replaced > 0 {
		s.notes = append(s.notes, Note{Code: NoteReplaced, Field: t.field, Count: int64(e.replaced), Offset: int64(e.firstFFD),
			Detail: plural(e.replaced, "a character was replaced by U+FFFD", "%d characters were replaced by U+FFFD") + " by a program that could not read it; what stood there is lost"})
	}
	for _, sign := range forms.Inspect(b, e.wide > 0) {
		s.notes = append(s.notes, Note{Code: NoteForms, Field: t.field, Count: int64(sign.Count), Offset: int64(sign.First), Detail: sign.Detail})
	}
}

// split cuts texts that are whole conversations into their turns, and the reasoning that
// stands in tags before an answer off the answer.
func (s *rowState) split() {
	any := false
	for i := range s.texts {
		t := &s.texts[i]
		if (t.kind == Answer || t.kind == Plain) && t.ids == nil {
			b := s.bytes(t)
			if any = hasThinkTag(b); !any {
				turns, _ := splitTemplate(b, t.kind == Plain)
				any = turns != nil
			}
			if any {
				break
			}
		}
	}
	if !any {
		return
	}
	out := s.spare[:0]
	for i := range s.texts {
		t := s.texts[i]
		if (t.kind != Answer && t.kind != Plain) || t.ids != nil {
			out = append(out, t)
			continue
		}
		turns, more := splitTemplate(s.bytes(&t), t.kind == Plain)
		if more {
			s.leave(t.field, "a conversation of more than %d turns, of which the rest was not read", maxParts)
		}
		if turns == nil {
			out = s.splitThought(out, t)
			continue
		}
		for _, p := range turns {
			n := s.part(&t, p.from, p.to)
			n.kind = p.kind
			if p.role != "" {
				n.role = p.role
			}
			if n.kind == Answer {
				out = s.splitThought(out, n)
			} else {
				out = append(out, n)
			}
		}
	}
	s.spare, s.texts = s.texts, out
}

// splitThought appends a text to out, or the parts of one that has reasoning in tags.
func (s *rowState) splitThought(out []pending, t pending) []pending {
	b := s.bytes(&t)
	if !hasThinkTag(b) {
		return append(out, t)
	}
	parts := splitThink(b)
	if len(parts) == 0 {
		return append(out, t)
	}
	for _, p := range parts {
		n := s.part(&t, p.from, p.to)
		n.kind = Answer // who thinks aloud before it is a model
		if p.reasoning {
			n.kind = Reasoning
		}
		out = append(out, n)
	}
	return out
}

// part returns the part of a text between two of its bytes.
func (s *rowState) part(t *pending, from, to int) pending {
	n := *t
	if t.text != nil {
		n.text = t.text[from:to:to]
	} else {
		n.from, n.to = t.from+from, t.from+to
	}
	if from > 0 {
		n.offset = -1 // escapes may stand before it
		if t.text != nil && t.offset >= 0 {
			n.offset = t.offset + int64(from)
		}
	}
	return n
}

// quotedList quotes the names of fields, with "and" before the last.
func quotedList(names []string) string {
	var b []byte
	for i, n := range names {
		switch {
		case i > 0 && i == len(names)-1:
			b = append(b, " and "...)
		case i > 0:
			b = append(b, ", "...)
		}
		b = fmt.Appendf(b, "%.60q", n)
	}
	return string(b)
}

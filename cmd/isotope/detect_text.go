package main

import (
	"bytes"
	"slices"

	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/corpus/forms"
	"github.com/isotope-wm/isotope/watermark"
)

// A subject is one document: the texts of a row that are tested as one, in parts.
type subject struct {
	place   corpus.Place
	parts   []corpus.Text // that may be the model's own words
	prompts []corpus.Text
	shown   [][]corpus.Text // all texts of the row before each part
	notes   []corpus.Note
}

// newSubject divides the texts of a document into what is tested and what the model was given.
func newSubject(d *corpus.Document) *subject {
	s := &subject{place: d.Place, notes: d.Notes}
	for i, t := range d.Texts {
		if t.Kind.Tested() {
			s.parts, s.shown = append(s.parts, t), append(s.shown, d.Texts[:i])
		} else {
			s.prompts = append(s.prompts, t)
		}
	}
	return s
}

// bytes returns the length of the texts that are tested.
func (s *subject) bytes() (n int64) {
	for _, p := range s.parts {
		n += int64(len(p.Text))
	}
	return n
}

// hasIDs reports whether a part is token ids.
func (s *subject) hasIDs() bool {
	return slices.ContainsFunc(s.parts, func(t corpus.Text) bool { return t.IDs != nil })
}

// A form is the parts of a subject as some chain of forms leaves them.
type form struct {
	name    string   // of the chain; "" is as it is
	changed []string // the forms that changed something
	texts   [][]byte // of each part; nil for token ids
	maps    []forms.Map
}

// forms returns the forms of a subject that are tested: as it is, and each other form that chains
// lead to, once. Every one is a test.
func (s *subject) forms(chains []forms.Chain) []form {
	asIs := form{texts: make([][]byte, len(s.parts)), maps: make([]forms.Map, len(s.parts))}
	for i, p := range s.parts {
		asIs.texts[i] = p.Text
	}
	list := []form{asIs}
	for _, chain := range chains {
		f := form{name: chain.Name(), texts: make([][]byte, len(s.parts)), maps: make([]forms.Map, len(s.parts))}
		for i, p := range s.parts {
			if p.IDs != nil {
				continue
			}
			var changed []string
			f.texts[i], f.maps[i], changed = chain.Apply(p.Text)
			for _, name := range changed {
				if !slices.Contains(f.changed, name) {
					f.changed = append(f.changed, name)
				}
			}
		}
		same := func(other form) bool { return slices.EqualFunc(f.texts, other.texts, bytes.Equal) }
		if !slices.ContainsFunc(list, same) {
			list = append(list, f)
		}
	}
	return list
}

// A tokenText is the tokens of a form of a subject, part after part.
type tokenText struct {
	ids    []watermark.Token
	breaks []int // where parts begin, but for the first
	starts []int // where all parts begin
}

// tokens turns a form into token ids. ok is false for a part that is text if the reader lacks a tokenizer.
func (r *textReader) tokens(s *subject, f *form) (t tokenText, ok bool) {
	for i, p := range s.parts {
		t.starts = append(t.starts, len(t.ids))
		if i > 0 {
			t.breaks = append(t.breaks, len(t.ids))
		}
		switch {
		case p.IDs != nil:
			t.ids = append(t.ids, p.IDs...)
		case r.tokenizer == nil:
			return t, false
		default:
			t.ids = r.tokenizer.Append(t.ids, f.texts[i])
		}
	}
	return t, true
}

// given returns the tokens of what the model was given with a subject: each prompt after a space and
// as it is, in every form, since an answer may quote it in any of these ways.
func (r *textReader) given(s *subject, chains []forms.Chain) [][]watermark.Token {
	var out [][]watermark.Token
	for _, p := range s.prompts {
		if p.IDs != nil {
			out = append(out, p.IDs)
			continue
		}
		if r.tokenizer == nil {
			continue
		}
		out = append(out, r.tokenizer.Append(nil, append([]byte(" "), p.Text...)))
		out = append(out, r.promptForms(p.Text, chains)...)
	}
	return out
}

// prompt returns the tokens of the prompt directly before a subject, or nil unless there is one prompt
// alone.
func (r *textReader) prompt(s *subject) []watermark.Token {
	switch {
	case len(s.prompts) == 0 && len(r.asIs) == 1:
		return r.asIs[0]
	case len(s.prompts) == 1 && len(r.asIs) == 0 && s.prompts[0].IDs != nil:
		return s.prompts[0].IDs
	case len(s.prompts) == 1 && len(r.asIs) == 0 && r.tokenizer != nil:
		return r.tokenizer.Append(nil, s.prompts[0].Text)
	}
	return nil
}

// promptForms returns the tokens of a prompt, as it is and in the other forms that are tested.
func (r *textReader) promptForms(text []byte, chains []forms.Chain) [][]watermark.Token {
	out := [][]watermark.Token{r.tokenizer.Append(nil, text)}
	for _, v := range forms.Variants(text, chains) {
		out = append(out, r.tokenizer.Append(nil, v.Text))
	}
	return out
}

// A cut is a token offset of a form: the part in which it lies, and the byte of the part's own text.
type cut struct{ part, at int }

// cuts returns the places of ascending token offsets. Offsets that end something are given with end
// set: a replaced character then counts whole. Parts of token ids have byte 0.
func (r *textReader) cuts(s *subject, f *form, t *tokenText, offsets []int, end []bool) []cut {
	out := make([]cut, len(offsets))
	part, token, at := 0, 0, 0
	var scratch []byte
	for i, want := range offsets {
		for {
			limit := len(t.ids)
			if part+1 < len(t.starts) {
				limit = t.starts[part+1]
			}
			inside := want < limit || want == limit && (end[i] || part+1 == len(t.starts))
			to := limit
			if inside {
				to = want
			}
			for ; token < to; token++ {
				if f.texts[part] != nil {
					scratch, _ = r.tokenizer.Decode(scratch[:0], t.ids[token:token+1]) // the tokenizer made them
					at += len(scratch)
				}
			}
			if inside {
				break
			}
			part, at = part+1, 0
		}
		out[i] = cut{part, at}
		if m := f.maps[part]; !m.Identity() {
			if end[i] {
				out[i].at = m.End(at)
			} else {
				out[i].at = m.Start(at)
			}
		}
	}
	return out
}

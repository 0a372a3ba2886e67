package main

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// An inputText is the text of one file, as token ids in each form that is tested.
type inputText struct {
	text      []byte              // nil if the file held token ids
	tokenizer tokenize.Tokenizer  // nil if the file held token ids
	forms     [][]watermark.Token // the text as it is, then normalized
}

// encoding returns a warning if the file is not UTF-8, which models write, or has NULs. ASCII
// text in UTF-16 has NULs and passes for UTF-8. A marked text in another encoding has other
// bytes, in which the mark cannot be found.
func (s *inputText) encoding() []error {
	at := 0
	for at < len(s.text) {
		r, size := utf8.DecodeRune(s.text[at:])
		what := ""
		switch {
		case r == utf8.RuneError && size == 1:
			what = "the text is not UTF-8, first at byte %d"
		case r == 0:
			what = "the text has a NUL, first at byte %d"
		}
		if what != "" {
			return []error{fmt.Errorf(what+"; convert it to UTF-8, because a marked text shows no mark in another encoding, such as UTF-16", at)}
		}
		at += size
	}
	return nil
}

// locate returns the spans of a form with their places in the file.
func (s *inputText) locate(form int, spans []detect.Span) []spanJSON {
	out := make([]spanJSON, len(spans))
	for i, p := range spans {
		out[i] = spanJSON{
			Start: p.Start, End: p.End, DisplayStart: p.DisplayStart, DisplayEnd: p.DisplayEnd,
			Scored: p.Scored, Green: p.Green,
			Log10P: number(p.Log10P), Log10PAdjusted: number(p.Log10PAdjusted),
		}
	}
	if s.tokenizer == nil || len(spans) == 0 {
		return out
	}
	// The displayed parts are in order and disjoint, so their offsets ascend.
	offsets := make([]int, 0, 2*len(spans))
	at, token := 0, 0
	var scratch []byte
	for _, p := range spans {
		for _, to := range []int{p.DisplayStart, p.DisplayEnd} {
			for ; token < to; token++ {
				scratch, _ = s.tokenizer.Decode(scratch[:0], s.forms[form][token:token+1]) // the tokenizer made them
				at += len(scratch)
			}
			offsets = append(offsets, at)
		}
	}
	if form > 0 {
		inputOffsets(s.text, offsets)
	}
	for i := range out {
		out[i].ByteStart, out[i].ByteEnd = &offsets[2*i], &offsets[2*i+1]
	}
	return out
}

// inputOffsets turns ascending offsets into normalize(text) into offsets into text.
func inputOffsets(text []byte, offsets []int) {
	from, to := 0, 0 // text[:from] normalizes to that many bytes
	for i, want := range offsets {
		for to < want {
			// normalize replaces one character, or the two of a line end.
			_, size := utf8.DecodeRune(text[from:])
			if bytes.HasPrefix(text[from:], []byte("\r\n")) {
				size = 2
			}
			length := len(normalize(text[from : from+size]))
			if to+length > want {
				break // inside a character that normalize does not replace
			}
			from, to = from+size, to+length
		}
		offsets[i] = from + want - to
	}
}

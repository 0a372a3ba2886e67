package interop

import (
	"iter"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/watermark"
)

// A Frame is the sequence in which a detector scores a text.
type Frame struct {
	// Tokens is the sequence to give to a test.
	Tokens []watermark.Token
	// Before is the number of Tokens that stand before the text: padding, or the end of the
	// prompt. A test counts them among its tokens and among those with a short context, and scores
	// none of them.
	Before int
	// Start and End are the numbers of tokens of the text that the engine's detector leaves out at
	// its start and at its end. They are not in Tokens.
	Start, End int
}

// Frame follows the engine: see [Scorer].
func (m *mark) Frame(prompt, text []watermark.Token) Frame {
	p, s := m.profile, schemeOf(m.profile.Scheme)
	var f Frame
	if p.BOS != nil && len(prompt) == 0 && len(text) > 0 && text[0] == *p.BOS {
		f.Start = 1
	}
	if p.EOS != nil {
		if at := slices.Index(text, *p.EOS); at >= 0 {
			f.End = len(text) - at
		}
	}
	text = text[f.Start : len(text)-f.End]
	known := s.prompt && len(prompt) > 0
	if s.start == startSkipsOne && !known && len(text) > 0 {
		f.Start++
		text = text[1:]
	}
	var before []watermark.Token
	switch {
	case s.start == startPads:
		before = slices.Repeat([]watermark.Token{m.absent}, m.width)
	case known:
		before = m.tail(prompt)
	}
	f.Before = len(before)
	f.Tokens = slices.Concat(before, text)
	if m.absent >= 0 {
		// The id of an absent token is none of the engine's.
		for i := f.Before; i < len(f.Tokens); i++ {
			if f.Tokens[i] == m.absent {
				f.Tokens[i]++
			}
		}
	}
	if p.MaxContexts > 0 {
		cut := m.firstContexts(f.Tokens, p.MaxContexts)
		f.End += len(f.Tokens) - cut
		f.Tokens = f.Tokens[:cut]
	}
	return f
}

// tail returns the end of a prompt that is context of the text.
func (m *mark) tail(prompt []watermark.Token) []watermark.Token {
	tail := prompt[max(0, len(prompt)-m.width):]
	for i := len(tail) - 1; i >= 0; i-- {
		if tail[i] < 0 || int(tail[i]) >= m.profile.Vocab {
			return tail[i+1:] // contexts that reach further back cannot be read
		}
	}
	if m.absent >= 0 && len(tail) < m.width {
		tail = slices.Concat(slices.Repeat([]watermark.Token{m.absent}, m.width-len(tail)), tail)
	}
	return tail
}

// firstContexts returns the length of the start of tokens in which limit distinct contexts are
// followed by a token.
func (m *mark) firstContexts(tokens []watermark.Token, limit int) int {
	seen := make(map[string]bool)
	var name []byte
	for i := m.width; i < len(tokens); i++ {
		name = name[:0]
		for _, t := range tokens[i-m.width : i] {
			name = strconv.AppendInt(append(name, ' '), int64(t), 10)
		}
		seen[string(name)] = true
		if len(seen) == limit {
			return i + 1
		}
	}
	return len(tokens)
}

// Each returns a scorer for DedupNone: a test of it counts every position once. Give it the pairs
// of [EachPair], under any Dedup. It returns nil if the context of s is watermark.MaxWidth tokens
// wide, because the number of the position takes one more.
//
// Repeated text then counts many times. So the p-value is none, and a test must not conclude from
// it.
func Each(s Scorer) Scorer {
	if s.Width() >= watermark.MaxWidth {
		return nil
	}
	return each{s}
}

type each struct{ Scorer }

func (e each) ID() string { return e.Scorer.ID() + " each" }
func (e each) Width() int { return e.Scorer.Width() + 1 }
func (e each) Vocab() int { return watermark.MaxVocab }

func (e each) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for _, p := range pairs {
		dst = e.Scorer.Score(dst, []watermark.Pair{inner(p)})
	}
	return dst
}

func (e each) Sum(pairs iter.Seq[watermark.Pair]) float64 {
	return e.Scorer.Sum(func(yield func(watermark.Pair) bool) {
		for p := range pairs {
			if !yield(inner(p)) {
				return
			}
		}
	})
}

func inner(p watermark.Pair) watermark.Pair {
	p.Context = p.Context[1:]
	return p
}

// EachPair yields the pairs of a frame for [Each]: the context of each begins with the number of
// its position. Pairs with an id outside the vocabulary of s are left out.
func EachPair(s Scorer, f Frame) iter.Seq[watermark.Pair] {
	w := s.Width()
	outside := func(t watermark.Token) bool { return t < 0 || int(t) >= s.Vocab() }
	return func(yield func(watermark.Pair) bool) {
		for i := w; i < len(f.Tokens) && i < watermark.MaxVocab; i++ {
			if slices.ContainsFunc(f.Tokens[i-w:i+1], outside) {
				continue
			}
			context := slices.Concat([]watermark.Token{watermark.Token(i)}, f.Tokens[i-w:i])
			if !yield(watermark.Pair{Context: context, Token: f.Tokens[i]}) {
				return
			}
		}
	}
}

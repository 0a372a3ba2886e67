package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The tokenizer of the default profile.
const defaultTokenizer = "cl100k_base"

// loadTokenizer returns the tokenizer that a flag or a profile names. Every verb comes here, so
// that whatever this function reads can be named anywhere.
func loadTokenizer(name string) (tokenize.Tokenizer, error) {
	t, err := tokenize.Get(name)
	if errors.Is(err, tokenize.ErrName) {
		return nil, fmt.Errorf("the tokenizer %s is not known; the known ones are %s", quoted(name), strings.Join(tokenize.Names(), ", "))
	}
	return t, err
}

// tokenizerNames are the values of --tokenizer that completion offers.
func tokenizerNames() []string {
	return append(slices.Clone(tokenize.Names()), watermark.TokenizerNone)
}

// A tokenized is what a profile says about token ids.
type tokenized interface {
	Vocab() int
	Tokenizer() (name, digest string)
}

// tokenizerOf returns the tokenizer that a profile names, or nil if it names none. It returns an
// error unless this program has the same version of it.
func tokenizerOf(p tokenized) (tokenize.Tokenizer, error) {
	name, digest := p.Tokenizer()
	if name == watermark.TokenizerNone {
		return nil, nil
	}
	t, err := loadTokenizer(name)
	if err != nil {
		return nil, fmt.Errorf("the profile's tokenizer is not available: %w", err)
	}
	if p.Vocab() < t.Vocab() {
		return nil, fmt.Errorf("the profile has a vocabulary of %d ids, and %s has %d; make the profile anew", p.Vocab(), name, t.Vocab())
	}
	if t.Digest() != digest {
		return nil, fmt.Errorf("the profile is for another version of %s: its digest is %s, and this program's is %s; make the profile anew, or use the program that made it",
			name, digest, t.Digest())
	}
	return t, nil
}

// sameTokenizer reports whether two profiles turn a text into the same ids. The digest says so, and
// a tokenizer may have more than one name.
func sameTokenizer(a, b tokenized) bool {
	nameA, digestA := a.Tokenizer()
	nameB, digestB := b.Tokenizer()
	return digestA == digestB && (digestA != "" || nameA == nameB)
}

// foreignIDs counts the ids that a tokenizer makes of no text, and returns the first of them.
func foreignIDs(t tokenize.Tokenizer, ids []watermark.Token) (n int, first watermark.Token) {
	var text []byte
	for _, id := range ids {
		if _, err := t.Decode(text[:0], []watermark.Token{id}); err != nil {
			if n == 0 {
				first = id
			}
			n++
		}
	}
	return n, first
}

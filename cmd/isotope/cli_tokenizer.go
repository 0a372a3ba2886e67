package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The tokenizer of the default profile.
const defaultTokenizer = "cl100k_base"

// loadTokenizer returns the tokenizer that a flag names: a file, a directory with one, or the name of
// an encoding or of a model.
func loadTokenizer(name string) (tokenize.Tokenizer, error) {
	t, err := tokenize.Get(name)
	if !errors.Is(err, tokenize.ErrName) {
		return t, err
	}
	if _, missing := os.Stat(name); missing != nil {
		// For a model whose tokenizer is not built in, Get says which file to give.
		advice, ok := strings.CutPrefix(err.Error(), fmt.Sprintf("%v %q: ", tokenize.ErrName, name))
		if !ok {
			advice = fmt.Sprintf("the known ones are %s, or give the model's tokenizer.json", strings.Join(tokenize.Names(), ", "))
		}
		return nil, fmt.Errorf("the tokenizer %s is not known, and there is no such file; %s", quoted(name), advice)
	}
	loaded, err := tokenize.Load(name)
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

// registerTokenizers adds the flag for tokenizers that this program does not have.
func registerTokenizers(f *pflag.FlagSet, files *[]string) {
	f.StringArrayVar(files, "tokenizer", nil, "`FILE` of the profile's tokenizer, such as a model's tokenizer.json, if it is not built in; repeat it for more")
}

// loadTokenizers loads the files of --tokenizer for the profiles of a call.
func (c *cli) loadTokenizers(files []string) error {
	for _, name := range files {
		t, err := loadTokenizer(name)
		if err != nil {
			return fmt.Errorf("--tokenizer: %w", openError(err))
		}
		c.tokenizers = append(c.tokenizers, t)
	}
	return nil
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
// error unless there is the same version of it: built in, in a file of --tokenizer, or in the model
// of the call.
func (c *cli) tokenizerOf(p tokenized) (tokenize.Tokenizer, error) {
	name, digest := p.Tokenizer()
	if name == watermark.TokenizerNone {
		return nil, nil
	}
	given := func() int {
		return slices.IndexFunc(c.tokenizers, func(t tokenize.Tokenizer) bool { return t.Digest() == digest })
	}
	at := given()
	if at < 0 && c.model != "" && !slices.Contains(tokenize.Names(), name) {
		if own, err := tokenize.Load(c.model); err == nil { // else the profile's tokenizer has to be given
			c.tokenizers, c.model = append(c.tokenizers, own), ""
			at = given()
		}
	}
	var t tokenize.Tokenizer
	if at >= 0 {
		t = c.tokenizers[at]
	} else {
		var err error
		t, err = tokenize.Get(name)
		switch {
		case errors.Is(err, tokenize.ErrName):
			return nil, fmt.Errorf("the profile's tokenizer %s is not built in; give its file with --tokenizer FILE (built in are %s)", quoted(name), strings.Join(tokenize.Names(), ", "))
		case err != nil:
			return nil, err
		case t.Digest() != digest:
			return nil, fmt.Errorf("the profile is for another version of %s: its digest is %s, and this program's is %s; make the profile anew, or give the file of its version with --tokenizer FILE",
				name, digest, t.Digest())
		}
	}
	if p.Vocab() < t.Vocab() {
		return nil, fmt.Errorf("the profile has a vocabulary of %d ids, and %s has %d; make the profile anew", p.Vocab(), name, t.Vocab())
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

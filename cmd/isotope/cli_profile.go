package main

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// The default profile, which 'isotope profile' prints and which generate and demo use.
const (
	defaultTokenizer = "cl100k_base"
	defaultGamma     = 0.5
	defaultDelta     = 2.0
	defaultWidth     = 2
)

// newProfile describes a green list for a tokenizer of this program.
func newProfile(t tokenize.Tokenizer, g watermark.GreenList) *watermark.Profile {
	return &watermark.Profile{Scheme: g, Vocab: t.Vocab(), Tokenizer: t.Name(), TokenizerDigest: t.Digest()}
}

// profileOrDefault reads a profile, or returns the default one for "".
func profileOrDefault(path string) (*watermark.Profile, error) {
	if path != "" {
		return watermark.ReadProfile(path)
	}
	t, err := tokenize.Get(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	return newProfile(t, watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth}), nil
}

// tokenizerOf returns the tokenizer that a profile names. It returns an error unless this
// program has the same version of it.
func tokenizerOf(p *watermark.Profile) (tokenize.Tokenizer, error) {
	if p.Tokenizer == watermark.TokenizerNone {
		return nil, usagef("the profile has no tokenizer, so text cannot be turned into token ids; make a profile with --tokenizer")
	}
	t, err := tokenize.Get(p.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("the profile's tokenizer is not available: %w", err)
	}
	if p.Vocab < t.Vocab() {
		return nil, fmt.Errorf("the profile has a vocabulary of %d ids, and %s has %d; make the profile anew", p.Vocab, p.Tokenizer, t.Vocab())
	}
	if t.Digest() != p.TokenizerDigest {
		return nil, fmt.Errorf("the profile is for another version of %s: its digest is %s, and this program's is %s; make the profile anew, or use the program that made it",
			p.Tokenizer, p.TokenizerDigest, t.Digest())
	}
	return t, nil
}

// readSelector reads the selector key of a profile's band from a file. It returns no key if
// the profile has no band and path is "".
func readSelector(p *watermark.Profile, path string) ([]watermark.Key, error) {
	switch {
	case path != "":
		key, err := watermark.ReadKeyFile(path)
		return []watermark.Key{key}, err
	case p.Selector != "":
		return nil, missingSelector(p.Selector)
	}
	return nil, nil
}

// missingSelector says that a profile's band needs a key.
func missingSelector(id string) error {
	return usagef("the profile has a band: --selector FILE must name the key %s", id)
}

// dedupOf returns the unit of text that is scored once under a profile.
func dedupOf(p *watermark.Profile) detect.Dedup {
	if p.Dedup == watermark.DedupContext {
		return detect.DedupContext
	}
	return detect.DedupPair
}

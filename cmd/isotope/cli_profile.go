package main

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// tokenizerOf returns the tokenizer a profile names, once it is sure that it is the
// same one.
func tokenizerOf(p *watermark.Profile) (tokenize.Tokenizer, error) {
	if p.Tokenizer == watermark.TokenizerNone {
		return nil, usagef("the profile has no tokenizer: it is for token ids from outside")
	}
	t, err := tokenize.Get(p.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("the profile's tokenizer: %w", err)
	}
	if p.Vocab < t.Vocab() {
		return nil, fmt.Errorf("the profile's vocabulary of %d ids is smaller than the %d of %s", p.Vocab, t.Vocab(), p.Tokenizer)
	}
	if t.Digest() != p.TokenizerDigest {
		return nil, fmt.Errorf("the profile is for another %s: its digest is %s, and this program's %s; make the profile anew or use the program that made it",
			p.Tokenizer, p.TokenizerDigest, t.Digest())
	}
	return t, nil
}

func readSelector(p *watermark.Profile, path string) ([]watermark.Key, error) {
	switch {
	case path != "":
		key, err := watermark.ReadKeyFile(path)
		return []watermark.Key{key}, err
	case p.Selector != "":
		return nil, usagef("the profile has a band: --selector FILE must name the key %s", p.Selector)
	}
	return nil, nil
}

// profilesOrDefault reads profiles, or returns the one that 'isotope profile' prints.
func (c *cli) profilesOrDefault(paths []string) ([]*watermark.Profile, error) {
	if len(paths) == 0 {
		paths = []string{""}
	}
	var profiles []*watermark.Profile
	for _, path := range paths {
		p, err := c.profileOrDefault(path)
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, p)
	}
	return profiles, nil
}

// profileOrDefault reads a profile, or returns the one that 'isotope profile' prints.
func (c *cli) profileOrDefault(path string) (*watermark.Profile, error) {
	if path != "" {
		return watermark.ReadProfile(path)
	}
	t, err := tokenize.Get(defaultTokenizer)
	if err != nil {
		return nil, err
	}
	return newProfile(t, watermark.GreenList{Gamma: defaultGamma, Delta: defaultDelta, Width: defaultWidth}), nil
}

// The trace profile: what generate and demo use unless they are told otherwise.
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

// dedupOf returns the unit that is scored once under a profile.
func dedupOf(p *watermark.Profile) detect.Dedup {
	if p.Dedup == watermark.DedupContext {
		return detect.DedupContext
	}
	return detect.DedupPair
}

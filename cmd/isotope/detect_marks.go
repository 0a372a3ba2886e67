package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/keyring"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// A candidate is a mark that a text may have: a profile, bound to a key.
type candidate struct {
	label    string      // in a keyring, or with --any; else ""
	role     detect.Role // of one of several bands
	profile  *interop.Description
	keyID    string
	bound    []interop.Bound // one, or as many as the profile has variants
	reader   *textReader
	options  detect.Options  // without Tests
	selector []watermark.Key // of the profile's band
}

// A textReader turns texts into token ids for the candidates of one tokenizer.
type textReader struct {
	tokenizer tokenize.Tokenizer  // nil: the profile has none
	vocab     int                 // of the profile without a tokenizer
	prompts   [][]watermark.Token // of --prompt-file, in every form
	asIs      [][]watermark.Token // of --prompt-file, each once
}

// name returns the name of the tokenizer.
func (r *textReader) name() string {
	if r.tokenizer == nil {
		return "no tokenizer"
	}
	return r.tokenizer.Name()
}

// isDraw reports whether the candidate's scores are not colours.
func (c *candidate) isDraw() bool {
	_, colours := c.bound[0].Scorer.Law().(watermark.Bernoulli)
	return !colours
}

// payloadBits returns the length of the message that a text of the candidate carries.
func (c *candidate) payloadBits() int {
	if c.profile.Native == nil {
		return 0
	}
	return c.profile.Native.Payload
}

// width returns the number of tokens in a context.
func (c *candidate) width() int {
	if c.profile.Engine != nil {
		return c.profile.Engine.Width
	}
	return c.bound[0].Scorer.Width()
}

// tests reports whether the candidate gives a p-value. A profile with dedup "none" does not: it is
// for comparing numbers with an engine.
func (c *candidate) tests() bool {
	return c.profile.Dedup() != interop.DedupNone && !c.bound[0].Limits().NoVerdict
}

// String names the candidate with all that a text of another key, width or tokenizer would not
// show.
func (c *candidate) String() string {
	scheme := c.profile.Scheme()
	if c.profile.Engine != nil {
		scheme += " of " + c.profile.Engine.Engine()
	}
	tokens := fmt.Sprintf("%d tokens", c.width())
	if c.width() == 1 {
		tokens = "1 token"
	}
	tokenizer := "tokenizer " + c.reader.name()
	if c.reader.tokenizer == nil {
		tokenizer = "token ids"
	}
	return fmt.Sprintf("the mark %s of key %s, %s of context, %s", scheme, c.keyID, tokens, tokenizer)
}

// A candidateSet is the marks of a call and how they are read.
type candidateSet struct {
	list    []*candidate
	readers []*textReader
	bands   bool // a text can have all of them; else at most one
	cli     *cli
}

// add binds a profile to a key, and adds the candidate.
func (s *candidateSet) add(label string, p *interop.Description, key interop.AnyKey, selector []watermark.Key, o *detectFlags) (*candidate, error) {
	if len(s.list) == keyring.MaxKeys {
		return nil, fmt.Errorf("too many keys: the most that are tested in one call are %d", keyring.MaxKeys)
	}
	bound, err := p.Bind(key, selector...)
	if err != nil {
		return nil, err
	}
	c := &candidate{label: label, profile: p, keyID: key.ID(), bound: bound, selector: selector, options: detect.Options{
		Dedup: dedupOf(p), Exempt: p.Exempt(), Alpha: o.alpha, MinShare: o.minShare,
	}}
	if c.reader, err = s.reader(p); err != nil {
		return nil, err
	}
	s.list = append(s.list, c)
	return c, nil
}

// reader returns the reader of a profile's tokenizer, the same for all profiles that have it.
func (s *candidateSet) reader(p *interop.Description) (*textReader, error) {
	t, err := s.cli.tokenizerOf(p)
	if err != nil {
		return nil, err
	}
	for _, r := range s.readers {
		if (r.tokenizer == nil) == (t == nil) && (t == nil || r.tokenizer.Digest() == t.Digest()) {
			return r, nil
		}
	}
	r := &textReader{tokenizer: t, vocab: p.Vocab()}
	s.readers = append(s.readers, r)
	return r, nil
}

// candidates reads the keys and profiles of a call.
func (c *cli) candidates(o *detectFlags) (*candidateSet, error) {
	s := &candidateSet{cli: c, bands: len(o.profiles) > 1 && !o.any.given}
	profiles := make([]*interop.Description, len(o.profiles))
	for i, name := range o.profiles {
		var err error
		if profiles[i], err = readProfile(name); err != nil {
			return nil, err
		}
	}
	if s.bands {
		if err := o.checkBands(profiles); err != nil {
			return nil, err
		}
	}
	selectors, err := readSelectors(o.selectors)
	if err != nil {
		return nil, err
	}
	if o.keyringFile() != "" {
		err = c.readKeyring(s, o, profiles, selectors)
	} else {
		err = s.pairs(o, profiles, selectors)
	}
	if err != nil {
		return nil, err
	}
	if unused := selectors.unused(); unused != "" {
		return nil, usagef("no profile has the key of --selector %s as its selector; leave it out", unused)
	}
	if s.bands {
		return s, s.checkTogether()
	}
	return s, s.checkDifferent()
}

// pairs adds each profile of a call with its key.
func (s *candidateSet) pairs(o *detectFlags, profiles []*interop.Description, selectors *selectorSet) error {
	for i, p := range profiles {
		key, err := readKey(o.keys[i])
		if err != nil {
			return err
		}
		selector, err := selectors.of(p)
		if err != nil {
			return err
		}
		label := ""
		if len(profiles) > 1 && !s.bands {
			label = filepath.Base(o.keys[i]) + " with " + filepath.Base(o.profiles[i])
		}
		c, err := s.add(label, p, key, selector, o)
		if err != nil {
			return err
		}
		if len(o.rates) > 0 {
			c.options.Rate = o.rates[i]
		}
		if s.bands {
			if c.role, err = o.roleOf(i, c.isDraw()); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkDifferent returns an error if two candidates are one test.
func (s *candidateSet) checkDifferent() error {
	first := make(map[string]*candidate, len(s.list))
	for _, c := range s.list {
		for _, b := range c.bound {
			id := b.Scorer.ID() + "\n" + c.reader.name()
			if other, ok := first[id]; ok {
				return usagef("%s and %s are the same mark; leave one of them out", quoted(other.name()), quoted(c.name()))
			}
			first[id] = c
		}
	}
	return nil
}

// name returns the label of a candidate, or else the id of its key.
func (c *candidate) name() string {
	if c.label != "" {
		return c.label
	}
	return c.keyID
}

// checkTogether returns an error unless one text can have all of the bands.
func (s *candidateSet) checkTogether() error {
	marks := make([]*watermark.Mark, len(s.list))
	for i, c := range s.list {
		marks[i] = c.bound[0].Scorer.(*watermark.Mark)
	}
	if _, err := watermark.NewSequence(marks...); err != nil {
		return usagef("no text can have all of these marks: %w; --any tests which of them it has", err)
	}
	return nil
}

// A selectorSet is the selector keys of a call by their ids.
type selectorSet struct {
	keys map[string]watermark.Key
	file map[string]string
	used map[string]bool
}

// readSelectors reads the selector keys of a call.
func readSelectors(names []string) (*selectorSet, error) {
	s := &selectorSet{keys: map[string]watermark.Key{}, file: map[string]string{}, used: map[string]bool{}}
	for _, name := range names {
		if err := s.read(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *selectorSet) read(name string) error {
	key, err := readNativeKey(name)
	if err != nil {
		return err
	}
	s.keys[key.ID()], s.file[key.ID()] = key, name
	return nil
}

// of returns the selector key of a profile's band, if it has one.
func (s *selectorSet) of(p *interop.Description) ([]watermark.Key, error) {
	if p.Native == nil || p.Native.Selector == "" {
		return nil, nil
	}
	key, ok := s.keys[p.Native.Selector]
	if !ok {
		return nil, missingSelector(p.Native.Selector)
	}
	s.used[p.Native.Selector] = true
	return []watermark.Key{key}, nil
}

// unused returns the file of a selector that no profile needs, or "".
func (s *selectorSet) unused() string {
	var files []string
	for id, file := range s.file {
		if !s.used[id] {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return strings.Join(files, ", ")
}

// roleOf returns the role of band i: the one that --band-role gives it, or that of its scheme.
func (o *detectFlags) roleOf(i int, draw bool) (detect.Role, error) {
	role := detect.RoleMaster
	switch {
	case len(o.bandRoles) > 0:
		role = detect.Role(o.bandRoles[i])
	case draw:
		role = detect.RoleProvenance
	}
	switch {
	case draw && role != detect.RoleProvenance:
		return "", usagef("the mark of %s is a keyed draw, and its --band-role is %s; give it the role %s", o.profiles[i], role, detect.RoleProvenance)
	case !draw && role == detect.RoleProvenance:
		return "", usagef("the mark of %s is a green list, and its --band-role is %s; give it another role", o.profiles[i], role)
	}
	return role, nil
}

// checkBands returns an error unless the profiles can be bands of one text.
func (o *detectFlags) checkBands(profiles []*interop.Description) error {
	biases := 0
	for i, d := range profiles {
		name := o.profiles[i]
		if d.Native == nil {
			return usagef("the profile %s is of another engine, whose marks are not bands; --any tests which of several marks a text has", name)
		}
		p := d.Native
		if err := sameTokens(profiles[0], d, o.profiles[0], name); err != nil {
			return err
		}
		switch {
		case p.Payload > 0:
			return usagef("profile %s has a payload; test it with one --profile alone", name)
		case p.Variants > 1:
			return usagef("profile %s has %d variants; test it with one --profile alone", name, p.Variants)
		}
		if _, bias := p.Scheme.(watermark.GreenList); bias {
			biases++
		}
	}
	if biases > 1 && len(o.bandRoles) == 0 {
		return usagef("%d of the marks are green lists; give each mark its --band-role, one of %s, or --any to test which of them a text has", biases, strings.Join(bandRoles, ", "))
	}
	return nil
}

// sameTokens returns nil if two profiles turn a text into the same tokens and score the same
// of them.
func sameTokens(first, p *interop.Description, firstName, name string) error {
	nameA, digestA := first.Tokenizer()
	nameB, digestB := p.Tokenizer()
	const hint = "; --any tests which of several marks a text has"
	switch {
	case !sameTokenizer(first, p) && nameA == nameB:
		return usagef("the profiles are for two versions of %s: %s of %s and %s of %s%s", nameA, digestA, firstName, digestB, name, hint)
	case !sameTokenizer(first, p):
		return usagef("the profiles are for two tokenizers: %s of %s and %s of %s%s", nameA, firstName, nameB, name, hint)
	case p.Vocab() != first.Vocab():
		return usagef("the profiles have different vocabularies: %d ids in %s and %d in %s%s", first.Vocab(), firstName, p.Vocab(), name, hint)
	case !slices.Equal(p.Exempt(), first.Exempt()):
		return usagef("the profiles %s and %s have different exempt ids%s", firstName, name, hint)
	}
	return nil
}

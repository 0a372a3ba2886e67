package pipeline

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/keyring"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// A Config says what a pipeline tests, and how. It travels in the pipeline to every worker, and so
// has the names of key files and not the keys. Its fields are the flags of 'isotope scan'. The files
// that a keyring names are on the workers too.
type Config struct {
	Keys       []string // files on the workers, one for each profile
	Profiles   []string // files on the workers
	Selectors  []string // files on the workers with the keys of bands
	Keyring    string   // file on the workers; then Keys and Profiles have at most one name each
	Tokenizers []string // files on the workers
	Rates      []float64

	Alpha    float64
	FDR      float64
	MinShare float64
	Spans    bool
	Sample   int
	RunKey   string // 32 hex digits

	Format      string
	Encoding    string
	Fields      []string
	PromptField string
	Roles       []string

	Workers int    // goroutines for a shard; 0 is as many as processors
	Parts   string // folder or address of a folder for the journals of shards
}

var errSecret = errors.New("a secret key was given in place of a name; give the name of the key's file, and treat the key as leaked")

// Check returns an error for a configuration that cannot be right on any machine. It reads no file.
func (c *Config) Check() error {
	names := slices.Concat(c.Keys, c.Profiles, c.Selectors, c.Tokenizers, c.Fields, c.Roles, []string{c.Keyring, c.RunKey, c.Format, c.Encoding, c.PromptField, c.Parts})
	switch {
	case slices.ContainsFunc(names, func(s string) bool { return secret.MayHold(s) }):
		return errSecret
	case c.Keyring != "" && (len(c.Keys) > 1 || len(c.Profiles) > 1):
		return errors.New("a keyring takes one key, from which its paths derive, and one profile, for keys without one")
	case c.Keyring != "" && len(c.Rates) > 0:
		return errors.New("a rate is for the mark of one profile, and a keyring has several; leave it out")
	case c.Keyring == "" && (len(c.Keys) == 0 || len(c.Keys) != len(c.Profiles)):
		return fmt.Errorf("there are %d keys and %d profiles; give one key for each profile", len(c.Keys), len(c.Profiles))
	case len(c.Rates) > 0 && len(c.Rates) != len(c.Profiles):
		return fmt.Errorf("there are %d rates and %d profiles; give one rate for each profile, or none", len(c.Rates), len(c.Profiles))
	case !(c.Alpha > 0 && c.Alpha < 1):
		return fmt.Errorf("alpha %v is outside (0,1)", c.Alpha)
	case !(c.FDR > 0 && c.FDR < 1):
		return fmt.Errorf("fdr %v is outside (0,1)", c.FDR)
	case !(c.MinShare > 0 && c.MinShare <= 1):
		return fmt.Errorf("min-share %v is outside (0,1]", c.MinShare)
	case c.Sample < 1 || c.Sample > 1<<28:
		return fmt.Errorf("sample %d is outside [1, %d]", c.Sample, 1<<28)
	case c.Workers < 0:
		return fmt.Errorf("workers %d is negative", c.Workers)
	case c.Parts == "":
		return errors.New("the place for the journals is missing: a folder that all workers share, or an address of one")
	}
	for _, r := range c.Rates {
		if !(r > 0) {
			return fmt.Errorf("rate %v is not positive", r)
		}
	}
	if _, err := c.runKey(); err != nil {
		return err
	}
	_, err := corpus.New(c.corpusOptions())
	return err
}

func (c *Config) runKey() (key [16]byte, err error) {
	b, err := hex.DecodeString(c.RunKey)
	if err != nil || len(b) != len(key) {
		return key, errors.New("the run key is not 32 hex digits; draw them at random")
	}
	return [16]byte(b), nil
}

// corpusOptions returns how files are read. Texts and rows have the limits of 'isotope scan'.
func (c *Config) corpusOptions() *corpus.Options {
	o := &corpus.Options{Format: corpus.Format(c.Format), Encoding: c.Encoding, Fields: c.Fields, PromptField: c.PromptField, Roles: c.Roles}
	o.Limits.Text, o.Limits.Row = 4<<20, 8<<20
	return o
}

// A loaded configuration has read its files.
type loaded struct {
	marks   []scan.Mark
	options scan.Options
	corpus  *corpus.Corpus
}

var (
	loadedMu sync.Mutex
	loadedOf = map[string]*loaded{} // by the JSON of a Config
)

// load reads keys, profiles and tokenizers. A process reads them once for all of its bundles. Errors
// name files, and have nothing of what is in them.
func (c *Config) load() (*loaded, error) {
	id, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	loadedMu.Lock()
	defer loadedMu.Unlock()
	if l, ok := loadedOf[string(id)]; ok {
		return l, nil
	}
	l := &loaded{options: scan.Options{Alpha: c.Alpha, FDR: c.FDR, MinShare: c.MinShare, Spans: c.Spans, Sample: c.Sample}}
	if l.options.RunKey, err = c.runKey(); err != nil {
		return nil, err
	}
	r := c.corpusOptions()
	// The same words as those of 'isotope scan', so that 'isotope reduce' takes the journals.
	l.options.Reader = fmt.Sprintf("format=%q encoding=%q fields=%q prompt=%q roles=%q text=%d row=%d", r.Format, r.Encoding, r.Fields, r.PromptField, r.Roles, r.Limits.Text, r.Limits.Row)
	if l.corpus, err = corpus.New(r); err != nil {
		return nil, err
	}
	if l.marks, err = c.marks(); err != nil {
		return nil, err
	}
	loadedOf[string(id)] = l
	return l, nil
}

// A binder makes the marks of a configuration.
type binder struct {
	tokenizers []tokenize.Tokenizer // besides those that are built in
	selectors  map[string]watermark.Key
	marks      []scan.Mark
}

// marks binds the profiles to their keys.
func (c *Config) marks() ([]scan.Mark, error) {
	b := &binder{selectors: map[string]watermark.Key{}}
	for _, name := range c.Tokenizers {
		t, err := tokenize.Load(name)
		if err != nil {
			return nil, unreadable("tokenizer", name, err)
		}
		b.tokenizers = append(b.tokenizers, t)
	}
	for _, name := range c.Selectors {
		if err := b.readSelector(name); err != nil {
			return nil, err
		}
	}
	if c.Keyring != "" {
		err := c.readKeyring(b)
		return b.marks, err
	}
	for i, name := range c.Profiles {
		p, err := readProfile(name)
		if err != nil {
			return nil, err
		}
		key, err := readKey(c.Keys[i])
		if err != nil {
			return nil, err
		}
		label, rate := "", 0.0
		if len(c.Profiles) > 1 {
			label = filepath.Base(c.Keys[i]) + " with " + filepath.Base(name)
		}
		if len(c.Rates) > 0 {
			rate = c.Rates[i]
		}
		if err := b.add(label, p, key, rate); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return b.marks, nil
}

// readKeyring adds the marks of the keyring.
func (c *Config) readKeyring(b *binder) error {
	text, err := readSmall(c.Keyring, keyring.MaxFile)
	if err != nil {
		return unreadable("keyring", c.Keyring, err)
	}
	entries, err := keyring.Parse(c.Keyring, text)
	if err != nil {
		return err
	}
	r := keyring.Reader{Dir: filepath.Dir(c.Keyring), ReadKey: readKey, ReadProfile: readProfile}
	if len(c.Keys) > 0 {
		r.Root = func() (watermark.Key, error) {
			k, err := watermark.ReadKeyFile(c.Keys[0])
			if err != nil {
				return k, unreadable("key", c.Keys[0], err)
			}
			return k, nil
		}
	}
	if len(c.Profiles) > 0 {
		if r.Profile, err = readProfile(c.Profiles[0]); err != nil {
			return err
		}
	}
	for i := range entries {
		if err := b.entry(&r, &entries[i]); err != nil {
			return fmt.Errorf("%s: %s: %w", c.Keyring, secret.Quote(entries[i].Label), err)
		}
	}
	return nil
}

// entry adds the marks of a key of the keyring.
func (b *binder) entry(r *keyring.Reader, e *keyring.Entry) error {
	m, err := r.Mark(e)
	switch {
	case errors.Is(err, keyring.ErrNoRoot):
		return errors.New("the key has a path, and the call has no key from which it derives; give the file of that key")
	case errors.Is(err, keyring.ErrNoProfile):
		return errors.New("the key has no profile, and the call has none; give one of them")
	case err != nil:
		return err
	}
	if m.Selector != "" {
		if err := b.readSelector(m.Selector); err != nil {
			return err
		}
	}
	return b.add(m.Label, m.Profile, m.Key, 0)
}

// add binds a profile to a key.
func (b *binder) add(label string, p *interop.Description, key interop.AnyKey, rate float64) error {
	var selector []watermark.Key
	if p.Native != nil && p.Native.Selector != "" {
		s, ok := b.selectors[p.Native.Selector]
		if !ok {
			return fmt.Errorf("the profile has a band of the key %s; give its file as a selector", p.Native.Selector)
		}
		selector = append(selector, s)
	}
	bound, err := p.Bind(key, selector...)
	if err != nil {
		return err
	}
	if p.Dedup() == interop.DedupNone || bound[0].Limits().NoVerdict {
		return errors.New("the profile makes no test; leave it out, or give it the dedup pair or context")
	}
	t, err := tokenizerOf(p, b.tokenizers)
	if err != nil {
		return err
	}
	dedup := detect.DedupPair
	if p.Dedup() == watermark.DedupContext {
		dedup = detect.DedupContext
	}
	for _, x := range bound {
		b.marks = append(b.marks, scan.Mark{
			Label: label, KeyID: key.ID(), Profile: p.ID(), Scheme: p.Scheme(), Bound: x, Tokenizer: t,
			Vocab: x.Scorer.Vocab(), Dedup: dedup, Exempt: slices.Sorted(slices.Values(p.Exempt())), Rate: rate,
		})
	}
	return nil
}

func (b *binder) readSelector(name string) error {
	k, err := watermark.ReadKeyFile(name)
	if err != nil {
		return unreadable("selector", name, err)
	}
	b.selectors[k.ID()] = k
	return nil
}

func readProfile(name string) (*interop.Description, error) {
	p, err := interop.ReadAny(name)
	if err != nil {
		return nil, unreadable("profile", name, err)
	}
	return p, nil
}

func readKey(name string) (interop.AnyKey, error) {
	k, err := interop.ReadAnyKeyFile(name)
	if err != nil {
		return k, unreadable("key", name, err)
	}
	return k, nil
}

// unreadable says that a file is not as it should be on this worker.
func unreadable(what, name string, err error) error {
	return fmt.Errorf("the %s %s cannot be read on this worker: %w", what, name, err)
}

// readSmall reads a file of at most a number of bytes.
func readSmall(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d MiB", most>>20)
	}
	return text, err
}

// tokenizerOf returns the tokenizer of a profile, or nil if it has none.
func tokenizerOf(p *interop.Description, extra []tokenize.Tokenizer) (tokenize.Tokenizer, error) {
	name, digest := p.Tokenizer()
	if name == watermark.TokenizerNone {
		return nil, nil
	}
	var t tokenize.Tokenizer
	if at := slices.IndexFunc(extra, func(t tokenize.Tokenizer) bool { return t.Digest() == digest }); at >= 0 {
		t = extra[at]
	} else {
		var err error
		if t, err = tokenize.Get(name); err != nil {
			return nil, fmt.Errorf("the tokenizer is not built in; give its file (built in are %s): %w", strings.Join(tokenize.Names(), ", "), err)
		}
		if t.Digest() != digest {
			return nil, fmt.Errorf("the profile is for another version of %s; make it anew, or give the file of its version", name)
		}
	}
	if p.Vocab() < t.Vocab() {
		return nil, fmt.Errorf("the profile has a vocabulary of %d ids, and %s has %d; make the profile anew", p.Vocab(), name, t.Vocab())
	}
	return t, nil
}

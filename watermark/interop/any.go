package interop

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// A Description is a profile of isotope/1 or of an engine. One of the fields is set.
type Description struct {
	Native *watermark.Profile
	Engine *Profile
}

// ReadAny reads a profile of either kind from a JSON file of at most 1 MiB. If there is no such
// file the error wraps [os.ErrNotExist].
func ReadAny(path string) (*Description, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d, err := ParseAny(text)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", path, err)
	}
	return d, nil
}

// ParseAny reads the JSON form of a profile of either kind. The field "scheme" tells which.
func ParseAny(text []byte) (*Description, error) {
	fields, err := splitObject(text)
	if err != nil {
		return nil, fmt.Errorf("interop: profile: %w", err)
	}
	var name string
	r := fieldReader{fields: fields}
	r.need("scheme", &name)
	if r.err != nil {
		return nil, fmt.Errorf("interop: profile: %w", r.err)
	}
	if _, ok := missing[name]; ok || schemeOf(name) != nil {
		p, err := ParseProfile(text)
		if err != nil {
			return nil, err
		}
		return &Description{Engine: p}, nil
	}
	p, err := watermark.ParseProfile(text)
	if err != nil {
		return nil, err
	}
	return &Description{Native: p}, nil
}

// Scheme returns the name of the scheme, as in JSON.
func (d *Description) Scheme() string {
	if d.Native != nil {
		return watermark.SchemeName(d.Native.Scheme)
	}
	return d.Engine.Scheme
}

// Vocab returns the size of the vocabulary.
func (d *Description) Vocab() int {
	if d.Native != nil {
		return d.Native.Vocab
	}
	return d.Engine.Vocab
}

// Tokenizer returns the name and the digest of the tokenizer.
func (d *Description) Tokenizer() (name, digest string) {
	if d.Native != nil {
		return d.Native.Tokenizer, d.Native.TokenizerDigest
	}
	return d.Engine.Tokenizer, d.Engine.TokenizerDigest
}

// Dedup returns the unit that a detector counts once: DedupPair, DedupContext or, for an engine
// alone, DedupNone.
func (d *Description) Dedup() string {
	if d.Native != nil {
		return d.Native.Dedup
	}
	return d.Engine.Dedup
}

// Exempt returns the ids that a detector never scores.
func (d *Description) Exempt() []watermark.Token {
	if d.Native != nil {
		return slices.Clone(d.Native.Exempt)
	}
	return slices.Clone(d.Engine.Exempt)
}

// PromptContext reports whether tokens of the prompt are context of a text.
func (d *Description) PromptContext() bool {
	if d.Native != nil {
		return !d.Native.NoPromptContext
	}
	return d.Engine.PromptContext()
}

// IsColours reports whether scores are 1 for green and 0 for not green. Tests of a student need
// such scores.
func (d *Description) IsColours() bool {
	if d.Native != nil {
		_, ok := d.Native.Scheme.(watermark.GreenList)
		return ok
	}
	return schemeOf(d.Engine.Scheme).has("gamma")
}

// ID returns "sha256:" and the hex digest of the canonical JSON.
func (d *Description) ID() string {
	if d.Native != nil {
		return d.Native.ID()
	}
	return d.Engine.ID()
}

// MarshalJSON returns the canonical form of the profile.
func (d *Description) MarshalJSON() ([]byte, error) {
	if d.Native != nil {
		return d.Native.MarshalJSON()
	}
	return d.Engine.MarshalJSON()
}

// An AnyKey is a key of isotope/1 or of an engine. At most one of the fields is set. Like its
// fields it shows no secret.
type AnyKey struct {
	Native watermark.Key
	Engine Key
}

// ParseAnyKey reads a key of either kind in its text form. The error does not contain the text.
func ParseAnyKey(text string) (AnyKey, error) {
	if k, err := watermark.ParseKey(text); err == nil {
		return AnyKey{Native: k}, nil
	}
	k, err := ParseKey(text)
	if err != nil {
		// It does not quote the prefix, which the search for keys in messages would hide.
		return AnyKey{}, errors.New("interop: not a key: want what 'isotope key new' writes, " +
			"or integer-key-1, a colon and decimal numbers separated by commas")
	}
	return AnyKey{Engine: k}, nil
}

// ReadAnyKeyFile reads a key file of either kind; see [ReadKeyFile].
func ReadAnyKeyFile(path string) (AnyKey, error) {
	line, err := keyLine(path)
	if err != nil {
		return AnyKey{}, err
	}
	k, err := ParseAnyKey(line)
	if err != nil {
		return AnyKey{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// ID returns the fingerprint of the key, or "" for the zero AnyKey.
func (k AnyKey) ID() string {
	if !k.Native.IsZero() {
		return k.Native.ID()
	}
	return k.Engine.ID()
}

// A Bound is a mark of either kind under a key, ready for a test.
type Bound struct {
	// Scorer goes into package detect. For a mark of isotope/1 it is a *watermark.Mark.
	Scorer AnyScorer
	// Engine is Scorer for a mark of an engine, else nil.
	Engine Scorer
}

// An AnyScorer is what package detect calls a Scorer.
type AnyScorer interface {
	ID() string
	Width() int
	Vocab() int
	Law() watermark.Law
	Score(dst []int64, pairs []watermark.Pair) []int64
}

// Bind returns the marks of the profile under a key: one, or for a profile of isotope/1 with
// Variants as many. selector is for a profile of isotope/1 with a band. It returns an error for a
// key of the other kind.
func (d *Description) Bind(k AnyKey, selector ...watermark.Key) ([]Bound, error) {
	if d.Engine != nil {
		if !k.Native.IsZero() {
			// It does not quote the prefix, which the search for keys in messages would hide.
			return nil, paramError("key", "is one of isotope/1, but the profile is of scheme %s, whose key file has integer-key-1, a colon and decimal numbers; "+
				"'isotope export' derives one", d.Engine.Scheme)
		}
		s, err := d.Engine.Bind(k.Engine)
		if err != nil {
			return nil, err
		}
		return []Bound{{Scorer: s, Engine: s}}, nil
	}
	if !k.Engine.IsZero() {
		return nil, paramError("key", "is one of another engine, but the profile is of isotope/1")
	}
	marks, err := d.Native.Marks(k.Native, selector...)
	if err != nil {
		return nil, err
	}
	bound := make([]Bound, len(marks))
	for i, m := range marks {
		bound[i].Scorer = m
	}
	return bound, nil
}

// Frame puts a text into the sequence that a detector scores. That of isotope/1 is the text.
func (b Bound) Frame(prompt, text []watermark.Token) Frame {
	if b.Engine != nil {
		return b.Engine.Frame(prompt, text)
	}
	return Frame{Tokens: text}
}

// Sum returns the statistic of pairs in its own unit: see [Scorer.Sum]. For a mark of isotope/1 it
// is the sum of scores, in units of watermark.ScoreUnit for a gumbelmax.
func (b Bound) Sum(pairs iter.Seq[watermark.Pair]) float64 {
	if b.Engine != nil {
		return b.Engine.Sum(pairs)
	}
	unit := 1.0
	if _, ok := b.Scorer.Law().(watermark.Exponential); ok {
		unit = watermark.ScoreUnit
	}
	var sum float64
	for p := range pairs {
		if v := b.Scorer.Score(nil, []watermark.Pair{p})[0]; v >= 0 {
			sum += float64(v)
		}
	}
	return sum / unit
}

// Limits returns what a test of the mark cannot claim.
func (b Bound) Limits() Limits {
	if b.Engine != nil {
		return b.Engine.Limits()
	}
	return Limits{Floor: math.Inf(-1)}
}

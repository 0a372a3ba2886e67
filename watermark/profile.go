package watermark

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
)

// Values of Profile.Mask and Profile.Dedup, spelt as in JSON.
const (
	MaskNone    = "none"    // a generator marks every position
	MaskContext = "context" // it leaves positions with a repeated context unmarked; see MaskRepeats

	DedupPair    = "pair"    // a detector tests each distinct (context, token) pair once
	DedupContext = "context" // it tests each distinct context once, at its first occurrence
)

// TokenizerNone is the tokenizer name of a profile for token ids from another program.
const TokenizerNone = "none"

// profileVersion is the number of the wire format that profiles describe.
const profileVersion = 1

// A Profile is the public description of a mark. It holds what a detector needs besides
// the key, and no secret. Generation and detection read the same profile, so that they
// cannot disagree.
//
// There are three ways to a profile. [TraceProfile] and [ProvenanceProfile] return the
// recommended ones. [Mark.Profile] describes a mark that you made with [New]. [ReadProfile] and
// [ParseProfile] read the JSON form. docs/spec.md defines that form. MarshalJSON writes its
// canonical variant, whose SHA-256 is the [Profile.ID]. [Profile.Mark] binds the profile to a
// key.
type Profile struct {
	Scheme          Scheme
	Vocab           int    // vocabulary size, 1 to MaxVocab
	Tokenizer       string // name of the tokenizer, or TokenizerNone
	TokenizerDigest string // "sha256:" and 64 hex digits; empty for TokenizerNone
	BandLo, BandHi  int    // part of [0, BandSize); both 0 means all contexts
	Selector        string // key id of the band's selector; empty for all contexts
	Mask            string // MaskNone or MaskContext; empty means the default of the scheme
	NoPromptContext bool   // the prompt is not context
	Dedup           string // DedupPair or DedupContext; empty means DedupPair
	Lane            Lane
	Payload         int     // bits of the message, 0 to MaxPayloadBits; the message itself is not part of a profile
	Exempt          []Token // ids that a detector never scores, in ascending order
	// Variants is the number of keys, 1 to MaxVariants; 0 means 1. With 2 or more, each
	// text of a keyed draw is marked with one of [Key.Variants]. See [Profile.Marks].
	Variants int
}

// MaxVariants is the largest number of [Profile.Variants].
const MaxVariants = 1024

// Profile returns the description of the mark for a tokenizer, so that a detector can test text
// for it. Write it to a file next to the key, and read it with [ReadProfile]. tokenizer and
// digest are the name and the digest that package tokenize gives, or [TokenizerNone] and "".
//
// Dedup is [DedupContext] for a mark that leaves repeated contexts unmarked, because only the
// first occurrence of a context then carries the mark. It is [DedupPair] for any other mark.
// Exempt is empty; set it if the detector shall skip ids. The mark of a variant key has a profile
// with Variants 1, for a test under that key. An error about a parameter is a [*ParamError]. The
// second of the [Mark.Halves] has no profile, because no profile binds its lists.
func (m *Mark) Profile(tokenizer, digest string) (*Profile, error) {
	if m.half == secondHalf {
		return nil, paramError("mark", "is the second half of a mark of two keys; take the profile of the whole mark")
	}
	p := &Profile{
		Scheme: m.scheme, Vocab: m.vocab, Tokenizer: tokenizer, TokenizerDigest: digest,
		Mask: MaskNone, Dedup: DedupPair, NoPromptContext: !m.prompts, Lane: m.lane, Payload: m.payload.Bits,
	}
	p.BandLo, p.BandHi, p.Selector = m.Band()
	if m.masked {
		p.Mask, p.Dedup = MaskContext, DedupContext
	}
	return p.checked()
}

// Marks binds the profile to each key that marks text. That is key itself, or with 2
// Variants or more those of [Key.Variants]. A generator picks one of the marks for each
// text, at random or by a number of the request. A detector tests all of them, and counts
// as many tests. An error about a parameter is a [*ParamError].
func (p *Profile) Marks(key Key, selector ...Key) ([]*Mark, error) {
	if p.Variants <= 1 {
		m, err := p.Mark(key, selector...)
		if err != nil {
			return nil, err
		}
		return []*Mark{m}, nil
	}
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	one := *p
	one.Variants = 1
	var marks []*Mark
	for _, k := range key.Variants(p.Variants) {
		m, err := one.Mark(k, selector...)
		if err != nil {
			return nil, err
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// Mark binds the profile to a key. A profile with a band needs the selector key that it names.
// Use [Profile.MarkMessage] to mark text with the message of a payload. Use [Profile.Marks] for a
// profile with several Variants, for which Mark returns an error. An error about a parameter is a
// [*ParamError].
func (p *Profile) Mark(key Key, selector ...Key) (*Mark, error) {
	return p.MarkMessage(0, key, selector...)
}

// MarkMessage is Mark for text that carries a message, below 2^Payload. The message does not
// affect a test, so detectors use [Profile.Mark].
func (p *Profile) MarkMessage(message uint32, key Key, selector ...Key) (*Mark, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	if p.Variants > 1 {
		return nil, paramError("variants", "are %d, which give as many marks; use Marks, not Mark", p.Variants)
	}
	opts := []Option{p.Lane, Payload{Bits: p.Payload, Message: message}}
	if p.Selector != "" {
		if len(selector) != 1 || selector[0].ID() != p.Selector {
			return nil, paramError("selector", "is not the profile's, which is the key %s", p.Selector)
		}
		opts = append(opts, Band{Selector: selector[0], Lo: p.BandLo, Hi: p.BandHi})
	} else if len(selector) > 0 {
		return nil, paramError("selector", "is given, but the profile's band is everything; leave it out")
	}
	opts = append(opts, maskOption(p.Mask))
	if p.NoPromptContext {
		opts = append(opts, NoPromptContext{})
	}
	return New(key, p.Scheme, p.Vocab, opts...)
}

// Check returns an error, a [*ParamError], if [Profile.Mark] could not bind the profile.
func (p *Profile) Check() error {
	_, err := p.checked()
	return err
}

// ID returns "sha256:" and the hex digest of the canonical JSON. Profiles that mean the
// same have the same ID. ID returns "" for a profile that [Profile.Check] refuses.
func (p *Profile) ID() string {
	text, err := p.MarshalJSON()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// checked returns a copy of p with defaults filled in, or the first error.
func (p *Profile) checked() (*Profile, error) {
	c := *p
	if c.Scheme == nil {
		return nil, paramError("scheme", "is missing")
	}
	if err := checkScheme(c.Scheme); err != nil {
		return nil, err
	}
	if c.BandLo == 0 && c.BandHi == 0 {
		c.BandHi = BandSize
	}
	c.Scheme = withDefaults(c.Scheme)
	if c.Mask == "" {
		c.Mask = MaskNone
		if c.Scheme.masksRepeats() {
			c.Mask = MaskContext
		}
	}
	if c.Variants == 0 {
		c.Variants = 1
	}
	if c.Dedup == "" {
		c.Dedup = DedupPair
	}
	band := Band{Lo: c.BandLo, Hi: c.BandHi}
	switch {
	case c.BandLo < 0 || c.BandLo >= c.BandHi || c.BandHi > BandSize:
		return nil, paramError("band", "[%d,%d) is not a part of [0,%d)", c.BandLo, c.BandHi, BandSize)
	case band.isEverything() && c.Selector != "":
		return nil, paramError("selector", "is given, but the band is everything; leave it out")
	case !band.isEverything() && !isHex(c.Selector, 16):
		return nil, paramError("selector", "%s is not a key id; a band needs the 16 hex digits of its selector", secret.Quote(c.Selector))
	case c.Mask != MaskNone && c.Mask != MaskContext:
		return nil, paramError("mask", "%s is neither %q nor %q", secret.Quote(c.Mask), MaskNone, MaskContext)
	case c.Dedup != DedupPair && c.Dedup != DedupContext:
		return nil, paramError("dedup", "%s is neither %q nor %q", secret.Quote(c.Dedup), DedupPair, DedupContext)
	case !isName(c.Tokenizer) || secret.Holds(c.Tokenizer):
		return nil, paramError("tokenizer", "%s is not a name in printable ASCII; use %q for token ids from another program", secret.Quote(c.Tokenizer), TokenizerNone)
	case c.Tokenizer == TokenizerNone && c.TokenizerDigest != "":
		return nil, paramError("tokenizer_digest", "is given, but the tokenizer is \"none\"; leave it out")
	case c.Tokenizer != TokenizerNone && !isDigest(c.TokenizerDigest):
		return nil, paramError("tokenizer_digest", `%s is not "sha256:" and 64 hex digits`, secret.Quote(c.TokenizerDigest))
	}
	if _, ok := c.Scheme.(GreenList); ok && c.Variants != 1 {
		return nil, paramError("variants", "apply to keyed draws and not to a green list, whose keys would average out in training")
	}
	if c.Variants < 1 || c.Variants > MaxVariants {
		return nil, paramError("variants", "%d is outside 1 to %d", c.Variants, MaxVariants)
	}
	if len(c.Exempt) == 0 {
		c.Exempt = nil // so that equal profiles compare equal
	}
	for i, id := range c.Exempt {
		if id < 0 || int(id) >= c.Vocab || i > 0 && c.Exempt[i-1] >= id {
			return nil, paramError("exempt", "must hold ascending ids below the vocabulary size; id %d at index %d is out of order or out of range", id, i)
		}
	}
	// New checks the other parameters. Any key will do.
	opts := []Option{c.Lane, Payload{Bits: c.Payload}}
	opts = append(opts, maskOption(c.Mask))
	if _, err := New(NewKey(), c.Scheme, c.Vocab, opts...); err != nil {
		return nil, err
	}
	return &c, nil
}

// maskOption returns the Option for a value of Profile.Mask.
func maskOption(mask string) Option {
	if mask == MaskContext {
		return MaskRepeats{}
	}
	return MarkRepeats{}
}

// isName reports whether s has only characters that JSON never escapes, so that each name
// has one canonical form.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && isHex(digits, 64)
}

func isHex(s string, n int) bool {
	if len(s) != n || s != strings.ToLower(s) {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

package watermark

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Values of Profile.Mask and Profile.Dedup, spelt as in JSON.
const (
	MaskNone    = "none"    // every position is marked
	MaskContext = "context" // positions whose context repeats are not; see MaskRepeats

	DedupPair    = "pair"    // each distinct (context, token) pair is tested once
	DedupContext = "context" // each distinct context is, by its first occurrence
)

// TokenizerNone is the tokenizer of a profile for token ids that come from outside.
const TokenizerNone = "none"

// profileVersion is the wire format that a profile speaks of.
const profileVersion = 1

// A Profile is the public description of a mark: what a detector needs beside the
// key. Generation and detection read the same one. It holds no secret. Its JSON form
// is docs/spec.md's; [ParseProfile] and [ReadProfile] read it, and MarshalJSON writes
// the canonical form whose SHA-256 is the profile's [Profile.ID].
type Profile struct {
	Scheme          Scheme
	Vocab           int    // vocabulary size
	Tokenizer       string // tokenizer name, or TokenizerNone
	TokenizerDigest string // "sha256:" and hex; empty for TokenizerNone
	BandLo, BandHi  int    // part of [0, BandSize); both 0 is everything
	Selector        string // key id of the band's selector; empty for everything
	Mask            string // MaskNone or MaskContext; empty is the scheme's default
	NoPromptContext bool   // the prompt was no context
	Dedup           string // DedupPair or DedupContext; empty is DedupPair
	Lane            Lane
	Payload         int     // bits of the message, which is not part of the profile; 0 is none
	Exempt          []Token // ids never scored
	// Variants is the number of keys, of which each text of a keyed draw is marked with one;
	// 0 and 1 are the one key itself. See [Profile.Marks].
	Variants int
}

// MaxVariants is the largest number of [Profile.Variants].
const MaxVariants = 1024

// Marks binds the profile's scheme to each of the keys with which it marks: the key itself,
// or with Variants of 2 or more those of [Key.Variants]. A generator takes one of the marks
// for each text, by chance or by any function of the request; a detector tests all of them,
// and counts so many tests.
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

// Mark binds the profile's scheme to a key. A profile with a band needs the selector key
// that the profile names. With a payload the mark is for tests; what marks text has a
// message, see [Profile.MarkMessage]. A profile of several Variants has several marks:
// [Profile.Marks].
func (p *Profile) Mark(key Key, selector ...Key) (*Mark, error) {
	return p.MarkMessage(0, key, selector...)
}

// MarkMessage is Mark for text that carries a message of the profile's payload. Without a
// payload the one message is 0.
func (p *Profile) MarkMessage(message uint32, key Key, selector ...Key) (*Mark, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	if p.Variants > 1 {
		return nil, paramError("variants", "of %d are as many marks, and one was asked for", p.Variants)
	}
	opts := []Option{p.Lane, Payload{Bits: p.Payload, Message: message}}
	if p.Selector != "" {
		if len(selector) != 1 || selector[0].ID() != p.Selector {
			return nil, paramError("selector", "is not the profile's: want the key %s", p.Selector)
		}
		opts = append(opts, Band{Selector: selector[0], Lo: p.BandLo, Hi: p.BandHi})
	} else if len(selector) > 0 {
		return nil, paramError("selector", "is given, but the profile's band is everything")
	}
	opts = append(opts, maskOption(p.Mask))
	if p.NoPromptContext {
		opts = append(opts, NoPromptContext{})
	}
	return New(key, p.Scheme, p.Vocab, opts...)
}

// Check reports what is wrong with the profile, as a [*ParamError].
func (p *Profile) Check() error {
	_, err := p.checked()
	return err
}

// ID returns the profile's identity: "sha256:" and the hex digest of its canonical
// JSON. Profiles that mean the same have the same ID. A profile that Check refuses
// has none.
func (p *Profile) ID() string {
	text, err := p.MarshalJSON()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// checked returns a copy with defaults filled in, once everything in it is right.
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
		return nil, paramError("selector", "is given, but the band is everything")
	case !band.isEverything() && !isHex(c.Selector, 16):
		return nil, paramError("selector", "%s is not a key id, which a band needs: 16 hex digits", quote(c.Selector))
	case c.Mask != MaskNone && c.Mask != MaskContext:
		return nil, paramError("mask", "%s is neither %q nor %q", quote(c.Mask), MaskNone, MaskContext)
	case c.Dedup != DedupPair && c.Dedup != DedupContext:
		return nil, paramError("dedup", "%s is neither %q nor %q", quote(c.Dedup), DedupPair, DedupContext)
	case !isName(c.Tokenizer):
		return nil, paramError("tokenizer", "%s is not a name in printable ASCII; %q stands for token ids from outside", quote(c.Tokenizer), TokenizerNone)
	case c.Tokenizer == TokenizerNone && c.TokenizerDigest != "":
		return nil, paramError("tokenizer_digest", "is given, but there is no tokenizer")
	case c.Tokenizer != TokenizerNone && !isDigest(c.TokenizerDigest):
		return nil, paramError("tokenizer_digest", `%s is not "sha256:" and 64 hex digits`, quote(c.TokenizerDigest))
	}
	if _, ok := c.Scheme.(GreenList); ok && c.Variants != 1 {
		return nil, paramError("variants", "are for keyed draws, not for a green list: many keys average out in training")
	}
	if c.Variants < 1 || c.Variants > MaxVariants {
		return nil, paramError("variants", "%d is outside 1 to %d", c.Variants, MaxVariants)
	}
	if len(c.Exempt) == 0 {
		c.Exempt = nil // one spelling for none
	}
	for i, id := range c.Exempt {
		if id < 0 || int(id) >= c.Vocab || i > 0 && c.Exempt[i-1] >= id {
			return nil, paramError("exempt", "must hold ascending ids below the vocabulary size, and holds %d at %d", id, i)
		}
	}
	// The rest is what New checks.
	opts := []Option{c.Lane, Payload{Bits: c.Payload}}
	opts = append(opts, maskOption(c.Mask))
	if _, err := New(NewKey(), c.Scheme, c.Vocab, opts...); err != nil {
		return nil, err
	}
	return &c, nil
}

// maskOption returns the option for a value of Profile.Mask.
func maskOption(mask string) Option {
	if mask == MaskContext {
		return MaskRepeats{}
	}
	return MarkRepeats{}
}

// quote is %q for what came from a file, unless a key strayed into it.
func quote(s string) string {
	if strings.Contains(s, "isotope-secret-key") {
		return "(a secret key)"
	}
	return strconv.Quote(s)
}

// isName keeps to characters that JSON never escapes, so that the canonical form has
// no choices to make.
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

// maxProfile bounds what ReadProfile reads.
const maxProfile = 1 << 20

// ReadProfile reads a profile from a file.
func ReadProfile(path string) (*Profile, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("watermark: profile: %w; 'isotope profile > FILE' makes one", err)
	}
	if err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", err)
	}
	if len(text) > maxProfile {
		return nil, fmt.Errorf("watermark: profile %s: longer than %d bytes", path, maxProfile)
	}
	p, err := ParseProfile(text)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", path, err)
	}
	return p, nil
}

// profileFields are the fields in canonical order, which is that of their bytes.
var profileFields = []string{
	"band", "candidates", "dedup", "delta", "depth", "dual", "exempt", "gamma", "group", "isotope", "lane", "mask", "payload",
	"prompt_context", "scheme", "selector", "tokenizer", "tokenizer_digest", "variants", "vocab", "width",
}

// ParseProfile reads a profile's JSON. Unknown and repeated fields are errors, and so
// is everything [Profile.Check] refuses.
func ParseProfile(text []byte) (*Profile, error) {
	fields, err := splitObject(text)
	if err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", err)
	}
	for name := range fields {
		if !slices.Contains(profileFields, name) {
			return nil, fmt.Errorf("watermark: profile: unknown field %s", quote(name))
		}
	}
	var (
		p       Profile
		version int
		scheme  string
		width   int
		band    = []int{0, BandSize}
		prompt  = true
	)
	r := fieldReader{fields: fields}
	r.need("isotope", &version)
	r.need("scheme", &scheme)
	r.need("width", &width)
	r.need("vocab", &p.Vocab)
	r.need("tokenizer", &p.Tokenizer)
	r.may("tokenizer_digest", &p.TokenizerDigest)
	r.may("band", &band)
	r.may("selector", &p.Selector)
	r.may("mask", &p.Mask)
	r.may("prompt_context", &prompt)
	r.may("dedup", &p.Dedup)
	r.may("group", &p.Lane.Group)
	r.may("lane", &p.Lane.Index)
	r.may("payload", &p.Payload)
	r.may("exempt", &p.Exempt)
	switch {
	case r.err != nil:
	case version != profileVersion:
		r.err = fmt.Errorf("wire format %d is not %d, the one this program knows", version, profileVersion)
	case len(band) != 2:
		r.err = fmt.Errorf("band holds %d numbers, not 2", len(band))
	}
	p.Scheme, p.Variants = readScheme(&r, scheme, width)
	if r.err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", r.err)
	}
	p.BandLo, p.BandHi = band[0], band[1]
	p.NoPromptContext = !prompt
	if band[0] == 0 && band[1] == 0 {
		return nil, paramError("band", "[0,0) is empty")
	}
	return p.checked()
}

// splitObject reads one JSON object into its fields. Unlike encoding/json it takes
// names literally and refuses to see one twice: two readers must not disagree.
func splitObject(text []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	fields := make(map[string]json.RawMessage)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // the decoder has checked it
		if _, ok := fields[name]; ok {
			return nil, fmt.Errorf("field %s occurs twice", quote(name))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		fields[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return fields, nil
}

// A fieldReader decodes fields until one is wrong.
type fieldReader struct {
	fields map[string]json.RawMessage
	err    error
}

func (r *fieldReader) need(name string, to any) {
	if _, ok := r.fields[name]; !ok && r.err == nil {
		r.err = fmt.Errorf("field %q is missing", name)
	}
	r.may(name, to)
}

func (r *fieldReader) may(name string, to any) {
	value, ok := r.fields[name]
	if !ok || r.err != nil {
		return
	}
	if hasNull(value) {
		r.err = fmt.Errorf("field %q is null or holds one", name)
	} else if err := json.Unmarshal(value, to); err != nil {
		r.err = fmt.Errorf("field %q: %w", name, err)
	} else if text, ok := to.(*string); ok && *text == "" {
		r.err = fmt.Errorf("field %q is empty; leave it out for its default", name)
	}
}

// hasNull finds what json.Unmarshal would take for "leave it as it is".
func hasNull(value json.RawMessage) bool {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil && list != nil {
		return slices.ContainsFunc(list, hasNull)
	}
	return string(value) == "null"
}

// MarshalJSON writes the canonical form (RFC 8785): every field that applies, with
// its default where it was left out, in order of names, without white space.
func (p *Profile) MarshalJSON() ([]byte, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	values := map[string]any{
		"isotope": profileVersion, "vocab": p.Vocab, "tokenizer": p.Tokenizer,
		"band": []int{p.BandLo, p.BandHi}, "mask": p.Mask, "prompt_context": !p.NoPromptContext,
		"dedup": p.Dedup, "group": p.Lane.Group, "lane": p.Lane.Index, "payload": p.Payload,
		"exempt": append([]Token{}, p.Exempt...), // never null
	}
	writeScheme(values, p.Scheme, p.Variants)
	if p.TokenizerDigest != "" {
		values["tokenizer_digest"] = p.TokenizerDigest
	}
	if p.Selector != "" {
		values["selector"] = p.Selector
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	// encoding/json sorts names and writes numbers as RFC 8785 does, and no string
	// here holds anything to escape; what it adds is the newline.
	if err := enc.Encode(values); err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

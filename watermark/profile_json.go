package watermark

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// maxProfile is the largest size of a profile file in bytes.
const maxProfile = 1 << 20

// maxProfileDepth is how deeply a profile may be nested. Its fields are numbers, texts and lists.
const maxProfileDepth = 4

// ReadProfile reads a profile from a JSON file of at most 1 MiB. If there is no such file
// the error wraps [os.ErrNotExist].
func ReadProfile(path string) (*Profile, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("watermark: profile: %w; make one with 'isotope profile > FILE'", err)
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
		return nil, fmt.Errorf("watermark: profile %s: too large (maximum %d bytes)", path, maxProfile)
	}
	p, err := ParseProfile(text)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", path, err)
	}
	return p, nil
}

// profileFields lists the fields in canonical order: by their bytes.
var profileFields = []string{
	"band", "candidates", "dedup", "delta", "depth", "dual", "exempt", "gamma", "gate", "group", "isotope", "lane", "marked", "mask", "payload",
	"prompt_context", "scheme", "selector", "tokenizer", "tokenizer_digest", "variants", "vocab", "width",
}

// ParseProfile reads the JSON form of a profile, of at most 1 MiB. It returns an error for unknown and
// repeated fields, and for whatever [Profile.Check] refuses. The time is linear in the length.
func ParseProfile(text []byte) (*Profile, error) {
	if len(text) > maxProfile {
		return nil, fmt.Errorf("watermark: profile: too large (maximum %d bytes)", maxProfile)
	}
	fields, err := strictjson.Object(text, maxProfileDepth)
	if err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", err)
	}
	for name := range fields {
		if !slices.Contains(profileFields, name) {
			return nil, fmt.Errorf("watermark: profile: unknown field %s", secret.Quote(name))
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
	r.may("marked", &p.Marked)
	switch {
	case r.err != nil:
	case version != profileVersion:
		r.err = fmt.Errorf("wire format %d is not supported; this program reads isotope %d", version, profileVersion)
	case len(band) != 2:
		r.err = fmt.Errorf("band has %d numbers; want [lo,hi]", len(band))
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

// A fieldReader decodes fields and keeps the first error.
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
	if strictjson.HasNull(value) {
		r.err = fmt.Errorf("field %q contains null; leave the field out for its default", name)
	} else if err := json.Unmarshal(value, to); err != nil {
		r.err = fmt.Errorf("field %q: %w", name, err)
	} else if text, ok := to.(*string); ok && *text == "" {
		r.err = fmt.Errorf("field %q is empty; leave it out for its default", name)
	}
}

// MarshalJSON returns the canonical form (RFC 8785): every field that applies, in order of
// names, without white space, with defaults spelled out. It returns an error for a profile
// that [Profile.Check] refuses.
func (p *Profile) MarshalJSON() ([]byte, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	values := map[string]any{
		"isotope": profileVersion, "vocab": p.Vocab, "tokenizer": p.Tokenizer,
		"band": []int{p.BandLo, p.BandHi}, "mask": p.Mask, "prompt_context": !p.NoPromptContext,
		"dedup": p.Dedup, "group": p.Lane.Group, "lane": p.Lane.Index, "payload": p.Payload,
		"exempt": append([]Token{}, p.Exempt...), // [] and not null
	}
	writeScheme(values, p.Scheme, p.Variants)
	if p.Marked != MarkedAll { // profiles from before this field keep their id
		values["marked"] = p.Marked
	}
	if p.TokenizerDigest != "" {
		values["tokenizer_digest"] = p.TokenizerDigest
	}
	if p.Selector != "" {
		values["selector"] = p.Selector
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	// encoding/json sorts names and writes numbers as RFC 8785 does. No string here needs
	// escapes (isName), so only the newline at the end differs.
	if err := enc.Encode(values); err != nil {
		return nil, fmt.Errorf("watermark: profile: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

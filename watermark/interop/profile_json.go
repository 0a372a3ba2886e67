package interop

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
	"github.com/isotope-wm/isotope/watermark"
)

// maxProfile is the largest size of a profile file in bytes.
const maxProfile = 1 << 20

// profileVersion is the number of the form of profiles.
const profileVersion = 1

// ReadProfile reads a profile from a JSON file of at most 1 MiB. If there is no such file the error
// wraps [os.ErrNotExist].
func ReadProfile(path string) (*Profile, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	p, err := ParseProfile(text)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", path, err)
	}
	return p, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("interop: profile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if err != nil {
		return nil, fmt.Errorf("interop: profile: %w", err)
	}
	if len(text) > maxProfile {
		return nil, fmt.Errorf("interop: profile %s: too large (maximum %d bytes)", path, maxProfile)
	}
	return text, nil
}

// commonFields are those of every scheme, and ownFields those of some. Both are in the order of
// their bytes.
var (
	commonFields = []string{"dedup", "exempt", "isotope", "prompt_context", "scheme", "tokenizer", "tokenizer_digest", "vocab", "width"}
	ownFields    = []string{
		"bos", "delta", "depth", "eos", "gamma", "generator", "leaves", "legacy", "max_contexts", "message", "mixing", "preset",
		"salt", "table_seed", "table_size", "weighted",
	}
)

// ParseProfile reads the JSON form of a profile. It returns an error for unknown and repeated
// fields, for fields that the scheme does not have, and for whatever [Profile.Check] refuses.
func ParseProfile(text []byte) (*Profile, error) {
	fields, err := splitObject(text)
	if err != nil {
		return nil, fmt.Errorf("interop: profile: %w", err)
	}
	var p Profile
	version, prompt := 0, false
	r := fieldReader{fields: fields}
	r.need("isotope", &version)
	r.need("scheme", &p.Scheme)
	r.need("vocab", &p.Vocab)
	r.need("tokenizer", &p.Tokenizer)
	if r.err != nil {
		return nil, fmt.Errorf("interop: profile: %w", r.err)
	}
	s := schemeOf(p.Scheme)
	if s == nil {
		return p.checked() // its error names the schemes
	}
	for name := range fields {
		switch {
		case slices.Contains(commonFields, name) || s.has(name):
		case slices.Contains(ownFields, name):
			r.fail(fmt.Errorf("field %q is not one of scheme %s; leave it out", name, s.name))
		default:
			r.fail(fmt.Errorf("unknown field %s", secret.Quote(name)))
		}
	}
	prompt = s.prompt
	if s.has("preset") {
		r.need("preset", &p.Preset)
		r.may("width", &p.Width)
	} else {
		r.need("width", &p.Width)
	}
	r.may("tokenizer_digest", &p.TokenizerDigest)
	r.may("dedup", &p.Dedup)
	r.may("exempt", &p.Exempt)
	r.may("prompt_context", &prompt)
	r.may("bos", &p.BOS)
	r.may("delta", &p.Delta)
	r.may("depth", &p.Depth)
	r.may("eos", &p.EOS)
	r.may("gamma", &p.Gamma)
	r.may("generator", &p.Generator)
	r.may("leaves", &p.Leaves)
	r.may("legacy", &p.Legacy)
	r.may("max_contexts", &p.MaxContexts)
	r.may("message", &p.Message)
	r.may("mixing", &p.Mixing)
	r.may("salt", &p.Salt)
	r.may("table_seed", &p.TableSeed)
	r.may("table_size", &p.TableSize)
	r.may("weighted", &p.Weighted)
	if _, ok := fields["mixing"]; s.has("mixing") && !ok {
		p.Mixing = 0.5
		if p.Scheme == "vllm-dual-gumbel" {
			p.Mixing = 0.1
		}
	}
	if s.has("depth") {
		r.need("depth", &p.Depth)
	}
	for _, name := range []string{"delta", "gamma", "leaves", "max_contexts", "salt", "table_size"} {
		r.notZero(name)
	}
	switch {
	case r.err != nil:
	case version != profileVersion:
		r.err = fmt.Errorf("version %d is not supported; this program reads isotope %d", version, profileVersion)
	case prompt != s.prompt:
		r.err = fmt.Errorf("prompt_context is %v, but scheme %s has %v", prompt, s.name, s.prompt)
	}
	if r.err != nil {
		return nil, fmt.Errorf("interop: profile: %w", r.err)
	}
	return p.checked()
}

// MarshalJSON returns the canonical form (RFC 8785): every field that applies, in order of names,
// without white space, with defaults spelled out. It returns an error for a profile that
// [Profile.Check] refuses.
func (p *Profile) MarshalJSON() ([]byte, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	s := schemeOf(p.Scheme)
	values := map[string]any{
		"isotope": profileVersion, "scheme": p.Scheme, "width": p.Width, "vocab": p.Vocab, "tokenizer": p.Tokenizer,
		"dedup": p.Dedup, "prompt_context": s.prompt, "exempt": append([]watermark.Token{}, p.Exempt...), // [] and not null
	}
	if p.TokenizerDigest != "" {
		values["tokenizer_digest"] = p.TokenizerDigest
	}
	for name, value := range p.own() {
		if s.has(name) {
			values[name] = value
		}
	}
	return canonical(values)
}

// own returns the values of ownFields. An id that is not set is left out.
func (p *Profile) own() map[string]any {
	values := map[string]any{
		"delta": p.Delta, "depth": p.Depth, "gamma": p.Gamma, "generator": p.Generator, "leaves": p.Leaves, "legacy": p.Legacy,
		"max_contexts": p.MaxContexts, "message": p.Message, "mixing": p.Mixing, "preset": p.Preset, "salt": p.Salt,
		"table_seed": p.TableSeed, "table_size": p.TableSize, "weighted": p.Weighted,
	}
	if p.BOS != nil {
		values["bos"] = *p.BOS
	}
	if p.EOS != nil {
		values["eos"] = *p.EOS
	}
	return values
}

func canonical(values map[string]any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(values); err != nil {
		return nil, fmt.Errorf("interop: profile: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// splitObject reads one JSON object into its fields. Unlike encoding/json it compares names
// literally and refuses repeated ones, so that two readers cannot disagree.
func splitObject(text []byte) (map[string]json.RawMessage, error) {
	return strictjson.Object(text, maxDepth)
}

// maxDepth is how deeply the configuration of an engine may be nested.
const maxDepth = 32

// A fieldReader decodes fields and keeps the first error. No error quotes a value, because a value
// in the wrong place may be a key.
type fieldReader struct {
	fields map[string]json.RawMessage
	err    error
}

func (r *fieldReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *fieldReader) need(name string, to any) {
	if _, ok := r.fields[name]; !ok {
		r.fail(fmt.Errorf("field %q is missing", name))
	}
	r.may(name, to)
}

func (r *fieldReader) may(name string, to any) {
	value, ok := r.fields[name]
	if !ok || r.err != nil {
		return
	}
	if strictjson.HasNull(value) {
		r.fail(fmt.Errorf("field %q contains null; leave the field out for its default", name))
	} else if err := json.Unmarshal(value, to); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			err = fmt.Errorf("want %s", wrong.Type)
		}
		r.fail(fmt.Errorf("field %q: %w", name, err))
	} else if text, ok := to.(*string); ok && *text == "" {
		r.fail(fmt.Errorf("field %q is empty; leave it out for its default", name))
	}
}

// notZero refuses a field that is 0, which would mean its default.
func (r *fieldReader) notZero(name string) {
	var n float64
	if value, ok := r.fields[name]; ok && json.Unmarshal(value, &n) == nil && n == 0 {
		r.fail(fmt.Errorf("field %q is 0", name))
	}
}

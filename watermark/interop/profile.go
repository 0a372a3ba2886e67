package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark"
)

// Values of Profile.Dedup, spelt as in JSON.
const (
	DedupPair    = watermark.DedupPair    // each distinct input of the engine's function counts once
	DedupContext = watermark.DedupContext // each distinct context counts once, at its first occurrence
	// DedupNone counts every position, as some engines do. Its p-value is too small in text that
	// repeats itself. So it serves to compare numbers with an engine, and has no verdict.
	DedupNone = "none"
)

// GeneratorTorchCPU is the one generator of torch whose lists this package can make.
const GeneratorTorchCPU = "torch-cpu"

// A Profile is the public description of an engine's mark. It holds what a detector needs besides
// the key, and no secret. Which fields a scheme has, their defaults and their meaning for the
// engine stand in docs/interop.md. Fields that a scheme does not have are zero.
//
// [ReadProfile] and [ParseProfile] read the JSON form, and MarshalJSON writes its canonical
// variant.
type Profile struct {
	Scheme string // one of Schemes
	// Width is the number of tokens in the window of the engine's function, in the way in which
	// the engine counts: 1 to watermark.MaxWidth. For selfhash it includes the token itself. For
	// SynthID it is one less than the length of the n-gram.
	Width           int
	Vocab           int    // ids are 0 to Vocab-1; at most watermark.MaxVocab-1
	Tokenizer       string // name of the tokenizer, or watermark.TokenizerNone
	TokenizerDigest string // "sha256:" and 64 hex digits; empty for TokenizerNone
	Dedup           string // DedupPair, DedupContext or DedupNone; empty means the engine's default
	Exempt          []watermark.Token

	Preset      string           // kgw, sbw: name of the seeding scheme
	Gamma       float64          // green lists: share of green ids, in (0,1)
	Delta       float64          // green lists: bias in nats, in (0,100]; only statements of power use it
	Mixing      float64          // marks of two keys: the engine's probability, 0 to 1; in JSON the default is the engine's
	Generator   string           // lists by torch: GeneratorTorchCPU; empty means the same
	Legacy      bool             // kgw: the last ids of the permutation are green, not the first
	Salt        uint64           // three-bricks: multiplier of the seed
	Message     int              // three-bricks: shift of the ids, 0 to Vocab-1
	MaxContexts int              // sglang: how many contexts of a text the engine marks, 1 to 4096
	Depth       int              // synthid: number of layers, 1 to MaxNumbers
	Leaves      int              // synthid: candidates in a match, 2 to watermark.MaxCandidates
	Weighted    bool             // synthid: layers count with falling weights; else alike
	TableSize   int              // synthid-hf: entries in the table
	TableSeed   uint64           // synthid-hf: seed of the table
	BOS         *watermark.Token // hf: an id that is left out where it begins the text
	EOS         *watermark.Token // synthid: an id that ends the text
}

// A scheme is what this package knows of an engine's mark.
type scheme struct {
	name    string
	engine  string // name and version of the engine that was read
	fields  []string
	keys    func(p *Profile) int // count of numbers in a key
	minimum int                  // smallest width
	prompt  bool                 // tokens of the prompt are context
	start   start                // what a detector of the engine does at the start of a text
	fill    func(p *Profile)     // sets the defaults of fields that are zero
	bind    func(p *Profile, k []uint64) (*mark, error)
}

// A start is what an engine's detector does with the tokens that have no full context.
type start int

const (
	startSkips       start = iota // it does not score them
	startSkipsOne                 // nor the one after them
	startPads                     // it scores them, with a padding in place of the missing context
	startShort                    // it scores them if there is a prompt, with the context that there is
	maxTable         = 1 << 24
	maxWidthTextSeal = len(textsealPrimes)
)

func one(*Profile) int { return 1 }
func two(*Profile) int { return 2 }

var schemes = []scheme{
	{
		name: "hf-lefthash", engine: "transformers 5.24.0", fields: []string{"gamma", "delta", "generator", "bos"}, keys: one, minimum: 1, prompt: true,
		fill: func(p *Profile) { p.lists(0.25) }, bind: bindHF,
	}, {
		name: "hf-selfhash", engine: "transformers 5.24.0", fields: []string{"gamma", "delta", "generator", "bos"}, keys: one, minimum: 1, prompt: true,
		fill: func(p *Profile) { p.lists(0.25) }, bind: bindHF,
	}, {
		name: "kgw", engine: "lm-watermarking fb602de", fields: []string{"preset", "gamma", "delta", "generator", "legacy"}, keys: one, minimum: 1, prompt: true,
		fill: func(p *Profile) { p.lists(0.25) }, bind: bindKGW,
	}, {
		name: "sbw", engine: "sbw and vllm-sbw 1.0.0", fields: []string{"preset", "gamma", "delta", "generator"}, keys: one, minimum: 1, prompt: true,
		fill: func(p *Profile) { p.lists(0.5) }, bind: bindSBW,
	}, {
		name: "sglang-dual-gumbel", engine: "SGLang 0.5.23", fields: []string{"mixing", "max_contexts"}, keys: two, minimum: 1, prompt: true, start: startShort,
		fill: fillSGLang, bind: bindSGLang,
	}, {
		name: "sglang-gumbel", engine: "SGLang 0.5.23", fields: []string{"max_contexts"}, keys: one, minimum: 1, prompt: true, start: startShort,
		fill: fillSGLang, bind: bindSGLang,
	}, {
		name: "synthid-deepmind", engine: "synthid-text addb4a1", fields: []string{"depth", "leaves", "weighted", "eos"}, keys: layers, minimum: 1,
		fill: fillSynthID, bind: bindSynthID,
	}, {
		name: "synthid-hf", engine: "transformers 5.24.0 and synthid-text 0.2.1", keys: layers, minimum: 1,
		fields: []string{"depth", "leaves", "weighted", "table_size", "table_seed", "generator", "eos"},
		fill:   fillSynthID, bind: bindSynthID,
	}, {
		name: "textseal-dual", engine: "textseal ac5a8b1", fields: []string{"mixing"}, keys: two, minimum: 1, prompt: true, start: startSkipsOne,
		fill: func(p *Profile) { p.pairs() }, bind: bindTextSeal,
	}, {
		name: "textseal-greenlist", engine: "textseal 0.0.5", fields: []string{"gamma", "delta"}, keys: one, minimum: 1, prompt: true, start: startSkipsOne,
		fill: func(p *Profile) { p.lists(0.5); p.Generator = "" }, bind: bindTextSeal,
	}, {
		name: "textseal-gumbel", engine: "textseal 0.0.5", keys: one, minimum: 1, prompt: true, start: startSkipsOne,
		fill: func(p *Profile) { p.pairs() }, bind: bindTextSeal,
	}, {
		name: "tgi", engine: "text-generation-inference db931fc", fields: []string{"gamma", "delta", "generator"}, keys: one, minimum: 1, prompt: true,
		fill: func(p *Profile) { p.lists(0.5) }, bind: bindTGI,
	}, {
		name: "three-bricks-greenlist", engine: "three_bricks ee9c7a2", fields: []string{"gamma", "delta", "salt", "message", "generator"}, keys: one, minimum: 1, prompt: true,
		start: startSkipsOne, fill: fillThreeBricks, bind: bindThreeBricks,
	}, {
		name: "three-bricks-gumbel", engine: "three_bricks ee9c7a2", fields: []string{"salt", "message", "generator"}, keys: one, minimum: 1, prompt: true,
		start: startSkipsOne, fill: fillThreeBricks, bind: bindThreeBricks,
	}, {
		name: "vllm-dual-gumbel", engine: "vLLM 0.33.0", fields: []string{"mixing"}, keys: one, minimum: 1, start: startPads,
		fill: fillVLLM, bind: bindVLLM,
	}, {
		name: "vllm-gumbel", engine: "vLLM 0.33.0", keys: one, minimum: 1, start: startPads,
		fill: fillVLLM, bind: bindVLLM,
	},
}

// missing says why a scheme that has a name cannot be read.
var missing = map[string]string{
	"trtllm-gumbel": "cannot be read: the source of TensorRT-LLM's watermark was not to be had, and its page does not define the function",
}

// Schemes returns the names of the schemes that can be read, in alphabetical order.
func Schemes() []string {
	names := make([]string, len(schemes))
	for i := range schemes {
		names[i] = schemes[i].name
	}
	return names
}

// Engine returns the name and version of the engine whose mark the profile describes, or "" for an
// unknown scheme.
func (p *Profile) Engine() string {
	if s := schemeOf(p.Scheme); s != nil {
		return s.engine
	}
	return ""
}

func schemeOf(name string) *scheme {
	i := slices.IndexFunc(schemes, func(s scheme) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &schemes[i]
}

func (s *scheme) has(field string) bool { return slices.Contains(s.fields, field) }

// lists fills the fields of a green list.
func (p *Profile) lists(gamma float64) {
	p.pairs()
	setIfZero(&p.Gamma, gamma)
	setIfZero(&p.Delta, 2)
	setIfZero(&p.Generator, GeneratorTorchCPU)
}

func (p *Profile) pairs() { setIfZero(&p.Dedup, DedupPair) }

func setIfZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func paramError(param, format string, args ...any) error {
	return &watermark.ParamError{Param: param, Reason: fmt.Sprintf(format, args...)}
}

// Check returns an error, a [*watermark.ParamError], if [Profile.Bind] could not bind the profile.
func (p *Profile) Check() error {
	_, err := p.checked()
	return err
}

// PromptContext reports whether tokens of the prompt are context of the first tokens of a text.
func (p *Profile) PromptContext() bool {
	s := schemeOf(p.Scheme)
	return s != nil && s.prompt
}

// Numbers returns the count of numbers in a key of this profile.
func (p *Profile) Numbers() int {
	if s := schemeOf(p.Scheme); s != nil {
		return s.keys(p)
	}
	return 0
}

// ID returns "sha256:" and the hex digest of the canonical JSON, or "" for a profile that
// [Profile.Check] refuses.
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
	if reason, ok := missing[c.Scheme]; ok {
		return nil, paramError("scheme", "%s %s; see docs/interop.md", secret.Quote(c.Scheme), reason)
	}
	s := schemeOf(c.Scheme)
	if s == nil {
		return nil, paramError("scheme", "%s is unknown; use one of %s", secret.Quote(c.Scheme), strings.Join(Schemes(), ", "))
	}
	if c.Vocab < 2 || c.Vocab >= watermark.MaxVocab {
		return nil, paramError("vocab", "%d is outside 2 to %d", c.Vocab, watermark.MaxVocab-1)
	}
	if s.has("preset") {
		if err := c.fillWidth(); err != nil {
			return nil, err
		}
	}
	s.fill(&c)
	widest := watermark.MaxWidth
	if strings.HasPrefix(c.Scheme, "textseal") {
		widest = maxWidthTextSeal
	}
	switch {
	case c.Width < s.minimum || c.Width > widest:
		return nil, paramError("width", "%d is outside %d to %d", c.Width, s.minimum, widest)
	case c.Scheme == "tgi" && c.Width != 1:
		return nil, paramError("width", "%d is not 1, the only width of this engine", c.Width)
	case c.Dedup != DedupPair && c.Dedup != DedupContext && c.Dedup != DedupNone:
		return nil, paramError("dedup", "%s is none of %q, %q and %q", secret.Quote(c.Dedup), DedupPair, DedupContext, DedupNone)
	case c.Generator == "torch-cuda":
		return nil, paramError("generator", `"torch-cuda" cannot be read, because its lists depend on the card; see docs/interop.md`)
	case s.has("generator") && c.Generator != GeneratorTorchCPU:
		return nil, paramError("generator", "%s is not %q", secret.Quote(c.Generator), GeneratorTorchCPU)
	case s.has("gamma") && !(c.Gamma > 0 && c.Gamma < 1):
		return nil, paramError("gamma", "%v is outside (0,1)", c.Gamma)
	case s.has("delta") && !(c.Delta > 0 && c.Delta <= 100):
		return nil, paramError("delta", "%v is outside (0,100]", c.Delta)
	case s.has("mixing") && !(c.Mixing >= 0 && c.Mixing <= 1):
		return nil, paramError("mixing", "%v is outside [0,1]", c.Mixing)
	case s.has("message") && (c.Message < 0 || c.Message >= c.Vocab):
		return nil, paramError("message", "%d is outside 0 to %d", c.Message, c.Vocab-1)
	case s.has("max_contexts") && (c.MaxContexts < 1 || c.MaxContexts > sglangMaxContexts):
		return nil, paramError("max_contexts", "%d is outside 1 to %d", c.MaxContexts, sglangMaxContexts)
	case s.has("depth") && (c.Depth < 1 || c.Depth > MaxNumbers):
		return nil, paramError("depth", "%d is outside 1 to %d", c.Depth, MaxNumbers)
	case s.has("leaves") && (c.Leaves < 2 || c.Leaves > watermark.MaxCandidates):
		return nil, paramError("leaves", "%d is outside 2 to %d", c.Leaves, watermark.MaxCandidates)
	case s.has("table_size") && (c.TableSize < 2 || c.TableSize > maxTable):
		return nil, paramError("table_size", "%d is outside 2 to %d", c.TableSize, maxTable)
	}
	for _, id := range []struct {
		name string
		at   *watermark.Token
	}{{"bos", c.BOS}, {"eos", c.EOS}} {
		if id.at != nil && (*id.at < 0 || int(*id.at) >= c.Vocab) {
			return nil, paramError(id.name, "%d is outside the vocabulary", *id.at)
		}
	}
	if err := c.checkTokenizer(); err != nil {
		return nil, err
	}
	if len(c.Exempt) == 0 {
		c.Exempt = nil // so that equal profiles compare equal
	}
	for i, id := range c.Exempt {
		if id < 0 || int(id) >= c.Vocab || i > 0 && c.Exempt[i-1] >= id {
			return nil, paramError("exempt", "has id %d at index %d; ids must ascend and be below the vocabulary size", id, i)
		}
	}
	if err := c.checkOthers(s); err != nil {
		return nil, err
	}
	// Binding checks the rest. Any key will do.
	if _, err := s.bind(&c, make([]uint64, s.keys(&c))); err != nil {
		return nil, err
	}
	return &c, nil
}

func (p *Profile) checkTokenizer() error {
	// A profile of isotope/1 has the same rules for these fields.
	probe := watermark.Profile{
		Scheme: watermark.GumbelMax{Width: 1}, Vocab: p.Vocab, Tokenizer: p.Tokenizer, TokenizerDigest: p.TokenizerDigest,
	}
	return probe.Check()
}

// checkOthers refuses values of fields that the scheme does not have.
func (p *Profile) checkOthers(s *scheme) error {
	set := map[string]bool{
		"preset": p.Preset != "", "gamma": p.Gamma != 0, "delta": p.Delta != 0, "mixing": p.Mixing != 0, "generator": p.Generator != "",
		"legacy": p.Legacy, "salt": p.Salt != 0, "message": p.Message != 0, "max_contexts": p.MaxContexts != 0, "depth": p.Depth != 0,
		"leaves": p.Leaves != 0, "weighted": p.Weighted, "table_size": p.TableSize != 0, "table_seed": p.TableSeed != 0,
		"bos": p.BOS != nil, "eos": p.EOS != nil,
	}
	for _, field := range ownFields {
		if set[field] && !s.has(field) {
			return paramError(field, "is not a field of scheme %s; leave it out", s.name)
		}
	}
	return nil
}

// fillWidth sets or checks the width that a preset fixes.
func (p *Profile) fillWidth() error {
	var at preset
	var err error
	if p.Scheme == "sbw" {
		var s sbwScheme
		s, err = sbwPreset(p.Preset)
		at = s.preset
	} else {
		at, err = kgwPreset(p.Preset)
	}
	if err != nil {
		return err
	}
	if p.Width != 0 && p.Width != at.width {
		return paramError("width", "%d is not %d, the width of preset %s", p.Width, at.width, secret.Quote(p.Preset))
	}
	p.Width = at.width
	return nil
}

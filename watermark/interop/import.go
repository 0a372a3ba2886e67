package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark"
)

// Engines whose configuration [Import] reads and [Export] writes.
const (
	EngineVLLM         = "vllm"         // the JSON of --watermark-config
	EngineSGLang       = "sglang"       // the JSON of --watermark-config, or the flags --watermark-...
	EngineTransformers = "transformers" // generation_config.json, or its watermarking_config
	EngineSynthID      = "synthid-text" // the configuration of SynthIDLogitsProcessor
)

// Engines returns the names of the engines that [Import] reads.
func Engines() []string {
	return []string{EngineSGLang, EngineSynthID, EngineTransformers, EngineVLLM}
}

// ImportOptions says what a configuration does not.
type ImportOptions struct {
	// Vocab is the size of the vocabulary of the model, 2 or more. transformers seeds its lists by
	// the vocab_size of config.json, which can be above that of the tokenizer.
	Vocab int
	// Tokenizer and TokenizerDigest are those of [Profile]. An empty Tokenizer means
	// watermark.TokenizerNone.
	Tokenizer, TokenizerDigest string
}

// An Imported is what [Import] read.
type Imported struct {
	Profile *Profile
	Key     Key
	// Notes name what the profile does not take over, and what the reader must know. They hold no
	// secret.
	Notes []string
}

// maxConfig bounds the size of a configuration in bytes.
const maxConfig = 1 << 20

// errConfig begins every error of Import. None quotes a value, because the configuration holds a
// key.
func errConfig(engine string, err error) error {
	return fmt.Errorf("interop: configuration of %s: %w", engine, err)
}

// Import reads the configuration of an engine: one of [Engines]. Fields that it does not know are
// errors for engines that refuse them as well, and notes for transformers, whose files hold much
// else. o may not be nil.
func Import(engine string, config []byte, o *ImportOptions) (*Imported, error) {
	if len(config) > maxConfig {
		return nil, errConfig(engine, fmt.Errorf("it is longer than %d bytes", maxConfig))
	}
	read := map[string]func(*configReader) error{
		EngineVLLM: importVLLM, EngineSGLang: importSGLang, EngineTransformers: importTransformers, EngineSynthID: importSynthID,
	}[engine]
	if read == nil {
		return nil, fmt.Errorf("interop: engine %s is unknown; use one of %s", secret.Quote(engine), strings.Join(Engines(), ", "))
	}
	text := config
	if engine == EngineSGLang && !strings.HasPrefix(strings.TrimSpace(string(config)), "{") {
		var err error
		if text, err = sglangFlags(string(config)); err != nil {
			return nil, errConfig(engine, err)
		}
	}
	fields, err := splitObject(text)
	if err != nil {
		return nil, errConfig(engine, err)
	}
	c := &configReader{fieldReader: fieldReader{fields: dropNulls(fields)}, known: map[string]bool{}, engine: engine}
	c.profile = &Profile{Vocab: o.Vocab, Tokenizer: o.Tokenizer, TokenizerDigest: o.TokenizerDigest}
	setIfZero(&c.profile.Tokenizer, watermark.TokenizerNone)
	if err := read(c); err != nil {
		return nil, errConfig(engine, err)
	}
	if c.err != nil {
		return nil, errConfig(engine, c.err)
	}
	p, err := c.profile.checked()
	if err != nil {
		return nil, errConfig(engine, err)
	}
	if want := schemeOf(p.Scheme).keys(p); len(c.numbers) != want {
		return nil, errConfig(engine, fmt.Errorf("there are %d key numbers, and scheme %s has %d", len(c.numbers), p.Scheme, want))
	}
	k, err := NewKey(c.numbers...)
	if err != nil {
		return nil, errConfig(engine, err)
	}
	if _, err := p.Bind(k); err != nil {
		return nil, errConfig(engine, err)
	}
	if k.IsGuessable() {
		c.note("%v; make a new one with 'isotope export'", ErrGuessableKey)
	}
	return &Imported{Profile: p, Key: k, Notes: c.notes}, nil
}

// dropNulls returns the fields that are set: engines write null for a default.
func dropNulls(fields map[string]json.RawMessage) map[string]json.RawMessage {
	for name, value := range fields {
		if string(value) == "null" {
			delete(fields, name)
		}
	}
	return fields
}

// A configReader reads the fields of a configuration into a profile.
type configReader struct {
	fieldReader
	engine  string
	known   map[string]bool
	profile *Profile
	numbers []uint64
	notes   []string
}

func (c *configReader) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// read decodes a field that may be missing.
func (c *configReader) read(name string, to any) bool {
	c.known[name] = true
	_, ok := c.fields[name]
	c.may(name, to)
	return ok
}

// others returns the names of the fields that nothing read, sorted.
func (c *configReader) others() []string {
	var names []string
	for name := range c.fields {
		if !c.known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refuseOthers fails if there is a field that nothing read.
func (c *configReader) refuseOthers() {
	if names := c.others(); len(names) > 0 {
		c.fail(fmt.Errorf("unknown field %s", secret.Quote(names[0])))
	}
}

func importVLLM(c *configReader) error {
	var (
		algorithm, prf, scope = "gumbel", "philox", "single_turn"
		key                   uint64
		history               = 8192
		target                bool
	)
	p := c.profile
	p.Width, p.Mixing = 4, 0.1
	c.read("algorithm", &algorithm)
	c.read("prf", &prf)
	hasKey := c.read("key", &key)
	c.read("context_width", &p.Width)
	c.read("alpha", &p.Mixing)
	c.read("deduplicate_contexts", &scope)
	c.read("deduplicate_contexts_max_history", &history)
	c.read("allow_target_only_watermarking", &target)
	c.refuseOthers()
	c.numbers = []uint64{key}
	switch {
	case c.err != nil:
		return c.err
	case !hasKey:
		return errors.New(`field "key" is missing`)
	case prf != "philox":
		return fmt.Errorf("prf %s cannot be read", secret.Quote(prf))
	case algorithm == "gumbel":
		p.Scheme, p.Mixing = "vllm-gumbel", 0
	case algorithm == "dual_key_gumbel":
		p.Scheme = "vllm-dual-gumbel"
	default:
		return fmt.Errorf("algorithm %s cannot be read", secret.Quote(algorithm))
	}
	switch scope {
	case "single_turn":
	case "all":
		c.note("deduplicate_contexts is all: the engine leaves the first %d tokens of an answer and contexts of the prompt unmarked, which the profile does not record; "+
			"the test is still exact and finds a little less", p.Width)
	case "none":
		c.note("deduplicate_contexts is none: the engine marks repeated contexts as well, and the test counts each once")
	default:
		return fmt.Errorf("deduplicate_contexts %s is unknown", secret.Quote(scope))
	}
	if _, ok := c.fields["deduplicate_contexts_max_history"]; ok && scope != "none" && history != 8192 {
		c.note("deduplicate_contexts_max_history is %d: contexts that come back later are marked again, and the test counts each once", history)
	}
	if target {
		c.note("allow_target_only_watermarking is set: tokens of a draft model carry no mark, so tests find less")
	}
	return nil
}

func importSGLang(c *configReader) error {
	var key, keyB string
	var probability float64
	enabled, enforced := false, false
	p := c.profile
	p.Width = 4
	hasKey := c.read("key", &key)
	dual := c.read("key_b", &keyB)
	c.read("context_window", &p.Width)
	p.Mixing = 0.5
	c.read("mixing_probability", &p.Mixing)
	hasMax := c.read("max_probability", &probability)
	c.read("default_enabled", &enabled)
	c.read("enforce_all", &enforced)
	c.refuseOthers()
	if c.err != nil {
		return c.err
	}
	if !hasKey {
		return errors.New("there is no key: clients give their own keys with each request, so write the profile and key of a client by hand")
	}
	p.Scheme = "sglang-gumbel"
	keys := []string{key}
	if dual {
		p.Scheme = "sglang-dual-gumbel"
		keys = append(keys, keyB)
	} else {
		p.Mixing = 0
	}
	for _, text := range keys {
		n, ok := sglangKey(text)
		if !ok {
			return errors.New("a key is not 1 to 16 hex digits")
		}
		c.numbers = append(c.numbers, n)
	}
	if hasMax && probability < 1 {
		c.note("max_probability is set: the engine leaves near-certain tokens unmarked, and a context that it skipped can be marked later. " +
			"The test counts the first occurrence of a context, so it is exact and finds a little less")
	}
	switch {
	case enforced:
	case enabled:
		c.note("enforce_all is not set, so requests may turn the mark off")
	default:
		c.note("neither enforce_all nor default_enabled is set, so the engine marks those answers alone whose requests ask for it")
	}
	c.note("a request may bring a key of its own, and a smaller context_window: such text needs a profile and key of its own")
	return nil
}

// sglangKey reads a key as the engine does: 1 to 16 hex digits, after 0x or not.
func sglangKey(text string) (uint64, bool) {
	if len(text) > 2 && strings.EqualFold(text[:2], "0x") {
		text = text[2:]
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil && len(text) <= 16 && !strings.ContainsAny(text, "+-_")
}

// sglangFlags turns the command line of a server into the JSON that its flags stand for. It leaves
// other words alone. Version 0.5.23 has one flag for all, --watermark-config. Drafts of it had one for
// each field.
func sglangFlags(line string) ([]byte, error) {
	args, err := shellWords(line)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		field, ours := strings.CutPrefix(name, "--watermark-")
		if !ours {
			continue
		}
		field = strings.ReplaceAll(field, "-", "_")
		if field == "default_enabled" || field == "enforce_all" {
			values[field] = true
			continue
		}
		if !inline {
			if i++; i >= len(args) {
				return nil, fmt.Errorf("flag %s has no value", secret.Quote(name))
			}
			value = args[i]
		}
		switch field {
		case "config":
			if !strings.HasPrefix(strings.TrimSpace(value), "{") {
				return nil, errors.New("flag --watermark-config names a file; import that file, and not the flags")
			}
			return []byte(value), nil // the engine knows no other flag beside it
		case "key", "key_b":
			values[field] = value
		case "context_window", "mixing_probability", "max_probability":
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
				return nil, fmt.Errorf("flag %s is not a number", secret.Quote(name))
			}
			values[field] = n
		default:
			return nil, fmt.Errorf("flag %s is unknown", secret.Quote(name))
		}
	}
	if len(values) == 0 {
		return nil, errors.New("it is neither a JSON object nor a command line with a flag --watermark-config")
	}
	return json.Marshal(values)
}

// shellWords splits a command line at white space outside of quotes. A backslash outside of single
// quotes keeps the character after it, and one before the end of a line joins the lines.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	open, escaped := false, false // a word has begun; the next character is as it is
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
			if r == '\n' {
				continue
			}
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
		case r == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, open = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n' || r == '\r'):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quotation of the command line does not end")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

func importTransformers(c *configReader) error {
	var inner json.RawMessage
	several := false // ids that end a text
	inside := c.read("watermarking_config", &inner)
	if inside {
		fields, err := splitObject(inner)
		if err != nil {
			return fmt.Errorf("watermarking_config: %w", err)
		}
		outer := c.fields
		c.fields = dropNulls(fields)
		c.known = map[string]bool{}
		if id, ok := firstID(outer["bos_token_id"]); ok {
			c.profile.BOS = &id
		}
		if id, ok := firstID(outer["eos_token_id"]); ok {
			c.profile.EOS = &id
			several = string(outer["eos_token_id"]) != fmt.Sprint(id)
		}
	}
	if _, ok := c.fields["ngram_len"]; ok {
		if several {
			c.note("eos_token_id is a list, and the profile takes its first id, %d, for the end of a text: cut texts at the others", *c.profile.EOS)
		}
		return synthidConfig(c)
	}
	scheme := "lefthash"
	key := signedNumber{n: 15485863}
	p := c.profile
	p.Width, p.Gamma, p.Delta = 1, 0.25, 2
	c.read("seeding_scheme", &scheme)
	c.read("greenlist_ratio", &p.Gamma)
	c.read("bias", &p.Delta)
	if !c.read("hashing_key", &key) {
		c.note("hashing_key is not set, so the engine takes its documented default")
	}
	if key.negative && scheme == "lefthash" {
		key.n-- // the engine takes its products with a key modulo 2^64-1
	}
	c.read("context_width", &p.Width)
	c.notZero("greenlist_ratio")
	c.notZero("bias")
	if !inside && len(c.others()) == len(c.fields) {
		return errors.New("there is neither a watermarking_config nor a field of one, so the engine marks nothing by this file")
	}
	c.refuseOthers()
	c.numbers = []uint64{key.n}
	p.EOS = nil
	if c.err != nil {
		return c.err
	}
	if scheme != "lefthash" && scheme != "selfhash" {
		return fmt.Errorf("seeding_scheme %s is unknown", secret.Quote(scheme))
	}
	p.Scheme = "hf-" + scheme
	if scheme == "lefthash" && p.Width > 1 {
		c.note("lefthash reads the last token alone, whatever context_width is")
	}
	c.note(cpuNote)
	return nil
}

const cpuNote = "the lists are those of the CPU generator of torch. Text that was generated on a GPU has other lists, which cannot be read; see docs/interop.md"

// A signedNumber is a number of a key of an engine that takes negative ones. n has the bits of a
// signed number of 64 bits, with which torch computes.
type signedNumber struct {
	n        uint64
	negative bool
}

// UnmarshalJSON reads a whole number of -2^63 to 2^64-1. The error does not quote it.
func (s *signedNumber) UnmarshalJSON(text []byte) error {
	if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		*s = signedNumber{n: n}
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return errors.New("want whole numbers of -2^63 to 2^64-1")
	}
	*s = signedNumber{n: uint64(n), negative: n < 0}
	return nil
}

// firstID reads an id, or the first of a list.
func firstID(value json.RawMessage) (watermark.Token, bool) {
	var id watermark.Token
	var list []watermark.Token
	switch {
	case len(value) == 0 || string(value) == "null":
		return 0, false
	case json.Unmarshal(value, &id) == nil:
		return id, true
	case json.Unmarshal(value, &list) == nil && len(list) > 0:
		return list[0], true
	}
	return 0, false
}

func importSynthID(c *configReader) error { return synthidConfig(c) }

func synthidConfig(c *configReader) error {
	var (
		length  int
		history = 1024
		skip    bool
		debug   bool
		keys    []signedNumber
		device  json.RawMessage
		other   json.RawMessage
	)
	p := c.profile
	p.BOS = nil
	hasLength := c.read("ngram_len", &length)
	hasKeys := c.read("keys", &keys)
	for _, k := range keys {
		c.numbers = append(c.numbers, k.n)
	}
	table := c.read("sampling_table_size", &p.TableSize)
	table = c.read("sampling_table_seed", &p.TableSeed) || table
	c.read("context_history_size", &history)
	c.read("skip_first_ngram_calls", &skip)
	c.read("debug_mode", &debug)
	c.read("num_leaves", &p.Leaves)
	c.read("device", &device)
	for _, name := range []string{"temperature", "top_k", "apply_top_k"} {
		c.read(name, &other) // they shape the text and not the function
	}
	c.notZero("sampling_table_size")
	c.notZero("num_leaves")
	c.refuseOthers()
	switch {
	case c.err != nil:
		return c.err
	case !hasLength || !hasKeys:
		return errors.New(`fields "ngram_len" and "keys" are needed`)
	case debug:
		return errors.New("debug_mode is set, in which the engine marks uniform noise")
	}
	p.Width, p.Depth = length-1, len(c.numbers)
	p.Scheme = "synthid-deepmind"
	if table || c.engine == EngineTransformers {
		p.Scheme = "synthid-hf"
		c.note(cpuNote)
	} else {
		c.note("there is no sampling_table_size, so the configuration is taken for the repository of DeepMind since June 2025; " +
			"text of synthid-text 0.2.1 needs scheme synthid-hf")
	}
	if history != 1024 {
		c.note("context_history_size is %d: contexts that come back later are marked again, and the test counts each once", history)
	}
	if skip {
		c.note("skip_first_ngram_calls is set: the first %d tokens carry no mark, and the test does not score them", length-1)
	}
	return nil
}

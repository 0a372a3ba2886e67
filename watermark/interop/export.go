package interop

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// An Exported is a configuration for an engine, whose key is derived from a key of isotope/1.
type Exported struct {
	Engine  string // the program that reads Config
	Profile *Profile
	Key     Key
	// Config is the configuration in the form that the engine reads. It holds the key: write it
	// to a file that only its owner can read.
	Config []byte
	// Notes say what the operator must know. They hold no secret.
	Notes []string
}

// Export derives the key of an engine from a key of isotope/1, the epoch key, and writes the
// configuration of the engine for a profile. So a registry of keys, with epochs and tenants, works
// for these engines as well. One epoch key gives one key for each scheme: [DeriveKey].
//
// Engines whose key is fixed in their source have no export: tgi. An error about a parameter is a
// [*watermark.ParamError].
func Export(p *Profile, epoch watermark.Key) (*Exported, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	k, err := DeriveKey(p, epoch)
	if err != nil {
		return nil, err
	}
	if _, err := p.Bind(k); err != nil {
		return nil, err
	}
	e := &Exported{Profile: p, Key: k}
	values, err := e.values(k.all())
	if err != nil {
		return nil, err
	}
	if e.Config, err = json.MarshalIndent(values, "", "  "); err != nil {
		return nil, fmt.Errorf("interop: export: %w", err)
	}
	e.Config = append(e.Config, '\n')
	return e, nil
}

// DeriveKey returns the key of an engine that belongs to an epoch key. Number i is the first
// 64 bits, most significant byte first, of the leaf of epoch.Derive("engine", scheme, i), with i in
// decimal. It is shifted right where the engine takes fewer bits: to 63 bits for signed numbers,
// to 40 for tgi.
func DeriveKey(p *Profile, epoch watermark.Key) (Key, error) {
	s := schemeOf(p.Scheme)
	switch {
	case s == nil:
		return Key{}, paramError("scheme", "%s is unknown", secret.Quote(p.Scheme))
	case epoch.IsZero():
		return Key{}, paramError("key", "is the zero Key")
	}
	numbers := make([]uint64, s.keys(p))
	for i := range numbers {
		leaf := epoch.Derive("engine", p.Scheme, strconv.Itoa(i)).Secret(secretaccess.Allow())
		digits := leaf[strings.IndexByte(leaf, ':')+1:]
		raw, err := hex.DecodeString(digits[:16])
		if err != nil {
			return Key{}, errors.New("interop: the text form of a key has changed")
		}
		numbers[i] = binary.BigEndian.Uint64(raw) >> (64 - keyBits(p.Scheme))
	}
	return NewKey(numbers...)
}

// keyBits returns how many bits a number of a key has.
func keyBits(scheme string) int {
	switch {
	case strings.HasPrefix(scheme, "vllm") || strings.HasPrefix(scheme, "sglang"):
		return 64
	case scheme == "tgi":
		return 64 - bits.Len(watermark.MaxVocab)
	default:
		return 63
	}
}

// values returns the configuration.
func (e *Exported) values(k []uint64) (any, error) {
	p := e.Profile
	switch p.Scheme {
	case "vllm-gumbel", "vllm-dual-gumbel":
		e.Engine = EngineVLLM
		values := map[string]any{"algorithm": "gumbel", "key": k[0], "context_width": p.Width, "deduplicate_contexts": "single_turn", "prf": "philox"}
		if p.Scheme == "vllm-dual-gumbel" {
			values["algorithm"], values["alpha"] = "dual_key_gumbel", p.Mixing
		}
		return values, nil
	case "sglang-gumbel", "sglang-dual-gumbel":
		e.Engine = EngineSGLang
		values := map[string]any{
			"key": hexKey(k[0]), "context_window": p.Width, "default_enabled": true, "enforce_all": true,
		}
		if len(k) == 2 {
			values["key_b"], values["mixing_probability"] = hexKey(k[1]), p.Mixing
		}
		return values, nil
	case "hf-lefthash", "hf-selfhash":
		e.Engine = EngineTransformers
		e.Notes = append(e.Notes, cpuNote,
			"the engine seeds its lists with 32 bits, so no key of it has more than 2^32 different marks, and anybody can try them all")
		return map[string]any{"watermarking_config": map[string]any{
			"greenlist_ratio": p.Gamma, "bias": p.Delta, "hashing_key": k[0], "seeding_scheme": strings.TrimPrefix(p.Scheme, "hf-"), "context_width": p.Width,
		}}, nil
	case "synthid-hf":
		e.Engine = EngineTransformers
		e.Notes = append(e.Notes, cpuNote, ErrSynthIDTable.Error(),
			"transformers 5.24.0 does not read this mark from generation_config.json: give SynthIDTextWatermarkingConfig(**config) to generate")
		return map[string]any{
			"ngram_len": p.Width + 1, "keys": k, "sampling_table_size": p.TableSize, "sampling_table_seed": p.TableSeed, "context_history_size": 1024,
		}, nil
	case "synthid-deepmind":
		e.Engine = EngineSynthID
		e.Notes = append(e.Notes, ErrSynthIDHash.Error())
		return map[string]any{"ngram_len": p.Width + 1, "keys": k, "context_history_size": 1024, "num_leaves": p.Leaves}, nil
	case "kgw":
		e.Engine = "lm-watermarking"
		e.Notes = append(e.Notes, cpuNote)
		at, err := kgwPreset(p.Preset)
		if err != nil {
			return nil, err
		}
		own := "False"
		if at.own {
			own = "True"
		}
		return map[string]any{
			"seeding_scheme": fmt.Sprintf("ff-%s-%d-%s-%d", at.function, at.width, own, k[0]), "gamma": p.Gamma, "delta": p.Delta,
			"select_green_tokens": !p.Legacy,
		}, nil
	case "sbw":
		e.Engine = "sbw"
		return map[string]any{"extra_args": map[string]any{"seeding_scheme": p.Preset, "hash_key": k[0], "gamma": p.Gamma, "delta": p.Delta}}, nil
	case "three-bricks-greenlist", "three-bricks-gumbel":
		e.Engine = "three_bricks"
		values := map[string]any{"method": "openai", "seed": k[0], "ngram": p.Width, "seeding": "hash", "hash_key": p.Salt, "payload": p.Message}
		if p.Scheme == "three-bricks-greenlist" {
			values["method"], values["gamma"], values["delta"] = "maryland", p.Gamma, p.Delta
		}
		return values, nil
	case "textseal-greenlist", "textseal-gumbel", "textseal-dual":
		e.Engine = "textseal"
		e.Notes = append(e.Notes, ErrTextSealFunction.Error())
		values := map[string]any{"secret_key": k[0], "ngram": p.Width, "watermark_type": "gumbelmax"}
		switch p.Scheme {
		case "textseal-greenlist":
			values["watermark_type"], values["gamma"], values["delta"] = "greenlist", p.Gamma, p.Delta
		case "textseal-dual":
			values["watermark_type"], values["secret_key_b"], values["mixing_alpha"] = "textseal", k[1], p.Mixing
		}
		return values, nil
	}
	return nil, paramError("scheme", "%s has no export: its key is fixed in the source of the engine", secret.Quote(p.Scheme))
}

func hexKey(k uint64) string { return fmt.Sprintf("%016x", k) }

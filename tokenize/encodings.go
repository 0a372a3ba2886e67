package tokenize

import (
	"fmt"
	"maps"
	"sync"
)

// A spec is an encoding without its vocabulary.
type spec struct {
	name     string
	vocab    int              // number of ids, including special tokens and holes
	special  map[int32]string // names of the special tokens, which have no bytes
	reserved int32            // if not 0, the ids from here on without a name are <|reserved_ID|>
	packed   string           // the tokens, see pack; there may be more of them than vocab
	pattern  string           // the published pattern that split implements
	split    func([]byte, int) int
	digest   string // expected digest of the loaded encoding
}

// encodings lists the encodings in alphabetical order.
var encodings = [...]spec{
	{
		name:  "cl100k_base",
		vocab: 100277,
		special: map[int32]string{
			100257: "<|endoftext|>",
			100258: "<|fim_prefix|>",
			100259: "<|fim_middle|>",
			100260: "<|fim_suffix|>",
			100276: "<|endofprompt|>",
		},
		packed:  packedCL100K,
		pattern: patternCL100K,
		split:   splitCL100K,
		digest:  "sha256:28abd3473eb0292b917054957353684b1da7884f6cd2ba3840f522aa7e521906",
	},
	{
		name:  "o200k_base",
		vocab: 200019,
		special: map[int32]string{
			199999: "<|endoftext|>",
			200018: "<|endofprompt|>",
		},
		packed:  packedO200K,
		pattern: patternO200K,
		split:   splitO200K,
		digest:  "sha256:46f54a4e73d449c5bfd2f21a724d685c874df19a5bb5032296372ca312aa5bd4",
	},
	{
		name:  "o200k_harmony",
		vocab: 201088,
		special: map[int32]string{ // and <|reserved_ID|> for the others from 199998 on
			199998: "<|startoftext|>",
			199999: "<|endoftext|>",
			200002: "<|return|>",
			200003: "<|constrain|>",
			200005: "<|channel|>",
			200006: "<|start|>",
			200007: "<|end|>",
			200008: "<|message|>",
			200012: "<|call|>",
			200018: "<|endofprompt|>",
		},
		reserved: 199998,
		packed:   packedO200K,
		pattern:  patternO200K,
		split:    splitO200K,
		digest:   "sha256:1cfea4b6f928db6abf41710e6a945d79798429dee11cf195f434547699c3f816",
	},
	{
		name:    "p50k_base",
		vocab:   50281,
		special: map[int32]string{50256: "<|endoftext|>"},
		packed:  packedP50K,
		pattern: patternR50K,
		split:   splitR50K,
		digest:  "sha256:ca07334f8c8cb86a411a86bbe4a0a7ad721d2e14eb7441aa19c245dc168c16d7",
	},
	{
		name:  "p50k_edit",
		vocab: 50284,
		special: map[int32]string{
			50256: "<|endoftext|>",
			50281: "<|fim_prefix|>",
			50282: "<|fim_middle|>",
			50283: "<|fim_suffix|>",
		},
		packed:  packedP50K,
		pattern: patternR50K,
		split:   splitR50K,
		digest:  "sha256:ff9b22eab3266ecb03861711c82dc8a5e70dedcc42a7d16e98d5bc242cc3dd70",
	},
	{
		name:    "r50k_base",
		vocab:   50257,
		special: map[int32]string{50256: "<|endoftext|>"},
		packed:  packedP50K,
		pattern: patternR50K,
		split:   splitR50K,
		digest:  "sha256:2bb16f340a0d764fab82e4caabb67698e4cabe410e313c8e0b1bb79cc129b092",
	},
}

// loaders[i] loads encodings[i] at its first call.
var loaders = func() (l [len(encodings)]func() (*BPE, error)) {
	for i := range encodings {
		l[i] = sync.OnceValues(encodings[i].load)
	}
	return l
}()

// names returns the names of all special tokens.
func (s *spec) names() map[int32]string {
	if s.reserved == 0 {
		return s.special
	}
	names := maps.Clone(s.special)
	for id := s.reserved; int(id) < s.vocab; id++ {
		if names[id] == "" {
			names[id] = fmt.Sprintf("<|reserved_%d|>", id)
		}
	}
	return names
}

// load makes the encoding from its packed vocabulary.
func (s *spec) load() (*BPE, error) {
	text, start, err := unpack(s.packed, s.vocab)
	if err != nil {
		return nil, fmt.Errorf("tokenize: %s: %w", s.name, err)
	}
	d, err := newDictionaryOf(text, start, nil)
	if err != nil {
		return nil, fmt.Errorf("tokenize: %s: %w", s.name, err)
	}
	e, err := newBPE(s, d)
	if err != nil {
		return nil, err
	}
	if e.digest != s.digest {
		return nil, fmt.Errorf("tokenize: %s: the vocabulary has digest %s, want %s",
			s.name, e.digest, s.digest)
	}
	return e, nil
}

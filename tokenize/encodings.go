package tokenize

import (
	"fmt"
	"sync"

	"github.com/tiktoken-go/tokenizer"
)

// A spec is an encoding without its vocabulary.
type spec struct {
	name    string
	vocab   int              // number of ids, including special tokens and holes
	special map[int32]string // names of the special tokens, which have no bytes
	pattern string           // the published pattern that split implements
	split   func([]byte, int) int
	digest  string // expected digest of the loaded encoding
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
		pattern: patternO200K,
		split:   splitO200K,
		digest:  "sha256:46f54a4e73d449c5bfd2f21a724d685c874df19a5bb5032296372ca312aa5bd4",
	},
	{
		name:    "p50k_base",
		vocab:   50281,
		special: map[int32]string{50256: "<|endoftext|>"},
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
		pattern: patternR50K,
		split:   splitR50K,
		digest:  "sha256:ff9b22eab3266ecb03861711c82dc8a5e70dedcc42a7d16e98d5bc242cc3dd70",
	},
	{
		name:    "r50k_base",
		vocab:   50257,
		special: map[int32]string{50256: "<|endoftext|>"},
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

// load takes the vocabulary from tiktoken-go. It does not use Encode of that module, whose ids differ
// from tiktoken's on blank lines that hold spaces.
func (s *spec) load() (*BPE, error) {
	source, err := tokenizer.Get(tokenizer.Encoding(s.name))
	if err != nil {
		return nil, fmt.Errorf("tokenize: %s: %w", s.name, err)
	}
	tokens := make([]string, s.vocab)
	for id := range tokens {
		if text, err := source.Decode([]uint{uint(id)}); err == nil {
			tokens[id] = text // else id is a hole or a special token
		}
	}
	e, err := newBPE(s, tokens)
	if err != nil {
		return nil, err
	}
	if e.digest != s.digest {
		return nil, fmt.Errorf("tokenize: %s: the vocabulary has digest %s, want %s",
			s.name, e.digest, s.digest)
	}
	return e, nil
}

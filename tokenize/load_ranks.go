package tokenize

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// looksLikeRanks reports whether a text begins with a line of a .tiktoken file: base64, a space, a number.
func looksLikeRanks(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	token, rank, ok := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(" "))
	if !ok || len(line) > 2*maxToken {
		return false
	}
	_, err := base64.StdEncoding.AppendDecode(nil, token)
	_, err2 := strconv.ParseUint(string(rank), 10, 31)
	return err == nil && err2 == nil
}

// parseRanks reads a .tiktoken file.
func parseRanks(text []byte, o LoadOptions) (*source, error) {
	s := &source{ranked: true, whole: true}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		code, number, ok := bytes.Cut(line, []byte(" "))
		if !ok || len(code) > 2*maxToken {
			return nil, damaged("line %d is not base64, a space and a number", n)
		}
		token, err := base64.StdEncoding.AppendDecode(nil, code)
		rank, err2 := strconv.ParseUint(string(number), 10, 31)
		if err != nil || err2 != nil || rank > maxID || len(token) == 0 {
			return nil, damaged("line %d is not base64, a space and a number up to %d", n, maxID)
		}
		if int(rank) < len(s.tokens) && s.tokens[rank] != "" {
			return nil, damaged("line %d has the rank %d of another line", n, rank)
		}
		s.setToken(int32(rank), string(token))
	}
	if err := s.unique(); err != nil {
		return nil, err
	}
	if o.Pattern == "" {
		return s, s.recognize()
	}
	for i := range encodings {
		if encodings[i].name == o.Pattern {
			return s, s.use(encodings[i].pattern)
		}
	}
	return s, s.use(o.Pattern)
}

func (s *source) use(pattern string) error {
	r, ok := ruleOf(pattern)
	if !ok || !r.everywhere {
		return unknown("pattern %s", pattern)
	}
	s.rules = []rule{r}
	return nil
}

// unique returns an error if two ids have the same bytes.
func (s *source) unique() error {
	ids, err := newDictionary(s.tokens, nil)
	if err == nil && ids.twins[1] != 0 {
		return damaged("ids %d and %d have the same bytes", ids.twins[0], ids.twins[1])
	}
	return err
}

// recognize finds the pattern and the control tokens of a list of ranks that is known.
func (s *source) recognize() error {
	for i := range encodings {
		spec := &encodings[i]
		tokens := append(s.tokens[:len(s.tokens):len(s.tokens)], make([]string, max(0, spec.vocab-len(s.tokens)))...)
		if len(tokens) == spec.vocab && digest(spec.pattern, slices.Values(tokens), spec.names()) == spec.digest {
			s.tokens, s.special = tokens, spec.names()
			return s.use(spec.pattern)
		}
	}
	h := sha256.New()
	for _, token := range s.tokens {
		fmt.Fprintf(h, "%d %s", len(token), token)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	k, ok := knownRanks[sum]
	if !ok {
		return unknown("the pattern of a .tiktoken file of %d tokens: the file does not hold it; "+
			"give it with LoadOptions.Pattern, or load the model's tokenizer.json", len(s.tokens))
	}
	s.normal = k.normal
	for i, name := range k.special {
		s.addControl(k.first+int32(i), name)
		s.added = append(s.added, addedToken{content: name, id: k.first + int32(i), special: true})
	}
	return s.use(k.pattern)
}

// A knownList is what a list of ranks leaves out.
type knownList struct {
	pattern string
	normal  normalizer
	first   int32    // id of the first control token
	special []string // names of the control tokens
}

// knownRanks is keyed by the SHA-256 of the tokens: for each the length, a space and the bytes.
var knownRanks = map[string]knownList{
	"845bf8013e994c76f62bc4e878b41cc562369448e5b61bd073b22fbca72c7a29": { // Llama 3
		pattern: patternCL100K, first: 128000, special: llama3Special(),
	},
	"5966e50792010d8fe47be08a14ce3a15763a9b2f8faba3d3a69265f22cad2c06": { // Qwen to Qwen 3
		pattern: patternQwen2, normal: normalizer{form: formNFC}, first: 151643, special: qwenSpecial(),
	},
	"7aeee05fd12af0e99b4bf82890703de6718585502adb603b81e0b61a3c9bd48f": { // Qwen 3.5 and 3.6
		pattern: patternQwen35, normal: normalizer{form: formNFC}, first: 248044, special: []string{
			"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
			"<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
			"<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>",
			"<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
			"<tool_response>", "</tool_response>", "<think>", "</think>", "<|audio_start|>", "<|audio_end|>",
			"<tts_pad>", "<tts_text_bos>", "<tts_text_eod>", "<tts_text_bos_single>", "<|audio_pad|>",
		},
	},
}

// llama3Special returns the names of Llama 3's reference code.
func llama3Special() []string {
	names := []string{
		"<|begin_of_text|>", "<|end_of_text|>", "", "", "", "", "<|start_header_id|>", "<|end_header_id|>", "", "<|eot_id|>",
	}
	names = append(names, make([]string, 256-len(names))...)
	reserved := 0
	for i, name := range names {
		if name == "" {
			names[i] = fmt.Sprintf("<|reserved_special_token_%d|>", reserved)
			reserved++
		}
	}
	return names
}

// qwenSpecial returns the names of Qwen's reference code.
func qwenSpecial() []string {
	names := []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
	for i := range 205 {
		names = append(names, fmt.Sprintf("<|extra_%d|>", i))
	}
	return names
}

// tekken is the part of tekken.json that this package reads.
type tekkenConfig struct {
	Pattern      string `json:"pattern"`
	Tokens       int    `json:"num_vocab_tokens"`
	Size         int    `json:"default_vocab_size"`
	Special      int    `json:"default_num_special_tokens"`
	Version      string `json:"version"`
	PatternFlags any    `json:"pattern_flags"`
}

// parseTekken reads a tekken.json: the ranks are ids less the number of control tokens, which come first.
func parseTekken(keys map[string][]byte) (*source, error) {
	var config tekkenConfig
	if err := json.Unmarshal(keys["config"], &config); err != nil {
		return nil, damaged("config: %v", err)
	}
	if config.Size < 1 || config.Size > maxID || config.Special < 0 || config.Special >= config.Size {
		return nil, damaged("config with %d tokens, of which %d are control tokens", config.Size, config.Special)
	}
	s := &source{ranked: true, whole: true}
	s.tokens = make([]string, config.Size)
	scan := scanner{text: keys["vocab"]}
	scan.array(func() {
		rank, token := int32(-1), []byte(nil)
		scan.object(func(key string) {
			switch key {
			case "rank":
				rank = scan.id()
			case "token_bytes":
				var err error
				if token, err = base64.StdEncoding.AppendDecode(nil, scan.bytes()); err != nil || len(token) == 0 || len(token) > maxToken {
					scan.fail("token_bytes that are not base64")
				}
			default:
				scan.raw()
			}
		})
		if scan.err != nil {
			return
		}
		if rank < 0 || token == nil {
			scan.fail("a token without rank or token_bytes")
			return
		}
		id := int(rank) + config.Special
		if id >= config.Size {
			return // beyond the size that the model has
		}
		if s.tokens[id] != "" {
			scan.fail(fmt.Sprintf("a second token with rank %d", rank))
			return
		}
		s.tokens[id] = string(token)
	})
	if scan.err != nil {
		return nil, fmt.Errorf("%w: vocab: %w", ErrFormat, scan.err)
	}
	if err := s.unique(); err != nil {
		return nil, err
	}
	names, err := tekkenSpecial(keys["special_tokens"], config.Special)
	if err != nil {
		return nil, err
	}
	for id, name := range names {
		s.addControl(int32(id), name)
		s.added = append(s.added, addedToken{content: name, id: int32(id), special: true})
	}
	return s, s.use(config.Pattern)
}

// tekkenSpecial returns the names of the control tokens. A file of the first versions does not list them.
func tekkenSpecial(value []byte, count int) ([]string, error) {
	var listed []struct {
		Rank int    `json:"rank"`
		Name string `json:"token_str"`
	}
	if value != nil && string(value) != "null" {
		if err := json.Unmarshal(value, &listed); err != nil {
			return nil, damaged("special_tokens: %v", err)
		}
	}
	names := make([]string, count)
	if len(listed) == 0 {
		copy(names, tekkenFirst[:])
	}
	for _, l := range listed {
		if l.Rank < 0 || l.Rank >= count || l.Name == "" || names[l.Rank] != "" {
			return nil, damaged("special_tokens with rank %d of %d and name %q", l.Rank, count, l.Name)
		}
		names[l.Rank] = l.Name
	}
	for i, name := range names {
		if name == "" {
			names[i] = fmt.Sprintf("<SPECIAL_%d>", i)
		}
	}
	return names, nil
}

// tekkenFirst names the first control tokens of a tekken.json that does not list them, as mistral-common
// does.
var tekkenFirst = [...]string{
	"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
	"[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
	"[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
}

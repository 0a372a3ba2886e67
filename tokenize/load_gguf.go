package tokenize

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// A ggufReader reads the metadata of a GGUF file, version 2 or 3, little-endian. After an error its methods
// return zero values.
type ggufReader struct {
	r    *bufio.Reader
	left int64 // bytes that it may still read
	err  error
}

func (g *ggufReader) fail(format string, args ...any) {
	if g.err == nil {
		g.err = damaged("GGUF: "+format, args...)
	}
}

func (g *ggufReader) bytes(n uint64) []byte {
	if g.err == nil && n > uint64(g.left) {
		g.fail("more than %d bytes of metadata", maxFile)
	}
	if g.err != nil {
		return nil
	}
	g.left -= int64(n)
	// In steps, so that a false length costs no memory.
	var b []byte
	for n > 0 {
		step := int(min(n, 1<<20))
		start := len(b)
		b = append(b, make([]byte, step)...)
		if _, err := io.ReadFull(g.r, b[start:]); err != nil {
			g.fail("the file ends within its metadata")
			return nil
		}
		n -= uint64(step)
	}
	return b
}

func (g *ggufReader) number(size int) uint64 {
	var b [8]byte
	copy(b[:size], g.bytes(uint64(size)))
	return binary.LittleEndian.Uint64(b[:])
}

func (g *ggufReader) string() string { return string(g.bytes(g.number(8))) }

// Types of a value in GGUF, and the sizes of numbers.
const (
	ggufInt32   = 5
	ggufFloat32 = 6
	ggufBool    = 7
	ggufString  = 8
	ggufArray   = 9
)

var ggufSizes = map[uint32]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

// skip reads a value that does not matter.
func (g *ggufReader) skip(kind uint32, depth int) {
	if size, ok := ggufSizes[kind]; ok {
		g.discard(uint64(size))
		return
	}
	switch {
	case kind == ggufString:
		g.discard(g.number(8))
	case kind == ggufArray && depth < 4:
		of, n := uint32(g.number(4)), g.number(8)
		if size, ok := ggufSizes[of]; ok {
			if n > maxFile {
				g.fail("an array of %d values", n)
				return
			}
			g.discard(n * uint64(size))
			return
		}
		for ; n > 0 && g.err == nil; n-- {
			g.skip(of, depth+1)
		}
	default:
		g.fail("a value of type %d", kind)
	}
}

func (g *ggufReader) discard(n uint64) {
	if g.err == nil && n > uint64(g.left) {
		g.fail("more than %d bytes of metadata", maxFile)
	}
	if g.err != nil {
		return
	}
	g.left -= int64(n)
	if _, err := g.r.Discard(int(n)); err != nil {
		g.fail("the file ends within its metadata")
	}
}

// A ggufTokenizer is the metadata with the prefix "tokenizer.ggml.".
type ggufTokenizer struct {
	model, pre     string
	tokens, merges []string
	scores         []float32
	types          []int32
	prefix         *bool // add_space_prefix
	odd            []string
}

// parseGGUF reads a GGUF file from after its first four bytes on.
func parseGGUF(r io.Reader) (*source, error) {
	g := &ggufReader{r: bufio.NewReaderSize(r, 1<<16), left: maxFile}
	if version := g.number(4); g.err == nil && version != 2 && version != 3 {
		g.fail("version %d, and versions 2 and 3 are known", version)
	}
	g.number(8) // of tensors
	count := g.number(8)
	var t ggufTokenizer
	seen := map[string]bool{}
	for ; count > 0 && g.err == nil; count-- {
		key := g.string()
		kind := uint32(g.number(4))
		if g.err != nil {
			break
		}
		name, ok := strings.CutPrefix(key, "tokenizer.ggml.")
		if !ok {
			g.skip(kind, 0)
			continue
		}
		if seen[key] {
			g.fail("a second %s", key)
		}
		seen[key] = true
		switch {
		case name == "model" && kind == ggufString:
			t.model = g.string()
		case name == "pre" && kind == ggufString:
			t.pre = g.string()
		case name == "tokens" && kind == ggufArray:
			t.tokens = ggufValues(g, ggufString, g.string)
		case name == "merges" && kind == ggufArray:
			t.merges = ggufValues(g, ggufString, g.string)
		case name == "scores" && kind == ggufArray:
			t.scores = ggufValues(g, ggufFloat32, func() float32 { return math.Float32frombits(uint32(g.number(4))) })
		case name == "token_type" && kind == ggufArray:
			t.types = ggufValues(g, ggufInt32, func() int32 { return int32(g.number(4)) })
		case name == "add_space_prefix" && kind == ggufBool:
			yes := g.number(1) != 0
			t.prefix = &yes
		case name == "precompiled_charsmap", name == "remove_extra_whitespaces":
			t.odd = append(t.odd, name)
			g.skip(kind, 0)
		default: // ids of control tokens, and what goes before a prompt
			g.skip(kind, 0)
		}
	}
	if g.err != nil {
		return nil, g.err
	}
	return t.source()
}

// ggufValues reads an array of values of one type.
func ggufValues[T any](g *ggufReader, kind uint32, read func() T) []T {
	of, n := uint32(g.number(4)), g.number(8)
	if g.err == nil && (of != kind || n > maxMerges) {
		g.fail("an array of %d values of type %d", n, of)
	}
	var values []T
	for ; n > 0 && g.err == nil; n-- {
		values = append(values, read())
	}
	return values
}

// preTokenizers maps the names of llama.cpp for the rules that split a text to those rules. The rules are
// those of the model, which llama.cpp implements.
var preTokenizers = map[string][]string{
	"gpt-2":            {patternR50K},
	"gpt2":             {patternR50K},
	"smollm":           {patternDigit, patternR50K},
	"starcoder":        {patternDigit, patternR50K},
	"refact":           {patternDigit, patternR50K},
	"codeshell":        {patternDigit, patternR50K},
	"command-r":        {patternDigit, patternR50K},
	"llama3":           {patternCL100K},
	"llama-v3":         {patternCL100K},
	"llama-bpe":        {patternCL100K},
	"qwen2":            {patternQwen2},
	"qwen35":           {patternQwen35},
	"deepseek-v3":      {patternDigits3, patternHan, patternDeepSeek},
	"deepseek-r1-qwen": {patternQwen2},
	"gpt-4o":           {patternO200K},
	"tekken":           {patternTekken},
}

// wholeTokens are the names of which llama.cpp gives a piece that is a token its id, even if its bytes would
// not merge to it, as ignore_merges does in a tokenizer.json.
var wholeTokens = map[string]bool{"llama3": true, "llama-v3": true, "llama-bpe": true, "tekken": true}

func (t *ggufTokenizer) source() (*source, error) {
	switch {
	case len(t.tokens) == 0:
		return nil, damaged("GGUF: the file has no tokenizer (no tokenizer.ggml.tokens)")
	case len(t.tokens) > maxID:
		return nil, damaged("GGUF: %d tokens", len(t.tokens))
	case t.types != nil && len(t.types) != len(t.tokens):
		return nil, damaged("GGUF: %d tokens and %d types", len(t.tokens), len(t.types))
	case len(t.odd) > 0 && t.model != "gpt2":
		return nil, unknown("GGUF with tokenizer.ggml.%s", t.odd[0])
	}
	kind := func(id int) uint64 {
		if t.types == nil {
			return pieceNormal
		}
		return uint64(t.types[id])
	}
	switch t.model {
	case "gpt2":
		return t.byteLevel(kind)
	case "llama":
		if len(t.scores) != len(t.tokens) {
			return nil, damaged("GGUF: %d tokens and %d scores", len(t.tokens), len(t.scores))
		}
		s := &source{}
		s.normal.spaces = true
		s.normal.prefix = t.prefix == nil || *t.prefix
		pieces := make([]piece, len(t.tokens))
		for id, text := range t.tokens {
			if text == "" || len(text) > maxToken || t.scores[id] != t.scores[id] {
				return nil, damaged("GGUF: token %d has %d bytes or no score", id, len(text))
			}
			pieces[id] = piece{text, t.scores[id], kind(id)}
		}
		return s, s.pieces(pieces, false)
	}
	return nil, unknown("GGUF with tokenizer.ggml.model %q", t.model)
}

func (t *ggufTokenizer) byteLevel(kind func(int) uint64) (*source, error) {
	patterns, ok := preTokenizers[t.pre]
	if !ok {
		return nil, unknown("GGUF with tokenizer.ggml.pre %q", t.pre)
	}
	s := &source{lossy: true, whole: wholeTokens[t.pre]}
	for _, pattern := range patterns {
		r, _ := ruleOf(pattern)
		s.rules = append(s.rules, r)
	}
	names := make([]string, len(t.tokens)) // of the tokens that may merge
	s.tokens = make([]string, len(t.tokens))
	var buf []byte
	for i, name := range t.tokens {
		id := int32(i)
		if name == "" || len(name) > maxToken {
			return nil, damaged("GGUF: token %d has %d bytes", id, len(name))
		}
		switch kind(i) {
		case pieceControl, pieceUnknown:
			s.addControl(id, name)
			s.hide1(id)
			s.added = append(s.added, addedToken{content: name, id: id, special: true})
			continue
		case pieceUser:
			s.tokens[id] = name
			s.hide1(id)
			s.added = append(s.added, addedToken{content: name, id: id})
			continue
		case pieceUnused:
			continue // a row of the model without a token
		case pieceNormal:
		default:
			return nil, unknown("GGUF with token %q of type %d", name, kind(i))
		}
		names[id] = name
		if buf, ok = appendBytes(buf[:0], name); ok {
			s.tokens[id] = string(buf)
		} else {
			s.tokens[id] = name
			s.hide1(id)
		}
	}
	ids, err := newDictionary(names, nil)
	if err != nil {
		return nil, err
	}
	if ids.twins[1] != 0 {
		return nil, damaged("GGUF: ids %d and %d have the same text", ids.twins[0], ids.twins[1])
	}
	for rank, merge := range t.merges {
		left, right, ok := strings.Cut(merge, " ")
		if i := strings.IndexByte(merge[min(1, len(merge)):], ' '); i >= 0 { // a token may begin with a space
			left, right, ok = merge[:i+1], merge[i+2:], true
		}
		l, r, u := int32(-1), int32(-1), int32(-1)
		if ok && left != "" && right != "" {
			buf = append(append(buf[:0], left...), right...)
			l, r, u = ids.find(buf[:len(left)]), ids.find(buf[len(left):]), ids.find(buf)
		}
		if l < 0 || r < 0 || u < 0 {
			return nil, damaged("GGUF: merge %d, %s, is of tokens that are not there", rank, fmt.Sprintf("%q", short([]byte(merge))))
		}
		if !s.hidden.has(l) && !s.hidden.has(r) {
			s.merges = append(s.merges, pair{left: l, right: r, rank: int32(rank), id: u})
		}
	}
	return s, nil
}

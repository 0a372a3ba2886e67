package watermark

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Prompt is what comes before a text, prepared for many Sequences. A Sequence that leaves repeated
// contexts unmarked needs a record of the contexts of its prompt. That record takes some 50 ns a token
// to make. Sequences that begin after one Prompt share the record, so [Sequence.ResetTo] does not
// depend on its length. Keep a Prompt for each prefix that you cache.
//
// A Prompt is immutable and safe for concurrent use. Its records are made when they are first needed,
// one for each width, of 8 to 16 bytes a token.
type Prompt struct {
	tokens  []Token
	records [MaxWidth + 1]promptRecord
}

// A promptRecord is the record of one width.
type promptRecord struct {
	made atomic.Bool
	mu   sync.Mutex
	contexts
}

// NewPrompt returns a Prompt of tokens, and copies them.
func NewPrompt(tokens []Token) *Prompt { return &Prompt{tokens: slices.Clone(tokens)} }

// Len returns the number of tokens.
func (p *Prompt) Len() int { return len(p.tokens) }

// record returns the record of the contexts of a width.
func (p *Prompt) record(width int) *contexts {
	r := &p.records[width]
	if !r.made.Load() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.made.Load() {
			r.width = width
			r.fill(p.tokens)
			r.made.Store(true)
		}
	}
	return &r.contexts
}

// replace makes p another prompt, and reuses its memory. Nobody else may use p.
func (p *Prompt) replace(tokens []Token) {
	p.tokens = append(p.tokens[:0], tokens...)
	for i := range p.records {
		p.records[i].made.Store(false)
	}
}

// Tokens returns ids of another library as Tokens, without a copy. Other libraries have integer types
// of their own, such as llama.Token. The result shares the memory of ids.
func Tokens[T ~int32](ids []T) []Token {
	return unsafe.Slice((*Token)(unsafe.Pointer(unsafe.SliceData(ids))), len(ids))
}

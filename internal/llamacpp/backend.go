package llamacpp

import (
	"errors"

	"github.com/isotope-wm/isotope/watermark"
)

// Token is a vocabulary index.
type Token = watermark.Token

// ErrNotBuilt is returned by [Open] of a program that was built without llama.cpp.
var ErrNotBuilt = errors.New("llamacpp: this program was built without llama.cpp; build it without the tag nollama, " +
	"for linux, darwin or windows on amd64 or arm64")

// weights is a model that llama.cpp has loaded. Its methods are safe for concurrent use, but for
// free.
type weights interface {
	facts() facts
	piece(t Token) []byte // its bytes in a text; empty for a control token
	name(t Token) string  // as a template spells it; "" outside the vocabulary
	kind(t Token) kind
	tokenize(text string, special bool) []Token // text holds no NUL
	context(c contextConfig) (runner, error)
	grammar(gbnf string) (grammar, error)
	free()
}

// facts describe a model.
type facts struct {
	vocab      int
	trained    int    // context that the model was trained for, in tokens; 0 if unknown
	addStart   bool   // a prompt begins with the start token
	start, end Token  // -1 for none
	template   string // of chats, in Jinja; "" for none
	recurrent  bool   // the memory of a text cannot be cut at any position
	describe   string
}

// A kind says what a token is.
type kind uint8

const (
	plain   kind = iota
	control      // no text
	ending       // ends a text; no text either
)

// contextConfig sizes a context of llama.cpp.
type contextConfig struct {
	length    int // tokens of each sequence
	sequences int
	batch     int // largest number of tokens in a decode
	threads   int
}

// An entry is a token of a batch.
type entry struct {
	token  Token
	pos    int
	seq    int
	logits bool // the row that follows is wanted
}

// A runner decodes batches in one context of llama.cpp. One goroutine at a time may use it.
type runner interface {
	// decode computes a batch. An error leaves the memory of its sequences unknown.
	decode(batch []entry) error
	// row returns the logits that follow entry i of the last batch. They are valid until the next
	// decode, and the caller may write to them.
	row(i int) ([]float32, error)
	// remove forgets the positions of a sequence from the given one on. It returns false if the
	// model cannot do that; the sequence is then empty.
	remove(seq, from int) bool
	// share gives the first n positions of one sequence to another, which is empty.
	share(from, to, n int)
	free()
}

// A grammar follows one text. One goroutine at a time may use it.
type grammar interface {
	// mask sets the logits of all tokens that the grammar does not allow next to -Inf.
	mask(row []float32)
	// allows reports whether the grammar allows a token next.
	allows(t Token) bool
	// accept appends a token, which must be allowed.
	accept(t Token)
	free()
}

package tokenize

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrName is wrapped by the error of Get for a name it does not know.
	ErrName = errors.New("tokenize: unknown encoding")

	// ErrID is wrapped by the error of Decode for an id that has no text.
	ErrID = errors.New("tokenize: id does not decode")
)

// A Tokenizer maps text to token ids and back. Every method is safe for
// concurrent use.
type Tokenizer interface {
	// Name is the name of the encoding, such as "o200k_base".
	Name() string

	// Digest is "sha256:" and the SHA-256, in hexadecimal, of the vocabulary and
	// the rules. Tokenizers with equal digests give equal ids for every text.
	Digest() string

	// Vocab is the number of ids: one more than the largest, special tokens and
	// unassigned ids included.
	Vocab() int

	// Append appends the ids of text to dst and returns the extended slice. Each
	// id is at least 0, below Vocab, and decodes. The ids of a text are in
	// general not those of its parts in a row.
	Append(dst []int32, text []byte) []int32

	// Decode appends the bytes of ids to dst and returns the extended slice. It
	// undoes Append for any bytes. Tokens may hold parts of a character, so that
	// a part of the ids of a valid text need not be valid UTF-8.
	//
	// An id that is negative, too large, unassigned or a special token gives an
	// error that wraps ErrID and names the id and its position. Decode then
	// returns dst at its original length, but the capacity beyond may have been
	// written to.
	Decode(dst []byte, ids []int32) ([]byte, error)
}

// Names returns the names of the encodings that Get knows, in alphabetical
// order. The alias "gpt2" is not among them.
func Names() []string {
	names := make([]string, len(encodings))
	for i := range encodings {
		names[i] = encodings[i].name
	}
	return names
}

// Get returns the encoding of the given name, one of Names, or "gpt2", which
// is another name of r50k_base. The Tokenizer is a *[BPE].
//
// The first call for a name loads the vocabulary, which takes some tens of
// milliseconds; later calls return the same Tokenizer. The error for another name
// wraps ErrName and lists those there are. Get is safe for concurrent use.
func Get(name string) (Tokenizer, error) {
	known := name
	if name == "gpt2" {
		known = "r50k_base"
	}
	for i := range encodings {
		if encodings[i].name != known {
			continue
		}
		e, err := loaders[i]()
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	return nil, fmt.Errorf("%w: %q is none of %s", ErrName, name, strings.Join(Names(), ", "))
}

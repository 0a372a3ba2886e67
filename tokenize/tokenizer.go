package tokenize

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrName is wrapped by the error of Get for an unknown name.
	ErrName = errors.New("tokenize: unknown encoding")

	// ErrID is wrapped by the error of Decode for an id that has no text.
	ErrID = errors.New("tokenize: id does not decode")
)

// A Tokenizer maps text to token ids and back. All methods are safe for concurrent use.
type Tokenizer interface {
	// Name returns the name of the encoding, such as "o200k_base".
	Name() string

	// Digest returns "sha256:" and the SHA-256, in hexadecimal, of the vocabulary and the
	// rules. Tokenizers with equal digests give equal ids for every text.
	Digest() string

	// Vocab returns the number of ids, including special tokens and unassigned ids. It is one
	// more than the largest id.
	Vocab() int

	// Append appends the ids of text to dst and returns the extended slice. Each id is in
	// [0, Vocab) and decodes. The ids of a text are in general not the ids of its parts one
	// after the other.
	Append(dst []int32, text []byte) []int32

	// Decode appends the bytes of ids to dst and returns the extended slice. It undoes Append
	// for any bytes. A token may hold a part of a character, so a part of the ids of a text
	// need not decode to valid UTF-8.
	//
	// An id that is negative, too large, unassigned or a special token gives an error that
	// wraps ErrID, with the id and its position. Decode then returns dst with its original
	// length. It may have written to the capacity beyond.
	Decode(dst []byte, ids []int32) ([]byte, error)
}

// Names returns the names of the encodings that [Get] knows, in alphabetical order. It leaves out the names
// of models.
func Names() []string {
	names := make([]string, len(encodings))
	for i := range encodings {
		names[i] = encodings[i].name
	}
	return names
}

// Get returns the encoding of a name: one of [Names], or a model whose encoding is one of them, such as
// "gpt-4o" or "gpt-oss". The Tokenizer is a *[BPE], and its Name is one of Names.
//
// The first call for a name loads the vocabulary, which takes tens of milliseconds. Later calls return
// the same Tokenizer. Get is safe for concurrent use.
//
// The error for another name wraps [ErrName]. It lists the known names, or says which file of the model to
// give to [Load].
func Get(name string) (Tokenizer, error) {
	encoding := encodingOf(name)
	for i := range encodings {
		if encodings[i].name != encoding {
			continue
		}
		e, err := loaders[i]()
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	if advice := fileOf(name); advice != "" {
		return nil, fmt.Errorf("%w %q: %s", ErrName, name, advice)
	}
	return nil, fmt.Errorf("%w %q (want one of %s, or the file of a tokenizer)", ErrName, name, strings.Join(Names(), ", "))
}

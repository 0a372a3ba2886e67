package tokenize

import "fmt"

// A BPE is a byte-level byte pair encoding, the Tokenizer that [Get] returns. It is immutable and safe
// for concurrent use.
type BPE struct {
	spec   *spec
	vocab  vocabulary
	digest string
}

// newBPE returns an encoding. tokens holds the bytes of each id, none for ids that do not decode.
func newBPE(s *spec, tokens []string) (*BPE, error) {
	loadClasses()
	e := &BPE{spec: s, vocab: newVocabulary(tokens), digest: digest(s, tokens)}
	for b, id := range e.vocab.single {
		if id < 0 {
			return nil, fmt.Errorf("tokenize: %s: the vocabulary lacks the byte 0x%02x", s.name, b)
		}
	}
	return e, nil
}

// Name implements Tokenizer.
func (e *BPE) Name() string { return e.spec.name }

// Digest implements Tokenizer.
func (e *BPE) Digest() string { return e.digest }

// Vocab implements Tokenizer.
func (e *BPE) Vocab() int { return e.spec.vocab }

// Append implements Tokenizer. It allocates to extend dst. If a piece is longer than about a hundred
// bytes, it also allocates at most a few hundred kilobytes.
func (e *BPE) Append(dst []int32, text []byte) []int32 {
	var m merger
	return e.append(dst, text, &m)
}

func (e *BPE) append(dst []int32, text []byte, m *merger) []int32 {
	for i := 0; i < len(text); {
		end := e.spec.split(text, i)
		piece := text[i:end:len(text)] // the capacity keeps lookups within the text
		i = end
		if id := e.vocab.find(piece); id >= 0 {
			dst = append(dst, id)
		} else {
			dst = m.merge(dst, &e.vocab, piece)
		}
	}
	return dst
}

// Token returns the bytes of an id. ok is false if it has none: the id is outside the vocabulary,
// unassigned or a special token, and Decode refuses it. Token does not allocate.
func (e *BPE) Token(id int32) (text string, ok bool) {
	if id < 0 || int(id) >= e.spec.vocab {
		return "", false
	}
	text = e.vocab.token(id)
	return text, text != ""
}

// Decode implements Tokenizer.
//
// Special tokens do not decode, because Append would give other ids for their text. tiktoken decodes
// them.
func (e *BPE) Decode(dst []byte, ids []int32) ([]byte, error) {
	start := len(dst)
	for i, id := range ids {
		text, ok := e.Token(id)
		if !ok {
			return dst[:start], e.decodeError(i, id)
		}
		dst = append(dst, text...)
	}
	return dst, nil
}

func (e *BPE) decodeError(i int, id int32) error {
	why := "is not assigned"
	if text, ok := e.spec.special[id]; ok {
		why = "is the special token " + text
	} else if id < 0 || int(id) >= e.spec.vocab {
		why = fmt.Sprintf("is outside 0 to %d", e.spec.vocab-1)
	}
	return fmt.Errorf("%w: %s: id %d at position %d %s", ErrID, e.spec.name, id, i, why)
}

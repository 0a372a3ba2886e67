package tokenize

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A BPE is a byte pair encoding, the Tokenizer that [Get] and [Load] return. It is immutable and safe for
// concurrent use.
type BPE struct {
	name, digest string
	size         int              // number of ids
	special      map[int32]string // names of the control tokens, which Decode refuses
	stages       []stage
	digits       bool // each digit of ASCII is a piece and a token
	vocab        vocabulary
	pairs        *pairTable  // nil: a pair has the rank of the token that is its union
	bytes        *[256]int32 // see source
	lacks        *[256]bool  // bytes that have no token, nil if there are none
	normal       normalizer
	added        added
}

// newBPE returns an encoding of OpenAI. d has no bytes for ids that do not decode.
func newBPE(s *spec, d dictionary) (*BPE, error) {
	loadClasses()
	special := s.names()
	vocab := vocabularyOf(d)
	e := &BPE{
		name:    s.name,
		size:    s.vocab,
		special: special,
		stages:  []stage{s.split},
		vocab:   vocab,
		digest:  digest(s.pattern, d.names(), special),
	}
	if err := e.checkBytes(); err != nil {
		return nil, err
	}
	var names []addedToken
	for _, id := range e.Special() {
		names = append(names, addedToken{content: special[id], id: id, special: true})
	}
	e.added = newAdded(names)
	return e, nil
}

func (e *BPE) checkBytes() error {
	for b, id := range e.vocab.single {
		if id < 0 {
			return fmt.Errorf("tokenize: %s: the vocabulary lacks the byte 0x%02x", e.name, b)
		}
	}
	return nil
}

// Name implements Tokenizer.
func (e *BPE) Name() string { return e.name }

// Digest implements Tokenizer.
func (e *BPE) Digest() string { return e.digest }

// Vocab implements Tokenizer.
func (e *BPE) Vocab() int { return e.size }

// Append implements Tokenizer. It treats the names of control tokens in the text as plain text. Other
// tokens that a model's file adds to its vocabulary, such as "<think>", get their ids.
//
// For the encodings of Get, Append allocates only to extend dst, and for a piece that is longer than
// about a hundred bytes at most a few hundred kilobytes. A tokenizer that changes the text first, as those
// of Llama 2 and Gemma do, may also allocate a copy of the text.
func (e *BPE) Append(dst []int32, text []byte) []int32 {
	var m merger
	return e.append(dst, text, false, &m)
}

// AppendSpecial is like Append, except that the names of control tokens, such as "<|im_end|>", get their
// ids. Use it for prompts whose template you wrote, and never for what a user wrote.
func (e *BPE) AppendSpecial(dst []int32, text []byte) []int32 {
	var m merger
	return e.append(dst, text, true, &m)
}

// Count returns the number of ids that Append would append. It needs no memory for them.
func (e *BPE) Count(text []byte) int {
	var m merger
	if e.plain(false) {
		return e.countPieces(text, &m)
	}
	count := 0
	e.added.each(e, text, false, nil, func(c chunk) {
		if c.id >= 0 {
			count++
		} else {
			count += e.countPieces(c.text, &m)
		}
	})
	return count
}

// plain reports whether the ids of a text are those of its pieces, one after the other.
func (e *BPE) plain(special bool) bool { return e.normal.none() && !special && e.added.empty() }

func (e *BPE) append(dst []int32, text []byte, special bool, m *merger) []int32 {
	if e.plain(special) {
		return e.appendPieces(dst, text, m)
	}
	e.added.each(e, text, special, nil, func(c chunk) {
		if c.id >= 0 {
			dst = append(dst, c.id)
		} else {
			dst = e.appendPieces(dst, c.text, m)
		}
	})
	return dst
}

func (e *BPE) appendPieces(dst []int32, text []byte, m *merger) []int32 {
	dst, _ = e.pieces(dst, text, m, false)
	return dst
}

// countPieces returns how many ids appendPieces appends.
func (e *BPE) countPieces(text []byte, m *merger) int {
	var array [64]int32
	_, count := e.pieces(array[:0], text, m, true)
	return count
}

// A recent is a piece that is not a token, and that was merged before.
type recent struct {
	key         uint64 // see keyOf
	size, start uint32 // its place in the text
	from, until uint32 // the place of its ids among those of the text
}

// recentBits is the logarithm of how many pieces of a text are remembered. Half of the pieces of code that are
// not a token stood in the text before, and most of these a few lines above.
const recentBits = 6

// pieces appends the ids of the pieces of a text, and returns their number. With counting it appends some of
// them, and what it returns has no meaning.
func (e *BPE) pieces(dst []int32, text []byte, m *merger, counting bool) (ids []int32, count int) {
	var recents [1 << recentBits]recent
	remember := len(text) <= math.MaxInt32
	v := &e.vocab
	split := splitter{stages: e.stages}
	cut, one := e.stages[0], len(e.stages) == 1
	base := len(dst)
	for i := 0; i < len(text); {
		if e.digits && text[i]-'0' < 10 {
			count++
			if !counting {
				dst = append(dst, v.single[text[i]])
			}
			i++
			continue
		}
		start := i
		if one {
			i = cut(text, i)
		} else {
			i = split.next(text, i)
		}
		piece := text[start:i:len(text)] // the capacity keeps look-ups within the text
		want := termOf(piece)
		hash := want.hash()
		at := home(hash, len(v.slots))
		found := v.slots[at]
		if found.term() == want && want.size <= 8 {
			count++
			if !counting {
				dst = append(dst, found.id())
			}
			continue
		}
		if found.info != 0 && len(piece) <= v.longest {
			if id := v.search(want, at, piece); id >= 0 {
				count++
				if !counting {
					dst = append(dst, id)
				}
				continue
			}
		}
		r := &recents[hash&(1<<recentBits-1)]
		if r.key == want.key && int(r.size) == len(piece) &&
			(len(piece) <= 8 || string(text[r.start:r.start+r.size]) == string(piece)) {
			count += int(r.until - r.from)
			if !counting {
				dst = append(dst, dst[base+int(r.from):base+int(r.until)]...)
			}
			continue
		}
		if counting {
			dst = dst[:base]
		}
		from := len(dst)
		dst = e.appendMerged(dst, piece, m)
		count += len(dst) - from
		if remember {
			*r = recent{want.key, uint32(len(piece)), uint32(start), uint32(from - base), uint32(len(dst) - base)}
		}
	}
	return dst, count
}

// eachPiece calls f for each piece of a text.
func (e *BPE) eachPiece(text []byte, f func(piece []byte)) {
	s := splitter{stages: e.stages}
	for i := 0; i < len(text); {
		end := s.next(text, i)
		f(text[i:end:len(text)])
		i = end
	}
}

func (e *BPE) appendPiece(dst []int32, piece []byte, m *merger) []int32 {
	if id := e.vocab.find(piece); id >= 0 {
		return append(dst, id)
	}
	return e.appendMerged(dst, piece, m)
}

// appendMerged appends the ids of a piece that is not a token.
func (e *BPE) appendMerged(dst []int32, piece []byte, m *merger) []int32 {
	switch {
	case e.lacks != nil:
		return e.appendRuns(dst, piece, m)
	case e.pairs != nil:
		return m.mergePairs(dst, e, piece)
	}
	return m.merge(dst, &e.vocab, piece)
}

// appendRuns appends the ids of a piece without the bytes that have no token. Nothing merges across one.
func (e *BPE) appendRuns(dst []int32, piece []byte, m *merger) []int32 {
	for i := 0; i < len(piece); {
		end := i
		for end < len(piece) && !e.lacks[piece[end]] {
			end++
		}
		if end > i {
			if run := piece[i:end]; e.pairs != nil {
				dst = m.mergePairs(dst, e, run)
			} else {
				dst = m.merge(dst, &e.vocab, run)
			}
		}
		i = end + 1
	}
	return dst
}

// Lacks returns the bytes without a token, in ascending order. Append leaves them out, and so Decode does
// not restore them. Only the vocabularies of some models lack bytes, such as SmolLM2: they are bytes that
// UTF-8 does not have and rare control characters.
func (e *BPE) Lacks() []byte {
	var list []byte
	for b := range 256 {
		if e.lacks != nil && e.lacks[b] {
			list = append(list, byte(b))
		}
	}
	return list
}

// Token returns the bytes of an id. ok is false if it has none: the id is outside the vocabulary,
// unassigned or a control token, and Decode refuses it. Token does not allocate.
//
// A tokenizer that puts a space before a text has the space in the token, and Decode removes it.
func (e *BPE) Token(id int32) (text string, ok bool) {
	if id < 0 || int(id) >= e.size {
		return "", false
	}
	text = e.vocab.token(id)
	return text, text != ""
}

// Decode implements Tokenizer.
//
// Control tokens do not decode, because Append would give other ids for their text. Other programs decode
// them.
func (e *BPE) Decode(dst []byte, ids []int32) ([]byte, error) {
	start := len(dst)
	for i, id := range ids {
		text, ok := e.Token(id)
		if !ok {
			return dst[:start], e.decodeError(i, id)
		}
		if i == 0 && e.normal.prefix && text[0] == ' ' {
			text = text[1:]
		}
		dst = append(dst, text...)
	}
	return dst, nil
}

func (e *BPE) decodeError(i int, id int32) error {
	why := "is not assigned"
	if text, ok := e.special[id]; ok {
		why = "is the special token " + text
	} else if id < 0 || int(id) >= e.size {
		why = fmt.Sprintf("is outside 0 to %d", e.size-1)
	}
	return fmt.Errorf("%w: %s: id %d at position %d %s", ErrID, e.name, id, i, why)
}

// Special returns the ids of the control tokens in ascending order, such as that of "<|im_end|>". A model
// writes them to end a turn, and not as text, so no mark may favour them.
func (e *BPE) Special() []int32 {
	ids := make([]int32, 0, len(e.special))
	for id := range e.special {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// SpecialName returns the name of a control token, such as "<|im_end|>". ok is false if the id is not one.
func (e *BPE) SpecialName(id int32) (name string, ok bool) {
	name, ok = e.special[id]
	return name, ok
}

// ErrRows is wrapped by the error of CheckRows for a number of rows that leaves out tokens.
var ErrRows = errors.New("tokenize: the rows leave out tokens")

// CheckRows compares a vocabulary size from elsewhere with the tokenizer: that of a profile, or the number
// of rows of a model's head. Many models have more rows than tokens, because a multiple of 64 or 128 is
// faster. CheckRows returns the number of such rows at the end.
//
// If there are fewer rows than tokens, the error wraps ErrRows and names the tokens that are left out. The
// vocab_size in a model's configuration often leaves out the control tokens, as 151643 does for Qwen. A
// sampler that is limited to it could never draw the end of a turn.
func (e *BPE) CheckRows(rows int) (padding int, err error) {
	if rows >= e.size {
		return rows - e.size, nil
	}
	var names []string
	for _, id := range e.Special() {
		if int(id) >= rows && len(names) < 3 {
			names = append(names, fmt.Sprintf("%s (%d)", e.special[id], id))
		}
	}
	among := ""
	if len(names) > 0 {
		among = ", among them " + strings.Join(names, ", ")
	}
	return 0, fmt.Errorf("%w: %d rows hold ids up to %d, and %s has ids up to %d%s; "+
		"use the number of rows of the model's logits, which is at least %d",
		ErrRows, rows, rows-1, e.name, e.size-1, among, e.size)
}

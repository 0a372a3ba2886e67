package tokenize

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A source is what a file says about a tokenizer, in any format.
type source struct {
	tokens  []string         // bytes of each id, with a space for ▁; none for ids without text
	hidden  idSet            // tokens that no piece of a text becomes
	special map[int32]string // control tokens, which have no text
	added   []addedToken     // tokens that are looked for before a text is cut, control tokens included
	normal  normalizer
	rules   []rule
	bytes   *[256]int32 // ids of the bytes of characters without a token; nil in a byte-level vocabulary

	// merges lists the pairs in the order of their ranks. ranked says that there are none: the union of
	// any two tokens that is a token merges, and its rank is its id.
	merges []pair
	// lastRank says that a pair which the list has twice has its last rank, and not its first.
	lastRank bool
	ranked   bool
	// whole says that a piece which is a token gets its id even if its bytes would not merge to it.
	whole bool
	odd   bool // whole makes a difference for some piece
	// lossy says that bytes without a token are left out, and that nothing merges across one.
	lossy bool
}

// build checks a source and returns its tokenizer.
func (s *source) build() (*BPE, error) {
	loadClasses()
	for len(s.tokens) > 0 && s.tokens[len(s.tokens)-1] == "" && s.special[int32(len(s.tokens)-1)] == "" {
		s.tokens = s.tokens[:len(s.tokens)-1] // rows of the model without a token
	}
	if len(s.rules) > maxStages {
		return nil, unknown("%d rules that split a text, one after the other; the limit is %d", len(s.rules), maxStages)
	}
	e := &BPE{name: "the tokenizer", size: len(s.tokens), special: s.special, normal: s.normal, bytes: s.bytes}
	if e.special == nil {
		e.special = map[int32]string{}
	}
	slices.SortStableFunc(s.added, func(a, b addedToken) int { return cmp.Compare(a.id, b.id) })
	e.added = newAdded(s.added)
	var err error
	if e.vocab, err = newVocabulary(s.tokens, s.hidden); err != nil {
		return nil, err
	}
	if s.bytes == nil {
		if err := e.checkBytes(); err != nil {
			if !s.lossy {
				return nil, unknown("%v", err)
			}
			e.lacks = new([256]bool)
			for b, id := range e.vocab.single {
				e.lacks[b] = id < 0
			}
		}
	}
	for _, r := range s.rules {
		e.stages = append(e.stages, r.stage)
	}
	if !s.ranked {
		if err := s.resolve(e); err != nil {
			return nil, err
		}
	}
	if e.pairs != nil && s.bytes != nil && !s.odd {
		j := new(junctions)
		for _, p := range e.pairs.slots {
			if p.id >= 0 {
				left, right := e.vocab.token(p.left), e.vocab.token(p.right)
				j.add(left[len(left)-1], right[0])
			}
		}
		e.stages = append(e.stages, j.cut)
		s.rules = append(s.rules, rule{pattern: patternJunctions})
	}
	if len(e.stages) == 0 {
		e.stages = []stage{func(text []byte, _ int) int { return len(text) }}
	}
	e.digits = len(e.stages) == 1 && len(s.rules) == 1 && s.rules[0].digits && slices.Min(e.vocab.single['0':'9'+1]) >= 0
	e.digest = s.digest(e)
	e.name = nameOf(e.digest)
	return e, nil
}

// resolve turns the list of merges into ranks of unions if that gives the same ids for every text, or else
// into a table of pairs.
//
// Call the split of a token the two tokens that merge to it when its bytes alone are merged. A token that
// forms in a text always forms from its split: until then nothing has merged across its ends, so the merges
// within are those of its bytes alone. So pairs other than the splits never merge.
func (s *source) resolve(e *BPE) error {
	if s.bytes == nil {
		if ok, err := s.asRanks(e); ok || err != nil {
			return err
		}
	}
	all := newPairTable(len(s.merges))
	for _, p := range s.merges {
		all.add(p, s.lastRank)
		if all.probes > maxProbes*(len(s.merges)+64) {
			return errSlow
		}
	}
	e.pairs = all
	var m merger
	kept := make([]pair, 0, len(s.tokens))
	var hidden idSet
	var ids []int32
	for id, text := range s.tokens {
		if text == "" || s.hidden.has(int32(id)) {
			continue
		}
		m.last = pair{id: -1}
		if ids = m.mergePairsHeap(ids[:0], e, []byte(text)); len(ids) != 1 || ids[0] != int32(id) {
			hidden.add(int32(id))
			continue
		}
		if m.last.id >= 0 {
			kept = append(kept, m.last)
		}
	}
	// Ranks in steps of one, so that they do not depend on the format.
	slices.SortFunc(kept, func(a, b pair) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.id, b.id)) })
	e.pairs = newPairTable(len(kept))
	rank, before := int32(-1), int32(-1)
	for i, p := range kept {
		if p.rank != before {
			rank, before = rank+1, p.rank
		}
		kept[i].rank = rank
		e.pairs.add(kept[i], false)
	}
	s.merges = kept
	return s.settle(e, hidden)
}

// settle takes the tokens that their bytes do not merge to. Without one, it does not matter whether a piece
// that is a token gets its id.
func (s *source) settle(e *BPE, hidden idSet) error {
	switch {
	case hidden.empty():
		s.whole = true
	case s.whole:
		s.odd = true
	default:
		return s.hide(e, hidden)
	}
	return nil
}

// hide makes the vocabulary again without the hidden tokens.
func (s *source) hide(e *BPE, hidden idSet) (err error) {
	for id := range s.tokens {
		if hidden.has(int32(id)) {
			s.hide1(int32(id))
		}
	}
	e.vocab, err = newVocabulary(s.tokens, s.hidden)
	return err
}

// asRanks reports whether the rank of a pair can be the id of its union: every token has a split, all
// splits are in the list, and the list is in the order of the ids.
func (s *source) asRanks(e *BPE) (bool, error) {
	const long = 63
	lefts := make([]uint64, len(s.tokens)) // bit n of lefts[id]: the list has a pair whose left part has n bytes
	before := int32(-1)
	for _, p := range s.merges {
		if p.id < before {
			return false, nil
		}
		before = p.id
		lefts[p.id] |= 1 << min(len(s.tokens[p.left]), long)
	}
	var hidden idSet
	var array [128]int32
	var m merger
	for id, text := range s.tokens {
		if text == "" || s.hidden.has(int32(id)) || len(text) == 1 {
			continue
		}
		m.limit = int32(id)
		parts := m.mergeAlone(array[:0], &e.vocab, []byte(text))
		if len(parts) != 2 {
			hidden.add(int32(id))
			continue
		}
		n := len(s.tokens[parts[0]])
		if lefts[id]>>min(n, long)&1 == 0 {
			return false, nil
		}
		if n >= long && !slices.ContainsFunc(s.merges, func(p pair) bool { return p.left == parts[0] && p.right == parts[1] }) {
			return false, nil
		}
	}
	s.merges, s.ranked = nil, true
	return true, s.settle(e, hidden)
}

// digest returns the Digest of a tokenizer. If an encoding of OpenAI could say it all, the digest is the
// one that the function digest gives. Otherwise it is the SHA-256 of these fields, in the format of that
// function. Numbers have four bytes in big-endian order.
//
//   - "isotope/tokenize/2"
//   - the rules before a text is cut: the Unicode form, "" or "NFC" or "NFKC"; then "spaces" if ▁ is a
//     space, and "prefix" if a space goes before a text, or else ""
//   - the number of patterns, and each pattern
//   - classRuns and punctRuns
//   - "whole" if a piece that is a token gets its id, or else the ids of the tokens that pieces do not
//     become, in ascending order
//   - "ranks", or "pairs" and the left part, the right part, the rank and the union of each split in the
//     order of ranks
//   - the ids of the 256 bytes, or "" in a byte-level vocabulary
//   - the number of tokens, and each token, empty for an id without text
//   - each control token, as in the function digest
//   - each added token that has text: "text" or "normalized", its id, its content, and whether it takes the
//     white space on its left and right, "l" and "r"
func (s *source) digest(e *BPE) string {
	if s.ranked && s.whole && s.normal.none() && e.added.empty() && len(s.rules) == 1 && !s.hidesText() && e.lacks == nil {
		return digest(s.rules[0].pattern, slices.Values(s.tokens), e.special)
	}
	d := newDigester()
	number := func(n int32) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
	d.field("isotope/tokenize/2")
	d.field([...]string{"", "NFC", "NFKC"}[s.normal.form])
	d.field(choose(s.normal.spaces, "spaces"))
	d.field(choose(s.normal.prefix, "prefix"))
	d.field(number(int32(len(s.rules))))
	for _, r := range s.rules {
		d.field(r.pattern)
	}
	d.runs(classRuns[:])
	d.runs(punctRuns[:])
	if s.whole {
		d.field("whole")
	} else {
		var ids []byte
		for id, text := range s.tokens {
			if text != "" && s.hidden.has(int32(id)) {
				ids = binary.BigEndian.AppendUint32(ids, uint32(id))
			}
		}
		d.field(string(ids))
	}
	if s.ranked {
		d.field("ranks")
	} else {
		d.field("pairs")
		var pairs []byte
		for _, p := range s.merges {
			for _, n := range []int32{p.left, p.right, p.rank, p.id} {
				pairs = binary.BigEndian.AppendUint32(pairs, uint32(n))
			}
		}
		d.field(string(pairs))
	}
	var ids []byte
	if s.bytes != nil {
		for _, id := range s.bytes {
			ids = binary.BigEndian.AppendUint32(ids, uint32(id))
		}
	}
	d.field(string(ids))
	d.field(number(int32(len(s.tokens))))
	for _, token := range s.tokens {
		d.field(token)
	}
	d.special(e.special)
	for _, t := range s.added {
		if !t.special {
			d.field(choose(!t.normalized, "text") + choose(t.normalized, "normalized"))
			d.field(number(t.id))
			d.field(t.content)
			d.field(choose(t.stripLeft, "l") + choose(t.stripRight, "r"))
		}
	}
	return d.sum()
}

// hidesText reports whether a token with text is hidden.
func (s *source) hidesText() bool {
	for id, text := range s.tokens {
		if text != "" && s.hidden.has(int32(id)) {
			return true
		}
	}
	return false
}

func choose(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

// setToken enters the bytes of an id.
func (s *source) setToken(id int32, text string) {
	if int(id) >= len(s.tokens) {
		// Twice the size, so that ids in descending order take linear time.
		s.tokens = append(s.tokens, make([]string, int(id)+1-len(s.tokens))...)
	}
	s.tokens[id] = text
}

// addControl enters a control token.
func (s *source) addControl(id int32, name string) {
	if s.special == nil {
		s.special = map[int32]string{}
	}
	s.special[id] = name
	s.setToken(id, "")
}

// byteFallback finds the tokens <0x00> to <0xFF>, and makes bytes of them. lookup returns the id of a
// token of the file, or -1.
func (s *source) byteFallback(lookup func(string) int32) error {
	s.bytes = new([256]int32)
	for b := range s.bytes {
		name := fmt.Sprintf("<0x%02X>", b)
		id := lookup(name)
		if char := lookup(string(rune(b))); id < 0 && b < utf8.RuneSelf && char >= 0 {
			s.bytes[b] = char // a character with a token needs no byte
			continue
		}
		if id < 0 {
			return unknown("bytes of characters without a token, but there is no %s", name)
		}
		s.bytes[b] = id
		s.setToken(id, string([]byte{byte(b)}))
		s.hide1(id)
	}
	return nil
}

func (s *source) hide1(id int32) { s.hidden.add(id) }

// spaces replaces ▁ by a space.
func spaces(text string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte(lowLine), []byte(" ")))
}

// nameOf returns the name of the tokenizer with a digest.
func nameOf(digest string) string {
	for i := range encodings {
		if encodings[i].digest == digest {
			return encodings[i].name
		}
	}
	return "bpe-" + digest[len("sha256:"):len("sha256:")+12]
}

package tokenize

import (
	"bytes"
	"cmp"
	"slices"
)

// An addedToken is a token that is looked for in a text before the text is cut into pieces.
type addedToken struct {
	content    string
	id         int32
	special    bool // it has its id in AppendSpecial only
	stripLeft  bool // it takes the white space before it
	stripRight bool // it takes the white space after it
	normalized bool // it is looked for in the normalized text
}

// added finds the added tokens of a tokenizer.
type added struct {
	raw, normal matcher // in the text, and in the normalized text
	text        bool    // some are not special, so that Append looks for them
}

func newAdded(tokens []addedToken) added {
	var a added
	var raw, normal []addedToken
	for _, t := range tokens {
		if t.normalized {
			normal = append(normal, t)
		} else {
			raw = append(raw, t)
		}
		a.text = a.text || !t.special
	}
	a.raw, a.normal = newMatcher(raw), newMatcher(normal)
	return a
}

// empty reports whether Append looks for no added token.
func (a *added) empty() bool { return !a.text }

// A chunk is a part of a text: an added token, or a normalized text between two.
type chunk struct {
	id       int32 // -1 for a text
	from, to int   // the place of an added token in the original text
	text     []byte
	base, at int // text is at this place of the normalized form of the original text from base on
}

// each cuts a text at its added tokens, and calls f with each chunk. During the call of f align, which may
// be nil, is the alignment of the normalized form that the chunk is of.
func (a *added) each(e *BPE, text []byte, special bool, align *alignment, f func(chunk)) {
	look := special || a.text
	between := func(from, to int) {
		if from == to {
			return
		}
		part := e.normal.apply(text[from:to], align)
		sub := func(i, j int) {
			if i < j {
				f(chunk{id: -1, text: part[i:j], base: from, at: i})
			}
		}
		at := 0
		if look {
			a.normal.each(part, special, func(i, j int, id int32) {
				sub(at, i)
				f(chunk{id: id, from: from + align.start(i), to: from + align.end(j)})
				at = j
			})
		}
		sub(at, len(part))
	}
	at := 0
	if look {
		a.raw.each(text, special, func(i, j int, id int32) {
			between(at, i)
			f(chunk{id: id, from: i, to: j})
			at = j
		})
	}
	between(at, len(text))
}

// start returns where the text of byte i begins.
func (a *alignment) start(i int) int {
	if a == nil || a.from == nil {
		return i
	}
	if i == len(a.from) {
		return a.end(i)
	}
	return int(a.from[i])
}

// end returns where the text of the bytes before i ends.
func (a *alignment) end(i int) int {
	if a == nil || a.from == nil {
		return i
	}
	if i == 0 {
		return int(a.from[0])
	}
	return int(a.to[i-1])
}

// A matcher finds tokens in a text: the leftmost first, and of those that begin there the longest.
type matcher struct {
	tokens []addedToken
	nodes  []node
	starts [256]bool
	only   int // the byte with which all tokens begin, -1 if there are several
}

// A node is a node of the trie of a matcher.
type node struct {
	edges []edge // in the order of their bytes
	token int32  // index of the token that ends here, -1 if there is none
}

type edge struct {
	b  byte
	to int32
}

func newMatcher(tokens []addedToken) matcher {
	m := matcher{tokens: tokens, nodes: []node{{token: -1}}, only: -1}
	firsts := 0
	for i, t := range tokens {
		if b := t.content[0]; !m.starts[b] {
			m.starts[b] = true
			m.only = int(b)
			firsts++
		}
		at := int32(0)
		for _, b := range []byte(t.content) {
			k, ok := m.nodes[at].find(b)
			if !ok {
				m.nodes = append(m.nodes, node{token: -1})
				m.nodes[at].edges = slices.Insert(m.nodes[at].edges, k, edge{b, int32(len(m.nodes) - 1)})
			}
			at = m.nodes[at].edges[k].to
		}
		m.nodes[at].token = int32(i)
	}
	if firsts != 1 {
		m.only = -1
	}
	return m
}

func (n *node) find(b byte) (int, bool) {
	return slices.BinarySearchFunc(n.edges, b, func(e edge, b byte) int { return cmp.Compare(e.b, b) })
}

// each calls f with each match: its place, and its id. Without special, a special token is skipped like
// text, and no token that overlaps it is found.
func (m *matcher) each(text []byte, special bool, f func(i, j int, id int32)) {
	if len(m.tokens) == 0 {
		return
	}
	done := 0 // the end of the last match
	for i := 0; i < len(text); {
		if m.only >= 0 {
			k := bytes.IndexByte(text[i:], byte(m.only))
			if k < 0 {
				return
			}
			i += k
		} else if !m.starts[text[i]] {
			i++
			continue
		}
		t, j := m.longest(text, i)
		if t == nil {
			i++
			continue
		}
		if t.special && !special {
			i = j
			continue
		}
		from, to := i, j
		if t.stripLeft {
			from = max(done, trimRight(text[:from]))
		}
		if t.stripRight {
			to = span(text, to, space)
		}
		f(from, to, t.id)
		done, i = to, to
	}
}

// longest returns the longest token at i and its end, or nil.
func (m *matcher) longest(text []byte, i int) (found *addedToken, end int) {
	at := int32(0)
	for ; i < len(text); i++ {
		k, ok := m.nodes[at].find(text[i])
		if !ok {
			break
		}
		at = m.nodes[at].edges[k].to
		if t := m.nodes[at].token; t >= 0 {
			found, end = &m.tokens[t], i+1
		}
	}
	return found, end
}

// trimRight returns the length of a text without the white space at its end.
func trimRight(text []byte) int {
	return len(bytes.TrimRightFunc(text, func(r rune) bool {
		return r >= 0 && classPages[classPage[r>>8]][r&0xff]&space != 0
	}))
}

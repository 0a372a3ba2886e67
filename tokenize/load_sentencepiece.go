package tokenize

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// A message reads a message of protocol buffers: fields with a number and a wire type.
type message struct {
	text []byte
	bad  bool
}

// A field is a field of a message: a number of type varint or fixed, or bytes.
type field struct {
	number int
	value  uint64
	bytes  []byte // nil for a number
}

// next returns the next field. It returns false at the end, or if the message is damaged.
func (m *message) next() (field, bool) {
	if len(m.text) == 0 || m.bad {
		return field{}, false
	}
	key := m.varint()
	f := field{number: int(key >> 3)}
	if key>>3 == 0 || key>>3 > 1<<29 {
		m.bad = true
	}
	switch key & 7 {
	case 0:
		f.value = m.varint()
	case 1:
		if b := m.take(8); b != nil {
			f.value = binary.LittleEndian.Uint64(b)
		}
	case 2:
		f.bytes = m.take(m.varint())
	case 5:
		if b := m.take(4); b != nil {
			f.value = uint64(binary.LittleEndian.Uint32(b))
		}
	default: // groups are not in use
		m.bad = true
	}
	return f, !m.bad
}

func (m *message) varint() uint64 {
	v, n := binary.Uvarint(m.text)
	if n <= 0 {
		m.bad = true
		m.text = nil
		return 0
	}
	m.text = m.text[n:]
	return v
}

// take returns the next bytes, which are not nil unless the message is damaged.
func (m *message) take(n uint64) []byte {
	if n > uint64(len(m.text)) {
		m.bad = true
		m.text = nil
		return nil
	}
	b := m.text[:n:n]
	m.text = m.text[n:]
	return b
}

// Types of a piece of SentencePiece. llama.cpp has the same numbers for the tokens of a GGUF file.
const (
	pieceNormal  = 1
	pieceUnknown = 2
	pieceControl = 3
	pieceUser    = 4
	pieceUnused  = 5
	pieceByte    = 6
)

// A piece is a token of SentencePiece.
type piece struct {
	text  string
	score float32
	kind  uint64
}

// parseSentencePiece reads a model of SentencePiece, by the messages of its sentencepiece_model.proto.
func parseSentencePiece(text []byte) (*source, error) {
	var pieces []piece
	model := message{text: text}
	kind := uint64(1) // the default of model_type, UNIGRAM
	var suffix, fallback bool
	normalizer := map[int]uint64{3: 1, 4: 1, 5: 1} // add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces
	var charsmap, denormalizer []byte
	rules := ""
	for {
		f, ok := model.next()
		if !ok {
			break
		}
		sub := message{text: f.bytes}
		switch f.number {
		case 1: // pieces
			p := piece{kind: pieceNormal}
			for {
				g, ok := sub.next()
				if !ok {
					break
				}
				switch g.number {
				case 1:
					p.text = string(g.bytes)
				case 2:
					p.score = math.Float32frombits(uint32(g.value))
				case 3:
					p.kind = g.value
				}
			}
			if len(p.text) == 0 || len(p.text) > maxToken || !utf8.ValidString(p.text) || p.score != p.score {
				return nil, damaged("piece %d has %d bytes or no score", len(pieces), len(p.text))
			}
			if len(pieces) > maxID {
				return nil, damaged("more than %d pieces", maxID)
			}
			pieces = append(pieces, p)
		case 2: // trainer_spec
			for {
				g, ok := sub.next()
				if !ok {
					break
				}
				switch g.number {
				case 3:
					kind = g.value
				case 24:
					suffix = g.value != 0
				case 35:
					fallback = g.value != 0
				}
			}
		case 3: // normalizer_spec
			for {
				g, ok := sub.next()
				if !ok {
					break
				}
				switch g.number {
				case 2:
					charsmap = g.bytes
				case 3, 4, 5:
					normalizer[g.number] = g.value
				case 6:
					rules = string(g.bytes)
				}
			}
		case 5: // denormalizer_spec
			for {
				g, ok := sub.next()
				if !ok {
					break
				}
				if g.number == 2 {
					denormalizer = g.bytes
				}
			}
		}
		if sub.bad {
			return nil, damaged("a damaged message of SentencePiece in field %d", f.number)
		}
	}
	if model.bad || len(pieces) == 0 {
		return nil, damaged("it is not a model of SentencePiece")
	}
	switch {
	case kind != 2:
		names := map[uint64]string{1: "UNIGRAM", 3: "WORD", 4: "CHAR"}
		return nil, unknown("SentencePiece with model_type %s (%d)", names[kind], kind)
	case !fallback:
		return nil, unknown("SentencePiece with byte_fallback: false, so that a character may have no token")
	case suffix:
		return nil, unknown("SentencePiece with treat_whitespace_as_suffix: true")
	case len(charsmap) > 0 || rules != "":
		return nil, unknown("SentencePiece with a normalization of characters")
	case normalizer[4] != 0:
		return nil, unknown("SentencePiece with remove_extra_whitespaces: true")
	case normalizer[5] == 0:
		return nil, unknown("SentencePiece with escape_whitespaces: false")
	case len(denormalizer) > 0:
		return nil, unknown("SentencePiece with a denormalization of characters")
	}
	s := &source{}
	s.normal.spaces, s.normal.prefix = true, normalizer[3] != 0
	return s, s.pieces(pieces, true)
}

// pieces enters the tokens of SentencePiece, and its pairs: any two tokens whose union is a token merge,
// those with the highest score first. inner says that user-defined tokens are looked for in the
// normalized text, as SentencePiece does, and not before, as llama.cpp does.
func (s *source) pieces(pieces []piece, inner bool) error {
	ids := make(map[string]int32, len(pieces))
	bytesAt := map[string]int32{}
	for i, p := range pieces {
		id := int32(i)
		switch p.kind {
		case pieceByte:
			bytesAt[p.text] = id
			continue
		case pieceControl, pieceUnknown:
			s.addControl(id, p.text)
			s.hide1(id)
			s.added = append(s.added, addedToken{content: p.text, id: id, special: true})
			continue
		case pieceNormal, pieceUser:
		case pieceUnused:
			return unknown("SentencePiece with the unused piece %q", p.text)
		default:
			return unknown("SentencePiece with the piece %q of type %d", p.text, p.kind)
		}
		if before, ok := ids[p.text]; ok {
			return damaged("ids %d and %d have the same text", before, id)
		}
		ids[p.text] = id
		text := spaces(p.text)
		s.setToken(id, text)
		switch {
		case p.kind == pieceUser && inner:
			s.added = append(s.added, addedToken{content: text, id: id, normalized: true})
			s.hide1(id)
		case p.kind == pieceUser:
			s.added = append(s.added, addedToken{content: p.text, id: id})
			s.hide1(id)
		case strings.Contains(p.text, " "):
			s.hide1(id) // a space in a text is a ▁
		}
	}
	if err := s.byteFallback(func(name string) int32 {
		if id, ok := bytesAt[name]; ok {
			return id
		}
		return -1
	}); err != nil {
		return err
	}
	for name, id := range bytesAt {
		if s.bytes[s.tokens[id][0]] != id || len(s.tokens[id]) != 1 {
			return damaged("the piece %q is not the one of a byte", name)
		}
	}
	for i, p := range pieces {
		id := int32(i)
		if p.kind != pieceNormal || s.hidden.has(id) {
			continue
		}
		for j, r := range p.text {
			if _, ok := ids[string(r)]; !ok {
				return unknown("SentencePiece with the character %q in a piece, and without a piece of its own", r)
			}
			if j == 0 {
				continue
			}
			left, ok := ids[p.text[:j]]
			right, ok2 := ids[p.text[j:]]
			if ok && ok2 && !s.hidden.has(left) && !s.hidden.has(right) {
				if len(s.merges) == maxMerges {
					return damaged("more than %d pairs", maxMerges)
				}
				s.merges = append(s.merges, pair{left: left, right: right, id: id})
			}
		}
	}
	slices.SortStableFunc(s.merges, func(a, b pair) int {
		return cmp.Compare(pieces[b.id].score, pieces[a.id].score)
	})
	rank := int32(0)
	for i := range s.merges {
		if i > 0 && pieces[s.merges[i].id].score != pieces[s.merges[i-1].id].score {
			rank++
		}
		s.merges[i].rank = rank
	}
	return nil
}

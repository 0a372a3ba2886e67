package tokset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// ErrMalformed is the one error of Decode.
var ErrMalformed = errors.New("malformed set of pairs")

// idSize is the length of an encoded id: ids are below 2^24.
const idSize = 3

// AppendBinary appends the set's canonical encoding: sets that hold the same have the
// same bytes, however they came about.
//
//	width u8, rule u8, units u64le, excluded u64le
//	units in the order of their tags: ids LE24 (context, then token), count u64le
//	excluded contexts in order: nonces of 12 bytes
func (s *Set) AppendBinary(dst []byte) []byte {
	dst = append(dst, byte(s.width), byte(s.rule))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.token)))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.excluded)))
	order := make([]int, len(s.token))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(s.tag[a][:], s.tag[b][:]) })
	for _, i := range order {
		for _, id := range s.contextAt(i) {
			dst = append24(dst, id)
		}
		dst = append24(dst, s.token[i])
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.count[i]))
	}
	nonces := slices.SortedFunc(maps.Keys(s.excluded), func(a, b prf.Nonce) int { return bytes.Compare(a[:], b[:]) })
	for _, n := range nonces {
		dst = append(dst, n[:]...)
	}
	return dst
}

func append24(dst []byte, id int32) []byte {
	return append(dst, byte(id), byte(id>>8), byte(id>>16))
}

// Decode reads a set of the given width and rule that AppendBinary wrote, and returns
// it with what follows in data. Memory is bounded by the length of data.
func Decode(data []byte, width int, rule Rule, vocab int) (*Set, []byte, error) {
	const header = 2 + 8 + 8
	if len(data) < header || int(data[0]) != width || Rule(data[1]) != rule {
		return nil, nil, ErrMalformed
	}
	units, excluded := binary.LittleEndian.Uint64(data[2:]), binary.LittleEndian.Uint64(data[10:])
	data = data[header:]
	unitSize := uint64(idSize*(width+1) + 8)
	nonceSize := uint64(len(prf.Nonce{}))
	if units > uint64(len(data))/unitSize {
		return nil, nil, ErrMalformed
	}
	if excluded > (uint64(len(data))-units*unitSize)/nonceSize {
		return nil, nil, ErrMalformed
	}
	s := New(width, rule)
	ids := make([]int32, width+1)
	for range units {
		for i := range ids {
			ids[i] = int32(data[0]) | int32(data[1])<<8 | int32(data[2])<<16
			if int(ids[i]) >= vocab {
				return nil, nil, ErrMalformed
			}
			data = data[idSize:]
		}
		count := binary.LittleEndian.Uint64(data)
		data = data[8:]
		if count < 1 || count > 1<<62 {
			return nil, nil, ErrMalformed
		}
		s.BeginText()
		before := s.Len()
		s.Add(ids[:width], ids[width])
		if s.Len() == before || before > 0 && !less(&s.tag[before-1], &s.tag[before]) {
			return nil, nil, ErrMalformed // a unit twice, or units out of order
		}
		s.count[before] = int64(count)
	}
	for range excluded {
		nonce := prf.Nonce(data[:nonceSize])
		if _, ok := s.excluded[nonce]; ok {
			return nil, nil, ErrMalformed
		}
		s.excluded[nonce] = struct{}{}
		data = data[nonceSize:]
	}
	return s, data, nil
}

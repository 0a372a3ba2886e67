package tokset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/isotope-wm/isotope/internal/prf"
)

// ErrMalformed is the only error of Decode.
var ErrMalformed = errors.New("malformed set of pairs")

// idSize is the length of an encoded id: ids are below 2^24.
const idSize = 3

// AppendBinary appends the canonical encoding of the set to dst. Sets with equal contents have equal
// encodings, whatever the order of texts and merges.
//
//	positions u64le, units u64le, excluded u64le
//	units in the order of the bytes of their tags:
//	    ids LE24 (context, then token), weight u8, count u64le
//	excluded contexts in the order of their bytes: nonces of 12 bytes
func (s *Set) AppendBinary(dst []byte) []byte {
	s.settle()
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.positions))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.n))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.excluded)))
	order := make([]int, s.n)
	for i := range order {
		order[i] = i
	}
	tags := s.allTags()
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(tags[a][:], tags[b][:]) })
	var ids []int32
	for _, i := range order {
		ids = s.AppendContext(ids[:0], i)
		for _, id := range ids {
			dst = append24(dst, id)
		}
		dst = append24(dst, token(s.inputs.at(i)))
		dst = append(dst, s.weight(i))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.counts.of(i)))
	}
	nonces := slices.SortedFunc(maps.Keys(s.excluded), func(a, b prf.Nonce) int {
		return bytes.Compare(a[:], b[:])
	})
	for _, n := range nonces {
		dst = append(dst, n[:]...)
	}
	return dst
}

func append24(dst []byte, id int32) []byte {
	return append(dst, byte(id), byte(id>>8), byte(id>>16))
}

// Decode reads a set with config c that AppendBinary wrote, and returns it with the rest of data. Its
// ids must be below vocab and its weights at most maxWeight. The length of data bounds the memory.
func Decode(data []byte, c Config, vocab int, maxWeight uint8) (*Set, []byte, error) {
	const header = 3 * 8
	if len(data) < header {
		return nil, nil, ErrMalformed
	}
	positions := int64(binary.LittleEndian.Uint64(data))
	units, excluded := binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint64(data[16:])
	data = data[header:]
	unitSize, nonceSize := uint64(idSize*(c.Width+1)+1+8), uint64(len(prf.Nonce{}))
	if units > uint64(len(data))/unitSize || excluded > (uint64(len(data))-units*unitSize)/nonceSize {
		return nil, nil, ErrMalformed
	}
	if positions < 0 || positions > 1<<60 || c.Size > 0 && units > uint64(c.Size) {
		return nil, nil, ErrMalformed
	}
	s := New(c)
	s.positions = positions
	ids := make([]int32, c.Width+1)
	rest := positions // of units that are not yet read
	for i := range int(units) {
		for j := range ids {
			ids[j] = int32(data[0]) | int32(data[1])<<8 | int32(data[2])<<16
			if int(ids[j]) >= vocab {
				return nil, nil, ErrMalformed
			}
			data = data[idSize:]
		}
		weight, count := data[0], int64(binary.LittleEndian.Uint64(data[1:]))
		data = data[1+8:]
		if weight > maxWeight || count < 1 || count > rest {
			return nil, nil, ErrMalformed
		}
		rest -= count
		s.BeginText()
		s.addPair(ids[:c.Width], ids[c.Width], unit{weight: weight, count: count})
		if s.n != i+1 {
			return nil, nil, ErrMalformed // a repeated unit
		}
	}
	tags := s.allTags()
	for i := 1; i < len(tags); i++ {
		if !less(&tags[i-1], &tags[i]) {
			return nil, nil, ErrMalformed // units out of order
		}
	}
	if rest > 0 && (c.Size == 0 || s.n < c.Size) {
		return nil, nil, ErrMalformed // only a full sample drops positions
	}
	if rest > 0 {
		s.setLimit()
	}
	var previous prf.Nonce
	for i := range excluded {
		nonce := prf.Nonce(data[:nonceSize])
		if i > 0 && bytes.Compare(previous[:], nonce[:]) >= 0 {
			return nil, nil, ErrMalformed
		}
		s.excluded[nonce], previous = struct{}{}, nonce
		data = data[nonceSize:]
	}
	return s, data, nil
}

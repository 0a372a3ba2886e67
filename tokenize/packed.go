package tokenize

import (
	_ "embed"
	"encoding/binary"
	"errors"
)

// The vocabularies of the built-in encodings. r50k_base has the first tokens of p50k_base. TestPacked
// compares them with the tables of tiktoken-go, and makes them from there:
//
//go:generate go test -run TestPacked -packed.write
var (
	//go:embed packed/cl100k_base
	packedCL100K string
	//go:embed packed/o200k_base
	packedO200K string
	//go:embed packed/p50k_base
	packedP50K string
)

// pack returns tokens as bytes: their number as four bytes, big-endian; the length of each as one byte,
// 0 for a hole; and then the tokens, one after the other.
func pack(tokens []string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(tokens)))
	for _, token := range tokens {
		out = append(out, byte(len(token)))
	}
	for _, token := range tokens {
		out = append(out, token...)
	}
	return out
}

var errPacked = errors.New("the packed vocabulary is damaged")

// unpack returns the tokens of ids below n, one after the other, and where each of them starts, then the
// end. A hole has no bytes, and neither has an id after the last token. The text shares the memory of
// packed.
func unpack(packed string, n int) (text string, start []uint32, err error) {
	if len(packed) < 4 {
		return "", nil, errPacked
	}
	count := int(binary.BigEndian.Uint32([]byte(packed[:4])))
	if len(packed)-4 < count {
		return "", nil, errPacked
	}
	sizes, text := packed[4:4+count], packed[4+count:]
	start = make([]uint32, n+1)
	end := 0
	for id := range n {
		if id < count {
			end += int(sizes[id])
		}
		start[id+1] = uint32(end)
	}
	if end > len(text) {
		return "", nil, errPacked
	}
	return text[:end], start, nil
}

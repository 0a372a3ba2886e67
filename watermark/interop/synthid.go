package interop

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"sync"

	"github.com/isotope-wm/isotope/watermark"
)

// SynthID-Text (Dathathri et al. 2024, "Scalable watermarking for identifying large language model
// outputs"). The context, the token and a key of each layer go through a linear congruential
// generator. transformers and the package synthid-text 0.2.1 then read one bit in a table. The
// repository of DeepMind hashes on instead, since June 2025.

const lcgMultiplier = 6364136223846793005

// lcg is one step of the hash.
func lcg(h, data int64) int64 { return (h+data)*lcgMultiplier + 1 }

// synthidBits returns the bits of a pair, the first layer's in the lowest bit.
type synthidBits func(context []watermark.Token, token watermark.Token) uint64

// synthidTable returns the bits in the way of transformers.
func synthidTable(keys []uint64, size int, seed uint32) synthidBits {
	table := synthidTables.get(tableID{size, seed})
	return func(context []watermark.Token, token watermark.Token) uint64 {
		h := lcg(lcgOver(1, context), int64(token))
		var bits uint64
		for l, k := range keys {
			i := lcg(h, int64(k)) % int64(size)
			if i < 0 {
				i += int64(size)
			}
			bits |= uint64(table[i]) << l
		}
		return bits
	}
}

// synthidHash returns the bits in the way of DeepMind's repository.
func synthidHash(keys []uint64) synthidBits {
	start := synthidStart(keys)
	return func(context []watermark.Token, token watermark.Token) uint64 {
		h := lcg(lcgOver(start, context), int64(token))
		var bits uint64
		for l, k := range keys {
			g := lcg(h, int64(k))
			for range 12 {
				g = lcg(g, 1) >> 5
			}
			bits |= uint64(g>>30&1) << l
		}
		return bits
	}
}

func lcgOver(h int64, context []watermark.Token) int64 {
	for _, t := range context {
		h = lcg(h, int64(t))
	}
	return h
}

// synthidStart is the SHA-256 of the keys modulo 2^63-1.
func synthidStart(keys []uint64) int64 {
	var text []byte
	for _, k := range keys {
		text = binary.LittleEndian.AppendUint64(text, k)
	}
	sum := sha256.Sum256(text)
	n := new(big.Int).SetBytes(sum[:])
	return n.Mod(n, big.NewInt(1<<63-1)).Int64()
}

// A tableID names a table of bits.
type tableID struct {
	size int
	seed uint32
}

// synthidTables keeps tables, which are public and the same for every key.
var synthidTables tableCache

type tableCache struct {
	mu     sync.Mutex
	tables map[tableID][]uint8
}

func (c *tableCache) get(id tableID) []uint8 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.tables[id]; ok {
		return t
	}
	if c.tables == nil || len(c.tables) >= 16 {
		c.tables = make(map[tableID][]uint8)
	}
	t := torchBits(id.seed, id.size)
	c.tables[id] = t
	return t
}

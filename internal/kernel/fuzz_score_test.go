package kernel

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// FuzzScore packs any tokens and decides them under a key, on every backend. The bits must be
// those of the specification for all ids, starts and lengths.
func FuzzScore(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte{}, uint8(2), uint8(0), uint8(1), uint8(0), uint8(0))
	ids := []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0, 0x80}
	f.Add(ids, uint8(4), uint8(3), uint8(77), uint8(9), uint8(2))
	f.Fuzz(func(t *testing.T, ids []byte, context, width, m, lane, from uint8) {
		tokens := make([]int32, len(ids)/4)
		for i := range tokens {
			tokens[i] = int32(binary.LittleEndian.Uint32(ids[4*i:]))
		}
		start := min(int(from), len(tokens))
		w := 1 << (width % 4)
		table := NewTable(w, 1+int(m)%(1<<w-1), int(lane)%(128/w), 1)
		keys, _ := newTestKey(t, m)

		want := make([]Input, len(tokens)-start)
		packGeneric(want, tokens, start, int(context)%(MaxPacked+1))
		valid := make([]Input, 0, len(want)) // Score takes tokens that are ids
		for _, in := range want {
			if binary.BigEndian.Uint32(in[12:]) < absent24 {
				valid = append(valid, in)
			}
		}
		restore := Use(Generic)
		bits := make([]uint64, ScoreSize(len(valid)))
		table.Score(new(Scratch), bits, keys, valid)
		restore()
		for _, backend := range Available() {
			restore := Use(backend)
			got := make([]Input, len(want))
			Pack(got, tokens, start, int(context)%(MaxPacked+1))
			decided := make([]uint64, ScoreSize(len(valid)))
			table.Score(new(Scratch), decided, keys, valid)
			restore()
			require.Equal(t, want, got, backend)
			require.Equal(t, bits, decided, backend)
		}
	})
}

package kernel

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestScoreIsTheSpecification packs, encrypts and decides as docs/spec.md reads, with crypto/aes
// and no code of this package.
func TestScoreIsTheSpecification(t *testing.T) {
	keys, encrypt := newTestKey(t, 7)
	onEachBackend(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, width := range []int{1, 2, 4, 8} {
			for _, m := range []int{1, 1<<width - 1, 1 + rng.IntN(1<<width-1)} {
				for _, lane := range []int{0, 1, 128/width - 1, rng.IntN(128 / width)} {
					table := NewTable(width, m, lane, 1)
					for n := range 70 {
						inputs := make([]Input, n)
						for i := range inputs {
							for j := range 12 {
								inputs[i][j] = byte(rng.Uint32())
							}
							binary.BigEndian.PutUint32(inputs[i][12:], rng.Uint32N(1<<24-1))
						}
						dst := []uint64{1<<63 | 5, 1<<63 | 5, 0xfeed}
						table.Score(new(Scratch), dst, keys, inputs)
						require.Equal(t, uint64(0xfeed), dst[2], "past the end")
						for i := range 64 * ScoreSize(n) {
							want := false
							if i < n {
								v := int(binary.BigEndian.Uint32(inputs[i][12:]))
								in := inputs[i]
								binary.BigEndian.PutUint32(in[12:], uint32(v*width/128))
								block := encrypt(in[:])
								want = greenBit(block[:], v%(128/width), width, m, lane)
							}
							require.Equal(t, want, dst[i/64]>>(i%64)&1 == 1,
								"w=%d m=%d lane=%d n=%d input %d", width, m, lane, n, i)
						}
					}
				}
			}
		}
	})
}

func TestScoreOfAComplement(t *testing.T) {
	keys, _ := newTestKey(t, 8)
	inputs := make([]Input, 100)
	for i := range inputs {
		inputs[i][15] = byte(i)
	}
	onEachBackend(t, func(t *testing.T) {
		table := NewTable(1, 1, 77, 1)
		a, b := make([]uint64, 2), make([]uint64, 2)
		table.Score(new(Scratch), a, keys, inputs)
		table.Complement().Score(new(Scratch), b, keys, inputs)
		assert.Equal(t, [2]uint64{^a[0], ^a[1] & (1<<36 - 1)}, [2]uint64(b))
	})
}

func TestPack(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	onEachBackend(t, func(t *testing.T) {
		for width := range MaxPacked + 1 {
			for n := range 40 {
				tokens := make([]int32, n)
				for i := range tokens {
					tokens[i] = rng.Int32N(1 << 24)
					switch rng.IntN(10) {
					case 0:
						tokens[i] = -tokens[i]
					case 1:
						tokens[i] = 1<<24 - 1 + rng.Int32N(1<<30)
					}
				}
				for from := range n {
					dst := make([]Input, n-from)
					Pack(dst, tokens, from, width)
					for i := range dst {
						var want []byte
						for back := 4; back > 0; back-- {
							id := uint32(1<<24 - 1)
							at := from + i - back
							if back <= width && at >= 0 && tokens[at] >= 0 && tokens[at] < 1<<24-1 {
								id = uint32(tokens[at])
							}
							want = append(want, byte(id), byte(id>>8), byte(id>>16))
						}
						want = binary.BigEndian.AppendUint32(want, uint32(tokens[from+i]))
						require.Equal(t, want, dst[i][:], "width %d, %d tokens, place %d", width, n, from+i)
					}
				}
			}
		}
	})
}

// TestCountLanes compares the count of each lane with the decisions of its own table.
func TestCountLanes(t *testing.T) {
	keys, _ := newTestKey(t, 10)
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{0, 1, 7, 15, 16, 17, 31, 32, 33, 239, 240, 241, 1000} {
		inputs := make([]Input, n)
		for i := range inputs {
			inputs[i] = Input{byte(i), byte(i >> 8)}
			binary.BigEndian.PutUint32(inputs[i][12:], rng.Uint32N(1<<24-1))
		}
		var want [MaxLanes]int64
		bits := make([]uint64, ScoreSize(n))
		for lane := range want {
			want[lane] = 5 + int64(n)
			NewTable(1, 1, lane, 1).Score(new(Scratch), bits, keys, inputs)
			for i := range n {
				want[lane] -= int64(bits[i/64] >> (i % 64) & 1)
			}
		}
		t.Run(fmt.Sprintf("n=%d", n), func(t *testing.T) {
			onEachBackend(t, func(t *testing.T) {
				var got [MaxLanes]int64
				for i := range got {
					got[i] = 5
				}
				CountLanes(new(Scratch), keys, &got, inputs)
				require.Equal(t, want, got)
			})
		})
	}
}

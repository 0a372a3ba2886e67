package kernel

import (
	"crypto/aes"
	"crypto/cipher"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/internal/testmark/race"
)

// special lists the numbers that arithmetic treats in a special way.
var special = []float32{
	0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
	1e-40, -1e-40, math.MaxFloat32, -math.MaxFloat32, -3.25,
	math.Float32frombits(0x7f800001), math.Float32frombits(0xffc12345),
}

// fillRow fills a row from rng, every fourth entry with a special number.
func fillRow(rng *rand.Rand, row []float32) {
	for i := range row {
		if rng.IntN(4) == 0 {
			row[i] = special[rng.IntN(len(special))]
		} else {
			row[i] = math.Float32frombits(rng.Uint32())
		}
	}
}

// bitsOf returns the bits of a row, so that rows with NaN can be compared.
func bitsOf(row []float32) []uint32 {
	out := make([]uint32, len(row))
	for i, x := range row {
		out[i] = math.Float32bits(x)
	}
	return out
}

// A shape holds the arguments of one call of Process, ProcessMask, Stream, Bias and BiasMask.
type shape struct {
	width, m, lane int
	complement     bool
	delta          float32
	n, offset      int // tokens, and floats before the first one
	nonce          Nonce
	seed           uint64
}

// table returns the table of a shape. It reduces the numbers to their ranges.
func (c *shape) table() *Table {
	width := 1 << (c.width & 3)
	t := NewTable(width, 1+c.m%(1<<width-1), c.lane%(128/width), c.delta)
	if width == 1 && c.complement {
		t = t.Complement()
	}
	return t
}

// An outcome is everything that these calls write.
type outcome struct {
	row, fromStream, fromMask []uint32
	mask                      []uint64
	stream                    []byte
}

func (c *shape) run() outcome {
	t, keys := c.table(), NewKeys(&[16]byte{1, 2, byte(c.seed)})
	rng := rand.New(rand.NewPCG(c.seed, 1))
	var s Scratch
	const guard = 8
	whole := make([]float32, c.offset+c.n+guard)
	fillRow(rng, whole)
	again, third := slices.Clone(whole), slices.Clone(whole)
	row := func(x []float32) []float32 { return x[c.offset : c.offset+c.n : c.offset+c.n] }
	t.Process(&s, keys, &c.nonce, row(whole))
	o := outcome{row: bitsOf(whole)}
	o.mask = make([]uint64, (c.n+63)/64+1)
	o.mask[len(o.mask)-1] = 0xfeed
	t.ProcessMask(&s, keys, &c.nonce, o.mask, c.n)
	o.stream = slices.Clone(keys.Stream(&s, &c.nonce, t.StreamSize(c.n)))
	t.Bias(&s, row(again), o.stream)
	o.fromStream = bitsOf(again)
	t.BiasMask(row(third), o.mask)
	o.fromMask = bitsOf(third)
	return o
}

// check compares every backend with a second reading of the specification, which uses no loop of
// this package: CTR mode of the standard library, and lanes as a bit string.
func (c *shape) check(t *testing.T) {
	t.Helper()
	table := c.table()
	block, err := aes.NewCipher([]byte{1, 2, byte(c.seed), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	require.NoError(t, err)
	stream := make([]byte, table.StreamSize(c.n))
	cipher.NewCTR(block, append(c.nonce[:], 0, 0, 0, 0)).XORKeyStream(stream, stream)
	whole := make([]float32, c.offset+c.n+8)
	fillRow(rand.New(rand.NewPCG(c.seed, 1)), whole)
	mask := make([]uint64, (c.n+63)/64+1)
	mask[len(mask)-1] = 0xfeed
	for v := range c.n {
		if greenBit(stream, v, table.width, table.m, table.lane) != (table.invert == 1) {
			whole[c.offset+v] += c.delta
			mask[v/64] |= 1 << (v % 64)
		} else {
			whole[c.offset+v] += 0
		}
	}
	row := bitsOf(whole)
	for _, b := range Available() {
		restore := Use(b)
		got := c.run()
		restore()
		require.Equal(t, stream, got.stream, "%v: keystream of %+v", b, c)
		require.Equal(t, mask, got.mask, "%v: mask of %+v", b, c)
		require.Equal(t, row, got.row, "%v: row of %+v", b, c)
		require.Equal(t, row, got.fromStream, "%v: row from keystream of %+v", b, c)
		require.Equal(t, row, got.fromMask, "%v: row from mask of %+v", b, c)
	}
}

func randomShape(rng *rand.Rand) shape {
	c := shape{
		width: rng.IntN(4), m: rng.IntN(255), lane: rng.IntN(128), complement: rng.IntN(2) == 0,
		delta: rng.Float32() * 8, offset: rng.IntN(16), seed: rng.Uint64(),
	}
	for i := range c.nonce {
		c.nonce[i] = byte(rng.Uint32())
	}
	return c
}

// TestEveryBackendIsTheSpecification checks every length up to 300, about 150 lengths up to 4200,
// and rows of several chunks.
func TestEveryBackendIsTheSpecification(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	step := 1
	for n := 0; n <= 4200; n += step {
		if n >= 300 {
			step = 1 + rng.IntN(50)
		}
		c := randomShape(rng)
		c.n = n
		c.check(t)
	}
	if testing.Short() {
		return
	}
	for _, n := range []int{8191, 8192, 8193, 16384 + 77, 50257} {
		for width := range 4 {
			c := randomShape(rng)
			c.n, c.width = n, width
			c.check(t)
		}
	}
}

func TestEveryAlignment(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for offset := range 16 {
		for _, n := range []int{63, 64, 129, 700} {
			c := randomShape(rng)
			c.n, c.offset = n, offset
			c.check(t)
		}
	}
}

func FuzzProcess(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(uint8(0), uint8(0), uint8(0), uint8(0), uint16(129), uint64(1), []byte{})
	f.Add(uint8(3), uint8(200), uint8(15), uint8(3), uint16(4200), uint64(2), []byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, width, m, lane, offset uint8, n uint16, seed uint64, nonce []byte) {
		c := shape{
			width: int(width), m: int(m), lane: int(lane), complement: seed&1 == 0,
			delta: float32(seed>>1&15) / 2, n: int(n) % 4201, offset: int(offset) % 16, seed: seed,
		}
		copy(c.nonce[:], nonce)
		c.check(t)
	})
}

// TestFloor: the floor of the benchmarks touches every entry once and no others.
func TestFloor(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for n := range 300 {
		offset := rng.IntN(16)
		got := make([]float32, offset+n+8)
		fillRow(rng, got)
		want := slices.Clone(got)
		for i := range n {
			want[offset+i] += 0.75
		}
		Floor(got[offset:offset+n:offset+n], 0.75)
		require.Equal(t, bitsOf(want), bitsOf(got), "%d entries from %d on", n, offset)
	}
}

func TestNothingAllocates(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	keys, table := NewKeys(&[16]byte{1}), NewTable(2, 1, 0, 1)
	var s Scratch
	nonce := Nonce{1}
	row, mask := make([]float32, 10_000), make([]uint64, 200)
	inputs, tokens := make([]Input, 100), make([]int32, 100)
	onEachBackend(t, func(t *testing.T) {
		assert.Zero(t, testing.AllocsPerRun(20, func() {
			table.Process(&s, keys, &nonce, row)
			table.ProcessMask(&s, keys, &nonce, mask, len(row))
			table.BiasMask(row, mask)
			table.Bias(&s, row, keys.Stream(&s, &nonce, table.StreamSize(len(row))))
			Pack(inputs, tokens, 0, 2)
			keys.Encrypt(&s, inputs, inputs)
			table.Score(&s, mask, keys, inputs)
		}))
	})
}

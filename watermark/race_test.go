package watermark

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainProcess is Mark.Process of a GumbelMax without bounds: it weighs all candidates and compares
// the q of each.
func plainProcess(m *Mark, row []float32, context []Token) {
	var s scratch
	list := keepTopK(nil, row, 0)
	if len(list) == 0 {
		return
	}
	softmax(list, 1)
	m.keyed.setContext(&s, context)
	chosen := m.keyed.(*gumbelMax).chooseAll(&s, list, m.salt)
	leave(row, list[chosen])
}

// TestGumbelMaxOfRow compares the race with the plain draw in many contexts. Tokens of every first
// byte win, 255 among them.
func TestGumbelMaxOfRow(t *testing.T) {
	const vocab = 3000
	m, err := New(mustKey(t, 1), GumbelMax{Width: 2}, vocab, Lane{Group: 2, Index: 5})
	require.NoError(t, err)
	topBytes, rows := 0, 0
	for _, kind := range rowKinds {
		rng := rand.New(rand.NewPCG(61, 62))
		for range 40 {
			row := make([]float32, vocab)
			kind.fill(rng, row)
			scale := float32(math.Exp(rng.NormFloat64()))
			for i := range row {
				row[i] *= scale
			}
			context := []Token{rng.Int32N(vocab), rng.Int32N(vocab)}
			want, got := slices.Clone(row), slices.Clone(row)
			plainProcess(m, want, context)
			m.Process(got, context)
			for i := range want {
				require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "%s, token %d", kind.name, i)
			}
			rows++
			for i, x := range got {
				if g := m.keyed.(*gumbelMax); x > negInf && kind.name != "nothing" {
					var s scratch
					g.setContext(&s, context)
					if g.first.number(&s.Scratch, uint32(i)^g.lane)>>56 == topByte {
						topBytes++
					}
				}
			}
		}
	}
	assert.Greater(t, topBytes, rows/10, "winners with first byte 255")
	assert.Less(t, topBytes, rows*9/10, "winners with another first byte")
}

// TestGumbelMaxOfList compares the draw from a list with the plain one, for ids in any order and
// weights of 0.
func TestGumbelMaxOfList(t *testing.T) {
	rng := rand.New(rand.NewPCG(63, 64))
	m, err := New(mustKey(t, 1), GumbelMax{Width: 1, Dual: 0.5}, 4000)
	require.NoError(t, err)
	g := m.keyed.(*gumbelMax)
	var s scratch
	for range 3000 {
		list := make([]candidate, rng.IntN(50))
		for i := range list {
			list[i] = candidate{id: rng.Int32N(4000), weight: max(0, rng.Float64()*math.Exp(rng.NormFloat64()*3)-0.05)}
		}
		g.setContext(&s, []Token{rng.Int32N(4000)})
		salt := rng.Uint32()
		require.Equal(t, g.chooseAll(&s, list, salt), g.choose(&s, list, salt, 0))
	}
}

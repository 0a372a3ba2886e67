package lm

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTrainErrors(t *testing.T) {
	ok := [][]int32{{1, 2, 3}}
	for _, c := range []struct {
		name  string
		docs  [][]int32
		vocab int
		o     Options
		err   string
	}{
		{"no documents", nil, 10, Options{}, "no text to train on"},
		{"empty documents", [][]int32{{}, nil}, 10, Options{}, "no text to train on"},
		{"order too high", ok, 10, Options{Order: 9}, "order 9 is not between 1 and 8"},
		{"order negative", ok, 10, Options{Order: -1}, "order -1"},
		{"no vocabulary", ok, 0, Options{}, "vocabulary size 0 is not"},
		{"vocabulary too large", ok, math.MaxInt32, Options{}, "vocabulary size 2147483647 is not"},
		{
			"id too large", [][]int32{{1}, {2, 10}}, 10, Options{},
			"document 1, token 1: id 10 is outside the vocabulary of 10 ids",
		},
		{"id negative", [][]int32{{-1}}, 10, Options{}, "id -1 is outside"},
		{"id not usable", [][]int32{{7, 8}}, 10, modTen, "document 0, token 1: id 8 is not usable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Train(c.docs, c.vocab, c.o)
			require.ErrorContains(t, err, c.err)
		})
	}
	_, err := Train(nil, 10, Options{})
	assert.ErrorIs(t, err, ErrEmpty)
}

func TestTrainIsDeterministic(t *testing.T) {
	docs := func() [][]int32 { return without8(randomDocs(rand.New(rand.NewPCG(5, 5)), 50, 100, 40)) }
	var first bytes.Buffer
	m := mustTrain(t, docs(), 50, modTen)
	require.NoError(t, m.encode(&first))
	for range 3 {
		again := mustTrain(t, docs(), 50, modTen)
		var b bytes.Buffer
		require.NoError(t, again.encode(&b))
		assert.Equal(t, first.Bytes(), b.Bytes())
		assert.Equal(t, m.Digest(), again.Digest())
	}
	other := docs()
	other[0] = append(other[0], 1)
	assert.NotEqual(t, m.Digest(), mustTrain(t, other, 50, modTen).Digest())
}

// TestDigestIsPinned: the digest covers every bit of the model. It is the same on every machine and with
// every Go release, and changes only together with modelVersion.
func TestDigestIsPinned(t *testing.T) {
	m := mustTrain(t, [][]int32{
		{1, 2, 3, 4, 1, 2, 3, 5, 9, 1, 2, 4},
		{1, 2, 3, 4, 6, 7, 1, 2, 3, 4, 6},
		{5, 4, 3, 2, 1, 0, 1, 2, 3, 9},
	}, 12, modTen)
	assert.Equal(t, "sha256:76d6bf687cc22a6e37f92506f2d5ef23c4366cc18757f26df74726d236224223", m.Digest())
	assert.Equal(t, 5, m.Order())
	assert.Equal(t, 12, m.Vocab())
	assert.EqualValues(t, 33, m.Tokens())
}

// TestTrainOnLittle trains on texts so small that some counts from one to four do not occur. The students
// of the demo train on 20,000 tokens.
func TestTrainOnLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, docs := range [][][]int32{
		{{0}},
		{{1, 1, 1, 1, 1, 1, 1}},
		{{0}, {0}, {0}},
		{{0, 1, 2, 3, 4}},
		randomDocs(r, 5, 3, 300),
		randomDocs(r, 5, 200, 3),
	} {
		m := mustTrain(t, docs, 5, Options{})
		row := make([]float32, 5)
		for _, context := range append(docs, nil, []int32{4, 3, 2, 1, 0}) {
			m.Logits(row, context)
			sum := 0.0
			for _, x := range row {
				require.False(t, math.IsInf(float64(x), 0) || math.IsNaN(float64(x)), "%v: %v", context, row)
				sum += math.Exp(float64(x))
			}
			require.InDelta(t, 1, sum, 1e-5)
		}
	}
}

func TestDiscounts(t *testing.T) {
	// Computed by hand: Y = 1000/(1000+2*300) = 0.625; 1-2Y*0.3, 2-3Y*150/300, 3-4Y*90/150.
	d := estimate([4]int64{1000, 300, 150, 90})
	assert.InDeltaSlice(t, []float64{0.625, 1.0625, 1.5}, d[:], 1e-12)
	assert.Equal(t, d[0], d.of(1))
	assert.Equal(t, d[1], d.of(2))
	assert.Equal(t, d[2], d.of(3))
	assert.Equal(t, d[2], d.of(1000))

	half, single := discount{0.5, 0.5, 0.5}, discount{0.625, 0.625, 0.625}
	for _, c := range []struct {
		name string
		n    [4]int64
		want discount
	}{
		{"no n-grams", [4]int64{}, half},
		{"no count 1", [4]int64{0, 5, 5, 5}, half},
		{"no count 2", [4]int64{5, 0, 5, 5}, half},
		{"no count 3", [4]int64{1000, 300, 0, 90}, single},
		{"no count 4", [4]int64{1000, 300, 150, 0}, single},
		{"negative D2", [4]int64{1000, 300, 9000, 90}, single},
		{"negative D3", [4]int64{1000, 300, 1, 90}, single},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, estimate(c.n)) })
	}
}

func TestLn(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, x := range []float64{
		1, 0.5, math.Sqrt2 / 2, math.Nextafter(math.Sqrt2/2, 0), 1e-300, 1 - 1e-16, 1e-307, math.E, 1e300,
	} {
		assert.InDelta(t, math.Log(x), ln(x), 1e-14*math.Abs(math.Log(x))+1e-18, "%g", x)
	}
	for range 10000 {
		x := math.Exp(-40 * r.Float64())
		require.InDelta(t, math.Log(x), ln(x), 1e-14*math.Abs(math.Log(x))+1e-16, "%g", x)
	}
}

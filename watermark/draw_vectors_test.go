package watermark_test

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/watermark"
)

func TestVectorsNegLog(t *testing.T) {
	var file struct {
		Logarithms []struct{ N, L32, L46 string }
	}
	readVectors(t, "neglog.json", &file)
	require.NotEmpty(t, file.Logarithms)
	for _, v := range file.Logarithms {
		var n uint64 // 0 stands for 2^64
		if v.N != "18446744073709551616" {
			var err error
			n, err = strconv.ParseUint(v.N, 10, 64)
			require.NoError(t, err)
		}
		assert.Equal(t, v.L32, fmt.Sprint(prf.NegLog(n, 32)), v.N)
		assert.Equal(t, v.L46, fmt.Sprint(prf.NegLog(n, 46)), v.N)
	}
}

// A drawVector holds the fields that rows of gumbelmax.json and tournament.json have in common.
type drawVector struct {
	Name, Leaf                     string
	Width, Depth, Candidates, Lane int
	Dual                           float64
	Group, Salt                    uint32
	Before, IDs                    []Token
}

func (v drawVector) mark(t *testing.T, vocab int) *watermark.Mark {
	var scheme watermark.Scheme = watermark.GumbelMax{Width: v.Width, Dual: v.Dual}
	if v.Depth > 0 {
		scheme = watermark.Tournament{Width: v.Width, Depth: v.Depth, Candidates: v.Candidates}
	}
	return newMark(t, vectorKey(t, v.Leaf), scheme, vocab, watermark.Lane{Group: v.Group, Index: v.Lane})
}

func (v drawVector) pairs() []watermark.Pair {
	pairs := make([]watermark.Pair, len(v.IDs))
	for i, id := range v.IDs {
		pairs[i] = watermark.Pair{Context: v.Before, Token: id}
	}
	return pairs
}

func TestVectorsGumbelMax(t *testing.T) {
	var file struct {
		Uniforms []struct {
			drawVector
			Keys       [][2]string
			U          [][]string
			Parts      [][]int64
			Scores     []int64
			Unweighted []int64
		}
	}
	readVectors(t, "gumbelmax.json", &file)
	require.NotEmpty(t, file.Uniforms)
	for _, v := range file.Uniforms {
		t.Run(v.Name, func(t *testing.T) {
			m := v.mark(t, watermark.MaxVocab)
			require.Equal(t, len(v.Keys), m.Parts())
			var parts []int64
			for i := range v.IDs {
				for _, p := range v.Parts {
					parts = append(parts, p[i])
				}
			}
			assert.Equal(t, parts, m.ScoreParts(nil, v.pairs()))
			assert.Equal(t, v.Scores, m.Score(nil, v.pairs()))
			assert.Equal(t, v.Unweighted, m.Unweighted().Score(nil, v.pairs()))
			for k, numbers := range v.U {
				for i, text := range numbers {
					u, err := strconv.ParseUint(text, 16, 64)
					require.NoError(t, err)
					assert.EqualValues(t, v.Parts[k][i], prf.NegLog(-u, 32))
				}
			}
		})
	}
}

func TestVectorsCoins(t *testing.T) {
	var file struct {
		Coins []struct {
			drawVector
			Key int
		}
	}
	readVectors(t, "gumbelmax.json", &file)
	require.NotEmpty(t, file.Coins)
	ids, probs := make([]Token, 200), make([]float32, 200)
	for i := range ids {
		ids[i], probs[i] = Token(i), 1
	}
	for _, v := range file.Coins {
		// The key of the coin is the half that draws as the whole does.
		m := v.mark(t, 1000)
		first, second, ok := m.Halves()
		require.True(t, ok)
		a, b := first.Pick(ids, probs, v.Before, 0), second.Pick(ids, probs, v.Before, 0)
		require.NotEqual(t, a, b, "choose other ids")
		assert.Equal(t, []int{a, b}[v.Key], m.Salted(v.Salt).Pick(ids, probs, v.Before, 0), "%+v", v)
	}
}

func TestVectorsDraws(t *testing.T) {
	var file struct {
		Draws []struct {
			drawVector
			Probs []float32
			Drawn Token
		}
	}
	readVectors(t, "gumbelmax.json", &file)
	require.NotEmpty(t, file.Draws)
	for _, v := range file.Draws {
		t.Run(v.Name, func(t *testing.T) {
			i := v.mark(t, 60_000).Salted(v.Salt).Pick(v.IDs, v.Probs, v.Before, 0.5)
			got := Token(-1)
			if i >= 0 {
				got = v.IDs[i]
			}
			assert.Equal(t, v.Drawn, got)
		})
	}
}

func TestVectorsTournament(t *testing.T) {
	var file struct {
		Layers []struct {
			drawVector
			Bits       []string
			Weights    []int64
			Scores     []int64
			Unweighted []int64
		}
	}
	readVectors(t, "tournament.json", &file)
	require.NotEmpty(t, file.Layers)
	for _, v := range file.Layers {
		t.Run(v.Name, func(t *testing.T) {
			m := v.mark(t, watermark.MaxVocab)
			assert.Equal(t, v.Weights, m.Law().(watermark.Layers).Weights())
			assert.Equal(t, v.Scores, m.Score(nil, v.pairs()))
			assert.Equal(t, v.Unweighted, m.Unweighted().Score(nil, v.pairs()))
			for i, bits := range m.ScoreParts(nil, v.pairs()) {
				assert.Equal(t, v.Bits[i], fmt.Sprintf("%08x", bits))
			}
		})
	}
}

// TestVectorsSettled reads the reweighted probabilities off draws by u: token i is drawn for u
// between the sum of the probabilities before it and the sum with its own.
func TestVectorsSettled(t *testing.T) {
	var file struct {
		Settled []struct {
			drawVector
			Probs []float32
			After []float64
		}
	}
	readVectors(t, "tournament.json", &file)
	require.NotEmpty(t, file.Settled)
	for _, v := range file.Settled {
		t.Run(v.Name, func(t *testing.T) {
			m := v.mark(t, 60_000)
			var sum float64
			for i, p := range v.After {
				if p > 1e-9 {
					assert.Equal(t, i, m.Pick(v.IDs, v.Probs, v.Before, sum+1e-3*p))
					assert.Equal(t, i, m.Pick(v.IDs, v.Probs, v.Before, sum+(1-1e-3)*p))
				}
				sum += p
			}
		})
	}
}

func TestVectorsDrawProfiles(t *testing.T) {
	var file struct {
		Profiles []struct{ Text, Canonical, ID string }
		Refused  []struct{ Text, Reason string }
	}
	readVectors(t, "profile-draws.json", &file)
	require.NotEmpty(t, file.Profiles)
	require.NotEmpty(t, file.Refused)
	for _, v := range file.Profiles {
		for _, text := range []string{v.Text, v.Canonical} {
			p, err := watermark.ParseProfile([]byte(text))
			require.NoError(t, err, text)
			canonical, err := p.MarshalJSON()
			require.NoError(t, err)
			assert.Equal(t, v.Canonical, string(canonical))
			assert.Equal(t, v.ID, p.ID())
		}
	}
	for _, v := range file.Refused {
		_, err := watermark.ParseProfile([]byte(v.Text))
		assert.Error(t, err, "%s: %s", v.Reason, v.Text)
	}
}

func TestVectorsDrawGeneration(t *testing.T) {
	var file struct {
		Generations []struct {
			Name, Leaf, Selector, Profile string
			Salt                          uint32
			Prompt, IDs                   []Token
			Probs                         []float32
			U                             []float64
			Text                          []Token
		}
	}
	readVectors(t, "generate-draws.json", &file)
	require.NotEmpty(t, file.Generations)
	for _, v := range file.Generations {
		t.Run(v.Name, func(t *testing.T) {
			s := newSequence(t, vectorMark(t, v.Profile, v.Leaf, v.Selector))
			s.SetSalt(v.Salt)
			s.Reset(v.Prompt)
			var got []Token
			for _, u := range v.U {
				id := v.IDs[s.Pick(v.IDs, v.Probs, u)]
				s.Accept(id)
				got = append(got, id)
			}
			assert.Equal(t, v.Text, got)
		})
	}
}

func TestVectorsVariants(t *testing.T) {
	k := vectorKey(t, hex.EncodeToString(make([]byte, 32)))
	for i, v := range k.Variants(12) {
		assert.True(t, v.Equal(k.Derive("variant", fmt.Sprint(i))), i)
	}
	assert.Empty(t, k.Variants(-1))
}

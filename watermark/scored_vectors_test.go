package watermark_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func TestVectorsScoredProfiles(t *testing.T) {
	var file struct {
		Profiles []struct{ Text, Canonical, ID string }
		Refused  []struct{ Text, Reason string }
	}
	readVectors(t, "profile-scored.json", &file)
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

// TestVectorsScoredGeneration checks that a Sequence marks what a test scores, and nothing else, by all
// ways to mark a row.
func TestVectorsScoredGeneration(t *testing.T) {
	var file struct {
		Generations []struct {
			Name, Leaf, Selector, Profile string
			Prompt, IDs                   []Token
			Begin                         int
			Pause                         *int
			Marked                        string
		}
	}
	readVectors(t, "generate-scored.json", &file)
	require.NotEmpty(t, file.Generations)
	for _, v := range file.Generations {
		t.Run(v.Name, func(t *testing.T) {
			m := vectorMark(t, v.Profile, v.Leaf, v.Selector)
			s := newSequence(t, m)
			s.Reset(v.Prompt)
			var got, mask strings.Builder
			bitmap := make([]uint64, (m.Vocab()+63)/64)
			letter := func(to *strings.Builder, id Token, anywhere bool, favoured func(Token) bool) {
				switch {
				case !anywhere || id < 0 || int(id) >= m.Vocab() || slices.Contains(m.Exempt(), id):
					to.WriteByte('-')
				case favoured(id):
					to.WriteByte('g')
				default:
					to.WriteByte('r')
				}
			}
			outside := int64(0)
			for i, id := range v.IDs {
				if v.Pause != nil && i == *v.Pause {
					s.Pause()
				}
				if i == v.Begin {
					s.BeginText()
				}
				delta := s.Mask(bitmap)
				letter(&mask, id, delta > 0, func(id Token) bool { return bitmap[id/64]>>(id%64)&1 == 1 })
				row := make([]float32, m.Vocab())
				s.Process(row)
				letter(&got, id, slices.Max(row) > 0, func(id Token) bool { return row[id] > 0 })
				for _, e := range m.Exempt() {
					assert.Zero(t, row[e])
				}
				if slices.Max(row) > 0 && (id < 0 || int(id) >= m.Vocab()) {
					outside++
				}
				s.Accept(id)
			}
			assert.Equal(t, v.Marked, got.String())
			assert.Equal(t, v.Marked, mask.String())
			n := s.Counts().Bias
			marked := n.Marked - outside
			if !m.IsScoredOnly() {
				marked += n.Unscorable // marked in vain
			}
			assert.EqualValues(t, strings.Count(v.Marked, "g")+strings.Count(v.Marked, "r"), marked)
		})
	}
}

func TestVectorsScoredDraws(t *testing.T) {
	var file struct {
		Draws []struct {
			Name, Leaf, Selector, Profile string
			Salt                          uint32
			Prompt, IDs                   []Token
			Probs                         []float32
			U                             []float64
			Text                          []Token
		}
	}
	readVectors(t, "generate-scored.json", &file)
	require.NotEmpty(t, file.Draws)
	for _, v := range file.Draws {
		t.Run(v.Name, func(t *testing.T) {
			s := newSequence(t, vectorMark(t, v.Profile, v.Leaf, v.Selector))
			s.SetSalt(v.Salt)
			s.Reset(v.Prompt)
			var got []Token
			for _, u := range v.U {
				id := v.IDs[s.Draw(v.IDs, v.Probs, u)]
				s.Accept(id)
				got = append(got, id)
			}
			assert.Equal(t, v.Text, got)
		})
	}
}

func TestVectorsGates(t *testing.T) {
	var file struct {
		Gates []struct {
			Name   string
			Gate   float64
			Logits []float32
			Biased bool
		}
	}
	readVectors(t, "generate-scored.json", &file)
	require.NotEmpty(t, file.Gates)
	for _, v := range file.Gates {
		t.Run(v.Name, func(t *testing.T) {
			scheme := watermark.GreenList{Gamma: 0.99609375, Delta: 1, Width: 2, Gate: v.Gate}
			s := newSequence(t, newMark(t, numbered(t, 1), scheme, 1000))
			row := slices.Clone(v.Logits)
			s.Process(row)
			assert.Equal(t, v.Biased, !slices.Equal(v.Logits, row))
			s.Accept(0)
			assert.Equal(t, !v.Biased, s.Counts().Bias.Gated == 1)
		})
	}
}

package watermark_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// The vectors define wire format isotope/1. testdata/vectors/generate.py, a program that does not
// share code with this one, wrote them from docs/spec.md. A vector that fails means a broken
// format. Never update a vector.

func readVectors(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

const vectorKeyPrefix = "isotope-secret-key-1:"

func vectorKey(t *testing.T, leaf string) watermark.Key {
	t.Helper()
	k, err := watermark.ParseKey(vectorKeyPrefix + leaf)
	require.NoError(t, err)
	return k
}

// vectorMark binds the profile of a vector to its leaf, and to its selector's if any.
func vectorMark(t *testing.T, profile, leaf, selector string) *watermark.Mark {
	t.Helper()
	p, err := watermark.ParseProfile([]byte(profile))
	require.NoError(t, err)
	var selectors []watermark.Key
	if selector != "" {
		selectors = append(selectors, vectorKey(t, selector))
	}
	m, err := p.Mark(vectorKey(t, leaf), selectors...)
	require.NoError(t, err)
	return m
}

func TestVectorsKeys(t *testing.T) {
	var file struct {
		Keys []struct {
			Leaf, Text, ID string
			Derive         []struct {
				Labels []string
				Leaf   string
			}
		}
	}
	readVectors(t, "keys.json", &file)
	require.NotEmpty(t, file.Keys)
	for _, v := range file.Keys {
		t.Run(v.ID, func(t *testing.T) {
			k, err := watermark.ParseKey(v.Text)
			require.NoError(t, err)
			assert.True(t, k.Equal(vectorKey(t, v.Leaf)))
			assert.Equal(t, v.Text, k.Secret(secretaccess.Allow()))
			assert.Equal(t, v.ID, k.ID())
			for _, d := range v.Derive {
				assert.Equal(t, vectorKeyPrefix+d.Leaf, k.Derive(d.Labels...).Secret(secretaccess.Allow()), "labels %q", d.Labels)
			}
		})
	}
}

type greenListVector struct {
	Name, Leaf string
	Width      int
	Gamma      float64
	M, W       int
	Group      uint32
	Lane       int
	Before     []Token
	Vocab      int
	KGreen     string `json:"k_green"`
	Nonce      string
	Keystream  string
	Green      int
	SHA256     string
	First      string
}

func readGreenLists(t *testing.T) []greenListVector {
	t.Helper()
	var file struct{ Greenlist []greenListVector }
	readVectors(t, "greenlist.json", &file)
	require.NotEmpty(t, file.Greenlist)
	return file.Greenlist
}

func (v greenListVector) mark(t *testing.T) *watermark.Mark {
	t.Helper()
	return newMark(t, vectorKey(t, v.Leaf), watermark.GreenList{Gamma: v.Gamma, Delta: 2, Width: v.Width}, v.Vocab,
		watermark.Lane{Group: v.Group, Index: v.Lane})
}

// bitmap returns the mask as bytes: token i is bit i%8 of byte i/8.
func bitmap(m *watermark.Mark, context []Token) []byte {
	words := make([]uint64, (m.Vocab()+63)/64)
	m.Mask(words, context)
	b := make([]byte, (m.Vocab()+7)/8)
	for i := range b {
		b[i] = byte(words[i/8] >> (i % 8 * 8))
	}
	return b
}

// colours spells decisions as the vectors do.
func colours(n int, green func(i int) bool) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("rg"[map[bool]int{true: 1}[green(i)]])
	}
	return b.String()
}

// TestVectorsGreenList checks the three ways to a decision, Mask, Process and Score.
func TestVectorsGreenList(t *testing.T) {
	for _, v := range readGreenLists(t) {
		t.Run(v.Name, func(t *testing.T) {
			m := v.mark(t)
			mask := bitmap(m, v.Before)
			all := colours(v.Vocab, func(i int) bool { return mask[i/8]>>(i%8)&1 == 1 })
			assert.Equal(t, v.Green, strings.Count(all, "g"))
			assert.Equal(t, v.First, all[:min(len(all), 64)])
			sum := sha256.Sum256(mask)
			assert.Equal(t, v.SHA256, hex.EncodeToString(sum[:]))

			row := make([]float32, v.Vocab)
			m.Process(row, v.Before)
			assert.True(t, all == colours(v.Vocab, func(i int) bool { return row[i] == 2 }), "Process is not Mask")
			assert.Equal(t, v.First, colours(len(v.First), func(i int) bool { return isGreen(m, v.Before, Token(i)) }), "Score")
		})
	}
}

// TestVectorsBias checks float32 addition, which is part of the format: a kernel of an engine
// must give these bits.
func TestVectorsBias(t *testing.T) {
	var file struct {
		Bias []struct {
			Leaf           string
			Width, Vocab   int
			Gamma, Delta   float64
			Before         []Token
			Logits, Biased []string
		}
	}
	readVectors(t, "greenlist.json", &file)
	require.NotEmpty(t, file.Bias)
	for _, v := range file.Bias {
		t.Run(fmt.Sprintf("gamma %v, delta %v, %d logits", v.Gamma, v.Delta, v.Vocab), func(t *testing.T) {
			m := newMark(t, vectorKey(t, v.Leaf), watermark.GreenList{Gamma: v.Gamma, Delta: v.Delta, Width: v.Width}, v.Vocab)
			row := make([]float32, len(v.Logits))
			for i, s := range v.Logits {
				bits, err := strconv.ParseUint(s, 16, 32)
				require.NoError(t, err)
				row[i] = math.Float32frombits(uint32(bits))
			}
			m.Process(row, v.Before)
			got := make([]string, len(row))
			for i, x := range row {
				got[i] = fmt.Sprintf("%08x", math.Float32bits(x))
			}
			assert.Equal(t, v.Biased, got)
		})
	}
}

func TestVectorsBand(t *testing.T) {
	var file struct {
		Contexts []struct {
			Selector string
			Width    int
			Before   []Token
			H        int
			Bands    []struct {
				Band [2]int
				In   bool
			}
		}
	}
	readVectors(t, "band.json", &file)
	require.NotEmpty(t, file.Contexts)
	for _, v := range file.Contexts {
		t.Run(fmt.Sprintf("width %d, h %d", v.Width, v.H), func(t *testing.T) {
			for _, b := range v.Bands {
				// The mark's own key and lane take no part in its band.
				m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: v.Width}, 10,
					watermark.Band{Selector: vectorKey(t, v.Selector), Lo: b.Band[0], Hi: b.Band[1]},
					watermark.Lane{Group: 5, Index: 1})
				score := m.Score(nil, []watermark.Pair{{Context: v.Before, Token: 3}})[0]
				assert.Equal(t, b.In, score != watermark.NotScored, "band %v", b.Band)
			}
		})
	}
}

func TestVectorsProfile(t *testing.T) {
	var file struct {
		Profiles []struct{ Text, Canonical, ID string }
	}
	readVectors(t, "profile.json", &file)
	require.NotEmpty(t, file.Profiles)
	for i, v := range file.Profiles {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			for _, text := range []string{v.Text, v.Canonical} {
				p, err := watermark.ParseProfile([]byte(text))
				require.NoError(t, err, text)
				canonical, err := p.MarshalJSON()
				require.NoError(t, err)
				assert.Equal(t, v.Canonical, string(canonical))
				assert.Equal(t, v.ID, p.ID())
			}
		})
	}
}

func TestVectorsProfileRefused(t *testing.T) {
	var file struct {
		Refused []struct{ Text, Reason string }
	}
	readVectors(t, "profile.json", &file)
	require.NotEmpty(t, file.Refused)
	for i, v := range file.Refused {
		t.Run(fmt.Sprintf("%d %s", i, v.Reason), func(t *testing.T) {
			_, err := watermark.ParseProfile([]byte(v.Text))
			assert.Error(t, err, v.Text)
		})
	}
}

// TestVectorsGeneration checks that a Sequence marks the right positions and no others.
func TestVectorsGeneration(t *testing.T) {
	var file struct {
		Generations []struct {
			Name, Leaf, Selector, Profile string
			Prompt, IDs                   []Token
			Marked                        string
		}
	}
	readVectors(t, "generate.json", &file)
	require.NotEmpty(t, file.Generations)
	for _, v := range file.Generations {
		t.Run(v.Name, func(t *testing.T) {
			m := vectorMark(t, v.Profile, v.Leaf, v.Selector)
			s, err := watermark.NewSequence(m)
			require.NoError(t, err)
			s.Reset(v.Prompt)
			var got strings.Builder
			for _, id := range v.IDs {
				row := make([]float32, m.Vocab())
				s.Process(row)
				switch {
				case slices.Max(row) == 0:
					got.WriteByte('-')
				case row[id] > 0:
					got.WriteByte('g')
				default:
					got.WriteByte('r')
				}
				s.Accept(id)
			}
			assert.Equal(t, v.Marked, got.String())
		})
	}
}

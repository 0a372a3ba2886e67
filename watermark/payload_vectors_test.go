package watermark_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func TestVectorsPayload(t *testing.T) {
	var file struct {
		Payloads []struct {
			Name, Leaf           string
			Width, Lane, Bits    int
			Group, Message       uint32
			Before               []Token
			Vocab, Parity, Green int
			Column               uint32
			SHA256, First        string
		}
	}
	readVectors(t, "payload.json", &file)
	require.NotEmpty(t, file.Payloads)
	for _, v := range file.Payloads {
		t.Run(v.Name, func(t *testing.T) {
			m := newMark(t, vectorKey(t, v.Leaf), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: v.Width}, v.Vocab,
				watermark.Lane{Group: v.Group, Index: v.Lane}, watermark.Payload{Bits: v.Bits, Message: v.Message})
			mask := bitmap(m, v.Before)
			all := colours(v.Vocab, func(i int) bool { return mask[i/8]>>(i%8)&1 == 1 })
			assert.Equal(t, v.Green, strings.Count(all, "g"))
			assert.Equal(t, v.First, all[:len(v.First)])
			sum := sha256.Sum256(mask)
			assert.Equal(t, v.SHA256, hex.EncodeToString(sum[:]))
			row := make([]float32, v.Vocab)
			m.Process(row, v.Before)
			assert.Equal(t, all, colours(v.Vocab, func(i int) bool { return row[i] == 2 }))

			r := m.ScorePayload(nil, []watermark.Pair{{Context: v.Before, Token: 7}})[0]
			assert.Equal(t, v.Column, r.Column)
			assert.Equal(t, v.Parity, bits.OnesCount32(r.Column&v.Message)&1)
			assert.Equal(t, all[7] == 'g', r.Score^int64(v.Parity) == 1)
		})
	}
}

package watermark_test

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

var payloadScheme = watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}

// columnOf returns the column of a context of two ids, computed as docs/spec.md says.
func columnOf(t *testing.T, secret string, group uint32, bits int, older, newer Token) uint32 {
	t.Helper()
	leaf, err := hex.DecodeString(secret[strings.LastIndexByte(secret, ':')+1:])
	require.NoError(t, err)
	h := hmac.New(sha256.New, leaf)
	h.Write(binary.LittleEndian.AppendUint32([]byte("isotope/1\x00payload\x00\x02\x00"), group))
	h.Write([]byte{1})
	block, err := aes.NewCipher(h.Sum(nil)[:16])
	require.NoError(t, err)
	in := []byte{
		255, 255, 255, 255, 255, 255,
		byte(older), byte(older >> 8), byte(older >> 16), byte(newer), byte(newer >> 8), byte(newer >> 16),
		0, 0, 0, 0,
	}
	block.Encrypt(in, in)
	if in[0]&1 == 0 {
		return 0
	}
	return 1 + uint32(binary.LittleEndian.Uint64(in[8:])%(1<<bits-1))
}

// TestPayloadComplements checks the contract. A payload leaves the list of a mark without one, or
// complements it if the parity is odd, in every method that marks.
func TestPayloadComplements(t *testing.T) {
	k := testKey(t)
	rng := rand.New(rand.NewPCG(21, 22))
	for _, n := range []int{1, 2, 3, 8, 16, 20} {
		for _, lane := range []watermark.Lane{{}, {Group: 4, Index: 77}} {
			message := rng.Uint32N(1 << n)
			base := newMark(t, k, payloadScheme, 300, lane)
			m := newMark(t, k, payloadScheme, 300, lane, watermark.Payload{Bits: n, Message: message})
			s := newSequence(t, m)
			for range 60 {
				context := []Token{rng.Int32N(300), rng.Int32N(300)}
				column := columnOf(t, k.Secret(secretaccess.Allow()), lane.Group, n, context[0], context[1])
				odd := bits.OnesCount32(column&message)&1 == 1

				list, want := make([]uint64, 5), make([]uint64, 5)
				m.Mask(list, context)
				base.Mask(want, context)
				row, other := make([]float32, 300), make([]float32, 300)
				m.Process(row, context)
				s.Reset(context)
				s.Process(other)
				require.Equal(t, row, other)
				for v := range Token(300) {
					plain := want[v/64]>>(v%64)&1 == 1
					require.Equal(t, plain != odd, list[v/64]>>(v%64)&1 == 1, "Mask")
					require.Equal(t, plain != odd, row[v] == 2, "Process")
					pair := []watermark.Pair{{Context: context, Token: v}}
					r := m.ScorePayload(nil, pair)[0]
					require.Equal(t, column, r.Column)
					require.Equal(t, plain, r.Score == 1, "colours are those under message 0")
					label := m.Score(nil, pair)[0]
					if column != 0 {
						require.Equal(t, watermark.InMessage, label)
					} else {
						require.Equal(t, r.Score, label)
					}
				}
				// Of a green and a red id the green one has e^delta/(1+e^delta) of the draws.
				ids := []Token{-1, -1}
				for v := range Token(300) {
					ids[min(int(row[v]), 1)] = v
				}
				share := math.Exp(2) / (1 + math.Exp(2))
				for _, u := range []float64{0.001, 1 - share - 0.001, 1 - share + 0.001, 0.999} {
					got := m.Pick(ids, []float32{1, 1}, context, u)
					require.Equal(t, u > 1-share, got == 1, "Pick")
				}
			}
		}
	}
}

func TestPayloadOfLongContextsAndBands(t *testing.T) {
	k, sel := testKey(t), watermark.NewKey()
	for _, width := range []int{0, 1, 4, 5, 16} {
		g := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}
		m := newMark(t, k, g, 64, watermark.Payload{Bits: 9, Message: 301}, watermark.Band{Selector: sel, Hi: 30000})
		base := newMark(t, k, g, 64, watermark.Band{Selector: sel, Hi: 30000})
		rng := rand.New(rand.NewPCG(3, uint64(width)))
		for range 100 {
			context := make([]Token, 16)
			for i := range context {
				context[i] = rng.Int32N(64)
			}
			pair := []watermark.Pair{{Context: context, Token: 5}}
			r, plain := m.ScorePayload(nil, pair)[0], base.Score(nil, pair)[0]
			require.Equal(t, plain, r.Score)
			row := make([]float32, 64)
			m.Process(row, context)
			if plain == watermark.NotScored {
				require.Equal(t, watermark.PayloadScore{Score: watermark.NotScored}, r)
				require.Equal(t, watermark.NotScored, m.Score(nil, pair)[0], "the band comes first")
				require.Equal(t, make([]float32, 64), row)
				continue
			}
			odd := int64(bits.OnesCount32(r.Column&301) & 1)
			require.Equal(t, plain^odd == 1, row[5] == 2)
		}
	}
}

// TestPayloadColumns checks that half of the contexts do not carry the message, and that the
// others have every column except 0 equally often.
func TestPayloadColumns(t *testing.T) {
	const contexts = 80_000
	for _, n := range []int{1, 2, 3, 5} {
		m := newMark(t, testKey(t), payloadScheme, 1000, watermark.Payload{Bits: n})
		counts := make([]float64, 1<<n)
		for i := range Token(contexts) {
			counts[m.ScorePayload(nil, []watermark.Pair{{Context: []Token{i / 1000, i % 1000}}})[0].Column]++
		}
		within := func(got, p float64) bool {
			return math.Abs(got-contexts*p) < 5*math.Sqrt(contexts*p*(1-p))
		}
		assert.True(t, within(counts[0], 0.5), "%d bits: %v contexts are free", n, counts[0])
		for c, got := range counts[1:] {
			assert.True(t, within(got, 0.5/(math.Exp2(float64(n))-1)), "%d bits, column %d: %v", n, c+1, got)
		}
	}
}

func TestPayloadRefuses(t *testing.T) {
	quarter := watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}
	for _, c := range []struct {
		name  string
		g     watermark.GreenList
		p     watermark.Payload
		param string
		says  string
	}{
		{"negative bits", payloadScheme, watermark.Payload{Bits: -1}, "payload", "-1"},
		{"21 bits", payloadScheme, watermark.Payload{Bits: 21}, "payload", "0 to 20"},
		{"a message of 5 bits in 4", payloadScheme, watermark.Payload{Bits: 4, Message: 16}, "message", "4 bits"},
		{"a message without bits", payloadScheme, watermark.Payload{Message: 1}, "message", "0 bits"},
		{"gamma 1/4", quarter, watermark.Payload{Bits: 4}, "payload", "gamma 1/2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.New(testKey(t), c.g, 10, c.p)
			var param *watermark.ParamError
			require.ErrorAs(t, err, &param)
			assert.Equal(t, c.param, param.Param)
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, err := watermark.New(testKey(t), quarter, 10, watermark.Payload{})
	assert.NoError(t, err, "0 bits mean no payload")
}

func TestPayloadIdentity(t *testing.T) {
	k := testKey(t)
	none := newMark(t, k, payloadScheme, 100)
	zero := newMark(t, k, payloadScheme, 100, watermark.Payload{})
	m := newMark(t, k, payloadScheme, 100, watermark.Payload{Bits: 8, Message: 3})
	assert.Equal(t, none.ID(), zero.ID())
	assert.NotEqual(t, none.ID(), m.ID())
	assert.Equal(t, m.ID(), newMark(t, k, payloadScheme, 100, watermark.Payload{Bits: 8, Message: 200}).ID(), "scores do not depend on the message")
	assert.NotEqual(t, m.ID(), newMark(t, k, payloadScheme, 100, watermark.Payload{Bits: 9, Message: 3}).ID())
	assert.Equal(t, 8, m.PayloadBits())
	assert.Zero(t, none.PayloadBits())
	pair := []watermark.Pair{{Context: []Token{1, 2}, Token: 3}}
	assert.Equal(t, []watermark.PayloadScore{{Score: none.Score(nil, pair)[0]}}, none.ScorePayload(nil, pair), "without a payload every context is free")
}

func TestPayloadProfile(t *testing.T) {
	text := strings.Replace(minimal, "}", `,"payload":12}`, 1)
	p, err := watermark.ParseProfile([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, 12, p.Payload)
	canonical, err := p.MarshalJSON()
	require.NoError(t, err)
	assert.Contains(t, string(canonical), `"payload":12,`)
	plain, err := watermark.ParseProfile([]byte(minimal))
	require.NoError(t, err)
	assert.NotEqual(t, plain.ID(), p.ID())

	k := testKey(t)
	m, err := p.MarkMessage(4095, k)
	require.NoError(t, err)
	test, err := p.Mark(k)
	require.NoError(t, err)
	assert.Equal(t, test.ID(), m.ID())
	want := newMark(t, k, payloadScheme, 100, watermark.Payload{Bits: 12, Message: 4095})
	assert.Equal(t, bitmap(want, []Token{8, 9}), bitmap(m, []Token{8, 9}))
	_, err = p.MarkMessage(4096, k)
	assert.ErrorContains(t, err, "12 bits")
	_, err = plain.MarkMessage(1, k)
	assert.ErrorContains(t, err, "message")
	_, err = plain.MarkMessage(0, k)
	assert.NoError(t, err)
	_, err = watermark.ParseProfile([]byte(strings.Replace(text, "0.5", "0.25", 1)))
	assert.ErrorContains(t, err, "gamma 1/2")
}

func TestPayloadRewinds(t *testing.T) {
	m := newMark(t, testKey(t), payloadScheme, 200, watermark.Payload{Bits: 16, Message: 51966}, watermark.MaskRepeats{})
	s := newSequence(t, m)
	s.Reset([]Token{1, 2, 3})
	var rows [][]float32
	for i := range Token(30) {
		rows = append(rows, biased(s, 200))
		s.Accept(i * 7 % 5)
	}
	s.Rewind(20)
	for i := Token(10); i < 30; i++ {
		require.Equal(t, rows[i], biased(s, 200))
		s.Accept(i * 7 % 5)
	}
}

func TestPayloadAllocatesNothing(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector allocates")
	}
	for _, width := range []int{2, 9} {
		m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: width}, 5000, watermark.Payload{Bits: 20, Message: 777_777})
		s := newSequence(t, m)
		row, mask := make([]float32, 5000), make([]uint64, 79)
		ids, probs := []Token{4, 5, 6}, []float32{0.2, 0.3, 0.5}
		pairs := []watermark.Pair{{Context: []Token{1, 2, 3, 4, 5, 6, 7, 8, 9}, Token: 8}}
		context := []Token{0, 2, 3}
		scores, readings := make([]int64, 0, 1), make([]watermark.PayloadScore, 0, 1)
		step := func() {
			s.Reset(ids)
			for i := range Token(5) {
				context[0] = i
				s.Process(row)
				s.Accept(s.Sample(row, watermark.Sampler{Temperature: 1, TopK: 40}, 0.3))
				m.Process(row, context)
				m.Mask(mask, context)
				m.Pick(ids, probs, context, 0.4)
			}
			s.Rewind(2)
			scores = m.Score(scores[:0], pairs)
			readings = m.ScorePayload(readings[:0], pairs)
		}
		step()
		assert.Zero(t, testing.AllocsPerRun(20, step), "width %d", width)
	}
}

// BenchmarkPayload measures a payload, which costs one AES block and a choice of tables for each
// row.
func BenchmarkPayload(b *testing.B) {
	const vocab = 128_256
	for _, c := range []struct {
		name    string
		payload watermark.Payload
	}{{"none", watermark.Payload{}}, {"bits=16", watermark.Payload{Bits: 16, Message: 51966}}} {
		m := newMark(b, testKey(b), payloadScheme, vocab, c.payload)
		s := newSequence(b, m)
		row := make([]float32, vocab)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := Token(0); b.Loop(); i++ {
				s.Accept(i & 1023)
				s.Process(row)
			}
		})
	}
}

package speed

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/tokset"
	"github.com/isotope-wm/isotope/watermark"
)

// texts returns different documents, with tokens as frequent as words are.
func texts(documents, length int) [][]watermark.Token {
	rng := rand.New(rand.NewPCG(7, uint64(length)))
	all := make([][]watermark.Token, documents)
	for i := range all {
		all[i] = testmark.Zipf(rng, length, vocab)
	}
	return all
}

// BenchmarkScore scores the pairs of texts of 4096 tokens, a million tokens in all. It scores them under
// one key, and under several keys that share the packed contexts. The floor adds a constant to as many
// floats as there are pairs.
func BenchmarkScore(b *testing.B) {
	const length, batch = 4096, 512
	docs := texts(256, length)
	for _, keys := range []int{1, 16} {
		backends(b, fmt.Sprintf("scheme=greenlist/w=1/keys=%d", keys), func(b *testing.B) {
			fs := make([]*prf.Function, keys)
			for i := range fs {
				var err error
				if fs[i], err = prf.New(&[prf.LeafSize]byte{byte(i)}, prf.PurposeGreen, 2, 1, 0); err != nil {
					b.Fatal(err)
				}
			}
			table := kernel.NewTable(1, 1, 0, 1)
			var s prf.Scratch
			inputs, bits := make([]prf.Input, batch), make([]uint64, batch/64)
			row := make([]float32, length*keys)
			at := 0
			inTurns(b, length*keys, func() { kernel.Floor(row, tiny) }, func() {
				text := docs[at%len(docs)]
				at++
				for from := 0; from < length; from += batch {
					kernel.Pack(inputs, text, from, 2)
					for _, f := range fs {
						f.Score(&s, table, bits, inputs)
					}
				}
			})
		})
	}
}

// BenchmarkLanes counts the pairs of texts for all tenant lanes of a group.
func BenchmarkLanes(b *testing.B) {
	const length, batch = 4096, 512
	docs := texts(256, length)
	backends(b, "scheme=greenlist/w=1", func(b *testing.B) {
		keys := kernel.NewKeys(&[16]byte{1})
		var s kernel.Scratch
		inputs := make([]kernel.Input, batch)
		var ones [kernel.MaxLanes]int64
		row := make([]float32, length)
		at := 0
		inTurns(b, length*kernel.MaxLanes, func() { kernel.Floor(row, tiny) }, func() {
			text := docs[at%len(docs)]
			at++
			for from := 0; from < length; from += batch {
				kernel.Pack(inputs, text, from, 2)
				kernel.CountLanes(&s, keys, &ones, inputs)
			}
		})
	})
}

// BenchmarkScoreBy scores tokens by crypto/aes and by SipHash.
func BenchmarkScoreBy(b *testing.B) {
	const length = 4096
	docs := texts(256, length)
	row := make([]float32, length)
	at := 0
	next := func() []watermark.Token { at++; return docs[at%len(docs)] }
	floor := func() { kernel.Floor(row, tiny) }
	b.Run("method=crypto-aes", func(b *testing.B) {
		block, err := aes.NewCipher(make([]byte, 16))
		if err != nil {
			b.Fatal(err)
		}
		in, out := make([]byte, 16), make([]byte, 16)
		green := 0
		inTurns(b, length, floor, func() {
			text := next()
			for i := 2; i < length; i++ {
				binary.LittleEndian.PutUint32(in, uint32(text[i-2]))
				binary.LittleEndian.PutUint32(in[4:], uint32(text[i-1]))
				binary.BigEndian.PutUint32(in[12:], uint32(text[i])>>7)
				block.Encrypt(out, in)
				green += int(out[text[i]&127>>3] >> (text[i] & 7) & 1)
			}
		})
	})
	b.Run("method=siphash", func(b *testing.B) {
		msg := make([]byte, 12)
		green := 0
		inTurns(b, length, floor, func() {
			text := next()
			for i := 2; i < length; i++ {
				binary.LittleEndian.PutUint32(msg, uint32(text[i-2]))
				binary.LittleEndian.PutUint32(msg[4:], uint32(text[i-1]))
				binary.LittleEndian.PutUint32(msg[8:], uint32(text[i]))
				green += int(siphash(1, 2, msg) & 1)
			}
		})
	})
}

// BenchmarkDedup checks and packs the pairs of whole texts and deduplicates them exactly, as an accumulator does
// before a test.
func BenchmarkDedup(b *testing.B) {
	wholeTexts(b, func(*testing.B) func([]watermark.Token) {
		set := tokset.New(tokset.Config{Width: 2})
		return func(text []watermark.Token) {
			for _, token := range text {
				if token < 0 || int(token) >= vocab {
					panic("an id is outside the vocabulary")
				}
			}
			set.Reset()
			set.BeginText()
			set.AddRun(text, nil, nil)
			set.Len() // it compares what was added
		}
	})
}

// BenchmarkDetect is the whole test of a text: what BenchmarkDedup does, then scores and a p-value.
func BenchmarkDetect(b *testing.B) {
	wholeTexts(b, func(b *testing.B) func([]watermark.Token) {
		a := detect.NewAccumulator(newMark(b, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab), nil)
		return func(text []watermark.Token) {
			a.Reset()
			a.Add(text)
			a.Result()
		}
	})
}

// wholeTexts gives texts of several lengths to the functions that begin returns.
func wholeTexts(b *testing.B, begin func(*testing.B) func([]watermark.Token)) {
	for _, length := range []int{256, 1024, 4096, 32768} {
		docs := texts(max(4, 1<<20/length), length)
		row := make([]float32, length)
		backends(b, fmt.Sprintf("scheme=greenlist/dedup=pair/tokens=%d", length), func(b *testing.B) {
			f := begin(b)
			at := 0
			inTurns(b, length, func() { kernel.Floor(row, tiny) }, func() {
				f(docs[at%len(docs)])
				at++
			})
		})
	}
}

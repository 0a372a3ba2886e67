package watermark_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// An ownList is a green list that HMAC-SHA-256 decides. It is a watermark.Bias, which marks text,
// and a detect.Scorer, which finds the mark: one method decides for both.
type ownList struct {
	key   []byte
	delta float32
	vocab int
}

// green decides a pair: with probability 1/4 exactly, independently of all other pairs.
func (l *ownList) green(context []watermark.Token, token watermark.Token) bool {
	mac := hmac.New(sha256.New, l.key)
	pair := binary.BigEndian.AppendUint32(nil, uint32(context[len(context)-1]))
	mac.Write(binary.BigEndian.AppendUint32(pair, uint32(token)))
	return mac.Sum(nil)[0] < 64
}

// Width is for both interfaces: one token of context decides.
func (l *ownList) Width() int { return 1 }

// Process makes the list a watermark.Bias.
func (l *ownList) Process(logits []float32, context []watermark.Token) {
	if len(context) < l.Width() {
		return // a test does not score the start of a text, so leave it unmarked
	}
	for v := range logits {
		if l.green(context, watermark.Token(v)) {
			logits[v] += l.delta
		}
	}
}

// ID names what scores depend on, and does not show the key.
func (l *ownList) ID() string {
	sum := sha256.Sum256(l.key)
	return fmt.Sprintf("ownlist/1 vocab=%d key=%x", l.vocab, sum[:8])
}

// Vocab returns the vocabulary size.
func (l *ownList) Vocab() int { return l.vocab }

// Law declares the exact law of a score of unmarked text: 1 with probability 1/4, else 0. Marked is
// the largest probability in marked text; statements of power use it.
func (l *ownList) Law() watermark.Law {
	odds := math.Exp(float64(l.delta))
	return watermark.Bernoulli{P: 0.25, Marked: 0.25 * odds / (1 + 0.25*(odds-1))}
}

// Score makes the list a detect.Scorer.
func (l *ownList) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for _, p := range pairs {
		score := int64(0)
		if l.green(p.Context, p.Token) {
			score = 1
		}
		dst = append(dst, score)
	}
	return dst
}

// Mark text with a scheme of your own, and test it. The Sequence keeps the context, rewinds it, and
// leaves repeated contexts unmarked.
func ExampleSequence_AddBias() {
	const vocab = 500
	list := &ownList{key: []byte("take 32 random bytes instead"), delta: 3, vocab: vocab}
	seq, err := watermark.NewSequence()
	if err != nil {
		log.Fatal(err)
	}
	if err := seq.AddBias(list, watermark.MaskRepeats{}); err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var text []watermark.Token
	for len(text) < 100 {
		logits := make([]float32, vocab) // of your model
		token := seq.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		seq.Accept(token)
		text = append(text, token)
	}

	test := detect.NewAccumulator(list, nil)
	test.Add(text)
	r := test.Result()
	fmt.Printf("%s: %d of %d green, and chance gives a quarter\n", r.Verdict, r.Green, r.Scored)
	// Output: detected: 82 of 99 green, and chance gives a quarter
}

package student_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// A toyModel is a language, a student of it, and its own reference. The next token depends on the last
// one, by a Zipf law over a random permutation for each token.
type toyModel struct {
	logits [][]float32 // by last token
	tilts  []tilt
}

// A tilt is what a student learned of a mark: green tokens are more likely by e^strength.
type tilt struct {
	mark     *watermark.Mark
	strength float32
}

// newToy returns a language of ids words. Other ids never occur.
func newToy(seed uint64, ids int) *toyModel {
	rng := rand.New(rand.NewPCG(seed, 11))
	m := &toyModel{logits: make([][]float32, ids)}
	for i := range m.logits {
		m.logits[i] = make([]float32, ids)
		for rank, v := range rng.Perm(ids) {
			m.logits[i][v] = -float32(math.Log(float64(rank + 3)))
		}
	}
	return m
}

// taught returns the language with tilts.
func (m *toyModel) taught(tilts ...tilt) *toyModel { return &toyModel{m.logits, tilts} }

// row returns the next-token law after a context.
func (m *toyModel) row(context []Token) []float32 {
	last := Token(0)
	if len(context) > 0 {
		last = max(context[len(context)-1], 0) % Token(len(m.logits))
	}
	row := append([]float32(nil), m.logits[last]...)
	mask := make([]uint64, (len(row)+63)/64)
	for _, t := range m.tilts {
		if len(context) < t.mark.Width() {
			continue
		}
		clear(mask)
		t.mark.Mask(mask, context)
		for v := range row {
			if mask[v/64]>>(v%64)&1 == 1 {
				row[v] += t.strength
			}
		}
	}
	sum := 0.0
	for _, x := range row {
		sum += math.Exp(float64(x))
	}
	for v, x := range row {
		row[v] = float32(math.Exp(float64(x)) / sum)
	}
	return row
}

func (m *toyModel) write(rng *rand.Rand, prompt []Token, n int) []Token {
	text := append([]Token(nil), prompt...)
	for range n {
		u, next := rng.Float64(), Token(0)
		for v, p := range m.row(text) {
			if u -= float64(p); p > 0 && u <= 0 {
				next = Token(v)
				break
			}
		}
		text = append(text, next)
	}
	return text[len(prompt):]
}

func (m *toyModel) LogProb(context []Token, next Token) float64 {
	if int(next) >= len(m.logits) {
		return math.Inf(-1)
	}
	return math.Log(float64(m.row(context)[next]))
}

// rows is a toyModel that returns whole rows.
type rows struct{ *toyModel }

func (m rows) LogProbs(dst []float32, context []Token) []float32 {
	dst = dst[:0]
	for _, p := range m.row(context) {
		dst = append(dst, float32(math.Log(float64(p))))
	}
	return dst
}

// studentRoot returns the key from which the tests derive theirs.
func studentRoot() watermark.Key { return testmark.Key(77) }

func studentMark(t testing.TB, label string, width int, opts ...watermark.Option) *watermark.Mark {
	return testmark.Green(t, studentRoot().Derive(label), width, opts...)
}

// decoysOf returns n control keys for a mark of the tests.
func decoysOf(t testing.TB, n, width int, opts ...watermark.Option) *student.Decoys {
	d, err := student.NewDecoys([16]byte{9}, n, func(k watermark.Key) (detect.Scorer, error) {
		return watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}, vocab, opts...)
	})
	require.NoError(t, err)
	return d
}

// ask collects outputs of n tokens, each with a prompt.
func ask(m *toyModel, rng *rand.Rand, outputs, n int, add func(prompt, text []Token)) {
	for range outputs {
		prompt := []Token{rng.Int32N(int32(len(m.logits))), rng.Int32N(int32(len(m.logits))), rng.Int32N(int32(len(m.logits)))}
		add(prompt, m.write(rng, prompt, n))
	}
}

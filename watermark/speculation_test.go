package watermark_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// speculate writes n tokens by speculative decoding. The rows of its models are random and depend
// on the last token. It returns the text and the number of accepted tokens.
func speculate(spec *watermark.Speculation, prompt []Token, n, ahead, vocab int, rng *rand.Rand) (text []Token, accepted int) {
	row := make([]float32, vocab)
	model := func(name uint64, text []Token) []float32 {
		randomRow(row, rand.New(rand.NewPCG(name, uint64(text[len(text)-1]))))
		return row
	}
	spec.Reset(prompt)
	text = append(text, prompt...)
	rows, tokens := make([]watermark.Row, ahead), make([]Token, ahead)
	var target watermark.Row
	for len(text) < len(prompt)+n {
		start := len(text)
		for i := range ahead {
			rows[i] = spec.Row(rows[i], model(1, text), hotSampler)
			tokens[i] = spec.Draft(rows[i], rng.Float64())
			spec.Accept(tokens[i])
			text = append(text, tokens[i])
		}
		spec.Rewind(ahead)
		text = text[:start]
		all := true
		for i := 0; i < ahead && all; i++ {
			var t Token
			target = spec.Row(target, model(2, text), hotSampler)
			t, all = spec.Verify(rows[i], target, tokens[i], rng.Float64(), rng.Float64())
			if all {
				accepted++
			}
			spec.Accept(t)
			text = append(text, t)
		}
		if all {
			target = spec.Row(target, model(2, text), hotSampler)
			t := spec.Target(target, rng.Float64())
			spec.Accept(t)
			text = append(text, t)
		}
	}
	return text[len(prompt) : len(prompt)+n], accepted
}

// TestSpeculationMarks checks that a mark of two keys finds a text whose draft and target had one
// key each, and that a bias is found too.
func TestSpeculationMarks(t *testing.T) {
	const vocab, n = 100, 600
	dual := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 4, Dual: 0.5}, vocab)
	first, second, ok := dual.Halves()
	require.True(t, ok)
	bias := newMark(t, numbered(t, 2), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
	spec, err := watermark.NewSpeculation(first, second, bias)
	require.NoError(t, err)
	prompt := []Token{1, 2, 3, 4}
	text, accepted := speculate(spec, prompt, n, 3, vocab, rand.New(rand.NewPCG(1, 1)))
	assert.Greater(t, accepted, n/10)
	all := append(prompt, text...)
	mean := func(m *watermark.Mark) float64 {
		var sum float64
		for i := range text {
			sum += float64(m.Score(nil, []watermark.Pair{{Context: all[i : i+4], Token: text[i]}})[0])
		}
		return sum / n / watermark.ScoreUnit
	}
	other := newMark(t, numbered(t, 3), watermark.GumbelMax{Width: 4, Dual: 0.5}, vocab)
	assert.InDelta(t, 1, mean(other), 5*math.Sqrt(0.5/n))
	assert.Greater(t, mean(dual), 1.3)
	assert.Greater(t, mean(first), 1.2, "accepted tokens have the draft key")
	assert.Greater(t, mean(second), 1.2, "the others the target key")
	green := 0
	for i := range text {
		if isGreen(bias, all[:i+4], text[i]) {
			green++
		}
	}
	assert.Greater(t, green, n*6/10)
}

// TestSpeculationRewinds checks that rewinding does not change the marks: each position is drawn
// from the state that it would have had anyway.
func TestSpeculationRewinds(t *testing.T) {
	const vocab = 8 // contexts repeat
	draft := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 1}, vocab)
	target := newMark(t, numbered(t, 2), watermark.GumbelMax{Width: 1}, vocab)
	spec, err := watermark.NewSpeculation(draft, target)
	require.NoError(t, err)
	row := watermark.Row{IDs: []Token{0, 1, 2, 3, 4, 5, 6, 7}, Probs: []float32{1, 1, 1, 1, 1, 1, 1, 1}}
	rng := rand.New(rand.NewPCG(2, 2))
	spec.Reset([]Token{0, 1, 0})
	seen := map[Token]bool{0: true, 1: true}
	last := Token(0)
	for i := range 200 {
		n := rng.IntN(5)
		for range n {
			spec.Accept(rng.Int32N(vocab))
		}
		spec.Rewind(n)
		u := rng.Float64()
		d, r := spec.Draft(row, u), spec.Target(row, u)
		plain := Token(u * vocab)
		if seen[last] {
			assert.Equal(t, plain, d, "step %d: %d came before", i, last)
			assert.Equal(t, plain, r)
		} else {
			assert.Equal(t, Token(draft.Pick(row.IDs, row.Probs, []Token{last}, 0)), d)
			assert.Equal(t, Token(target.Pick(row.IDs, row.Probs, []Token{last}, 0)), r)
		}
		seen[last] = true
		last = rng.Int32N(vocab)
		spec.Accept(last)
		if i%40 == 39 {
			spec.Reset([]Token{last})
			seen = map[Token]bool{}
		}
	}
}

func TestVerifyOddRows(t *testing.T) {
	nan := float32(math.NaN())
	spec, err := watermark.NewSpeculation(newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 1}, 50), newMark(t, numbered(t, 2), watermark.GumbelMax{Width: 1}, 50))
	require.NoError(t, err)
	row := func(ids []Token, probs ...float32) watermark.Row { return watermark.Row{IDs: ids, Probs: probs} }
	one, two := row([]Token{5}, 1), row([]Token{6}, 1)
	for c := range Token(20) {
		spec.Reset([]Token{c})
		got, ok := spec.Verify(one, one, 5, 0.999, 0.5)
		assert.True(t, ok && got == 5, "equal rows accept")
		got, ok = spec.Verify(one, row([]Token{5}, 0.25), 5, 0.999, 0.5)
		assert.True(t, ok && got == 5, "they are normalised")
		got, ok = spec.Verify(one, two, 5, 0, 0.5)
		assert.True(t, !ok && got == 6, "illegal for the target")
		got, ok = spec.Verify(row([]Token{9, 5}, 0.5, 0.5), row([]Token{7, 9, 5}, 0.5, 0.5, nan), 5, 0.1, 0.5)
		assert.True(t, !ok && got == 7, "the residual, in any order of ids: %d", got)
		got, ok = spec.Verify(row([]Token{5, 9}, 0.5, 0.5), row([]Token{9, 5, 7}, 0.5, 0.1, 0.4), 5, 0.5, 0.5)
		assert.True(t, !ok && got == 7, "again: %d", got)
		got, ok = spec.Verify(one, row(nil), 5, 0, 0.5)
		assert.True(t, !ok && got == -1, "nothing is legal")
		got, ok = spec.Verify(row(nil), two, 5, 0.5, 0.5)
		assert.True(t, !ok && got == 6, "nothing was proposed")
		assert.Equal(t, Token(-1), spec.Draft(row(nil), 0.5))
		assert.Equal(t, Token(6), spec.Target(row([]Token{5, 6}, nan, 1), 0.5))
		assert.Equal(t, row([]Token{3}, 1), spec.Row(watermark.Row{}, []float32{1, 2, 3, 4}, watermark.Sampler{}), "greedy")
		assert.Empty(t, spec.Row(watermark.Row{}, nil, watermark.Sampler{}).IDs)
	}
}

func TestNewSpeculationRefuses(t *testing.T) {
	a, b := numbered(t, 1), numbered(t, 2)
	g := watermark.GumbelMax{Width: 4}
	first, second, _ := newMark(t, a, watermark.GumbelMax{Width: 4, Dual: 0.5}, 100).Halves()
	good := newMark(t, b, g, 100)
	green := newMark(t, a, watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 100)
	band := watermark.Band{Selector: a, Hi: 7}
	for _, c := range []struct {
		name  string
		marks [2]*watermark.Mark
	}{
		{"nil", [2]*watermark.Mark{nil, good}},
		{"a bias", [2]*watermark.Mark{green, good}},
		{"one key", [2]*watermark.Mark{newMark(t, b, g, 100), good}},
		{"one key, a depth", [2]*watermark.Mark{newMark(t, b, watermark.Tournament{Depth: 3, Width: 4}, 100), good}},
		{"half and whole", [2]*watermark.Mark{newMark(t, a, g, 100), second}},
		{"one half", [2]*watermark.Mark{first, first}},
		{"other width", [2]*watermark.Mark{newMark(t, a, watermark.GumbelMax{Width: 3}, 100), good}},
		{"other band", [2]*watermark.Mark{newMark(t, a, g, 100, band), good}},
		{"other mask", [2]*watermark.Mark{newMark(t, a, g, 100, watermark.MarkRepeats{}), good}},
		{"other vocabulary", [2]*watermark.Mark{newMark(t, a, g, 101), good}},
		{"other prompt rule", [2]*watermark.Mark{newMark(t, a, g, 100, watermark.NoPromptContext{}), good}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.NewSpeculation(c.marks[0], c.marks[1])
			var param *watermark.ParamError
			assert.ErrorAs(t, err, &param)
		})
	}
	_, err := watermark.NewSpeculation(first, second, good)
	assert.Error(t, err, "a third keyed draw")
	for _, marks := range [][2]*watermark.Mark{{first, second}, {second, first}, {newMark(t, a, g, 100), good}, {newMark(t, a, g, 100, band), newMark(t, b, g, 100, band)}} {
		_, err := watermark.NewSpeculation(marks[0], marks[1], green)
		assert.NoError(t, err)
	}
}

// TestDrawsDoNotAllocate covers every call of the hot path for the keyed draws, once
// buffers have grown.
func TestDrawsDoNotAllocate(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector allocates")
	}
	const vocab = 2000
	rng := rand.New(rand.NewPCG(3, 3))
	logits, row := make([]float32, vocab), make([]float32, vocab)
	randomRow(logits, rng)
	sel := numbered(t, 9)
	for _, k := range keyedSchemes {
		for _, option := range []struct {
			name string
			opts []watermark.Option
		}{
			{"plain", nil}, {"band", []watermark.Option{watermark.Band{Selector: sel, Hi: 30000}}},
			{"lane", []watermark.Option{watermark.Lane{Group: 1, Index: 3}}}, {"unmasked", []watermark.Option{watermark.MarkRepeats{}}},
		} {
			opts := option.opts
			m := newMark(t, numbered(t, 1), k.scheme, vocab, opts...)
			bias := newMark(t, numbered(t, 2), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, vocab)
			s := newSequence(t, bias, m)
			spec, err := watermark.NewSpeculation(newMark(t, numbered(t, 3), k.scheme, vocab, opts...), m)
			require.NoError(t, err)
			plain := m.Unweighted()
			context := []Token{1, 2, 3, 4, 5, 6, 7, 8, 9}
			ids, probs := []Token{6, 5, 4}, []float32{0.2, 0.3, 0.5}
			pairs, scores := []watermark.Pair{{Context: context, Token: 8}}, make([]int64, 0, 8)
			var a, b watermark.Row
			step := func() {
				s.Reset(context)
				for i := range Token(4) {
					s.Sample(logits, hotSampler, 0.3)
					s.Pick(ids, probs, 0.3)
					copy(row, logits)
					s.ProcessDraw(row)
					s.Accept(i)
				}
				s.Rewind(2)
				copy(row, logits)
				m.Process(row, context)
				m.Pick(ids, probs, context, 0.4)
				scores = m.Score(scores[:0], pairs)
				scores = m.ScoreParts(scores, pairs)
				scores = plain.Score(scores, pairs)
				spec.Reset(context)
				a, b = spec.Row(a, logits, hotSampler), spec.Row(b, row, hotSampler)
				v := spec.Draft(a, 0.3)
				v, _ = spec.Verify(a, b, v, 0.99, 0.2)
				spec.Accept(v)
				spec.Target(b, 0.1)
			}
			step()
			assert.Zero(t, testing.AllocsPerRun(10, step), "%s %s", k.name, option.name)
		}
	}
}

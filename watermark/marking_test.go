package watermark_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// severalMarks returns marks of all kinds that one Sequence can have: two bands of biases, one of which
// leaves repeats alone, and a keyed draw.
func severalMarks(t *testing.T, vocab int, opts ...watermark.Option) []*watermark.Mark {
	t.Helper()
	selector := numbered(t, 70)
	low := append(slices.Clone(opts), watermark.Band{Selector: selector, Lo: 0, Hi: 30000}, watermark.MaskRepeats{})
	high := append(slices.Clone(opts), watermark.Band{Selector: selector, Lo: 30000, Hi: 60000})
	return []*watermark.Mark{
		newMark(t, numbered(t, 71), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, vocab, low...),
		newMark(t, numbered(t, 72), watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 1}, vocab, high...),
		newMark(t, numbered(t, 73), watermark.GumbelMax{Width: 2, Dual: 0.5}, vocab, opts...),
	}
}

// TestCloneAndResume checks that a copy and a Sequence that resumes from its state write the text that
// the first would have written, with its counts.
func TestCloneAndResume(t *testing.T) {
	const vocab = 12 // contexts repeat
	for _, opts := range [][]watermark.Option{nil, {watermark.ScoredOnly{Exempt: []Token{3}}}, {watermark.NoPromptContext{}}} {
		marking, err := watermark.NewMarking(vocab, severalMarks(t, vocab, opts...)...)
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(1, 9))
		row := make([]float32, vocab+2)
		prompt := testmark.Uniform(rng, 30, vocab)
		s := marking.Sequence(77)
		s.Reset(prompt)
		step := func(u float64, seqs ...*watermark.Sequence) {
			randomRow(row, rng)
			var want Token
			for i, s := range seqs {
				got := s.Sample(row, hotSampler, u)
				if i == 0 {
					want = got
				}
				require.Equal(t, want, got)
				s.Accept(got)
			}
		}
		for i := range 40 {
			switch i {
			case 10:
				s.Pause()
			case 15:
				s.BeginText()
			case 20:
				s.Insert([]Token{1, 2})
			}
			step(rng.Float64(), s)
		}
		clone := s.Clone()
		text, err := json.Marshal(s.State())
		require.NoError(t, err)
		var state watermark.State
		require.NoError(t, json.Unmarshal(text, &state))
		resumed := marking.Sequence(0)
		require.NoError(t, resumed.Resume(prompt, s.Tokens(), state))
		assert.Equal(t, uint32(77), resumed.Salt())
		assert.Equal(t, s.Text(), resumed.Text())
		var copied watermark.Sequence
		copied.CopyFrom(clone)
		for range 60 {
			step(rng.Float64(), s, clone, resumed, &copied)
		}
		for _, other := range []*watermark.Sequence{clone, resumed, &copied} {
			assert.Equal(t, s.Counts(), other.Counts())
			assert.Equal(t, s.Tokens(), other.Tokens())
			assert.Equal(t, s.State(), other.State())
		}
		c := s.Counts()
		assert.EqualValues(t, 102, c.Tokens)
		assert.EqualValues(t, 2, c.Inserted)
		assert.EqualValues(t, 5, c.Bias.Paused)
		assert.EqualValues(t, 100, c.Draw.Marked+c.Draw.Unscorable+c.Draw.Repeated+c.Draw.Paused+c.Draw.Forced+c.Draw.Exempt)
		assert.Positive(t, c.Draw.Repeated)
		// Copies are independent.
		clone.Accept(0)
		assert.Equal(t, 102, s.Len())
	}
	t.Run("a state of another text", func(t *testing.T) {
		s := newSequence(t)
		s.Accept(1)
		state := s.State()
		require.ErrorIs(t, s.Resume(nil, []Token{1, 2}, state), watermark.ErrState)
		state.Variant = 3
		require.ErrorIs(t, s.Resume(nil, []Token{1}, state), watermark.ErrState)
		assert.Equal(t, []Token{1}, s.Tokens(), "nothing changes")
	})
	for _, c := range []struct {
		name   string
		change func(tokens []Token, state *watermark.State, s **watermark.Sequence)
	}{
		{"other tokens", func(tokens []Token, _ *watermark.State, _ **watermark.Sequence) { tokens[3]++ }},
		{"other tokens in order", func(tokens []Token, _ *watermark.State, _ **watermark.Sequence) { slices.Reverse(tokens) }},
		{"another key", func(_ []Token, _ *watermark.State, s **watermark.Sequence) {
			*s = newSequence(t, newMark(t, numbered(t, 8), watermark.GumbelMax{Width: 2}, vocab))
		}},
		{"another lane", func(_ []Token, _ *watermark.State, s **watermark.Sequence) {
			*s = newSequence(t, newMark(t, numbered(t, 7), watermark.GumbelMax{Width: 2}, vocab, watermark.Lane{Index: 1}))
		}},
		{"another scheme", func(_ []Token, state *watermark.State, s **watermark.Sequence) {
			state.Check = 0
			*s = newSequence(t, newMark(t, numbered(t, 7), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, vocab))
		}},
		{"no mark", func(_ []Token, state *watermark.State, s **watermark.Sequence) {
			state.Check = 0
			*s = newSequence(t)
		}},
		{"another salt", func(_ []Token, state *watermark.State, _ **watermark.Sequence) { state.Salt++ }},
		{"another beginning", func(_ []Token, state *watermark.State, _ **watermark.Sequence) { state.Begin++ }},
		{"paused", func(_ []Token, state *watermark.State, _ **watermark.Sequence) { state.Paused = true }},
		{"negative counts", func(_ []Token, state *watermark.State, _ **watermark.Sequence) {
			state.Check, state.Counts.Draw.Marked, state.Counts.Draw.Forced = 0, -1, 21
		}},
		{"counts that do not add up", func(_ []Token, state *watermark.State, _ **watermark.Sequence) {
			state.Check = 0
			state.Counts.Draw.Forced++
		}},
		{"more faults than tokens", func(_ []Token, state *watermark.State, _ **watermark.Sequence) {
			state.Check, state.Counts.Unasked = 0, 21
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSequence(t, newMark(t, numbered(t, 7), watermark.GumbelMax{Width: 2}, vocab))
			row := make([]float32, vocab)
			for i := range 20 {
				s.Accept(s.Sample(row, hotSampler, float64(i)/20))
			}
			tokens, state := slices.Clone(s.Tokens()), s.State()
			require.NoError(t, s.Resume(nil, tokens, state))
			c.change(tokens, &state, &s)
			before := s.State()
			require.ErrorIs(t, s.Resume(nil, tokens, state), watermark.ErrState)
			assert.Equal(t, before, s.State(), "nothing changes")
		})
	}
}

// TestRewindUndoesEverything takes random steps back and forth, and compares with a Sequence that took
// the remaining ones alone.
func TestRewindUndoesEverything(t *testing.T) {
	const vocab = 6
	marks := severalMarks(t, vocab, watermark.ScoredOnly{})
	rng := rand.New(rand.NewPCG(4, 4))
	row := make([]float32, vocab)
	for range 30 {
		s := newSequence(t, marks...)
		prompt := testmark.Uniform(rng, rng.IntN(10), vocab)
		s.Reset(prompt)
		type step struct {
			kind  int
			token Token
		}
		isToken := func(x step) bool { return x.kind >= 2 }
		take := func(s *watermark.Sequence, x step) {
			switch x.kind {
			case 0:
				s.BeginText()
			case 1:
				s.Pause()
			case 2:
				s.Insert([]Token{x.token})
			default:
				s.Process(row)
				s.Draw([]Token{x.token, (x.token + 1) % vocab}, []float32{1, 1}, 0.3)
				s.Accept(x.token)
			}
		}
		var kept []step
		for range 80 {
			x := step{rng.IntN(12), rng.Int32N(vocab)}
			take(s, x)
			kept = append(kept, x)
			if n := rng.IntN(8); n < 3 {
				s.Rewind(n)
				for ; n > 0 && slices.ContainsFunc(kept, isToken); n-- {
					for !isToken(kept[len(kept)-1]) { // what began after the token
						kept = kept[:len(kept)-1]
					}
					kept = kept[:len(kept)-1]
				}
			}
		}
		want := newSequence(t, marks...)
		want.Reset(prompt)
		for _, x := range kept {
			take(want, x)
		}
		require.Equal(t, want.Counts(), s.Counts())
		require.Equal(t, want.Tokens(), s.Tokens())
		ids, probs := []Token{0, 1, 2, 3, 4, 5}, []float32{1, 2, 3, 3, 2, 1}
		for range 20 {
			u := rng.Float64()
			i := s.Draw(ids, probs, u)
			require.Equal(t, want.Draw(ids, probs, u), i)
			s.Accept(ids[i])
			want.Accept(ids[i])
		}
	}
}

// TestPromptsShareTheirRecord compares Reset, ResetTo and prompts that begin like the last one.
func TestPromptsShareTheirRecord(t *testing.T) {
	const vocab = 5
	rng := rand.New(rand.NewPCG(8, 8))
	marks := severalMarks(t, vocab)
	used := newSequence(t, marks...)
	ids, probs := []Token{0, 1, 2, 3, 4}, []float32{1, 1, 1, 1, 1}
	last := testmark.Uniform(rng, 40, vocab)
	for range 200 {
		prompt := append(slices.Clone(last[:rng.IntN(len(last)+1)]), testmark.Uniform(rng, rng.IntN(30), vocab)...)
		last = prompt
		if len(last) == 0 {
			last = testmark.Uniform(rng, 40, vocab)
		}
		fresh, to := newSequence(t, marks...), newSequence(t, marks...)
		fresh.Reset(prompt)
		to.ResetTo(watermark.NewPrompt(prompt))
		used.Reset(prompt)
		for range 15 {
			u := rng.Float64()
			i := fresh.Pick(ids, probs, u)
			require.Equal(t, i, used.Pick(ids, probs, u))
			require.Equal(t, i, to.Pick(ids, probs, u))
			for _, s := range []*watermark.Sequence{fresh, used, to} {
				s.Accept(ids[i])
			}
		}
		require.Equal(t, fresh.Counts(), used.Counts())
		require.Equal(t, fresh.Counts(), to.Counts())
	}
}

// TestMaskIsProcess checks that a device mask knows what Process knows: bands, repeats, where the text
// begins, and exempt ids.
func TestMaskIsProcess(t *testing.T) {
	const vocab = 70
	for _, opts := range [][]watermark.Option{nil, {watermark.ScoredOnly{}}, {watermark.ScoredOnly{Exempt: []Token{7, 69}}}} {
		s := newSequence(t, severalMarks(t, vocab, opts...)...)
		rng := rand.New(rand.NewPCG(5, 6))
		s.Reset(testmark.Uniform(rng, 10, 4))
		deltas := map[float32]int{}
		for range 200 {
			mask := []uint64{^uint64(0), ^uint64(0)}
			delta := s.Mask(mask)
			deltas[delta]++
			row := make([]float32, vocab)
			row[0] = 60 // exempt ids are not likely, and need no shift
			s.Process(row)
			row[0] -= 60
			for v, x := range row {
				require.Equal(t, delta*float32(mask[v/64]>>(v%64)&1), x, "id %d", v)
			}
			s.Accept(rng.Int32N(12))
		}
		assert.Positive(t, deltas[0], "out of the bands, or a repeat")
		assert.Positive(t, deltas[1])
		assert.Positive(t, deltas[2])
	}
	g := watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 1}
	assert.InDelta(t, math.Log(0.75+0.25*math.E*math.E), newMark(t, numbered(t, 1), g, vocab, watermark.ScoredOnly{Exempt: []Token{2}}).ExemptShift(), 1e-6)
	assert.Zero(t, newMark(t, numbered(t, 1), g, vocab).ExemptShift())
	// Two tokens and an exempt one, all equally likely: the odds are 2 to 1 on average over keys.
	const keys = 4000
	odds := 0.0
	for k := range uint64(keys) {
		m := newMark(t, numbered(t, k), g, 3, watermark.ScoredOnly{Exempt: []Token{2}})
		mask := make([]uint64, 1)
		m.Mask(mask, []Token{1})
		for v := range 2 {
			odds += math.Exp(g.Delta*float64(mask[0]>>v&1) - float64(m.ExemptShift()))
		}
	}
	assert.InDelta(t, 2, odds/keys, 0.1)
}

// TestGreenMassOfASequence compares with the mark that knows the context.
func TestGreenMassOfASequence(t *testing.T) {
	const vocab = 50
	mark := newMark(t, numbered(t, 3), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab, watermark.MaskRepeats{})
	s := newSequence(t, mark, newMark(t, numbered(t, 4), watermark.GumbelMax{Width: 3}, vocab))
	rng := rand.New(rand.NewPCG(3, 3))
	row := make([]float32, vocab)
	text, left := []Token{}, 0
	seen := map[[2]Token]bool{}
	for i := range 100 {
		randomRow(row, rng)
		got, ok := s.GreenMass(row, 0.8)
		var context [2]Token
		copy(context[:], append([]Token{-1, -1}, text...)[len(text):])
		if seen[context] {
			assert.False(t, ok, "a repeat")
			left++
		} else {
			want, _ := mark.GreenMass(row, text, 0.8)
			assert.True(t, ok)
			assert.Equal(t, want, got)
		}
		seen[context] = true
		token := s.Sample(row, hotSampler, rng.Float64()) % 5
		s.Accept(token)
		text = append(text, token)
		require.EqualValues(t, i+1, s.Counts().Tokens)
	}
	assert.Positive(t, left)
	assert.Zero(t, s.Counts().Bias.Unasked, "GreenMass does not change what is counted")
	_, ok := newSequence(t).GreenMass(row, 1)
	assert.False(t, ok)
}

// TestSampleProb checks the probability of the drawn token against its frequency over random numbers,
// and against the row.
func TestSampleProb(t *testing.T) {
	const vocab = 300
	rng := rand.New(rand.NewPCG(2, 8))
	row := make([]float32, vocab)
	for i := range row {
		row[i] = float32(2 * rng.NormFloat64())
	}
	green := newMark(t, numbered(t, 3), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, vocab, watermark.ScoredOnly{Exempt: []Token{Token(slices.Index(row, slices.Max(row)))}})
	for _, p := range []watermark.Sampler{{Temperature: 1}, {Temperature: 0.7}, {Temperature: 1, TopK: 20}, {Temperature: 1.3, TopP: 0.8}, {Temperature: 1, MinP: 0.1}} {
		for _, m := range []*watermark.Mark{nil, green, newMark(t, numbered(t, 4), watermark.GumbelMax{Width: 1}, vocab)} {
			var marks []*watermark.Mark
			if m != nil {
				marks = append(marks, m)
			}
			s := newSequence(t, marks...)
			s.Reset([]Token{9})
			s.Accept(8)
			probs := map[Token]float64{}
			const n = 1500
			for i := range n {
				token, prob := s.SampleProb(row, p, (float64(i)+0.5)/n)
				require.Equal(t, s.Sample(row, p, (float64(i)+0.5)/n), token)
				require.True(t, prob > 0 && prob <= 1)
				if old, ok := probs[token]; ok {
					require.Equal(t, old, prob)
				}
				probs[token] = prob
			}
			if m == nil || !m.IsKeyedDraw() {
				var sum float64
				for _, x := range probs {
					sum += x
				}
				assert.InDelta(t, 1, sum, 0.05, "the tokens of all random numbers, %+v", p)
				assert.LessOrEqual(t, sum, 1+1e-4)
			}
			if m == nil && p == (watermark.Sampler{Temperature: 1}) {
				for token, x := range probs {
					assert.InEpsilon(t, math.Exp(watermark.LogProb(row, token)), x, 2e-5)
				}
			}
		}
	}
	s := newSequence(t)
	token, prob := s.SampleProb(row, watermark.Sampler{}, 0)
	assert.Equal(t, likeliest(row), token)
	assert.EqualValues(t, 1, prob)
	_, prob = s.SampleProb(nil, watermark.Sampler{}, 0)
	assert.Zero(t, prob)
}

// even allows even ids.
type even struct{ masked int }

func (*even) Allows(t Token) bool { return t%2 == 0 }

func (g *even) Mask(logits []float32) {
	g.masked++
	for i := range logits {
		if i%2 == 1 {
			logits[i] = float32(math.Inf(-1))
		}
	}
}

// TestGrammars checks that drawing first and masking later has the law of masking first, and that it is
// done only where that is so.
func TestGrammars(t *testing.T) {
	const vocab, n, keys = 6, 12_000, 200
	row := []float32{1, 2, 0, 1, -1, 0.5}
	all := watermark.Sampler{Temperature: 1}
	for _, c := range []struct {
		name    string
		scheme  watermark.Scheme
		exempt  []Token
		sampler watermark.Sampler
		first   bool // Mask is called before all draws
	}{
		{"no mark", nil, nil, all, false},
		{"a bias", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, nil, all, false},
		{"a bias with exempt ids", watermark.GreenList{Gamma: 0.5, Delta: 6, Width: 1}, []Token{0, 3}, all, true},
		{"a bias with exempt ids past the row", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, []Token{vocab}, all, false},
		{"a gate", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1, Gate: 0.1}, nil, all, true},
		{"gumbelmax", watermark.GumbelMax{Width: 1}, nil, all, false},
		{"gumbelmax with exempt ids", watermark.GumbelMax{Width: 1}, []Token{0, 3}, all, false},
		{"gumbelmax, truncated", watermark.GumbelMax{Width: 1}, nil, watermark.Sampler{Temperature: 1, TopK: 3}, true},
		{"tournament", watermark.Tournament{Depth: 10, Width: 1}, nil, all, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(6, 2))
			var got, want [vocab]float64
			g := new(even)
			var seqs []*watermark.Sequence // the law holds on average over keys
			for k := range uint64(keys) {
				var marks []*watermark.Mark
				if c.scheme != nil {
					opts := []watermark.Option{}
					if c.exempt != nil {
						opts = append(opts, watermark.ScoredOnly{Exempt: c.exempt})
					}
					marks = append(marks, newMark(t, numbered(t, 1000+k), c.scheme, vocab+1, opts...))
				}
				seqs = append(seqs, newSequence(t, marks...))
			}
			for i := range n {
				s := seqs[i%keys]
				s.Reset(nil)
				s.Insert([]Token{Token(i % vocab)})
				got[s.SampleGrammar(slices.Clone(row), g, c.sampler, rng.Float64(), rng.Float64())]++
				masked := slices.Clone(row)
				new(even).Mask(masked)
				want[s.Sample(masked, c.sampler, rng.Float64())]++
			}
			for v := range got {
				assert.InDelta(t, want[v]/n, got[v]/n, 5*math.Sqrt(0.5/n), "token %d", v)
			}
			if c.first {
				assert.Equal(t, n, g.masked)
			} else {
				assert.Less(t, g.masked, n*8/10)
			}
		})
	}
	s := newSequence(t)
	assert.EqualValues(t, 0, s.SampleGrammar(slices.Clone(row), new(even), watermark.Sampler{}, 0, 0), "greedy")
}

// TestMarking checks that a Marking refuses at start what a request could not have, and that its
// Sequences are those of its marks.
func TestMarking(t *testing.T) {
	key := numbered(t, 5)
	p, err := watermark.ProvenanceProfile(100, watermark.TokenizerNone, "")
	require.NoError(t, err)
	p.Variants = 4
	marking, err := p.Marking(key)
	require.NoError(t, err)
	assert.Equal(t, 4, marking.Variants())
	assert.Equal(t, 100, marking.Vocab())
	marks, err := p.Marks(key)
	require.NoError(t, err)
	trace, err := watermark.TraceProfile(100, watermark.TokenizerNone, "", 0.1)
	require.NoError(t, err)
	bias, err := trace.Mark(numbered(t, 6))
	require.NoError(t, err)
	both, err := watermark.NewMarking(100, append(marks, bias)...)
	require.NoError(t, err)
	row := make([]float32, 100)
	randomRow(row, rand.New(rand.NewPCG(1, 1)))
	var wait sync.WaitGroup
	for number := range uint32(8) {
		assert.Equal(t, []*watermark.Mark{bias, marks[number%4]}, both.Marks(number))
		wait.Go(func() {
			s, want := marking.Sequence(number), newSequence(t, marks[number%4])
			assert.Equal(t, number, s.Salt())
			assert.Equal(t, int(number%4), s.Variant())
			want.SetSalt(number)
			for range 30 {
				token := s.Sample(row, hotSampler, 0.3)
				assert.Equal(t, want.Sample(row, hotSampler, 0.3), token)
				s.Accept(token)
				want.Accept(token)
			}
		})
	}
	wait.Wait()
	_, ok := marking.Speculation(1)
	assert.False(t, ok, "one key cannot serve draft and target")
	dual, err := watermark.NewMarking(100, newMark(t, key, watermark.GumbelMax{Width: 2, Dual: 0.5}, 100), bias)
	require.NoError(t, err)
	spec, ok := dual.Speculation(9)
	require.True(t, ok)
	assert.Equal(t, uint32(9), spec.Sequence().Salt())
	own, err := watermark.NewMarking(100, bias)
	require.NoError(t, err)
	_, ok = own.Speculation(9)
	assert.True(t, ok)

	for _, c := range []struct {
		name  string
		vocab int
		marks []*watermark.Mark
		want  string
	}{
		{"no vocabulary", 0, nil, "outside 1 to"},
		{"nil", 100, []*watermark.Mark{nil}, "nil"},
		{"another vocabulary", 101, marks[:1], "vocabulary"},
		{"half of the variants, out of order", 100, []*watermark.Mark{marks[1], marks[0]}, "several keyed draws"},
		{"two draws", 100, []*watermark.Mark{marks[0], newMark(t, key, watermark.GumbelMax{Width: 2}, 100)}, "several keyed draws"},
		{"two biases", 100, []*watermark.Mark{bias, newMark(t, key, watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 100)}, "band"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.NewMarking(c.vocab, c.marks...)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// TestGateOfCandidates checks the Gate of Draw and Pick, which look at what truncation left.
func TestGateOfCandidates(t *testing.T) {
	m := newMark(t, numbered(t, 1), watermark.GreenList{Gamma: 0.5, Delta: 100, Width: 1, Gate: 0.5}, 100)
	s := newSequence(t, m)
	s.Reset([]Token{1})
	var green, red Token = -1, -1
	for v := range Token(100) {
		if isGreen(m, []Token{1}, v) {
			green = v
		} else {
			red = v
		}
	}
	ids := []Token{red, green}
	gated := func() int64 {
		s.Accept(0)
		defer s.Rewind(1)
		return s.Counts().Bias.Gated
	}
	for _, c := range []struct {
		name  string
		probs []float32 // entropy 0.69 and 0.10 nats
		want  int
	}{
		{"choice", []float32{0.5, 0.5}, 1},
		{"none", []float32{0.98, 0.02}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, s.Draw(ids, c.probs, 0.3))
			assert.EqualValues(t, 1-c.want, gated())
			assert.Equal(t, c.want, m.Pick(ids, c.probs, []Token{1}, 0.3))
		})
	}
	_, ok := m.GreenMass([]float32{9, 0, 0}, []Token{1}, 1)
	assert.False(t, ok, "a histogram must not contain what is not biased")
}

// TestExemptUnderSamplers checks that an exempt id keeps its probability under truncation and at any
// temperature, and that greedy text ends where it would without the mark.
func TestExemptUnderSamplers(t *testing.T) {
	const vocab, n = 400, 600
	m := newMark(t, numbered(t, 2), watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 1}, vocab, watermark.ScoredOnly{Exempt: []Token{0, 5}})
	rng := rand.New(rand.NewPCG(3, 1))
	row := make([]float32, vocab)
	for range 8 {
		for i := range row {
			row[i] = float32(3 * rng.NormFloat64())
		}
		row[0] = slices.Max(row) + float32(rng.Float64()) - 0.5
		s, plain := newSequence(t, m), newSequence(t)
		s.Reset(nil)
		s.Accept(rng.Int32N(vocab))
		for _, p := range []watermark.Sampler{{Temperature: 1}, {Temperature: 0.6}, {Temperature: 1.5}, {}} {
			var got, want float64
			for i := range n {
				u := (float64(i) + 0.5) / n
				if s.Sample(row, p, u) == 0 {
					got++
				}
				if plain.Sample(row, p, u) == 0 {
					want++
				}
			}
			assert.InDelta(t, want/n, got/n, 2.0/n, "%+v", p)
		}
		processed := slices.Clone(row)
		s.Process(processed)
		assert.Equal(t, row[0], processed[0])
		assert.InDelta(t, watermark.LogProb(row, 0), watermark.LogProb(processed, 0), 1e-4)
		assert.NotEqual(t, row[1:5], processed[1:5])
	}
}

type otherToken int32

func TestTokensOfOtherLibraries(t *testing.T) {
	ids := []otherToken{1, 2, 3}
	got := watermark.Tokens(ids)
	assert.Equal(t, []Token{1, 2, 3}, got)
	ids[1] = 9
	assert.EqualValues(t, 9, got[1], "it is not a copy")
	assert.Empty(t, watermark.Tokens([]otherToken(nil)))
	s := newSequence(t)
	s.Reset(watermark.Tokens(ids))
}

func TestLogProb(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name   string
		logits []float32
		token  Token
		want   float64
	}{
		{"two", []float32{1, 1}, 0, math.Log(0.5)},
		{"large", []float32{3e38, 3e38, -3e38}, 1, math.Log(0.5)},
		{"three", []float32{0, 1, 2}, 0, -math.Log(1 + math.E + math.E*math.E)},
		{"+Inf", []float32{inf, 1, inf}, 2, math.Log(0.5)},
		{"below +Inf", []float32{inf, 1}, 1, math.Inf(-1)},
		{"NaN", []float32{nan, 1}, 0, math.Inf(-1)},
		{"beside NaN", []float32{nan, 1}, 1, 0},
		{"-Inf", []float32{-inf, 1}, 0, math.Inf(-1)},
		{"outside", []float32{1}, 1, math.Inf(-1)},
		{"negative", []float32{1}, -1, math.Inf(-1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if math.IsInf(c.want, -1) {
				assert.Equal(t, c.want, watermark.LogProb(c.logits, c.token))
				return
			}
			assert.InDelta(t, c.want, watermark.LogProb(c.logits, c.token), 1e-12)
		})
	}
}

package watermark_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// The tests in this file are situations that authors of engines have reported in public, each with the
// value that is right by a formula or by counting.

// fieldVocab is the vocabulary of fieldModel.
const fieldVocab = 2000

// fieldModel is a language whose next token depends on the last two. It considers 50 tokens, with
// Zipf's law of this exponent.
type fieldModel float64

func (m fieldModel) logits(row []float32, text []Token) {
	var last [2]uint64
	for i := range last {
		if at := len(text) - 1 - i; at >= 0 {
			last[i] = uint64(text[at])
		}
	}
	for i := range row {
		row[i] = -30
	}
	rng := rand.New(rand.NewPCG(last[0], last[1]<<32|7))
	for r := range 50 {
		v := rng.IntN(fieldVocab)
		row[v] = max(row[v], float32(-float64(m)*math.Log(float64(r+1))))
	}
}

// likeliest returns the token with the largest logit.
func likeliest(row []float32) Token { return Token(slices.Index(row, slices.Max(row))) }

// log10P returns the p-value of a text, as a test without Options says it.
func log10P(m *watermark.Mark, text []Token) float64 {
	a := detect.NewAccumulator(m, nil)
	a.Add(text)
	return a.Result().Log10PAdjusted
}

// recommended returns a mark of a recommended profile for fieldModel.
func recommended(t *testing.T, key watermark.Key, draw bool, change func(*watermark.Profile)) *watermark.Mark {
	t.Helper()
	p, err := watermark.TraceProfile(fieldVocab, watermark.TokenizerNone, "", 0.2)
	if draw {
		p, err = watermark.ProvenanceProfile(fieldVocab, watermark.TokenizerNone, "")
	}
	require.NoError(t, err)
	if change != nil {
		change(p)
	}
	m, err := p.Mark(key)
	require.NoError(t, err)
	return m
}

// TestChatOpenings asks 2,000 questions, each of which ends in the same chat template. The first word
// has a law, and 80 openings of three words are possible. A mark of the recommended profiles leaves all
// of that as it is.
func TestChatOpenings(t *testing.T) {
	const n = 2000
	law := []float64{0.3, 0.25, 0.2, 0.15, 0.1}
	header := []Token{1990, 1500, 1991, 11}
	first, next := make([]float32, fieldVocab), make([]float32, fieldVocab)
	for i := range first {
		first[i] = -30
	}
	for i, p := range law {
		first[100+i] = float32(math.Log(p))
	}
	words := func(seq *watermark.Sequence) (counts [5]int, openings map[[3]Token]int) {
		openings = map[[3]Token]int{}
		for i := range n {
			rng := rand.New(rand.NewPCG(25, uint64(i)))
			seq.Reset(slices.Concat(testmark.Uniform(rng, 40, 1900), header))
			var o [3]Token
			for k := range o {
				row := first
				if k > 0 { // after the first word one of four
					for v := range next {
						next[v] = -30
					}
					for v := range 4 {
						next[200+int(o[k-1])*4%1000+v] = 0
					}
					row = next
				}
				o[k] = seq.Sample(row, watermark.Sampler{Temperature: 1}, rng.Float64())
				seq.Accept(o[k])
			}
			counts[o[0]-100]++
			openings[o]++
		}
		return counts, openings
	}
	everywhere := func(p *watermark.Profile) { p.Marked = watermark.MarkedAll }
	for _, c := range []struct {
		name   string
		mark   *watermark.Mark
		faults bool
	}{
		{"trace profile", recommended(t, numbered(t, 25), false, nil), false},
		{"provenance profile", recommended(t, numbered(t, 25), true, nil), false},
		{"a tournament", newMark(t, numbered(t, 25), watermark.Tournament{Depth: 30, Width: 4}, fieldVocab, watermark.ScoredOnly{}), false},
		{"a profile of before", recommended(t, numbered(t, 25), true, everywhere), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts, openings := words(newSequence(t, c.mark))
			if c.faults {
				assert.Len(t, openings, 1, "all answers begin alike")
				return
			}
			for i, p := range law {
				assert.InDelta(t, p*n, counts[i], 5*math.Sqrt(n*p*(1-p)), "word %d", i)
			}
			assert.Greater(t, len(openings), 40)
			most := 0
			for _, x := range openings {
				most = max(most, x)
			}
			assert.Less(t, most, n*3/10)
		})
	}
}

// TestVocabularyBelowControlTokens has a tokenizer of 1,500 regular tokens, whose end of turn is an
// added token, and a head that is wider than both. A vocabulary of the regular tokens would take the
// end away. It is refused where the profile names the end, and seen in the counts where it does not.
func TestVocabularyBelowControlTokens(t *testing.T) {
	const regular, end, length, head = 1500, 1502, 1520, 1600
	p, err := watermark.ProvenanceProfile(regular, watermark.TokenizerNone, "")
	require.NoError(t, err)
	p.Exempt = []Token{end}
	_, err = p.Mark(numbered(t, 4))
	assert.ErrorContains(t, err, "1502")
	assert.ErrorContains(t, err, "set vocab to the number of logits in a row")

	row := make([]float32, head)
	for i := range row {
		row[i] = -20
	}
	for i := range 40 {
		row[1000+i] = 1
	}
	row[end] = 40
	row[length+10] = 5 // noise on a padded id
	for _, scheme := range []watermark.Scheme{watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, watermark.GumbelMax{Width: 4}, watermark.Tournament{Depth: 9, Width: 2}} {
		for _, vocab := range []int{regular, length, head} {
			t.Run(fmt.Sprint(scheme, " ", vocab), func(t *testing.T) {
				s := newSequence(t, newMark(t, numbered(t, 4), scheme, vocab))
				s.Reset([]Token{1, 2, 3, 4, 5})
				got := s.Sample(row, watermark.Sampler{Temperature: 1}, 0.5)
				s.Accept(got)
				if vocab == regular {
					assert.Less(t, got, Token(regular))
					assert.EqualValues(t, 1, s.Counts().PastVocab)
				} else {
					assert.EqualValues(t, end, got)
					assert.Zero(t, s.Counts().PastVocab)
				}
			})
		}
	}
}

// TestPastVocabOfTruncatedRows checks that an end past the vocabulary shows in the counts of an engine
// that truncates by itself, and of one whose padding is not a number.
func TestPastVocabOfTruncatedRows(t *testing.T) {
	const vocab, end = 10, 12
	ids, probs := []Token{3, end, 4}, []float32{0.2, 0.6, 0.2}
	row := []float32{0, 0, 0, 1, 1, 0, 0, 0, 0, 0, float32(math.NaN()), 0, 9, float32(math.NaN())}
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
	}{
		{"green list", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}},
		{"gumbelmax", watermark.GumbelMax{Width: 1, Dual: 0.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			marking, err := watermark.NewMarking(vocab, newMark(t, numbered(t, 4), c.scheme, vocab))
			require.NoError(t, err)
			spec, ok := marking.Speculation(1)
			require.True(t, ok)
			s := marking.Sequence(1)
			for _, step := range []struct {
				name string
				s    *watermark.Sequence
				draw func() Token
				past bool
			}{
				{"Sample", s, func() Token { return s.Sample(row, watermark.Sampler{Temperature: 1}, 0.5) }, true},
				{"Draw", s, func() Token { return ids[s.Draw(ids, probs, 0.5)] }, true},
				{"Pick", s, func() Token { return ids[s.Pick(ids, probs, 0.5)] }, true},
				{"Draw of what is not the largest", s, func() Token { return ids[s.Draw(ids, []float32{0.6, 0.2, 0.2}, 0.5)] }, false},
				{"Draw of what is not a probability", s, func() Token { return ids[s.Draw(ids, []float32{0.6, float32(math.Inf(1)), 0.2}, 0.5)] }, false},
				{"Target", spec.Sequence(), func() Token { return spec.Target(watermark.Row{IDs: ids, Probs: probs}, 0.5) }, true},
			} {
				before := step.s.Counts().PastVocab
				step.s.Accept(step.draw())
				want := before
				if step.past {
					want++
				}
				assert.Equal(t, want, step.s.Counts().PastVocab, step.name)
			}
		})
	}
}

// TestPaddedIDsAreNeverDrawn checks that all ways to draw treat ids past the vocabulary alike, with and
// without marks.
func TestPaddedIDsAreNeverDrawn(t *testing.T) {
	const vocab, head = 10, 12
	probs := []float32{0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.4}
	ids, row := make([]Token, head), make([]float32, head)
	for i := range ids {
		ids[i], row[i] = Token(i), float32(math.Log(float64(probs[i])))
	}
	marking := func(m ...*watermark.Mark) *watermark.Marking {
		t.Helper()
		x, err := watermark.NewMarking(vocab, m...)
		require.NoError(t, err)
		return x
	}
	for _, c := range []struct {
		name    string
		marking *watermark.Marking
	}{
		{"no mark", marking()},
		{"a bias", marking(newMark(t, numbered(t, 1), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, vocab))},
		{"a keyed draw", marking(newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 1}, vocab))},
		{"a tournament", marking(newMark(t, numbered(t, 1), watermark.Tournament{Depth: 4, Width: 1}, vocab))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.marking.Sequence(3)
			s.Reset([]Token{1})
			for _, u := range []float64{0, 0.5, 0.999} {
				for _, p := range []watermark.Sampler{{}, {Temperature: 1}, {Temperature: 1, TopK: 2}, {Temperature: 1, TopP: 0.5}} {
					assert.EqualValues(t, 2, s.Sample(row, p, u))
				}
				assert.Equal(t, 2, s.Pick(ids, probs, u))
				assert.Equal(t, 2, s.Draw(ids, probs, u))
			}
			spec, ok := c.marking.Speculation(3)
			if ok {
				got := spec.Target(watermark.Row{IDs: ids, Probs: probs}, 0.9)
				assert.EqualValues(t, 2, got)
			}
			drawn := slices.Clone(row)
			s.ProcessDraw(drawn)
			assert.EqualValues(t, 2, likeliest(drawn))
			assert.True(t, math.IsInf(float64(drawn[10]), -1) && math.IsInf(float64(drawn[11]), -1))
			for _, m := range c.marking.Marks(0) {
				assert.Equal(t, 2, m.Pick(ids, probs, []Token{1}, 0.9))
			}
		})
	}
}

// TestEndOfText checks what a mark does to the end of a text. With delta 2 and a green half, a model
// that stops with probability 0.9 goes on in 18.9 of 100 texts and not in 10, by the formula below. An
// end that is exempt keeps its probability.
func TestEndOfText(t *testing.T) {
	const end, n = 2, 2000
	row := make([]float32, fieldVocab)
	sampler := watermark.Sampler{Temperature: 1}
	goesOn := func(m *watermark.Mark, pe float64, draw func(*watermark.Sequence, float64) Token) float64 {
		for i := range row {
			row[i] = -30
		}
		for i := range 50 {
			row[100+i] = float32(math.Log((1 - pe) / 50))
		}
		row[end] = float32(math.Log(pe))
		s := newSequence(t, m)
		rng := rand.New(rand.NewPCG(5, 5))
		on := 0
		for range n {
			s.Reset(nil)
			for _, w := range testmark.Uniform(rng, 6, fieldVocab) {
				s.Accept(w)
			}
			if draw(s, rng.Float64()) != end {
				on++
			}
		}
		return float64(on) / n
	}
	sample := func(s *watermark.Sequence, u float64) Token { return s.Sample(row, sampler, u) }
	among := func(s *watermark.Sequence, u float64) Token {
		var ids []Token
		var probs []float32
		for v, x := range row {
			if x > -20 {
				ids, probs = append(ids, Token(v)), append(probs, float32(math.Exp(float64(x))))
			}
		}
		return ids[s.Draw(ids, probs, u)]
	}
	for _, pe := range []float64{0.5, 0.9} {
		sd := math.Sqrt(pe * (1 - pe) / n)
		for _, c := range []struct {
			name   string
			scheme watermark.Scheme
		}{
			{"green list", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}},
			{"strong green list", watermark.GreenList{Gamma: 0.25, Delta: 4, Width: 2}},
			{"gumbelmax", watermark.GumbelMax{Width: 4}},
			{"tournament", watermark.Tournament{Depth: 10, Width: 4}},
		} {
			t.Run(fmt.Sprint(c.name, ", ", pe), func(t *testing.T) {
				exempt := newMark(t, numbered(t, 5), c.scheme, fieldVocab, watermark.ScoredOnly{Exempt: []Token{end}})
				assert.InDelta(t, 1-pe, goesOn(exempt, pe, sample), 5*sd)
				assert.InDelta(t, 1-pe, goesOn(exempt, pe, among), 5*sd)
				if g, ok := c.scheme.(watermark.GreenList); ok && pe == 0.9 && g.Gamma == 0.5 {
					e := math.Exp(g.Delta)
					rest := (1 - pe) * (g.Gamma*e + 1 - g.Gamma)
					want := g.Gamma*rest/(rest+pe*e) + (1-g.Gamma)*rest/(rest+pe)
					got := goesOn(newMark(t, numbered(t, 5), c.scheme, fieldVocab), pe, sample)
					assert.InDelta(t, want, got, 5*math.Sqrt(want*(1-want)/n), "without")
				}
			})
		}
	}
}

// TestEngineBugsShow makes the mistakes that engines have made, and checks that the counts show each.
// Draw is right for every scheme.
func TestEngineBugsShow(t *testing.T) {
	const n = 200
	model := fieldModel(1.3)
	prompt := testmark.Uniform(rand.New(rand.NewPCG(7, 1)), 20, fieldVocab)
	sampler := watermark.Sampler{Temperature: 1}
	own := newSequence(t)
	row := make([]float32, fieldVocab)
	candidates := func() (ids []Token, probs []float32) {
		for v, x := range row {
			if x > -15 {
				ids, probs = append(ids, Token(v)), append(probs, float32(math.Exp(float64(x))))
			}
		}
		return ids, probs
	}
	type engine struct {
		accept func(s *watermark.Sequence, t Token)
		draw   func(s *watermark.Sequence, u float64) Token
	}
	accept := func(s *watermark.Sequence, t Token) { s.Accept(t) }
	sample := func(s *watermark.Sequence, u float64) Token { return s.Sample(row, sampler, u) }
	rounds := 0
	for _, scheme := range []watermark.Scheme{watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, watermark.GumbelMax{Width: 4}} {
		_, draws := scheme.(watermark.GumbelMax)
		ofMark := func(c watermark.Counts) watermark.MarkCounts {
			if draws {
				return c.Draw
			}
			return c.Bias
		}
		for _, c := range []struct {
			name   string
			engine engine
			check  func(t *testing.T, c watermark.Counts)
			marked bool // the text is marked all the same
		}{
			{"Sample", engine{accept, sample}, func(t *testing.T, c watermark.Counts) {
				assert.EqualValues(t, n, c.Tokens)
				assert.Zero(t, c.Unasked)
				assert.Zero(t, c.Replaced)
			}, true},
			{"Draw among candidates", engine{accept, func(s *watermark.Sequence, u float64) Token {
				ids, probs := candidates()
				return ids[s.Draw(ids, probs, u)]
			}}, func(t *testing.T, c watermark.Counts) {
				assert.Zero(t, c.Unasked)
				assert.Zero(t, ofMark(c).Unasked)
			}, true},
			{"Process and Draw", engine{accept, func(s *watermark.Sequence, u float64) Token {
				s.Process(row)
				ids, probs := candidates()
				return ids[s.Draw(ids, probs, u)]
			}}, func(t *testing.T, c watermark.Counts) {
				assert.Zero(t, ofMark(c).Unasked)
			}, true},
			{"every token accepted twice", engine{func(s *watermark.Sequence, t Token) { s.Accept(t); s.Accept(t) }, sample},
				func(t *testing.T, c watermark.Counts) {
					assert.EqualValues(t, 2*n, c.Tokens)
					assert.EqualValues(t, n, c.Unasked)
				}, false},
			{"a rollback of drafts one short", engine{func(s *watermark.Sequence, t Token) {
				s.Accept(t)
				if rounds++; rounds%5 == 0 {
					for range 4 {
						s.Accept(17)
					}
					s.Rewind(3)
				}
			}, sample}, func(t *testing.T, c watermark.Counts) {
				assert.EqualValues(t, n/5, c.Unasked)
				assert.EqualValues(t, n+n/5, c.Tokens)
			}, true},
			{"Accept forgotten", engine{func(*watermark.Sequence, Token) {}, sample}, func(t *testing.T, c watermark.Counts) {
				assert.Zero(t, c.Tokens)
			}, false},
			{"Process, then a sampler of the engine", engine{accept, func(s *watermark.Sequence, u float64) Token {
				s.Process(row)
				return own.Sample(row, sampler, u)
			}}, func(t *testing.T, c watermark.Counts) {
				assert.Equal(t, draws, c.Draw.Unasked == n)
			}, !draws},
			{"ProcessDraw, then a sampler of the engine", engine{accept, func(s *watermark.Sequence, u float64) Token {
				s.ProcessDraw(row)
				return own.Sample(row, sampler, u)
			}}, func(t *testing.T, c watermark.Counts) {
				assert.Equal(t, !draws, c.Bias.Unasked == n)
			}, draws},
			{"Pick alone among candidates", engine{accept, func(s *watermark.Sequence, u float64) Token {
				ids, probs := candidates()
				return ids[s.Pick(ids, probs, u)]
			}}, func(t *testing.T, c watermark.Counts) {
				assert.Equal(t, !draws, c.Bias.Unasked == n)
			}, draws},
			{"another token than the drawn one", engine{func(s *watermark.Sequence, t Token) { s.Accept((t + 1) % fieldVocab) }, sample},
				func(t *testing.T, c watermark.Counts) {
					assert.EqualValues(t, n, c.Replaced)
				}, false},
		} {
			t.Run(fmt.Sprint(scheme, ", ", c.name), func(t *testing.T) {
				mark := newMark(t, numbered(t, 7), scheme, fieldVocab)
				s := newSequence(t, mark)
				s.Reset(prompt)
				text := slices.Clone(prompt)
				rng := rand.New(rand.NewPCG(7, 7))
				rounds = 0
				for range n {
					model.logits(row, text)
					token := c.engine.draw(s, rng.Float64())
					c.engine.accept(s, token)
					text = append(text, token)
				}
				c.check(t, s.Counts())
				if c.marked {
					assert.Less(t, log10P(mark, text[len(prompt):]), -6.0)
				}
			})
		}
	}
}

// TestDraftsWithoutDistribution verifies the drafts of a greedy drafter, which has no distribution.
// Drawing with one key and comparing accepts as many drafts as two keys and a Speculation, and keeps
// all of the evidence.
func TestDraftsWithoutDistribution(t *testing.T) {
	const n, ahead = 300, 4
	model := fieldModel(1.8)
	key := numbered(t, 2)
	prompt := testmark.Uniform(rand.New(rand.NewPCG(2, 1)), 8, fieldVocab)
	sampler := watermark.Sampler{Temperature: 1}
	row := make([]float32, fieldVocab)
	guess := func(text []Token) Token {
		model.logits(row, text)
		return likeliest(row)
	}

	single := recommended(t, key, true, nil)
	seq := newSequence(t, single)
	seq.Reset(prompt)
	rng := rand.New(rand.NewPCG(2, 2))
	text := slices.Clone(prompt)
	accepted, proposed := 0, 0
	for len(text)-len(prompt) < n {
		draft := slices.Clone(text)
		for range ahead {
			draft = append(draft, guess(draft))
		}
		for _, want := range draft[len(text):] {
			model.logits(row, text)
			token := seq.Sample(row, sampler, rng.Float64())
			seq.Accept(token)
			text = append(text, token)
			proposed++
			if token != want {
				break
			}
			accepted++
		}
	}
	oneKey := log10P(single, text[len(prompt):][:n])
	share := float64(accepted) / float64(proposed)

	straight, again := slices.Clone(prompt), rand.New(rand.NewPCG(2, 2))
	seq.Reset(prompt)
	for len(straight)-len(prompt) < n {
		model.logits(row, straight)
		token := seq.Sample(row, sampler, again.Float64())
		seq.Accept(token)
		straight = append(straight, token)
	}
	assert.Equal(t, straight[:len(prompt)+n], text[:len(prompt)+n], "the text is that of no drafts, with all of its evidence")
	assert.Less(t, oneKey, -25.0)
	assert.Greater(t, share, 0.35)

	dual := newMark(t, key, watermark.GumbelMax{Width: 4, Dual: 0.5}, fieldVocab)
	first, second, ok := dual.Halves()
	require.True(t, ok)
	spec, err := watermark.NewSpeculation(first, second)
	require.NoError(t, err)
	spec.Reset(prompt)
	text = slices.Clone(prompt)
	for len(text)-len(prompt) < n {
		draft := slices.Clone(text)
		var rows [ahead]watermark.Row
		for i := range rows {
			rows[i] = watermark.Row{IDs: []Token{guess(draft)}, Probs: []float32{1}}
			draft = append(draft, spec.Draft(rows[i], rng.Float64()))
			spec.Accept(draft[len(draft)-1])
		}
		spec.Rewind(ahead)
		for i := range rows {
			model.logits(row, text)
			token, same := spec.Verify(rows[i], spec.Row(watermark.Row{}, row, sampler), draft[len(text)], rng.Float64(), rng.Float64())
			spec.Accept(token)
			text = append(text, token)
			if !same {
				break
			}
		}
	}
	a := detect.NewAccumulator(dual, &detect.Options{Dedup: detect.DedupContext})
	a.Add(text[len(prompt):][:n])
	assert.Greater(t, a.Result().Log10PAdjusted, 0.6*oneKey, "two keys lose more than a third of it")
	counts := spec.Counts()
	assert.Greater(t, counts.Draw.Forced, int64(n/4), "an accepted draft of one candidate carries no mark, and counts so")
}

// TestSpeculationOfBiases writes with a draft model and a green list alone. The law of each token must
// be that of the biased target, and the text must carry the mark.
func TestSpeculationOfBiases(t *testing.T) {
	t.Run("marks", func(t *testing.T) {
		const vocab, n = 100, 500
		bias := newMark(t, numbered(t, 2), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
		spec, err := watermark.NewSpeculation(nil, nil, bias)
		require.NoError(t, err)
		prompt := []Token{1, 2, 3, 4}
		text, accepted := speculate(spec, prompt, n, 3, vocab, rand.New(rand.NewPCG(1, 1)))
		assert.Greater(t, accepted, n/10)
		assert.Less(t, log10P(bias, text), -20.0)
		c := spec.Counts()
		assert.EqualValues(t, c.Tokens, c.Bias.Marked+c.Bias.Unscorable)
		assert.EqualValues(t, 2, c.Bias.Unscorable)
	})
	t.Run("has the law of the target", func(t *testing.T) {
		const vocab, n = 6, 60_000
		bias := newMark(t, numbered(t, 3), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, vocab)
		spec, err := watermark.NewSpeculation(nil, nil, bias)
		require.NoError(t, err)
		draft, target := []float32{0, 1, 2, 0, -1, 0.5}, []float32{1, 0, 0, 2, 0, -1}
		sampler := watermark.Sampler{Temperature: 0.8}
		rng := rand.New(rand.NewPCG(3, 3))
		spec.Reset([]Token{5})
		p := spec.Row(watermark.Row{}, draft, sampler)
		q := spec.Row(watermark.Row{}, target, sampler)
		var got [vocab]float64
		for range n {
			token, _ := spec.Verify(p, q, spec.Draft(p, rng.Float64()), rng.Float64(), rng.Float64())
			got[token]++
		}
		biased := slices.Clone(target)
		bias.Process(biased, []Token{5})
		for v := range got {
			want := math.Exp(watermark.LogProb(scaled(biased, 0.8), Token(v)))
			assert.InDelta(t, want, got[v]/n, 5*math.Sqrt(want*(1-want)/n), "token %d", v)
		}
	})
	t.Run("errors say what to do", func(t *testing.T) {
		green := newMark(t, numbered(t, 1), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 100)
		gumbel := newMark(t, numbered(t, 2), watermark.GumbelMax{Width: 4}, 100)
		for _, c := range []struct {
			draft, target *watermark.Mark
			biases        []*watermark.Mark
			want          string
		}{
			{green, green, nil, "for biases alone both are nil"},
			{gumbel, nil, nil, "two keyed draws"},
			{gumbel, gumbel, []*watermark.Mark{green}, "the same key"},
			{nil, nil, []*watermark.Mark{gumbel}, "Sequence.Sample"},
		} {
			_, err := watermark.NewSpeculation(c.draft, c.target, c.biases...)
			assert.ErrorContains(t, err, c.want)
		}
	})
}

// scaled returns logits divided by a temperature.
func scaled(logits []float32, temperature float32) []float32 {
	out := make([]float32, len(logits))
	for i, x := range logits {
		out[i] = x / temperature
	}
	return out
}

// TestBeamsAreClones searches with four beams under a mark that leaves repeats alone. Copies of a
// Sequence give the text that replaying each beam gives.
func TestBeamsAreClones(t *testing.T) {
	const steps, width = 60, 4
	model := fieldModel(1.2)
	mark := newMark(t, numbered(t, 6), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, fieldVocab, watermark.MaskRepeats{})
	prompt := testmark.Uniform(rand.New(rand.NewPCG(6, 1)), 40, fieldVocab)
	type beam struct {
		text  []Token
		score float64
		seq   *watermark.Sequence
	}
	search := func(next func(b beam, t Token) *watermark.Sequence) (text []Token, counts watermark.Counts) {
		row := make([]float32, fieldVocab)
		s := newSequence(t, mark)
		s.Reset(prompt)
		beams := []beam{{nil, 0, s}}
		for range steps {
			type choice struct {
				parent int
				token  Token
				score  float64
			}
			var choices []choice
			for i, b := range beams {
				model.logits(row, append(slices.Clone(prompt), b.text...))
				b.seq.Process(row)
				for v, x := range row {
					if x > -15 {
						choices = append(choices, choice{i, Token(v), b.score + watermark.LogProb(row, Token(v))})
					}
				}
			}
			slices.SortStableFunc(choices, func(a, b choice) int {
				switch {
				case a.score > b.score:
					return -1
				case a.score < b.score:
					return 1
				}
				return 0
			})
			var list []beam
			for _, c := range choices[:width] {
				b := beams[c.parent]
				list = append(list, beam{append(slices.Clone(b.text), c.token), c.score, next(b, c.token)})
			}
			beams = list
		}
		return beams[0].text, beams[0].seq.Counts()
	}
	cloned, counts := search(func(b beam, token Token) *watermark.Sequence {
		s := b.seq.Clone()
		s.Accept(token)
		return s
	})
	replayed, _ := search(func(b beam, token Token) *watermark.Sequence {
		s := newSequence(t, mark)
		s.Reset(prompt)
		for _, v := range b.text {
			s.Accept(v)
		}
		s.Accept(token)
		return s
	})
	assert.Equal(t, replayed, cloned)
	assert.EqualValues(t, steps, counts.Tokens)
	assert.EqualValues(t, steps, counts.Bias.Marked+counts.Bias.Repeated+counts.Bias.Unscorable)
	assert.Less(t, log10P(mark, cloned), -4.0)
}

// TestLongPromptsAreReadOnce resets to a prompt that was seen. Nothing is made again for it, and a copy
// does not depend on its length.
func TestLongPromptsAreReadOnce(t *testing.T) {
	const n = 200_000
	mark := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 5}, fieldVocab)
	long := testmark.Uniform(rand.New(rand.NewPCG(19, 1)), n, fieldVocab)
	short := long[:50]
	s := newSequence(t, mark)
	bytesOf := func(f func()) uint64 {
		const runs = 20
		var before, after runtime.MemStats
		f()
		runtime.ReadMemStats(&before)
		for range runs {
			f()
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / runs
	}
	s.Reset(long)
	assert.Less(t, bytesOf(func() { s.Reset(long) }), uint64(1000), "again")
	assert.Less(t, bytesOf(func() { s.Reset(long[:n-5]) }), uint64(1000), "a prefix of it")
	other := newSequence(t, mark)
	other.Reset(short)
	small, large := bytesOf(func() { _ = other.Clone() }), bytesOf(func() { _ = s.Clone() })
	assert.Less(t, large, small+5000, "a copy of a Sequence after a long prompt")
	prompt := watermark.NewPrompt(long)
	other.ResetTo(prompt)
	assert.Less(t, bytesOf(func() { other.ResetTo(prompt) }), uint64(1000), "a prompt that was prepared")
	s.Reset(long)
	for i := range 50 {
		require.Equal(t, n, prompt.Len())
		s.Accept(long[i])
		other.Accept(long[i])
	}
	ids, probs := []Token{1, 2, 3}, []float32{1, 1, 1}
	assert.Equal(t, s.Pick(ids, probs, 0.4), other.Pick(ids, probs, 0.4))
	s.Accept(0)
	other.Accept(0)
	assert.Equal(t, s.Counts().Draw, other.Counts().Draw)
	assert.EqualValues(t, 1, s.Counts().Draw.Repeated, "the prompt has the context")
}

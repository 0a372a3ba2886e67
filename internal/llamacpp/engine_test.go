package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// testKey returns a key for tests.
func testKey(t testing.TB, label string) watermark.Key {
	t.Helper()
	root, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	require.NoError(t, err)
	return root.Derive(label)
}

func newMark(t testing.TB, label string, s watermark.Scheme, vocab int) *watermark.Mark {
	t.Helper()
	m, err := watermark.New(testKey(t, label), s, vocab)
	require.NoError(t, err)
	return m
}

func newSequence(t testing.TB, prompt []Token, marks ...*watermark.Mark) *watermark.Sequence {
	t.Helper()
	s, err := watermark.NewSequence(marks...)
	require.NoError(t, err)
	s.Reset(prompt)
	return s
}

// alone writes the text of a request as the plainest loop does.
func alone(t testing.TB, f *fake, r *Request, seq *watermark.Sequence) (ids []Token) {
	t.Helper()
	rng := rand.New(rand.NewChaCha8(r.Seed))
	text := slices.Clone(r.Prompt)
	for len(ids) < r.MaxTokens {
		row := f.logits(text)
		for _, b := range r.Bias {
			row[b.Token] += b.Bias
		}
		id := seq.Sample(row, r.Sampler, rng.Float64())
		if id == fakeEnd {
			break
		}
		seq.Accept(id)
		ids, text = append(ids, id), append(text, id)
	}
	return ids
}

// words returns n ids below 256.
func words(seed uint64, n int) []Token {
	rng := rand.New(rand.NewPCG(seed, 1))
	ids := make([]Token, n)
	for i := range ids {
		ids[i] = Token(rng.IntN(256))
	}
	return ids
}

// TestTextsDoNotDependOnEachOther runs many requests through few slots, with long and short
// prompts, shared prefixes, biases and drafts. Each gets the tokens of the plain loop.
func TestTextsDoNotDependOnEachOther(t *testing.T) {
	shared := words(99, 200)
	for _, c := range []struct {
		name   string
		config Config
		draft  *fake
	}{
		{"one slot", Config{Slots: 1}, nil},
		{"three slots", Config{Slots: 3}, nil},
		{"small batches", Config{Slots: 8, Batch: 64}, nil},
		{"look-up", Config{Slots: 3, Ahead: 4}, nil},
		{"a near draft model", Config{Slots: 3, Ahead: 4}, &fake{salt: 7, blur: 0.3}},
		{"a far draft model", Config{Slots: 3, Ahead: 3, Batch: 64}, &fake{salt: 7, blur: 3}},
		{"a perfect draft model", Config{Slots: 2, Ahead: 5}, &fake{salt: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{salt: 7, end: 4}
			m := fakeModel(t, f)
			c.config.Context = 400
			if c.draft != nil {
				c.draft.end = f.end
				c.config.Draft = fakeModel(t, c.draft)
			}
			e := newEngine(t, m, c.config)
			schemes := []watermark.Scheme{nil, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, watermark.GumbelMax{Width: 3}, watermark.Tournament{Depth: 10, Width: 2}}
			var wg sync.WaitGroup
			for i := range 40 {
				prompt := words(uint64(i), 1+i*7%150)
				if i%3 == 0 {
					prompt = append(slices.Clone(shared[:[]int{40, 64, 65, 130, 199}[i%5]]), words(uint64(i), 1+i%90)...)
				}
				if i%8 == 1 { // a loop, for the look-up
					prompt = slices.Repeat(words(1, 5), 20)
				}
				r := &Request{Prompt: prompt, MaxTokens: 10 + i, Sampler: watermark.Sampler{Temperature: float32(i%4) / 3, TopK: 40 * (i % 2)}, Seed: [32]byte{byte(i)}}
				if i%6 == 5 {
					r.Bias = []LogitBias{{65, 3}, {66, float32(math.Inf(-1))}}
				}
				var marks []*watermark.Mark
				if s := schemes[i%4]; s != nil {
					marks = append(marks, newMark(t, fmt.Sprint(i), s, fakeVocab))
				}
				r.Sequence = newSequence(t, prompt, marks...)
				want := alone(t, f, r, newSequence(t, prompt, marks...))
				wg.Go(func() {
					got, err := e.Write(t.Context(), r)
					if !assert.NoError(t, err) {
						return
					}
					assert.Equal(t, want, got.Tokens, "request %d", i)
					finish := FinishLength
					if len(want) < r.MaxTokens {
						finish = FinishEnd
					}
					assert.Equal(t, finish, got.Finish)
				})
			}
			wg.Wait()
			s := e.Stats()
			assert.Zero(t, s.Active)
			assert.Zero(t, s.Waiting)
			if c.draft != nil {
				assert.Positive(t, s.Proposed)
				if c.draft.blur == 0 {
					assert.Greater(t, float64(s.Accepted), 0.9*float64(s.Proposed), "but for biases and the ends of texts")
				}
			}
			assert.LessOrEqual(t, s.Accepted, s.Proposed)
		})
	}
}

// TestSamplesShareTheirPrompt checks that n samples of one prompt decode it once.
func TestSamplesShareTheirPrompt(t *testing.T) {
	f := &fake{salt: 1}
	all := make(chan struct{})
	f.log = func([]entry) { <-all } // the first decodes a chunk while the others come
	e := newEngine(t, fakeModel(t, f), Config{Slots: 4, Context: 400, Batch: 64})
	prompt := words(5, 300)
	texts := make([][]Token, 4)
	var wg sync.WaitGroup
	for i := range texts {
		wg.Go(func() {
			got, err := e.Write(t.Context(), &Request{Prompt: prompt, MaxTokens: 5, Sampler: watermark.Sampler{Temperature: 1}, Seed: [32]byte{byte(i)}})
			if assert.NoError(t, err) {
				texts[i] = got.Tokens
			}
		})
	}
	require.Eventually(t, func() bool { s := e.Stats(); return s.Active+s.Waiting == 4 }, time.Minute, time.Millisecond)
	close(all)
	wg.Wait()
	assert.EqualValues(t, 3*256, e.Stats().Reused, "all but the first take the whole chunks of 64 over")
	assert.NotEqual(t, texts[0], texts[1])
}

// TestPromptsAreCutAlike checks that the chunks of a prompt end at multiples of 64, however much
// of it is there already. The kernels of llama.cpp round differently for 64 tokens and more.
func TestPromptsAreCutAlike(t *testing.T) {
	f := &fake{salt: 1}
	var wideOnes []int
	f.log = func(batch []entry) {
		perSeq := map[int]int{}
		for _, e := range batch {
			perSeq[e.seq]++
		}
		for seq, n := range perSeq {
			if n >= wide {
				wideOnes = append(wideOnes, n)
				assert.Zero(t, n%wide, "sequence %d", seq)
				assert.Len(t, perSeq, 1, "a chunk is alone in its batch")
			}
		}
	}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 2, Context: 600, Batch: 200})
	for _, n := range []int{10, 64, 65, 128, 300, 310, 311, 599} {
		_, err := e.Write(t.Context(), &Request{Prompt: words(5, n), MaxTokens: 3, Sampler: watermark.Sampler{Temperature: 1}})
		require.NoError(t, err)
	}
	e.Close()
	assert.Equal(t, []int{64, 64, 128, 192, 128}, wideOnes, "64; 128 but for 64; 300 but for 128; 599 but for 256")
}

// TestQueue checks that requests wait their turn in order, that the queue is bounded, and that a
// client who leaves it does not wait.
func TestQueue(t *testing.T) {
	f := &fake{salt: 1}
	hold := make(chan struct{})
	var first []Token // of each prompt, in the order of their turns
	f.log = func(batch []entry) {
		if batch[0].pos == 0 {
			first = append(first, batch[0].token)
		}
		<-hold
	}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 100, Queue: 2})
	type result struct {
		i   int
		err error
	}
	results := make(chan result, 4)
	ask := func(ctx context.Context, i int) {
		go func() {
			_, err := e.Write(ctx, &Request{Prompt: words(uint64(i), 5), MaxTokens: 2, Sampler: watermark.Sampler{Temperature: 1}})
			results <- result{i, err}
		}()
	}
	eventually := func(active, waiting int64) {
		t.Helper()
		require.Eventually(t, func() bool { s := e.Stats(); return s.Active == active && s.Waiting == waiting }, time.Minute, time.Millisecond)
	}
	ask(t.Context(), 0)
	eventually(1, 0)
	ask(t.Context(), 1)
	eventually(1, 1)
	ctx, leave := context.WithCancelCause(t.Context())
	ask(ctx, 2)
	eventually(1, 2)
	_, err := e.Write(t.Context(), &Request{Prompt: words(3, 5)})
	assert.ErrorIs(t, err, ErrBusy)
	gone := errors.New("the client is gone")
	leave(gone)
	assert.Equal(t, result{2, gone}, <-results)
	eventually(1, 1)
	close(hold)
	assert.ElementsMatch(t, []result{{0, nil}, {1, nil}}, []result{<-results, <-results})
	e.Close()
	assert.Equal(t, []Token{words(0, 5)[0], words(1, 5)[0]}, first)
}

// TestCancelFreesTheSlot checks that a slot is free again after its client left in the middle.
func TestCancelFreesTheSlot(t *testing.T) {
	f := &fake{salt: 1}
	m := fakeModel(t, f)
	e := newEngine(t, m, Config{Slots: 1, Context: 4000})
	for _, c := range []struct {
		name  string
		leave func(cancel func()) bool
		err   error
	}{
		{"by its context", func(cancel func()) bool { cancel(); return true }, context.Canceled},
		{"by emit", func(func()) bool { return false }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			r := &Request{Prompt: words(1, 5), Sampler: watermark.Sampler{Temperature: 1}, Grammar: "even"}
			r.Sequence = newSequence(t, r.Prompt)
			_, err := e.Generate(ctx, r, func(Output) bool {
				if n++; n == 3 {
					return c.leave(cancel)
				}
				return true
			})
			assert.ErrorIs(t, err, c.err)
			assert.Zero(t, e.Stats().Active, "the slot is free when Generate returns")
			r.Sequence.Reset(nil) // and the sequence belongs to the caller again
			got, err := e.Write(t.Context(), &Request{Prompt: words(2, 5), MaxTokens: 4, Sampler: watermark.Sampler{Temperature: 1}})
			require.NoError(t, err)
			assert.Len(t, got.Tokens, 4)
		})
	}
	e.Close()
	assert.Equal(t, []string{"grammar", "grammar", "context"}, f.freed, "everything is released, once")
}

// TestSlowClient checks that a client that does not read does not hold up others, and loses
// nothing.
func TestSlowClient(t *testing.T) {
	f := &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 2, Context: 400, Ahead: 3})
	read := make(chan struct{})
	slow := make(chan []Token)
	r := &Request{Prompt: words(1, 5), MaxTokens: 100, Sampler: watermark.Sampler{Temperature: 1}}
	go func() {
		var ids []Token
		_, err := e.Generate(t.Context(), r, func(o Output) bool {
			<-read
			ids = append(ids, o.Token)
			return true
		})
		assert.NoError(t, err)
		slow <- ids
	}()
	got, err := e.Write(t.Context(), &Request{Prompt: words(2, 5), MaxTokens: 300, Sampler: watermark.Sampler{Temperature: 1}})
	require.NoError(t, err)
	assert.Len(t, got.Tokens, 300)
	assert.Less(t, e.Stats().Drawn, int64(300+100), "the slow text stands still")
	close(read)
	assert.Equal(t, alone(t, f, r, newSequence(t, r.Prompt)), <-slow)
}

// TestClose checks that Close ends running and waiting requests, and refuses later ones.
func TestClose(t *testing.T) {
	f := &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 4000})
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := e.Write(t.Context(), &Request{Prompt: words(1, 5), Sampler: watermark.Sampler{Temperature: 1}})
			errs <- err
		}()
	}
	require.Eventually(t, func() bool { s := e.Stats(); return s.Active == 1 && s.Waiting == 1 && s.Drawn > 0 }, time.Minute, time.Millisecond)
	e.Close()
	e.Close()
	for range 2 {
		assert.ErrorIs(t, <-errs, ErrClosed)
	}
	_, err := e.Write(t.Context(), &Request{Prompt: words(1, 5)})
	assert.ErrorIs(t, err, ErrClosed)
	assert.Equal(t, []string{"context"}, f.freed)
}

// TestDecodeFails checks that an error of llama.cpp reaches the clients of that batch, and that the
// engine serves the next request.
func TestDecodeFails(t *testing.T) {
	f := &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 2, Context: 400})
	f.broken.Store(true)
	r := &Request{Prompt: words(1, 100), MaxTokens: 5, Sampler: watermark.Sampler{Temperature: 1}}
	_, err := e.Write(t.Context(), r)
	assert.ErrorContains(t, err, "the device is gone")
	assert.Zero(t, e.Stats().Active)
	f.broken.Store(false)
	r.Sequence = nil
	got, err := e.Write(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, alone(t, f, r, newSequence(t, r.Prompt)), got.Tokens)
}

// TestBrokenDraft checks that texts continue when the draft model fails.
func TestBrokenDraft(t *testing.T) {
	f, d := &fake{salt: 1}, &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 2, Context: 400, Ahead: 3, Draft: fakeModel(t, d)})
	d.broken.Store(true)
	r := &Request{Prompt: words(1, 100), MaxTokens: 20, Sampler: watermark.Sampler{Temperature: 1}}
	got, err := e.Write(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, alone(t, f, r, newSequence(t, r.Prompt)), got.Tokens)
}

// TestContextIsFull checks that a text ends where the context does, and that a prompt without room
// is an error.
func TestContextIsFull(t *testing.T) {
	f := &fake{salt: 1}
	for _, c := range []struct {
		name        string
		prompt, max int
		tokens      int
		err         error
	}{
		{"room for all", 90, 10, 10, nil},
		{"room for a part", 90, 11, 10, nil},
		{"room without a limit", 90, 0, 10, nil},
		{"room for one", 99, 5, 1, nil},
		{"no room", 100, 1, 0, ErrContext},
		{"far too long", 500, 1, 0, ErrContext},
	} {
		for _, ahead := range []int{0, 4} {
			t.Run(fmt.Sprintf("%s, %d ahead", c.name, ahead), func(t *testing.T) {
				e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 100, Ahead: ahead})
				got, err := e.Write(t.Context(), &Request{Prompt: slices.Repeat([]Token{1, 2, 3}, 200)[:c.prompt], MaxTokens: c.max, Sampler: watermark.Sampler{Temperature: 1}})
				require.ErrorIs(t, err, c.err)
				if err == nil {
					assert.Len(t, got.Tokens, c.tokens)
					assert.Equal(t, FinishLength, got.Finish)
				}
			})
		}
	}
}

// TestStop checks that a text ends at a stop sequence, also one over several tokens.
func TestStop(t *testing.T) {
	f := &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 400})
	r := func(stop ...string) *Request {
		return &Request{Prompt: words(1, 5), MaxTokens: 60, Sampler: watermark.Sampler{Temperature: 1}, Stop: stop}
	}
	whole, err := e.Write(t.Context(), r())
	require.NoError(t, err)
	require.Len(t, whole.Text, 60)
	for _, c := range []struct {
		name string
		stop []string
		want int // tokens
		text string
	}{
		{"one byte", []string{whole.Text[20:21]}, strings.Index(whole.Text, whole.Text[20:21]) + 1, whole.Text[:strings.Index(whole.Text, whole.Text[20:21])]},
		{"three bytes", []string{whole.Text[20:23]}, 23, whole.Text[:20]},
		{"the first of two", []string{whole.Text[30:34], whole.Text[20:25]}, 25, whole.Text[:20]},
		{"none", []string{"this is not in it"}, 60, whole.Text},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := e.Write(t.Context(), r(c.stop...))
			require.NoError(t, err)
			assert.Len(t, got.Tokens, c.want)
			assert.Equal(t, c.text, got.Text)
			assert.Equal(t, c.want < 60, got.Finish == FinishStop)
		})
	}
}

// TestGrammar checks that a grammar holds in both modes, which give one text for keyed draws.
func TestGrammar(t *testing.T) {
	f := &fake{salt: 1, end: 3}
	m := fakeModel(t, f)
	e := newEngine(t, m, Config{Slots: 1, Context: 400, Ahead: 3})
	prompt := slices.Repeat([]Token{2, 4, 7}, 10)
	write := func(s watermark.Scheme, check bool, sampler watermark.Sampler) []Token {
		r := &Request{Prompt: prompt, MaxTokens: 40, Sampler: sampler, Grammar: "odd", GrammarCheck: check}
		r.Sequence = newSequence(t, prompt, newMark(t, "grammar", s, fakeVocab))
		got, err := e.Write(t.Context(), r)
		require.NoError(t, err)
		for _, id := range got.Tokens {
			assert.EqualValues(t, 1, id%2)
		}
		assert.GreaterOrEqual(t, len(got.Tokens), 10, "the end is not allowed before")
		return got.Tokens
	}
	warm := watermark.Sampler{Temperature: 1}
	gumbel := watermark.GumbelMax{Width: 4}
	assert.Equal(t, write(gumbel, false, warm), write(gumbel, true, warm), "the winner among all, if allowed, is the winner among the allowed")
	assert.Equal(t, write(gumbel, false, watermark.Sampler{Temperature: 1, TopK: 5}), write(gumbel, true, watermark.Sampler{Temperature: 1, TopK: 5}),
		"under truncation the grammar comes first in any case")
	assert.Equal(t, write(watermark.Tournament{Depth: 20, Width: 4}, false, warm), write(watermark.Tournament{Depth: 20, Width: 4}, true, warm), "and for a tournament")

	for name, grammar := range map[string]string{"a grammar that cannot be read": "???", "a grammar that allows nothing": "nothing"} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Write(t.Context(), &Request{Prompt: prompt, Grammar: grammar})
			assert.ErrorContains(t, err, map[string]string{"???": "cannot be read", "nothing": "no token can be drawn"}[grammar])
		})
	}
}

// TestGrammarCheckKeepsTheLaw compares the frequencies of draw-then-check with the law of a
// grammar that comes first, for an unmarked request and no truncation.
func TestGrammarCheckKeepsTheLaw(t *testing.T) {
	f := &fake{salt: 3}
	row := f.logits([]Token{1})
	g, err := f.grammar("odd")
	require.NoError(t, err)
	seq := newSequence(t, nil)
	const n = 20000
	counts := make([]float64, fakeVocab)
	d := &drawer{r: &Request{Sampler: watermark.Sampler{Temperature: 1}, GrammarCheck: true}, seq: seq, grammar: g, uniforms: newUniforms([32]byte{1}, 0)}
	work := make([]float32, len(row))
	for range n {
		copy(work, row)
		o, err := d.draw(work, 0, -1)
		require.NoError(t, err)
		counts[o.Token]++
		seq.Reset(nil)
		g.(*fakeGrammar).n = 0
	}
	copy(work, row)
	g.mask(work)
	var total float64
	for _, x := range work {
		total += math.Exp(float64(x))
	}
	var chi float64
	cells := 0
	for i, x := range work {
		want := n * math.Exp(float64(x)) / total
		if want < 5 {
			continue
		}
		cells++
		chi += (counts[i] - want) * (counts[i] - want) / want
	}
	assert.Greater(t, cells, 80)
	assert.Less(t, chi, float64(cells)+5*math.Sqrt(2*float64(cells)), "%d cells", cells)
}

// TestLogprobs checks log-probabilities against the definition.
func TestLogprobs(t *testing.T) {
	f := &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 400, Ahead: 2})
	r := &Request{Prompt: slices.Repeat([]Token{2, 4, 7}, 10), MaxTokens: 12, Sampler: watermark.Sampler{Temperature: 0.5, TopK: 20}, Logprobs: true, TopLogprobs: 5,
		Bias: []LogitBias{{7, 2}, {8, float32(math.Inf(-1))}}}
	r.Sequence = newSequence(t, r.Prompt, newMark(t, "logprobs", watermark.GreenList{Gamma: 0.5, Delta: 4, Width: 1}, fakeVocab))
	got, err := e.Write(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, got.Output, 12)
	text := slices.Clone(r.Prompt)
	for _, o := range got.Output {
		row := f.logits(text)
		row[7] += 2
		row[8] = float32(math.Inf(-1))
		var total float64
		for _, x := range row {
			total += math.Exp(float64(x))
		}
		assert.InDelta(t, float64(row[o.Token])-math.Log(total), o.Logprob, 1e-9)
		require.Len(t, o.Top, 5)
		order := make([]Token, len(row))
		for i := range order {
			order[i] = Token(i)
		}
		slices.SortStableFunc(order, func(a, b Token) int {
			switch {
			case row[a] > row[b]:
				return -1
			case row[a] < row[b]:
				return 1
			}
			return 0
		})
		for k, top := range o.Top {
			assert.Equal(t, order[k], top.Token)
			assert.InDelta(t, float64(row[order[k]])-math.Log(total), top.Logprob, 1e-9)
		}
		text = append(text, o.Token)
	}
}

// TestBadRequests checks that requests that cannot be served are refused with a reason.
func TestBadRequests(t *testing.T) {
	f := &fake{salt: 1}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 100})
	dual := newMark(t, "dual", watermark.GumbelMax{Width: 4, Dual: 0.5}, fakeVocab)
	a, b, ok := dual.Halves()
	require.True(t, ok)
	spec, err := watermark.NewSpeculation(a, b)
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"no prompt", Request{}, "the prompt is empty"},
		{"an id beyond the vocabulary", Request{Prompt: []Token{fakeVocab}}, "token 0 of the prompt is 300"},
		{"a negative id", Request{Prompt: []Token{1, -1}}, "token 1 of the prompt is -1"},
		{"a negative limit", Request{Prompt: []Token{1}, MaxTokens: -1}, "MaxTokens"},
		{"a bias that is not a number", Request{Prompt: []Token{1}, Bias: []LogitBias{{1, float32(math.NaN())}}}, "the logit bias NaN of token 1"},
		{"a bias beyond the vocabulary", Request{Prompt: []Token{1}, Bias: []LogitBias{{fakeVocab, 1}}}, "of token 300"},
		{"an empty stop sequence", Request{Prompt: []Token{1}, Stop: []string{""}}, "a stop sequence is empty"},
		{"too many alternatives", Request{Prompt: []Token{1}, TopLogprobs: fakeVocab + 1}, "TopLogprobs"},
		{"a speculation without a draft model", Request{Prompt: []Token{1}, Speculation: spec}, "needs an engine with a draft model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.Write(t.Context(), &c.r)
			assert.ErrorContains(t, err, c.want)
		})
	}
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"too many slots", Config{Slots: 300}, "300 slots"},
		{"a small batch", Config{Slots: 40, Ahead: 4, Batch: 100}, "at least 200"},
		{"a draft model without Ahead", Config{Draft: fakeModel(t, f)}, "needs Ahead"},
		{"a long draft", Config{Ahead: 63}, "give 0 to 62"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewEngine(fakeModel(t, f), c.config)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// TestDrawDoesNotAllocate checks the part of a step that is ours: biases, marks, guesses.
func TestDrawDoesNotAllocate(t *testing.T) {
	f := &fake{salt: 1}
	row := f.logits([]Token{1})
	work := make([]float32, len(row))
	for _, s := range []watermark.Scheme{watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, watermark.GumbelMax{Width: 4}, watermark.Tournament{Depth: 20, Width: 4}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			d := &drawer{r: &Request{Sampler: watermark.Sampler{Temperature: 1, TopK: 40}, Bias: []LogitBias{{3, 1}}},
				seq: newSequence(t, []Token{1, 2, 3, 4, 5}, newMark(t, "allocs", s, fakeVocab)), uniforms: newUniforms([32]byte{}, 4)}
			step := func() {
				for i := range 4 {
					copy(work, row)
					d.guess(work, i)
				}
				d.rewind(4)
				copy(work, row)
				_, err := d.draw(work, 0, -1)
				if err != nil {
					t.Fatal(err)
				}
			}
			for range 2000 { // buffers grow
				step()
			}
			d.rewind(1900)
			assert.Zero(t, testing.AllocsPerRun(200, step))
		})
	}
}

// TestSpeculation checks the way with two keys: the text is found by the mark of two keys, and
// every token comes from one of the two draws or from the draft.
func TestSpeculation(t *testing.T) {
	f, d := &fake{salt: 7}, &fake{salt: 7, blur: 0.7}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 2, Context: 700, Ahead: 4, Draft: fakeModel(t, d)})
	dual := newMark(t, "dual", watermark.GumbelMax{Width: 4, Dual: 0.5}, fakeVocab)
	first, second, ok := dual.Halves()
	require.True(t, ok)
	spec, err := watermark.NewSpeculation(first, second)
	require.NoError(t, err)
	r := &Request{Prompt: words(1, 80), MaxTokens: 300, Sampler: watermark.Sampler{Temperature: 1}, Speculation: spec}
	spec.Reset(r.Prompt)
	got, err := e.Write(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, got.Tokens, 300)
	for name, c := range map[string]struct {
		mark  *watermark.Mark
		found bool
	}{"own key": {dual, true}, "another key": {newMark(t, "other", watermark.GumbelMax{Width: 4, Dual: 0.5}, fakeVocab), false}} {
		test := detect.NewAccumulator(c.mark, &detect.Options{Dedup: detect.DedupContext})
		test.Add(got.Tokens)
		assert.Equal(t, c.found, test.Result().Log10P < -20, "%s: %v", name, test.Result())
	}
	s := e.Stats()
	assert.Greater(t, float64(s.Accepted), 0.3*float64(s.Proposed))
}

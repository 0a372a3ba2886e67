package llamacpp

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// A Request is a text for an [Engine] to write. Nobody else may use it, or its Sequence, until
// Generate has returned.
type Request struct {
	Prompt    []Token // at least one token
	MaxTokens int     // 0 for what the context of the engine has room for

	// Sequence holds the marks, and has been reset to what comes before the text. Nil is for
	// unmarked text. Its counts include the guesses of a draft model.
	Sequence *watermark.Sequence
	// Speculation takes the place of Sequence for a mark of two keys and an engine with a draft
	// model. It is reset likewise.
	Speculation *watermark.Speculation
	Sampler     watermark.Sampler
	Seed        [32]byte // decides all ordinary random numbers; the same as of math/rand/v2's ChaCha8

	Bias    []LogitBias // added to the raw logits before the marks
	Grammar string      // GBNF of llama.cpp, with a rule named root; "" for none
	// GrammarCheck draws first and applies the grammar to the row only if the token is not
	// allowed, which costs less. The grammar comes first all the same where the law of a token
	// would change: for a Tournament, for a bias with a Gate or exempt ids, under TopK, TopP or MinP,
	// and in a Speculation. With Logprobs the grammar always comes first.
	GrammarCheck bool
	Stop         []string // the text ends once it holds one of them
	NoDraft      bool     // verify one token at a time, as without a draft
	Logprobs     bool     // of the tokens that are drawn
	TopLogprobs  int      // most probable tokens at each position, with Logprobs
}

// A LogitBias is added to the raw logit of a token. -Inf forbids the token.
type LogitBias struct {
	Token Token
	Bias  float32 // in nats
}

// An Output is a token of a text.
type Output struct {
	Token
	// Logprob is the natural logarithm of the model's probability of the token at temperature 1,
	// after the biases of the request and its grammar, and before truncation and marks. It is set
	// with Logprobs.
	Logprob float64
	Top     []Logprob // the most probable first; nil without TopLogprobs
}

// A Logprob is a token with the logarithm of its probability.
type Logprob struct {
	Token
	Logprob float64
}

// A Finish says why a text ended.
type Finish string

// The reasons why a text ends.
const (
	FinishEnd    Finish = "end"    // the model's own end of text
	FinishStop   Finish = "stop"   // a stop sequence, or the caller had enough
	FinishLength Finish = "length" // MaxTokens, or the context is full
)

var errNothingToDraw = errors.New("llamacpp: no token can be drawn: every logit is -Inf or not a number; check the logit bias and the grammar")

// check returns an error for a request that the engine cannot serve.
func (r *Request) check(vocab, room int, drafts bool) error {
	switch {
	case len(r.Prompt) == 0:
		return errors.New("llamacpp: the prompt is empty; give at least one token")
	case len(r.Prompt) >= room:
		return fmt.Errorf("%w: the prompt has %d tokens and a slot holds %d; shorten the prompt or use a larger Context", ErrContext, len(r.Prompt), room)
	case r.MaxTokens < 0 || r.TopLogprobs < 0 || r.TopLogprobs > vocab:
		return errors.New("llamacpp: MaxTokens and TopLogprobs must not be negative, and TopLogprobs not above the vocabulary")
	case r.Sequence != nil && r.Speculation != nil:
		return errors.New("llamacpp: a request has a Sequence or a Speculation, and not both")
	case r.Speculation != nil && (!drafts || r.Grammar != ""):
		return errors.New("llamacpp: a Speculation needs an engine with a draft model and a request without a grammar; use a Sequence")
	case slices.Contains(r.Stop, ""):
		return errors.New("llamacpp: a stop sequence is empty; leave it out")
	}
	for i, t := range r.Prompt {
		if t < 0 || int(t) >= vocab {
			return fmt.Errorf("llamacpp: token %d of the prompt is %d, outside the vocabulary of %d", i, t, vocab)
		}
	}
	for _, b := range r.Bias {
		if b.Token < 0 || int(b.Token) >= vocab || math.IsNaN(float64(b.Bias)) || math.IsInf(float64(b.Bias), 1) {
			return fmt.Errorf("llamacpp: the logit bias %g of token %d is not possible; give ids below %d and finite biases or -Inf", b.Bias, b.Token, vocab)
		}
	}
	return nil
}

// uniforms are the ordinary random numbers of a request, which a draft may look at ahead of time.
type uniforms struct {
	rng   *rand.Rand
	ahead []float64
	next  int
}

func newUniforms(seed [32]byte, ahead int) uniforms {
	return uniforms{rng: rand.New(rand.NewChaCha8(seed)), ahead: make([]float64, 0, ahead+1)}
}

// peek returns the number that the i-th call of take from now will return.
func (u *uniforms) peek(i int) float64 {
	for len(u.ahead)-u.next <= i {
		if u.next > 0 && len(u.ahead) == cap(u.ahead) {
			u.ahead = u.ahead[:copy(u.ahead, u.ahead[u.next:])]
			u.next = 0
		}
		u.ahead = append(u.ahead, u.rng.Float64())
	}
	return u.ahead[u.next+i]
}

func (u *uniforms) take() float64 {
	x := u.peek(0)
	u.next++
	return x
}

// A drawer draws the tokens of one request.
type drawer struct {
	r        *Request
	seq      *watermark.Sequence
	grammar  grammar // nil for none
	uniforms uniforms
	proposed []watermark.Row // of the draft model, for a Speculation
	target   watermark.Row
	top      []Logprob // of logprobs
}

// draw draws the next token from its row, verifying the token that a draft proposed there, if
// there is one. It writes the row and does not allocate, unless log-probabilities are wanted.
// i is the number of the proposal, and proposed is -1 for none.
func (d *drawer) draw(row []float32, i int, proposed Token) (Output, error) {
	for _, b := range d.r.Bias {
		row[b.Token] += b.Bias
	}
	first := !d.r.GrammarCheck || d.r.Logprobs || d.seq == nil || !d.seq.DrawsBeforeGrammar(d.r.Sampler, len(row))
	if d.grammar != nil && first {
		d.grammar.mask(row)
	}
	t := d.choose(row, i, proposed)
	if d.grammar != nil && !first && t >= 0 && !d.grammar.allows(t) {
		d.grammar.mask(row)
		t = d.choose(row, i, proposed)
	}
	if t < 0 {
		return Output{}, errNothingToDraw
	}
	if d.grammar != nil {
		d.grammar.accept(t)
	}
	d.accept(t)
	o := Output{Token: t}
	if d.r.Logprobs {
		o.Logprob, o.Top = d.logprobs(row, t)
	}
	return o, nil
}

func (d *drawer) choose(row []float32, i int, proposed Token) Token {
	s := d.r.Speculation
	if s == nil {
		return d.seq.Sample(row, d.r.Sampler, d.uniforms.take())
	}
	d.target = s.Row(d.target, row, d.r.Sampler)
	if proposed < 0 {
		return s.Target(d.target, d.uniforms.take())
	}
	coin, u := d.uniforms.take(), d.uniforms.take()
	t, _ := s.Verify(d.proposed[i], d.target, proposed, coin, u)
	return t
}

func (d *drawer) accept(t Token) {
	if s := d.r.Speculation; s != nil {
		s.Accept(t)
		return
	}
	d.seq.Accept(t)
}

// guess draws proposal i from the draft model's row, and accepts it until rewind. A Sequence
// guesses with the random number that the draw will have. The draw alone decides the text, so
// the guess may use the same key: the closer the two rows, the more often both draw one token.
func (d *drawer) guess(row []float32, i int) Token {
	t := Token(-1)
	if s := d.r.Speculation; s != nil {
		d.proposed[i] = s.Row(d.proposed[i], row, d.r.Sampler)
		t = s.Draft(d.proposed[i], d.uniforms.take())
	} else {
		t = d.seq.Sample(row, d.r.Sampler, d.uniforms.peek(i))
	}
	if t >= 0 {
		d.accept(t)
	}
	return t
}

// rewind takes n guesses back.
func (d *drawer) rewind(n int) {
	if s := d.r.Speculation; s != nil {
		s.Rewind(n)
		return
	}
	d.seq.Rewind(n)
}

// logprobs returns the log-probability of a token and the most probable tokens.
func (d *drawer) logprobs(row []float32, t Token) (float64, []Logprob) {
	top, sum := math.Inf(-1), 0.0
	for _, x := range row {
		top = max(top, float64(x))
	}
	for _, x := range row {
		sum += math.Exp(float64(x) - top)
	}
	norm := top + math.Log(sum)
	if d.r.TopLogprobs == 0 {
		return float64(row[t]) - norm, nil
	}
	best := d.top[:0] // in descending order, ties to the lower id
	for i, x := range row {
		p := float64(x) - norm
		if math.IsInf(p, -1) || len(best) == d.r.TopLogprobs && p <= best[len(best)-1].Logprob {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, p, func(b Logprob, p float64) int {
			if b.Logprob >= p {
				return -1
			}
			return 1
		})
		if len(best) == d.r.TopLogprobs {
			best = best[:len(best)-1]
		}
		best = slices.Insert(best, at, Logprob{Token(i), p})
	}
	d.top = best
	return float64(row[t]) - norm, slices.Clone(best)
}

func (d *drawer) free() {
	if d.grammar != nil {
		d.grammar.free()
	}
}

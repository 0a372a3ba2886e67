package openaiserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/watermark"
)

// A Model is the language model behind a [Server]. The server reads requests, finds the marks,
// cuts the text at stop sequences and answers; the model owns everything else. It decides how
// a prompt becomes tokens, which requests it decodes together, which prefixes it reuses and
// when a text ends. All methods must be safe for concurrent use.
type Model interface {
	// Info describes the model. It returns the same for ever.
	Info() Info

	// Text returns the tokens of the prompt of a completion.
	Text(prompt string) ([]watermark.Token, error)

	// Chat returns the tokens of a chat, up to where the answer begins. A model with a chat
	// template applies it here. There is at least one message.
	Chat(messages []Message) ([]watermark.Token, error)

	// AppendText appends the bytes of a generated token to dst and returns the extended
	// slice. The bytes of one token may be a part of a character.
	AppendText(dst []byte, t watermark.Token) ([]byte, error)

	// Generate writes one text. It calls emit for each token of the text in order, until emit
	// returns false, the text ends or ctx is done. It does not emit the token that ends a
	// text. Generate then releases what the request holds, and returns why the text ended:
	// [FinishStop] at the model's end of text, [FinishLength] if its context is full. The
	// result does not matter after emit has returned false.
	//
	// The server calls Generate on a goroutine of the request, and emit must be called there.
	// emit may wait for a client that reads slowly. An engine that decodes several requests in
	// one step therefore calls [Request.Draw] on its own goroutine. It passes the tokens to
	// Generate through a channel. It must not call Draw once Generate has returned.
	Generate(ctx context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error)
}

// Info describes a [Model].
type Info struct {
	Digest          string // of the weights, "sha256:" and hex; clients see a part of it as the fingerprint
	Vocab           int    // vocabulary size, 1 to watermark.MaxVocab
	Tokenizer       string // for profiles; see watermark.Profile
	TokenizerDigest string // for profiles
	Context         int    // largest number of tokens of a prompt and its answer together; 0 for no limit
	Steers          bool   // the model honours Bias, JSON and Logprobs of a Request
	// Control are the ids that end a turn, call a tool or separate thinking, in any order, each once.
	Control []watermark.Token
}

// A Message is one turn of a chat.
type Message struct {
	Role    string // developer, system, user or assistant
	Content string
}

// A Finish says why a text ended, as OpenAI spells it.
type Finish string

// The reasons why a text ends.
const (
	FinishStop   Finish = "stop"   // a stop sequence, or the model's end of text
	FinishLength Finish = "length" // the limit of the request, or of the model's context
)

// A Request is a text for a [Model] to write. One goroutine at a time may use it.
//
// A model has two ways to draw. [Request.Draw] does everything. An engine that has a sampler uses
// Sequence, Sampler and Seed instead. It calls Process on raw logits before it truncates, draws,
// and calls Accept.
//
// A request keeps its state while the engine preempts it. To continue, the engine decodes Prompt
// and the tokens that it has drawn since.
type Request struct {
	Prompt    []watermark.Token
	MaxTokens int                 // emit returns false after as many tokens
	Sequence  *watermark.Sequence // of the request's marks, reset to Prompt
	Sampler   watermark.Sampler
	Seed      [32]byte // decides all draws of the request

	// These are set for a model that steers ([Info]). Draw ignores them.
	Bias        map[watermark.Token]float32 // added to the raw logits before the marks; -Inf is not possible
	JSON        bool                        // the text must be one JSON object
	Logprobs    bool                        // call Report before each emit
	TopLogprobs int                         // alternatives in the report

	rng      *rand.Rand
	reported *Report
}

// A Report is what a model says about a token that it emits next.
type Report struct {
	Logprob float64   // natural logarithm of its probability
	Top     []Logprob // the most probable tokens first
}

// A Logprob is a token with the natural logarithm of its probability.
type Logprob struct {
	Token   watermark.Token
	Logprob float64
}

// Report tells the server about the token of the next call of emit. It must be called on the
// goroutine that calls emit.
func (r *Request) Report(p Report) { r.reported = &p }

// newRequest returns a request with its sequence at the end of the prompt.
func newRequest(j job, vocab int) (*Request, error) {
	marking, err := watermark.NewMarking(vocab, j.marks...)
	if err != nil {
		return nil, err
	}
	seq := marking.Sequence(uint32(j.choice)) // so that a mark of two keys draws another text for each choice
	if j.shared != nil {
		seq.ResetTo(j.shared)
	} else {
		seq.Reset(j.prompt)
	}
	seed := j.seed
	if j.choice > 0 {
		seed = sha256.Sum256(fmt.Appendf(seed[:len(seed):len(seed)], "choice %d", j.choice))
	}
	return &Request{
		Prompt: j.prompt, MaxTokens: j.maxTokens, Sequence: seq, Sampler: j.sampler, Seed: seed,
		Bias: j.bias, JSON: j.json, Logprobs: j.logprobs, TopLogprobs: j.topLogprobs,
		rng: rand.New(rand.NewChaCha8(seed)),
	}, nil
}

// errNothingToDraw is the error of Draw for a row without a candidate.
var errNothingToDraw = errors.New("openaiserver: the model gave a row of logits in which no token can be drawn")

// Draw draws the next token from the raw logits of its position and accepts it. It does not
// write to logits, so an engine can take log-probabilities from them before or afterwards. It
// returns an error if no logit is above -Inf.
func (r *Request) Draw(logits []float32) (watermark.Token, error) {
	t := r.Sequence.Sample(logits, r.Sampler, r.rng.Float64())
	if t < 0 {
		return 0, errNothingToDraw
	}
	r.Sequence.Accept(t)
	return t, nil
}

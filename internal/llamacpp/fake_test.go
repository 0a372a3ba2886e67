package llamacpp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	fakeVocab = 300
	fakeStart = 256
	fakeEnd   = 257
	fakeTurn  = 258
)

// fake is a model whose logits depend on every token before them, so that any mistake in the
// memory of a sequence changes the text. Its tokens are bytes.
type fake struct {
	salt   uint64  // of the logits
	blur   float64 // distance of a draft model from its target
	end    float64 // logit of the end; 0 for none
	order  int     // tokens that decide the logits; 0 for all
	broken atomic.Bool
	log    func(batch []entry) // before each decode

	mu    sync.Mutex
	freed []string
	t     testing.TB
}

func (f *fake) facts() facts {
	return facts{vocab: fakeVocab, trained: 4096, addStart: true, start: fakeStart, end: fakeEnd, describe: "fake",
		template: "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}{% endfor %}<|turn|>assistant\n"}
}

func (f *fake) piece(t Token) []byte {
	if t < 256 || t > fakeTurn {
		return []byte{byte(t)}
	}
	return nil
}

func (f *fake) kind(t Token) kind {
	switch t {
	case fakeEnd:
		return ending
	case fakeStart, fakeTurn:
		return control
	}
	return plain
}

func (f *fake) name(t Token) string {
	return map[Token]string{fakeStart: "<|start|>", fakeEnd: "<|end|>", fakeTurn: "<|turn|>"}[t]
}

func (f *fake) tokenize(text string, special bool) (ids []Token) {
next:
	for text != "" {
		for _, t := range []Token{fakeStart, fakeEnd, fakeTurn} {
			if name := f.name(t); special && len(text) >= len(name) && text[:len(name)] == name {
				ids, text = append(ids, t), text[len(name):]
				continue next
			}
		}
		ids, text = append(ids, Token(text[0])), text[1:]
	}
	return ids
}

func (f *fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.freed = append(f.freed, what)
}

func (f *fake) free() { f.note("model") }

func (f *fake) context(c contextConfig) (runner, error) {
	return &fakeRunner{model: f, config: c, seqs: make([][]Token, c.sequences), rows: map[int][]float32{}}, nil
}

// logits returns the law after a text.
func (f *fake) logits(text []Token) []float32 {
	if f.order > 0 {
		text = text[max(0, len(text)-f.order):]
	}
	h := fnv.New64a()
	for _, t := range text {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(t)))
	}
	rng := rand.New(rand.NewPCG(h.Sum64(), f.salt))
	noise := rand.New(rand.NewPCG(h.Sum64(), f.salt+1))
	row := make([]float32, fakeVocab)
	for i := range row {
		row[i] = float32(2*rng.NormFloat64() + f.blur*noise.NormFloat64())
	}
	for _, t := range []Token{fakeStart, fakeTurn} {
		row[t] = float32(math.Inf(-1))
	}
	row[fakeEnd] = float32(math.Inf(-1))
	if f.end != 0 {
		row[fakeEnd] = float32(f.end)
	}
	return row
}

// fakeRunner keeps the text of each sequence, and refuses what llama.cpp would compute wrongly.
type fakeRunner struct {
	model  *fake
	config contextConfig
	seqs   [][]Token
	rows   map[int][]float32
	freed  bool
}

func (r *fakeRunner) decode(batch []entry) error {
	if r.model.log != nil {
		r.model.log(batch)
	}
	if r.model.broken.Load() {
		return errors.New("the device is gone")
	}
	clear(r.rows)
	if len(batch) > r.config.batch || len(batch) == 0 || r.freed {
		return fmt.Errorf("a batch of %d, of at most %d", len(batch), r.config.batch)
	}
	for i, e := range batch {
		if e.pos != len(r.seqs[e.seq]) || e.pos >= r.config.length {
			return fmt.Errorf("position %d of sequence %d, which has %d tokens of %d", e.pos, e.seq, len(r.seqs[e.seq]), r.config.length)
		}
		r.seqs[e.seq] = append(r.seqs[e.seq], e.token)
		if e.logits {
			r.rows[i] = r.model.logits(r.seqs[e.seq])
		}
	}
	return nil
}

func (r *fakeRunner) row(i int) ([]float32, error) {
	if row := r.rows[i]; row != nil {
		return row, nil
	}
	return nil, fmt.Errorf("no row %d", i)
}

func (r *fakeRunner) remove(seq, from int) bool {
	r.seqs[seq] = r.seqs[seq][:min(from, len(r.seqs[seq]))]
	return true
}

func (r *fakeRunner) share(from, to, n int) { r.seqs[to] = slices.Clone(r.seqs[from][:n]) }

func (r *fakeRunner) free() {
	r.freed = true
	r.model.note("context")
}

// fakeGrammar allows bytes of one parity, and the end after some tokens. Its text says which.
type fakeGrammar struct {
	parity, n int
	f         *fake
}

func (f *fake) grammar(text string) (grammar, error) {
	switch text {
	case "even":
		return &fakeGrammar{parity: 0, f: f}, nil
	case "odd":
		return &fakeGrammar{parity: 1, f: f}, nil
	case "nothing":
		return &fakeGrammar{parity: 2, f: f}, nil
	}
	return nil, errors.New("the grammar cannot be read")
}

func (g *fakeGrammar) allows(t Token) bool {
	return t < 256 && int(t)%2 == g.parity || t == fakeEnd && g.n >= 10
}

func (g *fakeGrammar) mask(row []float32) {
	for i := range row {
		if !g.allows(Token(i)) {
			row[i] = float32(math.Inf(-1))
		}
	}
}

func (g *fakeGrammar) accept(t Token) {
	if !g.allows(t) {
		panic(fmt.Sprintf("token %d is not allowed", t)) // llama.cpp ends the process
	}
	g.n++
}

func (g *fakeGrammar) free() { g.f.note("grammar") }

func fakeModel(t testing.TB, f *fake) *Model {
	t.Helper()
	f.t = t
	m, err := newModel(f)
	require.NoError(t, err)
	return m
}

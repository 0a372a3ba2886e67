package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// A model writes rows of logits, like [lm.Model].
type model interface {
	Vocab() int
	Logits(dst []float32, context []int32)
}

// An outcome is the content of a row of the table.
type outcome struct {
	entropy, kl    float64
	excess, spread float64 // mean and its standard error
	hasKL          bool
	n50, n90       int     // 0 if not reached
	longest        int     // tokens per text
	scored         float64 // share of tokens
}

func (o outcome) String() string {
	kl := "0"
	if o.hasKL {
		kl = fmt.Sprintf("%.4f", o.kl)
	}
	reached := func(n int) string {
		if n == 0 {
			return fmt.Sprintf(">%d", o.longest)
		}
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%8.3f %8s %9.4f ± %.4f %7s %7s %7.2f",
		o.entropy, kl, o.excess, o.spread, reached(o.n50), reached(o.n90), o.scored)
}

// A text is a text during the measurement.
type text struct {
	mark    *watermark.Mark
	seq     *watermark.Sequence
	rng     *rand.Rand
	tokens  []watermark.Token // after the prompt
	history []watermark.Token // prompt and tokens
	row     []float32
	mask    []uint64

	entropy, kl, excess float64 // sums over tokens
	scored              int64
	detected            []bool // index: length
}

// lengths returns the lengths at which texts are tested. They are 5 % apart.
func lengths(most int) []int {
	var all []int
	for x := 8.0; int(x) <= most; x = max(x*1.05, x+1) {
		all = append(all, int(x))
	}
	return all
}

// measure writes and tests the texts of a row. It makes them longer until nine tenths of them are
// detected at all further lengths, or until they have most tokens.
func measure(
	m model, prompts [][]watermark.Token, r row, temperature float32, most int, seed uint64,
) (outcome, error) {
	texts := make([]*text, len(prompts))
	for i, prompt := range prompts {
		secret := strings.Repeat(fmt.Sprintf("%02x", byte(seed)), 32)
		key, err := watermark.ParseKey("isotope-secret-key-1:" + secret)
		if err != nil {
			return outcome{}, err
		}
		key = key.Derive("tokens", r.name, fmt.Sprint(temperature), fmt.Sprint(i))
		mark, err := watermark.New(key, r.scheme, m.Vocab())
		if err != nil {
			return outcome{}, err
		}
		seq, err := watermark.NewSequence(mark)
		if err != nil {
			return outcome{}, err
		}
		seq.Reset(prompt)
		if r.unweighted {
			mark = mark.Unweighted()
		}
		texts[i] = &text{
			mark: mark, seq: seq, rng: rand.New(rand.NewPCG(seed, uint64(i))), history: slices.Clone(prompt),
			row: make([]float32, m.Vocab()), mask: make([]uint64, (m.Vocab()+63)/64),
		}
	}
	grid := lengths(most)
	var o outcome
	for from, stop := 0, 60; ; stop *= 2 {
		to := from
		for to < len(grid) && grid[to] <= stop {
			to++
		}
		each(texts, func(t *text) {
			for _, n := range grid[from:to] {
				t.write(m, n, temperature)
				t.detected = append(t.detected, t.test())
			}
		})
		from = to
		o = summary(texts, grid[:to], r)
		// Go on for a fifth, so that n90 holds at further lengths, too.
		if to == len(grid) || o.n90 > 0 && 1.2*float64(o.n90) < float64(grid[to-1]) {
			return o, nil
		}
	}
}

// each calls f for every text, on all processors.
func each(texts []*text, f func(*text)) {
	next := make(chan *text)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for t := range next {
				f(t)
			}
		})
	}
	for _, t := range texts {
		next <- t
	}
	close(next)
	wg.Wait()
}

// write extends the text to n tokens.
func (t *text) write(m model, n int, temperature float32) {
	for len(t.tokens) < n {
		m.Logits(t.row, t.history)
		next := t.seq.Sample(t.row, watermark.Sampler{Temperature: temperature}, t.rng.Float64())
		t.account(next, float64(temperature))
		t.seq.Accept(next)
		t.tokens = append(t.tokens, next)
		t.history = append(t.history, next)
	}
}

// account adds the entropy, the KL divergence and the excess surprise of one step.
func (t *text) account(next watermark.Token, temperature float64) {
	green, biased := t.mark.Scheme().(watermark.GreenList)
	if biased {
		t.mark.Mask(t.mask, t.history)
	}
	top := math.Inf(-1)
	for _, x := range t.row {
		top = max(top, float64(x))
	}
	var total, mean, mass float64 // of weights, of weights times exponents, of green weights
	for v, x := range t.row {
		e := (float64(x) - top) / temperature
		if e < -40 {
			continue
		}
		w := math.Exp(e)
		total += w
		mean += w * e
		if biased && t.mask[v/64]>>(v%64)&1 == 1 {
			mass += w
		}
	}
	entropy := math.Log(total) - mean/total
	t.entropy += entropy
	t.excess += math.Log(total) - (float64(t.row[next])-top)/temperature - entropy
	if biased {
		delta, p := green.Delta/temperature, mass/total
		odds := math.Exp(delta)
		t.kl += delta*odds*p/(1+(odds-1)*p) - math.Log1p((odds-1)*p)
	}
}

// test reports whether the text so far is detected.
func (t *text) test() bool {
	// No text reaches this Alpha. Else statements of power would take most of the time of a Result.
	o := &detect.Options{Alpha: 1e-300}
	if _, biased := t.mark.Scheme().(watermark.GreenList); !biased {
		o.Dedup = detect.DedupContext // the mark skipped repeated contexts
	}
	a := detect.NewAccumulator(t.mark, o)
	a.Add(t.tokens)
	r := a.Result()
	t.scored = r.Scored
	return r.Log10PAdjusted <= math.Log10(alpha)
}

// summary returns the outcome so far.
func summary(texts []*text, grid []int, r row) outcome {
	n := float64(len(texts))
	var o outcome
	_, o.hasKL = r.scheme.(watermark.GreenList)
	var tokens, squares float64
	for _, t := range texts {
		length := float64(len(t.tokens))
		tokens += length
		o.entropy += t.entropy
		o.kl += t.kl
		o.scored += float64(t.scored)
		o.longest = len(t.tokens)
		x := t.excess / length // all texts have the same length
		o.excess += x / n
		squares += x * x / n
	}
	o.spread = math.Sqrt(max(squares-o.excess*o.excess, 0) / n)
	o.entropy, o.kl, o.scored = o.entropy/tokens, o.kl/tokens, o.scored/tokens
	o.n50, o.n90 = from(texts, grid, 0.5), from(texts, grid, 0.9)
	return o
}

// from returns the length from which on a share of the texts is detected, or 0.
func from(texts []*text, grid []int, share float64) int {
	at := 0
	for i := len(grid) - 1; i >= 0; i-- {
		found := 0
		for _, t := range texts {
			if t.detected[i] {
				found++
			}
		}
		if float64(found) < share*float64(len(texts)) {
			break
		}
		at = grid[i]
	}
	return at
}

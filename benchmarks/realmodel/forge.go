package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/llamacpp"
	"github.com/isotope-wm/isotope/watermark"
)

// A forged row is what an attacker with so many answers can do.
type forged struct {
	Test    string  `json:"test"` // forged
	Scheme  string  `json:"scheme"`
	Width   int     `json:"width"`
	Delta   float64 `json:"delta"`
	Answers int     `json:"answers"` // that the attacker read
	Tokens  int     `json:"tokens"`  // in them
	Taken   int     `json:"taken"`   // pairs that the attacker takes for green
	Right   float64 `json:"right"`   // share of them that is green
	Known   float64 `json:"known"`   // share of the positions of other texts whose context has such a pair
	row
}

// forge lets an attacker learn the green list from committed marked and unmarked texts, as
// benchmarks/forging does, and write texts with the model and a bias for what looks green.
func forge(args []string) error {
	f := flag.NewFlagSet("forge", flag.ExitOnError)
	model := f.String("gguf", modelFile(), "model `FILE`")
	profile := f.String("profile", "", "profile `FILE` of the mark")
	key := f.String("key", "", "key `FILE`, for the test alone")
	unmarked := f.String("unmarked", "", "`FILE` of unmarked texts that the attacker has")
	others := f.String("others", "", "`FILE` of other unmarked texts, to count known contexts in")
	answers := f.String("answers", "5,20", "marked answers that the attacker reads, separated by commas")
	texts := f.Int("texts", 5, "texts that the attacker writes; 0 for none")
	length := f.Int("length", 200, "tokens of a text")
	push := f.Float64("push", 4, "bias of the attacker, in nats")
	_ = f.Parse(args) // ExitOnError
	if f.NArg() != 1 {
		return errors.New("give one file of marked texts")
	}
	p, k, err := readProfile(*profile, *key)
	if err != nil {
		return err
	}
	list, ok := p.Scheme.(watermark.GreenList)
	if !ok {
		return errors.New("only green lists can be learned by counting; give the profile of one")
	}
	mark, err := p.Mark(k)
	if err != nil {
		return err
	}
	var marked, plain, other []line
	for _, x := range []struct {
		path  string
		lines *[]line
	}{{f.Arg(0), &marked}, {*unmarked, &plain}, {*others, &other}} {
		if *x.lines, err = readLines(x.path); err != nil {
			return err
		}
	}
	var m *llamacpp.Model
	var e *llamacpp.Engine
	if *texts > 0 {
		if m, err = llamacpp.Open(llamacpp.Files{Model: *model}); err != nil {
			return err
		}
		defer m.Close()
		if e, err = llamacpp.NewEngine(m, llamacpp.Config{Slots: *texts, Context: *length + 128, Threads: 1}); err != nil {
			return err
		}
		defer e.Close()
	}
	for _, s := range strings.Split(*answers, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > len(marked) {
			return fmt.Errorf("-answers has %q; give numbers from 1 to %d", s, len(marked))
		}
		r := forged{Test: "forged", Scheme: watermark.SchemeName(list), Width: list.Width, Delta: list.Delta, Answers: n}
		a := &attacker{width: list.Width, push: float32(*push), api: counts{}, plain: counts{}}
		for i := range n { // of all lengths and kinds
			l := marked[i*len(marked)/n]
			a.api.add(a.width, l)
			r.Tokens += len(l.Output)
		}
		for _, l := range plain {
			a.plain.add(a.width, l)
		}
		r.Taken, r.Right, r.Known = a.knows(mark, other)
		results := make([]detect.Result, *texts)
		var group errgroup
		for i := range *texts {
			group.run(func() error {
				tokens, err := a.write(m, e, other[i].Prompt, i, *length)
				if err == nil {
					results[i] = test(mark, tokens)
				}
				return err
			})
		}
		if err := group.wait(); err != nil {
			return err
		}
		q := &measurement{profile: p, mark: mark, file: "", kind: "mixed"}
		r.row = q.row("forged", *length, results)
		if err := json.NewEncoder(os.Stdout).Encode(&r); err != nil {
			return err
		}
	}
	return nil
}

// A window is a context of at most four tokens.
type window [4]watermark.Token

// counts holds how often a token followed a context.
type counts map[window]map[watermark.Token]int

func (c counts) add(width int, l line) {
	whole := append(append([]watermark.Token(nil), l.Prompt...), l.Output...)
	for i := len(l.Prompt); i < len(whole); i++ {
		w := windowOf(width, whole[:i])
		if c[w] == nil {
			c[w] = make(map[watermark.Token]int)
		}
		c[w][whole[i]]++
	}
}

func windowOf(width int, text []watermark.Token) (w window) {
	copy(w[:], text[max(0, len(text)-width):])
	return w
}

// An attacker is a bias for what looks green.
type attacker struct {
	width      int
	push       float32
	api, plain counts
}

// looksGreen is the rule of benchmarks/forging: a token that followed the context in marked answers more
// often than in unmarked ones.
func (a *attacker) looksGreen(w window, t watermark.Token) bool { return a.api[w][t] > a.plain[w][t] }

// Width returns the width of the contexts.
func (a *attacker) Width() int { return a.width }

// Process pushes what looks green.
func (a *attacker) Process(logits []float32, context []watermark.Token) {
	w := windowOf(a.width, context)
	for t := range a.api[w] {
		if a.looksGreen(w, t) {
			logits[t] += a.push
		}
	}
}

// knows returns how many pairs look green, the share of them that is, and the share of positions in other
// texts with a context that has such a pair.
func (a *attacker) knows(mark *watermark.Mark, other []line) (taken int, right, known float64) {
	green := 0
	reach := make(map[window]bool)
	for w, tokens := range a.api {
		for t := range tokens {
			if !a.looksGreen(w, t) {
				continue
			}
			taken++
			reach[w] = true
			acc := detect.NewAccumulator(mark, nil)
			acc.AddPair(w[:a.width], t)
			green += int(acc.Result().Green)
		}
	}
	positions, hits := 0, 0
	for _, l := range other {
		whole := append(append([]watermark.Token(nil), l.Prompt...), l.Output...)
		for i := len(l.Prompt); i < len(whole); i++ {
			positions++
			if reach[windowOf(a.width, whole[:i])] {
				hits++
			}
		}
	}
	return taken, round(float64(green) / float64(max(taken, 1))), round(float64(hits) / float64(max(positions, 1)))
}

// write writes a text with the model and the attacker's bias.
func (a *attacker) write(m *llamacpp.Model, e *llamacpp.Engine, prompt []watermark.Token, number, length int) ([]watermark.Token, error) {
	s, err := watermark.NewSequence()
	if err != nil {
		return nil, err
	}
	if err := s.AddBias(a); err != nil {
		return nil, err
	}
	s.Reset(prompt)
	r := &llamacpp.Request{Prompt: prompt, MaxTokens: length, Sequence: s, Bias: withoutEnd(m), Sampler: watermark.Sampler{Temperature: 1},
		Seed: sha256.Sum256(binary.BigEndian.AppendUint64([]byte("forge"), uint64(number)))}
	t, err := e.Write(context.Background(), r)
	if err != nil {
		return nil, err
	}
	return t.Tokens, nil
}

// An errgroup waits for functions and keeps the first error.
type errgroup struct {
	sync.WaitGroup
	once sync.Once
	err  error
}

func (g *errgroup) run(f func() error) {
	g.Go(func() {
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err })
		}
	})
}

func (g *errgroup) wait() error {
	g.Wait()
	return g.err
}

// Command forging measures how many answers of a marked API an attacker needs to forge the mark, and
// how many questions to a public detector.
//
//	go run ./forging > results/forging.txt
//
// The frequency attack knows neither the key nor the green list. It compares how often a token
// follows a context in answers of the API with how often it does so in unmarked answers of the same
// model. It then writes text of its own with a bias for the tokens that it takes for green. The
// oracle attack asks a detector that tells p-values about texts of three tokens. The model is the
// embedded 5-gram model, which repeats itself: a real model needs more answers.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	answer = 200  // tokens of an answer of the API, and of a forged text
	forged = 50   // texts that the attacker writes for each row of the table
	alpha  = 1e-6 // at which a text is detected
	push   = 4.0  // bias of the attacker's own text, in nats
)

var sampler = watermark.Sampler{Temperature: 1, TopK: 50, MinP: 0.03}

func main() {
	tokenizer, err := tokenize.Get("cl100k_base")
	check(err)
	bundle, err := lm.Load(context.Background(), lm.Config{Tokenizer: tokenizer})
	check(err)
	fmt.Printf("# model %s\n# %d forged texts of %d tokens a row, bias %v nats, detected at %v; gamma 0.5, delta 2\n",
		bundle.Model.Digest(), forged, answer, push, alpha)
	fmt.Println("width\tanswers\tdetected\tmean log10 p\tcontrol detected")
	for _, width := range []int{1, 2, 4} {
		a := newAttack(bundle, width)
		for _, answers := range []int{5, 20, 100, 400} {
			a.learn(answers)
			n, mean := a.forge(push)
			control, _ := a.forge(0)
			fmt.Printf("%d\t%d\t%d\t%.1f\t%d\n", width, answers, n, mean, control)
			os.Stdout.Sync()
		}
	}
	calls, log10p := oracle(bundle.Model.Vocab())
	fmt.Printf("# oracle: %d calls forged a text of %d tokens, log10 p %.2f\n", calls, oracleLength, log10p)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A key of the attacker's tables: a context of up to four tokens.
type window [4]int32

// An attack holds what an attacker has seen.
type attack struct {
	bundle         *lm.Bundle
	mark           *watermark.Mark
	width, answers int
	api, plain     map[window]map[int32]int
	ask, write     [][]int32 // prompts: those that the API was asked, and those of forged texts
}

func newAttack(b *lm.Bundle, width int) *attack {
	var seed [32]byte
	copy(seed[:], "benchmarks/forging")
	key, err := watermark.ParseKey(fmt.Sprintf("isotope-secret-key-1:%x", seed))
	check(err)
	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}, b.Model.Vocab())
	check(err)
	prompts := b.Prompts(8)
	return &attack{
		bundle: b, mark: mark, width: width, api: make(map[window]map[int32]int), plain: make(map[window]map[int32]int),
		ask: prompts[forged:], write: prompts[:forged],
	}
}

// learn asks until the attacker has so many answers.
func (a *attack) learn(answers int) {
	var prompts [][]int32
	for i := a.answers; i < answers; i++ {
		prompts = append(prompts, a.ask[i%len(a.ask)])
	}
	for into, marks := range map[*map[window]map[int32]int][]*watermark.Mark{&a.api: {a.mark}, &a.plain: nil} {
		seed := [32]byte{byte(a.answers), byte(a.answers >> 8), byte(len(marks)), 1}
		texts, err := a.bundle.Model.Generate(context.Background(), lm.Job{Prompts: prompts, Tokens: answer, Marks: marks, Sampler: sampler, Seed: seed})
		check(err)
		for i, text := range texts {
			whole := append(append([]int32(nil), prompts[i]...), text...)
			for j := len(prompts[i]); j < len(whole); j++ {
				w := a.window(whole[:j])
				if (*into)[w] == nil {
					(*into)[w] = make(map[int32]int)
				}
				(*into)[w][whole[j]]++
			}
		}
	}
	a.answers = answers
}

func (a *attack) window(text []int32) (w window) {
	copy(w[:], text[max(0, len(text)-a.width):])
	return w
}

// forge writes texts with a bias for what looks green, and returns how many are detected, and the
// mean log10 p.
func (a *attack) forge(bias float64) (detected int, mean float64) {
	row := make([]float32, a.bundle.Model.Vocab())
	for i, prompt := range a.write {
		rng := rand.New(rand.NewPCG(uint64(i), uint64(a.answers)))
		sequence, err := watermark.NewSequence()
		check(err)
		sequence.Reset(prompt)
		text := append([]int32(nil), prompt...)
		for range answer {
			a.bundle.Model.Logits(row, text)
			w := a.window(text)
			for token, n := range a.api[w] {
				if a.looksGreen(n, a.plain[w][token]) {
					row[token] += float32(bias)
				}
			}
			token := sequence.Sample(row, sampler, rng.Float64())
			sequence.Accept(token)
			text = append(text, token)
		}
		test := detect.NewAccumulator(a.mark, nil)
		test.Add(text[len(prompt):])
		p := test.Result().Log10P
		mean += p / float64(len(a.write))
		if p <= math.Log10(alpha) {
			detected++
		}
	}
	return detected, mean
}

// looksGreen is the attacker's guess from how often a token follows a context in marked and in
// unmarked text.
func (*attack) looksGreen(marked, unmarked int) bool { return marked > unmarked }

const oracleLength = 27

// oracle forges a text by questions to a detector that tells p-values: each asks about one pair.
func oracle(vocab int) (calls int, log10p float64) {
	key, err := watermark.ParseKey(fmt.Sprintf("isotope-secret-key-1:%064x", 77))
	check(err)
	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
	check(err)
	ask := func(text []int32) float64 {
		test := detect.NewAccumulator(mark, nil)
		test.Add(text)
		return test.Result().Log10P
	}
	rng := rand.New(rand.NewPCG(3, 3))
	text := []int32{rng.Int32N(50_000), rng.Int32N(50_000)}
	for len(text) < oracleLength {
		guess := rng.Int32N(50_000)
		calls++
		if ask(append(text[len(text)-2:len(text):len(text)], guess)) < -0.2 {
			text = append(text, guess)
		}
	}
	return calls, ask(text)
}

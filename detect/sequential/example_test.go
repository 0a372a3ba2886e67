package sequential_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"strings"

	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/watermark"
)

// exampleMark binds a green list to a key that everybody may know.
func exampleMark() *watermark.Mark {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("0b", 32))
	if err != nil {
		log.Fatal(err)
	}
	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, 1000)
	if err != nil {
		log.Fatal(err)
	}
	return mark
}

// isGreen reports whether the mark favours a token after a context.
func isGreen(mark *watermark.Mark, context []watermark.Token, token watermark.Token) bool {
	return mark.Score(nil, []watermark.Pair{{Context: context, Token: token}})[0] == 1
}

// An audit asks a suspect model until the test knows enough. The prompt of each question is announced
// before its answer.
func Example() {
	mark := exampleMark()
	rng := rand.New(rand.NewPCG(1, 2))
	ask := func([]watermark.Token) []watermark.Token { // a suspect that learned a part of the mark
		text := []watermark.Token{rng.Int32N(1000), rng.Int32N(1000)}
		for len(text) < 50 {
			next := rng.Int32N(1000)
			if isGreen(mark, text[len(text)-2:], next) || rng.IntN(3) > 0 {
				text = append(text, next)
			}
		}
		return text
	}

	audit := sequential.New(mark, &sequential.Options{MinShare: 0.1, Rate: 0.38})
	for !audit.Done() {
		prompt := []watermark.Token{rng.Int32N(1000), rng.Int32N(1000), rng.Int32N(1000)}
		audit.Prompt(prompt)
		audit.Add(ask(prompt))
	}
	r := audit.Result()
	fmt.Printf("%s after %d scored tokens: log10 p %.1f\n", r.Verdict, r.Scored, r.Log10PAdjusted)
	fmt.Println("without a mark it would have stopped at", r.Futile)
	// Output:
	// detected after 624 scored tokens: log10 p -6.5
	// without a mark it would have stopped at 6720
}

// The state of an audit survives a restart.
func ExampleTest_UnmarshalBinary() {
	mark := exampleMark()
	before := sequential.New(mark, nil)
	before.Add([]watermark.Token{1, 2, 3, 4, 5, 6, 7})
	state, err := before.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}

	after := sequential.New(mark, nil)
	if err := after.UnmarshalBinary(state); err != nil {
		log.Fatal(err)
	}
	after.Add([]watermark.Token{5, 6, 7, 8})
	r := after.Result()
	fmt.Println(r.Scored, "scored,", r.Skipped.Duplicate, "duplicate")
	// Output:
	// 6 scored, 1 duplicate
}

// An EProcess counts green units that you find yourself. Its p-value holds at any time.
func ExampleEProcess() {
	e := sequential.NewEProcess(0.25)
	rng := rand.New(rand.NewPCG(3, 4))
	for e.Log10P() > -6 {
		e.Add(rng.Float64() < 0.4) // each unit must be fresh
	}
	green, n := e.Counts()
	fmt.Printf("stopped after %d units, %d of them green: log10 e %.2f\n", n, green, e.Log10E())
	// Output:
	// stopped after 251 units, 104 of them green: log10 e 6.19
}

// Segments finds marked parts of a stream of scores, in constant time for each score.
func ExampleSegments() {
	mark := exampleMark()
	stream := sequential.NewSegments(mark.Law(), 0, nil)
	rng := rand.New(rand.NewPCG(5, 6))
	text := []watermark.Token{1, 2}
	for len(text) < 2000 {
		next := rng.Int32N(1000)
		context := text[len(text)-2:]
		if marked := len(text) >= 800 && len(text) < 1100; marked && !isGreen(mark, context, next) && rng.IntN(4) > 0 {
			continue // the marked model would hardly write it
		}
		stream.Add(mark.Score(nil, []watermark.Pair{{Context: context, Token: next}})[0])
		text = append(text, next)
	}
	for _, s := range stream.Found() {
		fmt.Printf("scores %d to %d: log10 p %.1f\n", s.Start, s.End, s.Log10PAdjusted)
	}
	// Output:
	// scores 798 to 1097: log10 p -25.0
}

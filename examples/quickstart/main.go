// Quickstart marks a text while a model samples it, and tests it. The model is a
// stand-in that likes every token alike; any source of logits takes its place.
package main

import (
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// model returns the logits of the next token.
func model([]watermark.Token) []float32 { return make([]float32, 32000) }

func main() {
	prompt, text := []watermark.Token{15, 7, 42}, []watermark.Token{}

	mark, err := watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 32000)
	if err != nil {
		log.Fatal(err)
	}
	seq, _ := watermark.NewSequence(mark) // one for each request
	for seq.Reset(prompt); len(text) < 200; {
		token := seq.Sample(model(text), watermark.Sampler{Temperature: 1, TopK: 50}, rand.Float64())
		seq.Accept(token)
		text = append(text, token)
	}
	test := detect.New(mark, nil)
	test.Add(text)
	fmt.Println(test.Result()) // detected log10p=-59.604 z=14.07 scored=198 green=198 skipped=2 tests=1
}
